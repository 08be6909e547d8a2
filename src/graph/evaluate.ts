// Walks a graph with one packet's field values: the meaning of a graph, for tests and for `explain`. It works before
// chains are resolved (with a call stack of its own) and after.

import type { FilterChain } from '../base/hooks.ts';
import { evaluatePredicate, type FieldValues } from '../base/predicate.ts';
import type { Graph, NodeId, Slot } from './graph.ts';

export interface Outcome {
  readonly verdict: 'accept' | 'drop' | 'undecided';
  /** Counters bumped, in the order in which the rules were met; a rule of a chain that is entered twice comes twice. */
  readonly counted: readonly Slot[];
}

/** What happens to a packet with these fields that enters at `hook`. */
export function evaluateGraph(graph: Graph, hook: FilterChain, fields: FieldValues): Outcome {
  const counted: Slot[] = [];
  const stack: NodeId[] = [];
  let id = graph.roots[hook];
  for (;;) {
    const node = id === undefined ? undefined : graph.nodes[id];
    if (node === undefined) throw new Error(`${hook}: no node ${id}`);
    switch (node.kind) {
      case 'match':
        id = evaluatePredicate(node.predicate, fields) ? node.yes : node.no;
        break;
      case 'count':
        counted.push(node.slot);
        id = node.next;
        break;
      case 'call':
        stack.push(node.next);
        id = graph.chains.get(node.chain);
        break;
      case 'goto':
        id = graph.chains.get(node.chain);
        break;
      case 'return':
        id = stack.pop();
        break;
      default:
        return { verdict: node.kind, counted };
    }
  }
}
