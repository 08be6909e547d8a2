// Joins neighbouring tests of one field. Works from the leaves up, so that long runs of tests collapse step by step:
//
// - a test whose answer its parent's answer implies is passed by (`-p tcp` rules one after the other: a packet that is
//   not TCP goes on behind the last of them);
// - two tests in a row that must both hold, with the same node for "no", ask for the intersection;
// - two in a row of which one must hold, with the same node for "yes", ask for the union.
//
// No count node is ever between the two, so no counter is concerned. Sets stop growing at SET_LIMIT intervals and
// tests are passed by at most SKIP_LIMIT in a row, which keeps the pass linear.

import { complement, intersect } from '../base/intervals.ts';
import { FIELD_MAXIMUM, type InSet, type Predicate } from '../base/predicate.ts';
import { type GraphBuilder, rewrite } from '../graph/builder.ts';
import type { Graph, NodeId, Slot } from '../graph/graph.ts';
import { implied } from './implied.ts';
import type { Pass } from './pass.ts';
import { makeTest } from './test-node.ts';

const SET_LIMIT = 256;
const SKIP_LIMIT = 64;

/** The node that a packet gets to from `start` if `known` is answered so, tests that this implies passed by. */
function skip(builder: GraphBuilder, start: NodeId, known: Predicate, answer: boolean): NodeId {
  let id = start;
  for (let steps = 0; steps < SKIP_LIMIT; steps++) {
    const node = builder.node(id);
    const next = node.kind === 'match' ? implied(node.predicate, known, answer) : undefined;
    if (node.kind !== 'match' || next === undefined) return id;
    id = next ? node.yes : node.no;
  }
  return id;
}

/** A parent with the set `set` whose child asks for a set of the same field. */
function joined(builder: GraphBuilder, parent: InSet, yes: NodeId, no: NodeId, owner: Slot | undefined): NodeId {
  const rest = complement(parent.set, FIELD_MAXIMUM[parent.field]);
  // Each child that is a test of the field can lead on to the other edge of the parent in two ways.
  for (const [child, inside, other] of [
    [yes, parent.set, no],
    [no, rest, yes],
  ] as const) {
    const node = builder.node(child);
    if (node.kind !== 'match' || node.predicate.kind !== 'in' || node.predicate.field !== parent.field) continue;
    for (const [shared, kept, asked] of [
      [node.no, node.yes, node.predicate.set],
      [node.yes, node.no, complement(node.predicate.set, FIELD_MAXIMUM[parent.field])],
    ] as const) {
      if (shared !== other) continue;
      const set = intersect(inside, asked);
      if (set.length <= SET_LIMIT) return makeTest(builder, { ...parent, set }, kept, shared, owner);
    }
  }
  return makeTest(builder, parent, yes, no, owner);
}

export const mergeTests: Pass = {
  name: 'merge-tests',
  about: 'Joins neighbouring tests of one field and passes by those whose answer is known.',
  run(graph: Graph): Graph {
    return rewrite(graph, (node, builder, mapped) => {
      if (node.kind !== 'match') return builder.copy(node, mapped);
      const { predicate, owner } = node;
      const yes = skip(builder, mapped(node.yes), predicate, true);
      const no = skip(builder, mapped(node.no), predicate, false);
      if (predicate.kind === 'in' && yes !== no) return joined(builder, predicate, yes, no, owner);
      return makeTest(builder, predicate, yes, no, owner);
    });
  },
};
