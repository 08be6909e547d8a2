// Tells the words of a rule apart as getopt_long does for iptables: options, their values, `!`.
//
// A word's part depends on what came before it: `-m tcp` brings the options of tcp, an option takes the next words
// whatever they look like. So this lexer sits between moo, which splits the words, and the grammar's `rule`, and asks a
// scope which options exist now. It tells the scope of each option as soon as its values are complete.
// Where the line cannot be read on, the tokens end and `failure` says why.

import type { LexerState } from 'moo';
import { lexer as moo } from './lexer.ts';

/** What iptables-restore 1.8.9 takes at most: words in a rule, bytes in a word. A command line may have more. */
const WORD_COUNT_LIMIT = 251;
const WORD_LENGTH_LIMIT = 1023;

/** What of a rule's words is too much for a line of a file. */
export function findExcess(words: readonly Word[]): Failure | undefined {
  const extra = words[WORD_COUNT_LIMIT];
  if (extra) return { code: 'syntax', message: 'Parser cannot handle more arguments', word: extra };
  const long = words.find(
    ({ text }) => text.length > WORD_LENGTH_LIMIT / 3 && Buffer.byteLength(text) > WORD_LENGTH_LIMIT,
  );
  return long && { code: 'syntax', message: 'Parameter too long!', word: long };
}

/** A word of the line without its quotes. */
export interface Word {
  readonly text: string;
  /** Where it begins in the line, counted from 0, and how much of the line it takes, quotes included. */
  readonly offset: number;
  readonly length: number;
}

/** What the grammar needs to know of an option; scopes add what they need. */
export interface OptionForm {
  /** Long name with its dashes, as it is spelled here. */
  readonly name: string;
  /** Words it takes, whatever they look like but for the later ones, which are no options. */
  readonly arity: number;
  /** Further words it takes if they are there and neither options nor `!`; the first may be attached. */
  readonly optional?: number;
  /** Of these none may be attached. */
  readonly detached?: boolean;
  /** What to say where a word behind the first is missing. */
  readonly missing?: string;
}

export interface Failure {
  readonly code: 'syntax' | 'bad-argument' | 'unknown-option' | 'missing-value' | 'bad-negation';
  readonly message: string;
  readonly word: Word;
}

/** The options that exist at this point of the line. */
export interface OptionScope {
  /** The option of a letter, without the dash. */
  short(letter: string): OptionForm | undefined;
  /** The option of a long name or of an unambiguous beginning of one, with the dashes. */
  long(name: string): OptionForm | undefined;
  /** Told of each option once its values are known. `false` ends the reading: the scope has noted why. */
  seen(form: OptionForm, values: readonly Word[], option: Word): boolean;
}

/** One option of a rule with its values. */
export interface Setting {
  readonly form: OptionForm;
  readonly word: Word;
  readonly values: readonly Word[];
  /** The `!` in front of it. */
  readonly negation?: Word;
}

export type SettingToken =
  | { readonly type: 'counters' | 'negation' | 'value'; readonly word: Word }
  | { readonly type: 'option'; readonly word: Word; readonly form: OptionForm };

export class RuleLexer {
  /** What ended the reading early. */
  failure: Failure | undefined;
  /** What stands behind the last option and belongs to nothing: `!`, or words behind `--`. */
  leftOver: Failure | undefined;
  private readonly scope: OptionScope;
  private readonly words: readonly Word[];
  private tokens: SettingToken[] = [];
  private nextWord = 0;
  private negation: Word | undefined;

  constructor(scope: OptionScope, words: readonly Word[], counters: Word | undefined) {
    this.scope = scope;
    this.words = words;
    if (counters !== undefined) this.tokens.push({ type: 'counters', word: counters });
  }

  // ----- what nearley asks of a lexer; the text it is fed says nothing, the words are here -----

  reset(): void {}

  next(): SettingToken | undefined {
    while (this.tokens.length === 0 && this.failure === undefined && this.nextWord < this.words.length) this.read();
    return this.tokens.shift();
  }

  save(): LexerState {
    return { line: 1, col: 1, state: 'rule' };
  }

  formatError(): string {
    return 'unexpected word';
  }

  has(): boolean {
    return true;
  }

  // ----- reading -----

  /** Reads `!`, or one word of options with the values that belong to them. */
  private read(): void {
    const word = this.words[this.nextWord++]!;
    const { text } = word;
    if (text === '!') this.readNegation(word);
    else if (text === '--') this.readEnd(word);
    else if (text.startsWith('--')) this.readLong(word);
    else if (text.startsWith('-') && text.length > 1) this.readShort(word);
    else this.fail('bad-argument', `Bad argument \`${text}'`, word);
  }

