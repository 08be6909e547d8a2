// Walks a classification with one packet's field values, as generated code would: for tests.

import type { FilterChain } from '../base/hooks.ts';
import { evaluatePredicate, type FieldValues } from '../base/predicate.ts';
import type { Outcome } from '../graph/evaluate.ts';
import type { Slot } from '../graph/graph.ts';
import type { ActionList, Classification, Edge, LinearSegment, TableSegment } from './classification.ts';
import { lookUpMasks } from './finishes/masks-look-up.ts';
import { wordBySlot } from './finishes/slot-outcomes.ts';
import { lookUpTuples } from './finishes/tuples-look-up.ts';
import { lookUpWalk } from './finishes/walk-look-up.ts';
import { lookUpIndex } from './indexes/look-up.ts';
import { readOutcomeWord } from './outcomes.ts';
import { readTable } from './tables.ts';

/** What happens to a packet with these fields that enters at `hook`. */
export function evaluateClassification(
  classification: Classification,
  hook: FilterChain,
  fields: FieldValues,
): Outcome {
  const entry = classification.entries[hook];
  if (entry === undefined) throw new Error(`no segment for ${hook}`);
  const counted: Slot[] = [];
  let number = entry;
  let test: number | undefined;
  for (;;) {
    const segment = classification.segments[number]!;
    const { counters, then } =
      segment.finish === 'linear'
        ? classification.lists[walkTests(segment, fields, test)]!
        : lookUp(segment, fields, classification);
    counted.push(...counters);
    test = undefined;
    if (then.kind === 'segment') {
      number = then.segment;
      test = then.test;
    } else if (then.kind === 'exit') {
      const next = segment.exits?.[then.exit];
      if (next === undefined) throw new Error(`segment ${number} has no exit ${then.exit}`);
      number = next;
    } else {
      return { verdict: then.kind, counted };
    }
  }
}

function walkTests(segment: LinearSegment, fields: FieldValues, start: number | undefined): number {
  let edge: Edge = start === undefined ? segment.entry : { kind: 'test', test: start };
  while (edge.kind === 'test') {
    const test: LinearSegment['tests'][number] = segment.tests[edge.test]!;
    edge = evaluatePredicate(test.predicate, fields) ? test.yes : test.no;
  }
  return edge.list;
}

function lookUp(
  { lookups, result, lists: segmentLists }: TableSegment,
  fields: FieldValues,
  { lists, tables }: Classification,
): ActionList {
  const variables: number[] = [];
  for (const lookup of lookups) {
    if (lookup.kind === 'index') {
      variables[lookup.into] = lookUpIndex(lookup.index, fields, tables);
      continue;
    }
    const pair = variables[lookup.rows]! * lookup.columnCount + variables[lookup.columns]!;
    variables[lookup.into] = lookup.table === undefined ? pair : readTable(tables, lookup.table, pair);
  }
  switch (result.kind) {
    case 'dense': {
      const { cell, late, bySlot } = result;
      const found = variables[cell]!;
      if (bySlot !== undefined) return readOutcomeWord(wordBySlot(bySlot, found));
      if (late === undefined || found < late.from) return lists[segmentLists[found]!]!;
      const column = lookUpIndex(late.index, fields, tables);
      return lists[segmentLists[readTable(tables, late.table, (found - late.from) * late.columnCount + column)]!]!;
    }
    case 'tuples': {
      const findLate = (): number => lookUpIndex(result.late!.index, fields, tables);
      const { word, counted } = lookUpTuples(result, variables, findLate, tables);
      const { counters, then } = readOutcomeWord(word);
      return { counters: [...counted, ...counters], then };
    }
    case 'masks':
      return readOutcomeWord(lookUpMasks(result, fields, variables, tables));
    case 'walk': {
      const { word, counted } = lookUpWalk(result, fields, tables);
      const { counters, then } = readOutcomeWord(word);
      return { counters: [...counted, ...counters], then };
    }
  }
}
