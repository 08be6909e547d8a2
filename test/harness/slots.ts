// Whose the counters of a ruleset are that was compiled for the first time.

import type { SlotOwner } from '../../src/graph/graph.ts';
import { sequentialSlots, slotOwners } from '../../src/graph/slots.ts';
import type { Table } from '../../src/ruleset/model.ts';

/** By slot. */
export function ownersOf(table: Table): SlotOwner[] {
  return slotOwners(table, sequentialSlots(table));
}
