// Entry to the grammar: a line or a value in, its node or the place of the error out. No text makes it throw.
//
// Values repeat (ports, interfaces, names), so parsed values are kept by kind and text.

import nearley from 'nearley';
import { type Failure, type OptionScope, RuleLexer, type Word } from './getopt.ts';
import compiled from './iptables-save.generated.ts';
import type { AddressNode, InterfaceNode, LineWords, MaskedIntegerNode, NumberOrName, RuleLine } from './nodes.ts';

/** The kinds of value, and what each is parsed to. */
export interface ValueNodes {
  integer: bigint;
  idRange: readonly bigint[];
  maskedInteger: MaskedIntegerNode;
  decimal: number;
  words: readonly string[];
  addressList: readonly AddressNode[];
  interface: InterfaceNode;
  protocol: NumberOrName;
  port: NumberOrName;
  hardwareAddress: readonly number[];
}

export type Parsed<T> =
  | { readonly ok: true; readonly node: T }
  /** Offset of the first character that does not fit; the text's length if it ends too early. */
  | { readonly ok: false; readonly offset: number };

/** `*table`, `:chain policy [packets:bytes]`: the words behind the sign. */
export function parseLine(kind: 'table' | 'chain', line: string): LineWords {
  const parsed = parseOne(kind, 'line', line) as Parsed<LineWords>;
  if (!parsed.ok) throw new Error(`not a ${kind} line: ${line}`);
  return parsed.node;
}

/** The settings of a rule in order, up to where the words cannot be read on, and why. */
export interface ParsedRule {
  readonly line: RuleLine;
  readonly failure?: Failure;
  readonly leftOver?: Failure;
}

/** A rule or another command, as words. */
export function parseRule(words: readonly Word[], counters: Word | undefined, scope: OptionScope): ParsedRule {
  const lexer = new RuleLexer(scope, words, counters);
  // nearley's types ask for a lexer that gives positions in its tokens; it never looks at them.
  const parser = new nearley.Parser(grammarOf('rule'), { lexer: lexer as unknown as nearley.Lexer });
  const line = only(parser.feed('').results) as RuleLine;
  const { failure, leftOver } = lexer;
  return { line, ...(failure && { failure }), ...(leftOver && { leftOver }) };
}

const CACHE_LIMIT = 100_000;
const cache = new Map<string, Parsed<unknown>>();

/** One word as a value of a kind. */
export function parseValue<K extends keyof ValueNodes>(kind: K, text: string): Parsed<ValueNodes[K]> {
  if (NUMERIC.has(kind) && readNumbers(text)) return instantiate(kind);
  const key = `${kind} ${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known as Parsed<ValueNodes[K]>;
  const parsed = parseOne(kind, kind, text) as Parsed<ValueNodes[K]>;
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(key, parsed);
  return parsed;
}

/** Kinds in which numbers stand for themselves: two texts that differ in nothing but plain numbers have the same parse. */
const NUMERIC: ReadonlySet<keyof ValueNodes> = new Set([
  'integer',
  'maskedInteger',
  'decimal',
  'protocol',
  'port',
] as const);

/** What `readNumbers` found last: the numbers, and the text with a mark in the place of each. */
const numbers: number[] = [];
let shape = '';

/** Whether the text is plain numbers between commas, colons and slashes: of nine digits at most, none octal. */
function readNumbers(text: string): boolean {
  numbers.length = 0;
  shape = '';
  let number = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const digit = c - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (digits > 0 && number === 0) return false;
      number = number * 10 + digit;
      if (++digits > 9) return false;
    } else {
      if (c !== 0x2c && c !== 0x3a && c !== 0x2f) return false;
      if (digits > 0) endNumber(number);
      shape += text[i];
      number = 0;
      digits = 0;
    }
  }
  if (digits > 0) endNumber(number);
  return numbers.length > 0;
}

function endNumber(number: number): void {
  numbers.push(number);
  shape += 'n';
}

const samples = new Map<keyof ValueNodes, Map<string, Parsed<unknown>>>();

/** Stands for the first number in a sample, this and one for the second. */
const FIRST = 100_000_001;

/** What the grammar makes of one text of the shape, with the numbers of another: large files have very many ports. */
function instantiate<K extends keyof ValueNodes>(kind: K): Parsed<ValueNodes[K]> {
  let ofKind = samples.get(kind);
  if (ofKind === undefined) {
    ofKind = new Map();
    samples.set(kind, ofKind);
  }
  let sample = ofKind.get(shape);
  if (sample === undefined) {
    let next = FIRST;
    sample = parseOne(
      kind,
      kind,
      shape.replace(/n/g, () => String(next++)),
    );
    if (ofKind.size >= CACHE_LIMIT) ofKind.clear();
    ofKind.set(shape, sample);
  }
  if (sample.ok) return { ok: true, node: fill(sample.node) as ValueNodes[K] };
  // Where the sample is wrong its numbers are too long to say where this text is.
  return parseOne(kind, kind, textOf(shape)) as Parsed<ValueNodes[K]>;
}

function textOf(pattern: string): string {
  let next = 0;
  return pattern.replace(/n/g, () => String(numbers[next++]));
}

function fill(node: unknown): unknown {
  if (typeof node === 'number') return numbers[node - FIRST];
  if (typeof node === 'bigint') return BigInt(numbers[Number(node) - FIRST]!);
  if (Array.isArray(node)) return node.map(fill);
  if (typeof node !== 'object' || node === null) return node;
  const copy: Record<string, unknown> = {};
  for (const key in node) copy[key] = fill((node as Record<string, unknown>)[key]);
  return copy;
}

function parseOne(start: string, state: string, text: string): Parsed<unknown> {
  const parser = new nearley.Parser(grammarOf(start));
  parser.lexerState = { state, line: 1, col: 1 };
  let results: unknown[];
  try {
    results = parser.feed(text).results;
  } catch (error) {
    const token = (error as { token?: { offset?: number } }).token;
    return { ok: false, offset: token?.offset ?? 0 };
  }
  return results.length === 0 ? { ok: false, offset: text.length } : { ok: true, node: only(results) };
}

function only(results: readonly unknown[]): unknown {
  if (results.length !== 1) throw new Error(`the grammar has ${results.length} parses of one text`);
  return results[0];
}

const grammars = new Map<string, nearley.Grammar>();

function grammarOf(start: string): nearley.Grammar {
  let grammar = grammars.get(start);
  if (grammar === undefined) {
    grammar = nearley.Grammar.fromCompiled({ ...compiled, ParserStart: start } as nearley.CompiledRules);
    grammars.set(start, grammar);
  }
  return grammar;
}
