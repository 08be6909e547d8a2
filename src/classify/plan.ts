// What was decided for a segment, as plain data: for `explain` and for tests.

import type { FilterChain } from '../base/hooks.ts';
import type { Lookup, Segment, TableSegment } from './classification.ts';
import { describeFinish } from './finishes/describe.ts';
import { describeIndex } from './indexes/describe.ts';
import type { FieldIndex } from './indexes/field-index.ts';
import type { FinishName } from './make-finish.ts';
import { lookupOrder, type Part } from './parts.ts';
import { type TableRef, tablesIn } from './tables.ts';

/** Why a finish was not taken. */
export interface Refusal {
  readonly finish: FinishName;
  readonly reason: string;
}

export interface PlannedLookup {
  /** What is looked up: `src`, `src dst`. */
  readonly name: string;
  readonly kind: FieldIndex['kind'] | 'cross';
  /** Different conditions of rules, or different pairs of them. */
  readonly conditions: number;
  readonly classes: number;
  /** Table elements and nodes that most packets touch, one after the other. */
  readonly loads: number;
  readonly bytes: number;
}

export interface SegmentPlan {
  readonly hook: FilterChain;
  readonly finish: FinishName;
  /** Decisions of the list; 0 where the segment is no list. */
  readonly decisions: number;
  readonly refused: readonly Refusal[];
  /** The fields and combinations that are looked up first. */
  readonly lookups: readonly PlannedLookup[];
  /** All its tables. Segments may share some. */
  readonly tables: readonly TableRef[];
  /** Table elements, nodes and entries that most packets touch, without counters; 0 for tests. */
  readonly loads: number;
  /** What the finish is made of, in words; absent where there is nothing to say. */
  readonly detail?: string;
}

export function planOf(
  hook: FilterChain,
  finish: FinishName,
  decisions: number,
  refused: readonly Refusal[],
  segment: Segment,
  parts: readonly Part[],
): SegmentPlan {
  const plan = { hook, finish, decisions, refused };
  if (segment.finish === 'linear') return { ...plan, lookups: [], tables: [], loads: 0 };
  const lookups = lookupOrder(parts).map((part, i) => plannedLookup(part, segment.lookups[i]!));
  const before = segment.lookups.reduce((sum, lookup) => sum + loadsOf(lookup), 0);
  const detail = describeFinish(segment.result);
  return {
    ...plan,
    lookups,
    tables: tablesIn(segment),
    loads: before + finishLoads(segment),
    ...(detail !== undefined && { detail }),
  };
}

function plannedLookup({ name, sets }: Part, lookup: Lookup): PlannedLookup {
  const counts = { name, conditions: sets.predicateCount, classes: sets.classCount };
  if (lookup.kind === 'index') return { ...counts, ...describeIndex(lookup.index) };
  const { table } = lookup;
  return {
    ...counts,
    kind: 'cross',
    loads: loadsOf(lookup),
    bytes: table === undefined ? 0 : table.width * table.length,
  };
}

function loadsOf(lookup: Lookup): number {
  if (lookup.kind === 'index') return describeIndex(lookup.index).loads;
  return lookup.table === undefined ? 0 : 1;
}

/** Loads of the finish: an outcome word; records, a descriptor and two entries; two entries for each mask; at least a step. */
function finishLoads({ result }: TableSegment): number {
  switch (result.kind) {
    case 'dense':
      return 1;
    case 'tuples':
      return result.components.length + 3;
    case 'masks':
      return 2 * result.masks.length;
    case 'walk':
      return 1;
  }
}
