// Outcomes that are known by the slot they count: those of long lists whose decisions all count one slot and end alike,
// as blacklists do, but for the packets that no decision is about.
//
// Cells then have the slot in place of the outcome's number, and its word is computed. A table of the words would be one
// more load that waits for the one before, and of long lists it is large.

import type { Budget } from '../budget.ts';
import { outcomeWord, VALUE_SHIFT } from '../outcomes.ts';
import type { Outcomes } from './finish.ts';

/** Cells have 0 for the outcome apart, and `slot - first` for all others. */
export interface SlotOutcomes {
  /** The word of a cell that has 0. */
  readonly apart: number;
  /** The word of any other cell is this, and the cell's number shifted to where words have the slot; perhaps negative. */
  readonly others: number;
}

/** What cells have for each outcome, and what their words are; undefined where words need a table, or do well with one. */
export function slotOutcomes(
  outcomes: Outcomes,
  { outcomeWords }: Budget,
): { readonly values: Uint32Array; readonly count: number; readonly bySlot: SlotOutcomes } | undefined {
  const { count } = outcomes;
  if (count <= outcomeWords || count < 3) return undefined;
  const slots = new Int32Array(count);
  const ends = new Int32Array(count);
  for (let number = 0; number < count; number++) {
    const slot = outcomes.lists.onlySlot(outcomes.chain(number));
    if (slot === undefined) return undefined;
    slots[number] = slot;
    ends[number] = outcomes.end(number);
  }
  // Of any three outcomes two are not apart.
  const end = ends[0] === ends[1] ? ends[0]! : ends[2]!;
  let apart = -1;
  let [first, last] = [Number.POSITIVE_INFINITY, -1];
  for (let number = 0; number < count; number++) {
    if (ends[number] !== end || slots[number]! < 0) {
      if (apart >= 0) return undefined;
      apart = number;
      continue;
    }
    first = Math.min(first, slots[number]!);
    last = Math.max(last, slots[number]!);
  }
  // The slot itself, and 1, where that takes no more room: it stays what it is when the first decision goes.
  const before = widthOf(last + 2) === widthOf(count) ? -1 : first - 1;
  const values = Uint32Array.from(slots, (slot) => slot - before);
  if (apart >= 0) values[apart] = 0;
  if (widthOf(last - before + 1) > widthOf(count)) return undefined;
  const others = (before << VALUE_SHIFT) + outcomeWord(0, end);
  return {
    values,
    count: last - before + 1,
    bySlot: { apart: apart < 0 ? 0 : outcomeWord(slots[apart]!, ends[apart]!), others },
  };
}

/** The word of a cell. */
export function wordBySlot({ apart, others }: SlotOutcomes, cell: number): number {
  return cell === 0 ? apart : (cell << VALUE_SHIFT) + others;
}

/** Bytes of a number below `count` in a table. */
export function widthOf(count: number): number {
  return count <= 0x100 ? 1 : count <= 0x10000 ? 2 : 4;
}
