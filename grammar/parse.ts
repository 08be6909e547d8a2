// Entry to the grammar: a line or a value in, its node or the place of the error out. No text makes it throw.
//
// Values repeat (ports, interfaces, names), so parsed values are kept by kind and text.

import nearley from 'nearley';
import { type OptionScope, RuleLexer } from './getopt.ts';
import compiled from './iptables-save.generated.ts';
import type {
  AddressNode,
  ChainLine,
  CountersNode,
  IcmpTypeNode,
  InterfaceNode,
  NumberOrName,
  PortRangeNode,
  RuleLine,
  TableLine,
} from './nodes.ts';

/** The kinds of value, and what each is parsed to. */
export interface ValueNodes {
  counters: CountersNode;
  addressList: readonly AddressNode[];
  interface: InterfaceNode;
  protocol: NumberOrName;
  portRange: PortRangeNode;
  tcpFlags: readonly string[];
  icmpType: IcmpTypeNode;
}

export type Parsed<T> =
  | { readonly ok: true; readonly node: T }
  /** Offset of the first character that does not fit; the text's length if it ends too early. */
  | { readonly ok: false; readonly offset: number };

/** `*table` */
export function parseTableLine(line: string): Parsed<TableLine> {
  return parseOne('table', 'line', line) as Parsed<TableLine>;
}

/** `:chain policy [packets:bytes]` */
export function parseChainLine(line: string): Parsed<ChainLine> {
  return parseOne('chain', 'line', line) as Parsed<ChainLine>;
}

/** A rule. Where it cannot be read, either the lexer's failure or the scope says why. */
export function parseRuleLine(line: string, scope: OptionScope): RuleLine | NonNullable<RuleLexer['failure']> {
  const lexer = new RuleLexer(scope);
  // nearley's types ask for a lexer that gives positions in its tokens; it never looks at them.
  const parser = new nearley.Parser(grammarOf('rule'), { lexer: lexer as unknown as nearley.Lexer });
  let results: unknown[];
  try {
    results = parser.feed(line).results;
  } catch (error) {
    if (lexer.failure === undefined) throw error;
    return lexer.failure;
  }
  return lexer.failure ?? (only(results) as RuleLine);
}

const CACHE_LIMIT = 100_000;
const cache = new Map<string, Parsed<unknown>>();

/** One word as a value of a kind. */
export function parseValue<K extends keyof ValueNodes>(kind: K, text: string): Parsed<ValueNodes[K]> {
  const key = `${kind} ${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known as Parsed<ValueNodes[K]>;
  const parsed = parseOne(kind, kind, text) as Parsed<ValueNodes[K]>;
  if (cache.size >= CACHE_LIMIT) cache.clear();
  cache.set(key, parsed);
  return parsed;
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
