// One of a few words.

import { ValueError, type ValueType } from '../extension.ts';

/** One of the words as written; `refuse` says in iptables' words what is wrong with another. */
export function choice<W extends string>(words: readonly W[], refuse: (text: string) => string): ValueType<W> {
  return { placeholder: words.join('|'), parse: (text) => chosen(words, text, refuse) };
}

/** Likewise in letters of either case. */
export function choiceAnyCase<W extends string>(words: readonly W[], refuse: (text: string) => string): ValueType<W> {
  return {
    placeholder: words.join('|'),
    parse(text) {
      const word = words.find((each) => asciiUpper(each) === asciiUpper(text));
      return chosen(words, word ?? text, refuse, text);
    },
  };
}

function chosen<W extends string>(words: readonly W[], word: string, refuse: (text: string) => string, text = word): W {
  if (!words.includes(word as W)) throw new ValueError(refuse(text));
  return word as W;
}

/** Upper case of the letters A to Z alone, as C has them. */
export function asciiUpper(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}
