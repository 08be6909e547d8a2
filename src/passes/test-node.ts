// A match node, unless it asks nothing: what passes make tests with.

import { complement } from '../base/intervals.ts';
import { FIELD_MAXIMUM, type Predicate } from '../base/predicate.ts';
import { complementWide } from '../base/wide-intervals.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { NodeId, Slot } from '../graph/graph.ts';

/** The answer of a predicate that has only one. */
function constantAnswer(predicate: Predicate): boolean | undefined {
  switch (predicate.kind) {
    case 'in':
      if (predicate.set.length === 0) return false;
      return complement(predicate.set, FIELD_MAXIMUM[predicate.field]).length === 0 ? true : undefined;
    case 'masked':
      if ((predicate.value & ~predicate.mask) !== 0) return false;
      return predicate.mask === 0 ? true : undefined;
    case 'wide':
      if (predicate.set.length === 0) return false;
      return complementWide(predicate.set).length === 0 ? true : undefined;
    case 'maskedWide':
      if ((predicate.value & ~predicate.mask) !== 0n) return false;
      return predicate.mask === 0n ? true : undefined;
    case 'device':
      return predicate.prefix && predicate.name === '' ? true : undefined;
  }
}

/** A match node, or the edge that every packet takes. */
export function makeTest(
  builder: GraphBuilder,
  predicate: Predicate,
  yes: NodeId,
  no: NodeId,
  owner: Slot | undefined,
): NodeId {
  if (yes === no) return yes;
  const answer = constantAnswer(predicate);
  if (answer !== undefined) return answer ? yes : no;
  return builder.makeMatch({ predicate, negated: false }, yes, no, owner);
}
