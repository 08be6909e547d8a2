// The invariants of a graph, checked between passes in tests and by `--check`. A broken one is a fault of the compiler, so
// it throws, and names the node.

import { normalize } from '../base/intervals.ts';
import { canonicalLiteral, FIELD_MAXIMUM, formatPredicate, type Predicate } from '../base/predicate.ts';
import { normalizeWide, WIDE_MAXIMUM } from '../base/wide-intervals.ts';
import { children } from './builder.ts';
import type { Graph, Node, NodeId } from './graph.ts';
import { printNode } from './print.ts';
import { mayReturn } from './reach.ts';

export interface CheckOptions {
  /** Chains must be resolved: no call, no goto, no return, no chain. */
  readonly resolved?: boolean;
}

/**
 * Throws where the graph is not sound: children have smaller numbers (so there is no cycle), equal nodes are one node,
 * predicates are canonical and in range, slots and chains exist, no chain in use reaches itself, and nothing returns from
 * a hook.
 */
export function checkGraph(graph: Graph, options: CheckOptions = {}): void {
  const seen = new Map<string, NodeId>();
  graph.nodes.forEach((node, id) => {
    checkNode(graph, node, id, options);
    const text = printNode({ ...node, ...(node.kind === 'match' ? { owner: undefined } : {}) } as Node);
    const other = seen.get(text);
    if (other !== undefined) fail(id, node, `is the same as node ${other}`);
    seen.set(text, id);
  });
  const starts: [string, NodeId][] = [...Object.entries(graph.roots), ...graph.chains];
  for (const [name, root] of starts) {
    if (graph.nodes[root] === undefined) throw new Error(`${name} begins at node ${root}, which does not exist`);
  }
  if (options.resolved === true && graph.chains.size > 0) {
    throw new Error(`chain ${[...graph.chains.keys()][0]} is left after chains are resolved`);
  }
  const returns = mayReturn(graph);
  for (const [hook, root] of Object.entries(graph.roots)) {
    if (returns[root] === 1) throw new Error(`${hook} may end in a return`);
  }
}

function checkNode(graph: Graph, node: Node, id: NodeId, options: CheckOptions): void {
  for (const child of children(node)) {
    if (!(child >= 0 && child < id)) fail(id, node, `does not come after its child ${child}`);
  }
  switch (node.kind) {
    case 'match':
      checkPredicate(node.predicate, (problem) => fail(id, node, problem));
      break;
    case 'count':
      if (graph.slots[node.slot] === undefined) fail(id, node, 'counts for a slot that nobody owns');
      break;
    case 'call':
    case 'goto':
      if (!graph.chains.has(node.chain)) fail(id, node, 'enters a chain that does not exist');
  }
  if ('owner' in node && node.owner !== undefined && graph.slots[node.owner] === undefined) {
    fail(id, node, 'has an owner that does not exist');
  }
  if (options.resolved === true && (node.kind === 'call' || node.kind === 'goto' || node.kind === 'return')) {
    fail(id, node, 'is left after chains are resolved');
  }
}

function checkPredicate(predicate: Predicate, fail: (problem: string) => never): void {
  if (canonicalLiteral({ predicate, negated: false }).negated) fail('has a predicate that is not canonical');
  if (predicate.kind === 'device') {
    if (Buffer.byteLength(predicate.name) > 15) fail('asks for a device name longer than 15 bytes');
    return;
  }
  if (predicate.kind === 'wide') {
    if (!predicate.set.every(({ low, high }) => low >= 0n && high <= WIDE_MAXIMUM)) fail('asks for more than 128 bits');
    if (formatPredicate({ ...predicate, set: normalizeWide(predicate.set) }) !== formatPredicate(predicate)) {
      fail('has a set that is not in canonical form');
    }
    return;
  }
  if (predicate.kind === 'maskedWide') {
    const { mask, value } = predicate;
    if (![mask, value].every((word) => word >= 0n && word <= WIDE_MAXIMUM)) fail('asks for more than 128 bits');
    return;
  }
  const maximum = FIELD_MAXIMUM[predicate.field];
  const inRange = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= maximum;
  if (predicate.kind === 'masked') {
    if (!inRange(predicate.mask) || !inRange(predicate.value)) fail(`asks for more than ${predicate.field} can hold`);
    return;
  }
  if (!predicate.set.every(({ low, high }) => inRange(low) && inRange(high))) {
    fail(`asks for more than ${predicate.field} can hold`);
  }
  if (formatPredicate({ ...predicate, set: normalize(predicate.set) }) !== formatPredicate(predicate)) {
    fail('has a set that is not in canonical form');
  }
}

function fail(id: NodeId, node: Node, problem: string): never {
  throw new Error(`node ${id} (${printNode(node)}) ${problem}`);
}