  private readNegation(word: Word): void {
    if (this.negation !== undefined) this.fail('bad-negation', 'multiple consecutive ! not allowed', word);
    this.negation = word;
    if (this.nextWord === this.words.length) {
      this.leftOver = { code: 'bad-negation', message: 'nothing appropriate following !', word };
    }
  }

  /** `--` ends the options; nothing may follow it. */
  private readEnd(end: Word): void {
    const word = this.words[this.nextWord];
    if (word !== undefined) {
      this.leftOver = { code: 'syntax', message: 'unknown arguments found on commandline', word };
    } else if (this.negation !== undefined) {
      this.leftOver = { code: 'bad-negation', message: 'nothing appropriate following !', word: end };
    }
    this.nextWord = this.words.length;
  }

  private readLong(word: Word): void {
    const equals = word.text.indexOf('=');
    const form = this.scope.long(equals < 0 ? word.text : word.text.slice(0, equals));
    const takesNone = form !== undefined && form.arity === 0 && (form.optional === undefined || form.detached);
    if (form === undefined || (equals >= 0 && takesNone)) {
      this.fail('unknown-option', `unknown option "${word.text}"`, word);
    } else {
      this.readValues(form, word, equals < 0 ? [] : [part(word, equals + 1)]);
    }
  }

  /** One or more letters: flags, and at the end perhaps an option with its value attached or following. */
  private readShort(word: Word): void {
    for (let i = 1; i < word.text.length && this.failure === undefined; i++) {
      const form = this.scope.short(word.text[i]!);
      if (form === undefined) {
        // getopt has not left the bundle yet, so iptables names the word in front of it.
        const named = i + 1 < word.text.length ? (this.words[this.nextWord - 2] ?? word) : word;
        this.fail('unknown-option', `unknown option "${named.text}"`, word);
      } else if (form.arity > 0 || form.optional !== undefined) {
        this.readValues(form, word, i + 1 < word.text.length ? [part(word, i + 1)] : []);
        return;
      } else {
        this.readValues(form, word, []);
      }
    }
  }

  private readValues(form: OptionForm, option: Word, values: Word[]): void {
    const isFree = (word: Word | undefined): word is Word => word !== undefined && !/^[-!]/.test(word.text);
    while (values.length < form.arity) {
      const word = this.words[this.nextWord];
      if (word === undefined || (values.length > 0 && !isFree(word))) {
        const last = this.words[this.nextWord - 1] ?? option;
        const own = values.length > 0 ? form.missing : undefined;
        this.fail('missing-value', own ?? `option "${last.text}" requires an argument`, option);
        return;
      }
      this.nextWord++;
      values.push(word);
    }
    const most = form.arity + (form.optional ?? 0);
    while (values.length < most) {
      const word = this.words[this.nextWord];
      if (!isFree(word)) break;
      this.nextWord++;
      values.push(word);
    }
    if (this.negation !== undefined) this.tokens.push({ type: 'negation', word: this.negation });
    this.negation = undefined;
    this.tokens.push({ type: 'option', word: option, form });
    for (const word of values) this.tokens.push({ type: 'value', word });
    if (!this.scope.seen(form, values, option)) this.nextWord = this.words.length;
  }

  private fail(code: Failure['code'], message: string, word: Word): void {
    this.failure = { code, message, word };
  }
}

/** Splits a rule line as iptables-restore does; what `[packets:bytes]` it begins with is apart. */
export function splitLine(line: string): { readonly words: Word[]; readonly counters?: Word } {
  if (!line.startsWith('[')) return { words: splitWords(line, 0) };
  const end = line.indexOf(']') + 1 || line.length;
  return { words: splitWords(line, end), counters: { text: line.slice(0, end), offset: 0, length: end } };
}

function splitWords(line: string, start: number): Word[] {
  const words: Word[] = [];
  moo.reset(line.slice(start), { line: 1, col: 1, state: 'rule' });
  for (const token of moo) {
    if (token.type === 'blank') continue;
    words.push({ text: unquote(token.text), offset: start + token.offset, length: token.text.length });
  }
  return words;
}

/** A word without its quotes and the escapes between them. */
export function unquote(raw: string): string {
  const quote = raw.indexOf('"');
  if (quote < 0) return raw;
  const end = raw.length > quote + 1 && isClosed(raw, quote) ? raw.length - 1 : raw.length;
  return raw.slice(0, quote) + raw.slice(quote + 1, end).replace(/\\([\s\S]?)/g, '$1');
}

/** Whether the quoted part that begins at `quote` ends in a quote that is not escaped. */
function isClosed(raw: string, quote: number): boolean {
  let i = quote + 1;
  while (i < raw.length && raw[i] !== '"') i += raw[i] === '\\' ? 2 : 1;
  return i === raw.length - 1;
}

function part(word: Word, from: number): Word {
  return { text: word.text.slice(from), offset: word.offset, length: word.length };
}
