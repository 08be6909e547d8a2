// The moo lexer: one state for each way in which a line or a word falls into tokens.
//
// Every state takes every character, so the only errors are those of the grammar. Numbers are those of C's strtoul with
// base 0 (`0x50`, `010`, `+80`), as iptables reads them; what only begins like a number is a name.

import moo from 'moo';

const blank = /[ \t]+/;
const rest = /[^\n]+/;

/** Numbers joined by dots, one at least and `count` at most, if nothing but one of `next` follows them. */
function numbersBefore(next: string, count = 1): RegExp {
  const number = '[ \\t]*\\+?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)';
  return new RegExp(`${number}(?:\\.${number}){0,${count - 1}}(?=[${next}]|(?![\\s\\S]))`);
}

export const lexer = moo.states({
  // `*table` and `:chain policy [packets:bytes]`
  line: { star: { match: '*', next: 'afterSign' }, colon: { match: ':', next: 'afterSign' }, word: rest },
  afterSign: { blank, word: /[^ \t\n]+/ },
  // A rule's words. Double quotes only; an escape counts only between them; a closing quote ends the word.
  rule: { blank, word: /[^ \t"\n]*"(?:[^"\\\n]|\\[^\n])*(?:"|\\?(?![\s\S]))|[^ \t"\n]+/ },
  integer: { number: numbersBefore('\\n'), name: rest },
  idRange: { separator: /[-:]/, number: numbersBefore('-:'), name: /[^-:\n]+/ },
  maskedInteger: { slash: '/', number: numbersBefore('/'), name: /[^/\n]+/ },
  decimal: { decimal: /[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\s\S])/, name: rest },
  words: { comma: ',', name: /[^,\n]+/ },
  addressList: { comma: ',', slash: '/', blank: / +/, dotted: numbersBefore(',/', 4), name: /[^,/\n ][^,/\n]*/ },
  interface: { plus: /\+(?![\s\S])/, name: /[^\n]+?(?=\+?(?![\s\S]))/ },
  protocol: { number: numbersBefore('\\n'), name: rest },
  port: { number: numbersBefore('\\n'), name: rest },
  // Two characters for strtoul with base 16, a sign or blank among them if need be.
  hardwareAddress: {
    colon: ':',
    hex: /[ \t+-]?[0-9a-fA-F](?=:|(?![\s\S]))|[0-9a-fA-F]{2}(?=:|(?![\s\S]))/,
    name: /[^:\n]+/,
  },
});
