// Rows of the database, and what they say: see migrations.ts for the tables.

import type { Family } from '../base/family.ts';
import { decodeBase, decodeSlots } from './blobs.ts';
import type { CounterMap, Generation, GenerationSummary } from './store.ts';

/** Of `generation`, with the one of `ruleset` beside it. */
export interface Row {
  id: number;
  family: Family;
  created: string;
  state: Generation['state'];
  source_file: string;
  request: string;
  manifest: string;
  counter_map: number;
  slots: Buffer;
}

/** Of `counter_map`. */
export interface MapRow {
  family: Family;
  layout: string;
  slots: number;
  carry_from: number | null;
  carry_map: Buffer | null;
  counter_base: Buffer;
}

/** A row that lacks the columns of what grows with the ruleset may do. */
export function summaryFromRow(row: Row): GenerationSummary {
  return {
    id: row.id,
    family: row.family,
    created: row.created,
    state: row.state,
    sourceFile: row.source_file,
    request: JSON.parse(row.request) as unknown,
  };
}

export function fromRow(row: Row): Generation {
  return {
    ...summaryFromRow(row),
    manifest: JSON.parse(row.manifest) as unknown,
    counterMap: row.counter_map,
    slots: decodeSlots(row.slots),
  };
}

export function fromMapRow(
  id: number,
  { family, layout, slots, carry_from, carry_map, counter_base }: MapRow,
): CounterMap {
  return {
    id,
    family,
    layout: JSON.parse(layout) as unknown,
    base: decodeBase(counter_base, slots),
    ...(carry_from === null || carry_map === null
      ? {}
      : { carry: { from: carry_from, slots: decodeSlots(carry_map) } }),
  };
}
