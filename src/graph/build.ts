// From what the rules of a table mean to their graph. Chains are built from their last rule back, in a loop.

import type { Family } from '../base/family.ts';
import type { FilterChain } from '../base/hooks.ts';
import type { Clause } from '../base/predicate.ts';
import type { Table } from '../ruleset/model.ts';
import { GraphBuilder } from './builder.ts';
import { type ChainMeaning, type Chains, type Extensions, Meanings, type RuleTarget } from './chains.ts';
import type { Graph, NodeId, Slot, SlotOwner } from './graph.ts';
import { sequentialSlots, slotOwners } from './slots.ts';

/** The graph of a filter table, all of whose rules can be enforced (`src/engine/enforceable.ts`); throws otherwise. */
export function buildGraph(table: Table, family?: Family, extensions?: Extensions): Graph {
  const plan = sequentialSlots(table);
  return graphOf(new Meanings(family, extensions).chains(table, plan), slotOwners(table, plan));
}

/** The graph of chains, whose slots have these owners. */
export function graphOf(table: Chains, slots: readonly SlotOwner[]): Graph {
  const builder = new GraphBuilder();
  const roots: Partial<Record<FilterChain, NodeId>> = {};
  const chains = new Map<string, NodeId>();
  for (const chain of table.values()) {
    const end = chain.hook === undefined ? builder.makeReturn() : makePolicy(builder, chain);
    let next = end;
    for (let index = chain.rules.length - 1; index >= 0; index--) {
      const rule = chain.rules[index]!;
      const slot = chain.slots[index]!;
      const target = makeTarget(builder, rule.target, end, next);
      next = makeClauses(builder, rule.clauses(), builder.makeCount(slot, target), next, slot);
    }
    if (chain.hook === undefined) chains.set(chain.name, next);
    else roots[chain.hook] = next;
  }
  return builder.finish(roots, chains, slots);
}

function makePolicy(builder: GraphBuilder, { policy, policySlot }: ChainMeaning): NodeId {
  return builder.makeCount(policySlot, policy === 'drop' ? builder.makeDrop() : builder.makeAccept());
}

/** `end` is where RETURN goes: the policy, or out of the user chain. */
function makeTarget(builder: GraphBuilder, target: RuleTarget, end: NodeId, next: NodeId): NodeId {
  switch (target.kind) {
    case 'none':
      return next;
    case 'call':
      return builder.makeCall(target.chain, next);
    case 'goto':
      return makeGoto(builder, target.chain, end);
    case 'accept':
      return builder.makeAccept();
    case 'drop':
      return builder.makeDrop();
    case 'return':
      return end;
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
