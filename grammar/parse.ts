// Entry to the grammar: a line or a value in, its node or the place of the error out. No text makes it throw.
//
// Values repeat (ports, interfaces, names), so parsed values are kept by kind and text.

import nearley from 'nearley';
import { type Failure, type OptionScope, RuleLexer, type Word } from './getopt.ts';
import compiled from './iptables-save.generated.ts';
import type {
  AddressNode,
  CountersNode,
  IcmpTypeNode,
  InterfaceNode,
  LineWords,
  MaskedIntegerNode,
  NumberOrName,
  PortItemNode,
  PortRangeNode,
  RangeNode,
  RuleLine,
} from './nodes.ts';

/** The kinds of value, and what each is parsed to. */
export interface ValueNodes {
  counters: CountersNode;
  integer: bigint;
  integers: readonly (bigint | undefined)[];
  idRange: readonly bigint[];
  maskedInteger: MaskedIntegerNode;
  decimal: number;
  words: readonly string[];
  addressList: readonly AddressNode[];
  addressRange: RangeNode;
  interface: InterfaceNode;
  protocol: NumberOrName;
  port: NumberOrName;
  portRange: PortRangeNode;
  portList: readonly PortItemNode[];
  icmpType: IcmpTypeNode;
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
  if (NUMERIC.has(kind) && isPlainNumber(text)) return { ok: true, node: withNumber(kind, Number(text)) };
  const key = `${kind} ${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known as Parsed<ValueNodes[K]>;
  const parsed = parseOne(kind, kind, text) as Parsed<ValueNodes[K]>;
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(key, parsed);
  return parsed;
}

/** Kinds for which a plain number is a value, and nothing but that number makes a difference. */
const NUMERIC: ReadonlySet<keyof ValueNodes> = new Set([
  'integer',
  'integers',
  'maskedInteger',
  'decimal',
  'protocol',
  'port',
  'portRange',
  'portList',
] as const);

/** Up to nine digits, without a zero in front that would make it octal. */
function isPlainNumber(text: string): boolean {
  if (text.length === 0 || text.length > 9 || (text.length > 1 && text.charCodeAt(0) === 0x30)) return false;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return false;
  }
  return true;
}

const samples = new Map<keyof ValueNodes, unknown>();

/** What the grammar makes of one number, with another in its place: large files have many different ports. */
function withNumber<K extends keyof ValueNodes>(kind: K, number: number): ValueNodes[K] {
  let sample = samples.get(kind);
  if (sample === undefined) {
    const parsed = parseOne(kind, kind, '7');
    if (!parsed.ok) throw new Error(`the kind ${kind} does not take numbers`);
    sample = parsed.node;
    samples.set(kind, sample);
  }
  return replaceNumbers(sample, number) as ValueNodes[K];
}

function replaceNumbers(node: unknown, number: number): unknown {
  if (typeof node === 'number') return number;
  if (typeof node === 'bigint') return BigInt(number);
  if (Array.isArray(node)) return node.map((each) => replaceNumbers(each, number));
  const copy: Record<string, unknown> = {};
  for (const key in node as object) copy[key] = replaceNumbers((node as Record<string, unknown>)[key], number);
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
