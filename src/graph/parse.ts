// Reads the text form of a graph that `print.ts` writes. Blank lines and lines that begin with `#` are skipped, so that
// tests can write graphs by hand. What is no graph throws, with the line.

import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import { type Interval, normalize } from '../base/intervals.ts';
import { parseAddress6 } from '../base/ipv6.ts';
import type { DeviceField, NumericField, Predicate, WideField } from '../base/predicate.ts';
import { FIELD_MAXIMUM, WIDE_FIELDS } from '../base/predicate.ts';
import { normalizeWide, type WideInterval } from '../base/wide-intervals.ts';
import { GraphBuilder } from './builder.ts';
import type { Graph, NodeId, SlotOwner } from './graph.ts';

/** The graph that the text describes; node numbers are those of the text. */
export function parseGraph(text: string): Graph {
  const builder = new GraphBuilder();
  const roots: Partial<Record<FilterChain, NodeId>> = {};
  const chains = new Map<string, NodeId>();
  const slots: SlotOwner[] = [];
  text.split('\n').forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    try {
      const item = /^(?:(\d+): (.*)|slot (\d+) (.*)|hook (\S+) (\d+)|chain (".*"|\S+) (\d+))$/.exec(line);
      if (item === null) throw new Error('neither node, slot, hook nor chain');
      const [, id, node, slot, owner, hook, root, chain, chainRoot] = item;
      if (node !== undefined) expectNumber(Number(id), makeNode(builder, node));
      else if (owner !== undefined) expectNumber(Number(slot), slots.push(parseOwner(owner)) - 1);
      else if (hook !== undefined) roots[parseHook(hook)] = Number(root);
      else if (chain !== undefined) chains.set(parseName(chain), Number(chainRoot));
    } catch (error) {
      throw new Error(`line ${index + 1}: ${(error as Error).message}: ${line}`, { cause: error });
    }
  });
  return builder.finish(roots, chains, slots);
}

function expectNumber(written: number, made: number): void {
  if (written !== made) throw new Error(`number ${made} expected, or the same item is there twice`);
}

function makeNode(builder: GraphBuilder, text: string): NodeId {
  const word = /^(accept|drop|return|undecided)(?: of (\d+))?$/.exec(text);
  if (word !== null) {
    switch (word[1]) {
      case 'accept':
        return builder.makeAccept();
      case 'drop':
        return builder.makeDrop();
      case 'return':
        return builder.makeReturn();
      default:
        return builder.makeUndecided(word[2] === undefined ? undefined : Number(word[2]));
    }
  }
  const count = /^count (\d+) -> (\d+)$/.exec(text);
  if (count !== null) return builder.makeCount(Number(count[1]), Number(count[2]));
  const call = /^call (".*"|\S+) -> (\d+)$/.exec(text);
  if (call !== null) return builder.makeCall(parseName(call[1]!), Number(call[2]));
  const goTo = /^goto (".*"|\S+)$/.exec(text);
  if (goTo !== null) return builder.makeGoto(parseName(goTo[1]!));
  const match = /^(.*) \? (\d+) : (\d+)(?: of (\d+))?$/.exec(text);
  if (match === null) throw new Error('no such node');
  const owner = match[4] === undefined ? undefined : Number(match[4]);
  const literal = { predicate: parsePredicate(match[1]!), negated: false };
  return builder.makeMatch(literal, Number(match[2]), Number(match[3]), owner);
}

/** Reads what `formatPredicate` prints. */
function parsePredicate(text: string): Predicate {
  const device = /^(inDevice|outDevice) (is|begins) (".*")$/.exec(text);
  if (device !== null) {
    const field = device[1] as DeviceField;
    return { kind: 'device', field, name: JSON.parse(device[3]!) as string, prefix: device[2] === 'begins' };
  }
  const wide = /^(\w+) in (\S+)$/.exec(text);
  if (wide !== null && isWideName(wide[1]!)) {
    const parts = wide[2] === 'nothing' ? [] : wide[2]!.split(',');
    return { kind: 'wide', field: wide[1], set: normalizeWide(parts.map(parseWideInterval)) };
  }
  const maskedWide = /^(\w+) & (\S+) == (\S+)$/.exec(text);
  if (maskedWide !== null && isWideName(maskedWide[1]!)) {
    const [mask, value] = [maskedWide[2]!, maskedWide[3]!].map(parseWide);
    return { kind: 'maskedWide', field: maskedWide[1], mask: mask!, value: value! };
  }
  const numeric = /^(\w+) (?:in (\S+)|& 0x([0-9a-f]+) == 0x([0-9a-f]+))$/.exec(text);
  if (numeric === null || !(numeric[1]! in FIELD_MAXIMUM)) throw new Error('no such predicate');
  const field = numeric[1] as NumericField;
  if (numeric[2] === undefined) {
    return { kind: 'masked', field, mask: Number.parseInt(numeric[3]!, 16), value: Number.parseInt(numeric[4]!, 16) };
  }
  const parts = numeric[2] === 'nothing' ? [] : numeric[2].split(',');
  return { kind: 'in', field, set: normalize(parts.map(parseInterval)) };
}

function parseInterval(text: string): Interval {
  const [low, high] = text.split('-').map(parseValue);
  if (low === undefined) throw new Error('no such interval');
  return { low, high: high ?? low };
}

function parseWideInterval(text: string): WideInterval {
  const [low, high] = text.split('-').map(parseWide);
  return { low: low!, high: high ?? low! };
}

function isWideName(name: string): name is WideField {
  return (WIDE_FIELDS as readonly string[]).includes(name);
}

function parseWide(text: string): bigint {
  const value = parseAddress6(text);
  if (value === undefined) throw new Error(`no such address ${text}`);
  return value;
}

/** A number, or an address in dotted form. */
function parseValue(text: string): number {
  const value = text.includes('.') ? text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0) : Number(text);
  if (!Number.isInteger(value)) throw new Error(`no such value ${text}`);
  return value;
}

function parseOwner(text: string): SlotOwner {
  const rule = /^rule (".*"|\S+) (\d+) line (\d+) (".*")$/.exec(text);
  if (rule !== null) {
    const [, chain, index, line, quoted] = rule;
    const ruleText = JSON.parse(quoted!) as string;
    return { kind: 'rule', chain: parseName(chain!), index: Number(index), text: ruleText, line: Number(line) };
  }
  const policy = /^policy (\S+) line (\d+)$/.exec(text);
  if (policy === null) throw new Error('no such owner');
  return { kind: 'policy', chain: parseHook(policy[1]!), line: Number(policy[2]) };
}

function parseHook(name: string): FilterChain {
  const hook = FILTER_CHAINS.find((known) => known === name);
  if (hook === undefined) throw new Error(`no hook ${name}`);
  return hook;
}

function parseName(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}
