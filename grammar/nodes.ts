// What the grammar's productions return. Each function is the postprocessor of one production.

import type { Token } from 'moo';
import type { Setting, SettingToken, Word } from './getopt.ts';

/** A word or a part of one: a number, or anything else by name. */
export type NumberOrName = { readonly number: number } | { readonly name: string };

/** The words behind the sign of a line `*table` or `:chain policy [packets:bytes]`. */
export type LineWords = readonly Piece[];

/** A text and where in its line it begins, counted from 0. */
export interface Piece {
  readonly text: string;
  readonly offset: number;
}

export interface RuleLine {
  readonly counters?: Word;
  readonly settings: readonly Setting[];
}

/** An address, a mask, or a host's name: what stands before or behind the slash. */
export interface HostNode {
  readonly text: string;
  /** The numbers between the dots; absent where there is anything else. */
  readonly numbers?: readonly number[];
}

export interface AddressNode {
  readonly host: HostNode;
  readonly mask?: HostNode;
}

export interface InterfaceNode {
  readonly name: string;
  /** Written with a `+` behind it. */
  readonly prefix: boolean;
}

export interface MaskedIntegerNode {
  readonly value: bigint;
  readonly mask?: bigint;
}

type Optional<T> = T | null;

const piece = (token: Token): Piece => ({ text: token.value, offset: token.offset });

export const lineOf = ([, words]: [Token, LineWords]): LineWords => words;

export const lineWords = ([, words]: [unknown, [Token, unknown][]]): LineWords => words.map(([word]) => piece(word));

export function ruleLine([counters, settings]: [Optional<SettingToken>, Setting[]]): RuleLine {
  return counters?.type === 'counters' ? { counters: counters.word, settings } : { settings };
}

export function setting([negation, option, values]: [Optional<SettingToken>, SettingToken, SettingToken[]]): Setting {
  if (option.type !== 'option') throw new Error('the lexer put a value where an option belongs');
  const words = values.map((value) => value.word);
  const plain = { form: option.form, word: option.word, values: words };
  return negation === null ? plain : { ...plain, negation: negation.word };
}

/** `first (separator next)*` */
export function list<T>([first, more]: [T, [unknown, T][]]): readonly T[] {
  return [first, ...more.map((pair) => pair[1])];
}

export function address([, host, mask]: [unknown, HostNode, Optional<[unknown, HostNode]>]): AddressNode {
  return mask === null ? { host } : { host, mask: mask[1] };
}

export function dotted([token]: [Token]): HostNode {
  return { text: token.value, numbers: token.value.split('.').map(parseNumber) };
}

export const hostName = ([token]: [Token]): HostNode => ({ text: token.value });

export const number = ([token]: [Token]): NumberOrName => ({ number: parseNumber(token.value) });

export const name = ([token]: [Token]): NumberOrName => ({ name: token.value });

export const interfaceName = ([token]: [Token]): InterfaceNode => ({ name: token.value, prefix: false });

export const interfacePrefix = ([token]: [Optional<Token>]): InterfaceNode => ({
  name: token?.value ?? '',
  prefix: true,
});

export const integer = ([token]: [Token]): bigint => parseInteger(token.value);

/** One or two numbers. */
export const idRange = ([low, high]: [Token, Optional<[Token, Token]>]): readonly bigint[] =>
  (high === null ? [low] : [low, high[1]]).map((token) => parseInteger(token.value));

export function maskedInteger([value, mask]: [Token, Optional<[Token, Token]>]): MaskedIntegerNode {
  const node = { value: parseInteger(value.value) };
  return mask === null ? node : { ...node, mask: parseInteger(mask[1].value) };
}

export const decimal = ([token]: [Token]): number => Number(token.value);

/** Words between commas; an empty place is an empty word. */
export function words([first, more]: [Optional<Token>, [Token, Optional<Token>][]]): readonly string[] {
  return [first, ...more.map((pair) => pair[1])].map((token) => token?.value ?? '');
}

/** An empty place is 0. */
export const octets = ([first, more]: [Optional<Token>, [Token, Optional<Token>][]]): readonly number[] =>
  [first, ...more.map((pair) => pair[1])].map((token) => Number.parseInt(token?.value ?? '0', 16) & 0xff);

/** As C's strtoul with base 0: hexadecimal after `0x`, octal after `0`. */
export function parseInteger(digits: string): bigint {
  const plain = digits.replace(/^[ \t]*\+?/, '');
  return /^0[0-7]+$/.test(plain) ? BigInt(`0o${plain.slice(1)}`) : BigInt(plain);
}

const parseNumber = (digits: string): number => Number(parseInteger(digits));
