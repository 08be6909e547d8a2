// What a pass is.
//
// A pass takes a graph and gives an equivalent one: for every hook and every packet the same verdict, and the same
// counters bumped as often. Counters are semantics: two rules may share tests, never a counter, and no count node may be
// passed by or met twice by a packet that did not before. The one pass that may change more says so (`quantify`).
//
// It may rely on what `checkGraph` checks, and on nothing else: any other pass may have been switched off. It may not
// rely on a node being reachable, on predicates that can be both true and false, or on a match having two different
// edges. It keeps slots, and the names of hooks. It must not recurse: chains are 100 000 rules long.

import type { FilterChain } from '../base/hooks.ts';
import type { Field } from '../base/predicate.ts';
import type { Graph } from '../graph/graph.ts';

export interface PassContext {
  /** The fields that a hook cannot see. */
  readonly hidden: Readonly<Partial<Record<FilterChain, readonly Field[]>>>;
  /** How many nodes a pass may add to the graph that it gets. */
  readonly nodeBudget: number;
}

export interface Pass {
  readonly name: string;
  /** One sentence for `--dump` and the manual. */
  readonly about: string;
  run(graph: Graph, context: PassContext): Graph;
}

/** A pass failed; the message begins with its name. */
export class PassError extends Error {
  override readonly name: string = 'PassError';
  readonly pass: string;

  constructor(pass: string, message: string, options?: ErrorOptions) {
    super(`pass ${pass}: ${message}`, options);
    this.pass = pass;
  }
}

/** The ruleset is larger than the compiler takes: what the diagnostic `too-large` reports. */
export class TooLargeError extends PassError {
  override readonly name = 'TooLargeError';
  /** The chain that is entered from the most places. */
  readonly chain: string;
  readonly budget: number;

  constructor(pass: string, chain: string, times: number, budget: number) {
    super(pass, `more than ${budget} nodes to add; chain ${chain} was entered most often, ${times} times`);
    this.chain = chain;
    this.budget = budget;
  }
}
