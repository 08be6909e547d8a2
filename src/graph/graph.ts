// The match/action graph: what a filter table means, as a DAG of hash-consed nodes.
//
// Nodes are numbered; a node's children have smaller numbers, so the graph cannot have a cycle and walking by
// descending number is a topological order. `make*` of `GraphBuilder` are the only way to get a node: equal nodes are
// one node. Edges out of chains are explicit: before the pass `resolve-chains` a chain is entered by `call` or `goto`
// and left by `return`; after it, none of these three is left.

import type { FilterChain } from '../base/hooks.ts';
import type { Predicate } from '../base/predicate.ts';

export type NodeId = number;

/** Number of a counter; the manifest says whose it is. */
export type Slot = number;

export type Node =
  | {
      readonly kind: 'match';
      readonly predicate: Predicate;
      readonly yes: NodeId;
      readonly no: NodeId;
      /** The rule that asked first, for line info and messages; no part of the node's identity. */
      readonly owner?: Slot;
    }
  | { readonly kind: 'count'; readonly slot: Slot; readonly next: NodeId }
  /** Enters a chain and goes on with `next` when it returns. */
  | { readonly kind: 'call'; readonly chain: string; readonly next: NodeId }
  /** Enters a chain that returns to where this one would have returned. */
  | { readonly kind: 'goto'; readonly chain: string }
  /** Ends a user chain. */
  | { readonly kind: 'return' }
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  /** A hook cannot see what the rule `owner` asks: nobody can say what happens. */
  | { readonly kind: 'undecided'; readonly owner?: Slot };

export type MatchNode = Extract<Node, { kind: 'match' }>;

/** Who owns a counter. */
export type SlotOwner =
  | {
      readonly kind: 'rule';
      readonly chain: string /** Counts from 0. */;
      readonly index: number;
      readonly text: string;
      readonly line: number;
    }
  | { readonly kind: 'policy'; readonly chain: FilterChain; readonly line: number };

export interface Graph {
  readonly nodes: readonly Node[];
  /** Where packets enter, per hook. */
  readonly roots: Readonly<Partial<Record<FilterChain, NodeId>>>;
  /** First node of each user chain; empty once chains are resolved. */
  readonly chains: ReadonlyMap<string, NodeId>;
  /**
   * Indexed by slot. Numbered chain by chain in table order: the chain's rules in their order, then its policy if it
   * has one. Passes never change it.
   */
  readonly slots: readonly SlotOwner[];
}
