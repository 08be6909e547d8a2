// From a table as written to the graph of what it means, as iptables-legacy's `ipt_do_table` walks it.
//
// A rule asks its clauses in the kernel's order (source, destination, devices, protocol, then the matches as written);
// all true: its counter, then its target. The first false one goes on with the next rule. A `dropIf` clause (hotdrop)
// drops uncounted. A rule without target counts and goes on. The end of a built-in chain, and RETURN in it, count the
// policy; the end of a user chain returns to the caller. Chains are built from their last rule back, in a loop.

import { ipv4Only, type MaskedAny } from '../base/address.ts';
import type { FilterChain } from '../base/hooks.ts';
import { FILTER_CHAINS } from '../base/hooks.ts';
import { interval } from '../base/intervals.ts';
import { maskPrefix } from '../base/ipv4.ts';
import type { Clause, DeviceField, Predicate } from '../base/predicate.ts';
import type { MatchExtension, TargetExtension } from '../extensions/extension.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import type { Chain, Negatable, Rule, Table } from '../ruleset/model.ts';
import { printRuleLine } from '../ruleset/print.ts';
import { GraphBuilder } from './builder.ts';
import type { Graph, NodeId, Slot, SlotOwner } from './graph.ts';

/** Where `buildGraph` looks extensions up; the tests put in their own. */
export interface Extensions {
  findMatch(name: string): MatchExtension | undefined;
  findTarget(name: string): TargetExtension | undefined;
}

/** The graph of a filter table of IPv4, all of whose rules can be enforced (`src/engine/enforceable.ts`); throws otherwise. */
export function buildGraph(table: Table, extensions: Extensions = { findMatch, findTarget }): Graph {
  const builder = new GraphBuilder();
  const slots = numberSlots(table);
  const roots: Partial<Record<FilterChain, NodeId>> = {};
  const chains = new Map<string, NodeId>();
  let first = 0;
  for (const chain of table.chains) {
    const hook = FILTER_CHAINS.find((name) => name === chain.name);
    const end = hook === undefined ? builder.makeReturn() : makePolicy(builder, chain, first + chain.rules.length);
    let next = end;
    for (let index = chain.rules.length - 1; index >= 0; index--) {
      const rule = chain.rules[index]!;
      const slot = first + index;
      const target = makeTarget(builder, rule, end, next, extensions);
      next = makeClauses(builder, ruleClauses(rule, extensions), builder.makeCount(slot, target), next, slot);
    }
    if (hook === undefined) chains.set(chain.name, next);
    else roots[hook] = next;
    first += chain.rules.length + (hook === undefined ? 0 : 1);
  }
  return builder.finish(roots, chains, slots);
}

function numberSlots(table: Table): SlotOwner[] {
  const slots: SlotOwner[] = [];
  for (const chain of table.chains) {
    chain.rules.forEach((rule, index) => {
      slots.push({
        kind: 'rule',
        chain: chain.name,
        index,
        text: printRuleLine(chain.name, rule, 'ipv4'),
        line: rule.span.line,
      });
    });
    const hook = FILTER_CHAINS.find((name) => name === chain.name);
    if (hook !== undefined) slots.push({ kind: 'policy', chain: hook, line: chain.span.line });
  }
  return slots;
}

function makePolicy(builder: GraphBuilder, chain: Chain, slot: Slot): NodeId {
  return builder.makeCount(slot, chain.policy === 'DROP' ? builder.makeDrop() : builder.makeAccept());
}

/** `end` is where RETURN goes: the policy, or out of the user chain. */
function makeTarget(builder: GraphBuilder, rule: Rule, end: NodeId, next: NodeId, extensions: Extensions): NodeId {
  const { target } = rule;
  switch (target.kind) {
    case 'none':
      return next;
    case 'jump':
      return builder.makeCall(target.chain, next);
    case 'goto':
      return makeGoto(builder, target.chain, end);
    case 'extension': {
      const extension = extensions.findTarget(target.extension);
      if (extension?.meaning === undefined)
        throw new Error(`line ${rule.span.line}: target ${target.extension} has no meaning`);
      switch (extension.meaning.verdict) {
        case 'accept':
          return builder.makeAccept();
        case 'drop':
          return builder.makeDrop();
        case 'return':
          return end;
      }
    }
  }
}

/** A chain entered by `goto` from a built-in chain returns to the policy: for the graph that is a call before the end. */
function makeGoto(builder: GraphBuilder, chain: string, end: NodeId): NodeId {
  return builder.node(end).kind === 'return' ? builder.makeGoto(chain) : builder.makeCall(chain, end);
}

/** The clauses in front of `yes`; where one does not hold the packet goes to `no`. */
function makeClauses(builder: GraphBuilder, clauses: readonly Clause[], yes: NodeId, no: NodeId, slot: Slot): NodeId {
  let node = yes;
  for (const clause of clauses.toReversed()) {
    node =
      clause.kind === 'require'
        ? builder.makeMatch(clause, node, no, slot)
        : builder.makeMatch(clause, builder.makeDrop(), node, slot);
  }
  return node;
}

function ruleClauses(rule: Rule, extensions: Extensions): Clause[] {
  if (rule.fragment !== undefined) throw new Error(`line ${rule.span.line}: -f has no meaning`);
  const clauses: Clause[] = [];
  const require = <T>(part: Negatable<T> | undefined, predicate: (value: T) => Predicate): void => {
    if (part !== undefined) {
      clauses.push({ kind: 'require', predicate: predicate(part.value), negated: part.negated });
    }
  };
  require(rule.source, (address) => addressPredicate('src', address));
  require(rule.destination, (address) => addressPredicate('dst', address));
  require(rule.inInterface, (name) => devicePredicate('inDevice', name));
  require(rule.outInterface, (name) => devicePredicate('outDevice', name));
  require(rule.protocol, (protocol) => ({ kind: 'in', field: 'protocol', set: interval(protocol) }));
  for (const match of rule.matches) {
    const extension = extensions.findMatch(match.extension);
    if (extension?.meaning === undefined)
      throw new Error(`line ${rule.span.line}: match ${match.extension} has no meaning`);
    clauses.push(...extension.meaning.clauses(match.data));
  }
  return clauses;
}

/** A prefix is a range; only a mask with holes needs to be asked bit by bit. */
function addressPredicate(field: 'src' | 'dst', address: MaskedAny): Predicate {
  const { value, mask } = ipv4Only(address);
  if (maskPrefix(mask) === undefined) return { kind: 'masked', field, mask, value };
  return { kind: 'in', field, set: interval(value, (value | ~mask) >>> 0) };
}

/** `eth+` is every name that begins with `eth`; `+` alone, like no name, is any device and none. */
function devicePredicate(field: DeviceField, name: string): Predicate {
  const prefix = name === '' || name.endsWith('+');
  return { kind: 'device', field, name: prefix ? name.slice(0, -1) : name, prefix };
}
