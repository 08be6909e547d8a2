// Walks a classification with one packet's field values, as generated code would: for tests.

import type { FilterChain } from '../base/hooks.ts';
import { evaluatePredicate, type FieldValues } from '../base/predicate.ts';
import type { Outcome } from '../graph/evaluate.ts';
import type { Slot } from '../graph/graph.ts';
import type { Classification, Edge } from './classification.ts';

/** What happens to a packet with these fields that enters at `hook`. */
export function evaluateClassification(
  classification: Classification,
  hook: FilterChain,
  fields: FieldValues,
): Outcome {
  const entry = classification.entries[hook];
  if (entry === undefined) throw new Error(`no segment for ${hook}`);
  const counted: Slot[] = [];
  let segment = classification.segments[entry]!;
  let edge: Edge = segment.entry;
  for (;;) {
    if (edge.kind === 'test') {
      const test = segment.tests[edge.test]!;
      edge = evaluatePredicate(test.predicate, fields) ? test.yes : test.no;
      continue;
    }
    const { counters, then } = classification.lists[edge.list]!;
    counted.push(...counters);
    if (then.kind !== 'segment') return { verdict: then.kind, counted };
    segment = classification.segments[then.segment]!;
    edge = then.test === undefined ? segment.entry : { kind: 'test', test: then.test };
  }
}
