// Exceptions: the few decisions of a long list that ask other fields than all the others.
//
// A finish of them all would look up for every packet what only the few ask: ports, beside ten thousand sources. So they
// stand in front. Packets for which all holds that an exception asks go to a list of their own, of the decisions that such
// packets may meet, the exceptions among them; all other packets go to what is left, which asks the same of each. There
// an exception that comes or goes changes nothing.

import { type DecisionList, END } from './decision-list.ts';
import type { KnownConditions, ListColumns } from './list-columns.ts';

export interface PartedList {
  /** What the exceptions ask: where it holds, the end `call` leads to `met`, else `next` to `rest`. */
  readonly front: DecisionList;
  readonly met: DecisionList;
  readonly rest: DecisionList;
}

/**
 * Shorter lists are not parted: their tables are small whatever they ask. Those of lists that mostly ask several fields have
 * a cell for each pair of values.
 */
const LONG = 1024;
const LONG_OF_SEVERAL_FIELDS = 512;
/** Exceptions at most: packets are asked for one after the other. */
const FEW = 4;
/** Decisions at most that packets of exceptions may meet. */
const MOST_MET = 64;

/** Parts a list that has exceptions, if these are few and so are the decisions that their packets may meet. */
export function partExceptions(
  list: DecisionList,
  columnsOf: () => ListColumns,
  known: KnownConditions,
): PartedList | undefined {
  if (list.length < LONG_OF_SEVERAL_FIELDS) return undefined;
  const columns = columnsOf();
  const usual = usualFields(columns.asked);
  const isOneField = (usual & (usual - 1)) === 0;
  if (isOneField && list.length < LONG) return undefined;
  const exceptions = exceptionsOf(columns, usual);
  if (exceptions === undefined) return undefined;
  const met = metWith(exceptions, columns, known);
  if (met === undefined) return undefined;
  const conditions = exceptions.map((decision) => list.conditions[decision]!);
  const { length } = exceptions;
  const then = new Int32Array(length).fill(END.call);
  const front: DecisionList = {
    length,
    conditions,
    slots: new Int32Array(length).fill(-1),
    then,
    ...(list.owners && { owners: Int32Array.from(exceptions, (decision) => list.owners![decision]!) }),
  };
  return { front, met: selected(list, runsOf(met)), rest: selected(list, runsBetween(exceptions, list.length)) };
}

/** The decisions that ask something, and not the `usual` fields, which most decisions do; nothing where they are none, or not few. */
function exceptionsOf({ asked }: ListColumns, usual: number): number[] | undefined {
  const found: number[] = [];
  for (let i = 0; i < asked.length; i++) {
    if (asked[i] === usual || asked[i] === 0) continue;
    if (found.length === FEW) return undefined;
    found.push(i);
  }
  return found.length === 0 ? undefined : found;
}

/** The fields that more than half of all decisions ask, if so many ask the same. */
function usualFields(asked: Int32Array): number {
  let candidate = 0;
  let lead = 0;
  for (let i = 0; i < asked.length; i++) {
    if (lead === 0) candidate = asked[i]!;
    lead += asked[i] === candidate ? 1 : -1;
  }
  return candidate;
}

/** The decisions that may apply where what some exception asks holds, ascending; nothing where they are too many. */
function metWith(exceptions: readonly number[], { ids }: ListColumns, known: KnownConditions): number[] | undefined {
  const fields = ids.filter((column) => column !== undefined);
  const asked = exceptions.map((decision) =>
    fields.flatMap((column) => (column[decision] === 0 ? [] : [{ column, id: column[decision]! }])),
  );
  const met: number[] = [];
  for (let i = 0; i < (fields[0]?.length ?? 0); i++) {
    let isMet = false;
    for (let e = 0; e < asked.length && !isMet; e++) {
      const own = asked[e]!;
      isMet = true;
      for (let f = 0; f < own.length && isMet; f++) {
        const id = own[f]!.column[i]!;
        isMet = id === 0 || id === own[f]!.id || !known.exclude(id, own[f]!.id);
      }
    }
    if (!isMet) continue;
    if (met.length === MOST_MET) return undefined;
    met.push(i);
  }
  return met;
}

/** Decisions from `from` up to, not including, `to`. */
interface Run {
  readonly from: number;
  readonly to: number;
}

function runsOf(decisions: readonly number[]): Run[] {
  return decisions.map((from) => ({ from, to: from + 1 }));
}

function runsBetween(left: readonly number[], length: number): Run[] {
  return [...left, length].map((to, i) => ({ from: i === 0 ? 0 : left[i - 1]! + 1, to }));
}

const NO_CONDITIONS: DecisionList['conditions'] = [];

/** The list of some decisions. One that leads to another that is left out leads to the first behind it. */
function selected(list: DecisionList, runs: readonly Run[]): DecisionList {
  const length = runs.reduce((sum, { from, to }) => sum + to - from, 0);
  const pick = (column: Int32Array): Int32Array => {
    const picked = new Int32Array(length);
    let at = 0;
    for (const { from, to } of runs) {
      picked.set(column.subarray(from, to), at);
      at += to - from;
    }
    return picked;
  };
  const then = pick(list.then);
  let run = 0;
  let before = 0;
  let own = 0;
  for (const { from, to } of runs) {
    for (const end = own + to - from; own < end; own++) {
      const goal = then[own]!;
      if (goal < 0) continue;
      // All lead on, so where they lead to is searched from here.
      let r = run;
      let skipped = before;
      while (r < runs.length && goal >= runs[r]!.to) {
        skipped += runs[r]!.to - runs[r]!.from;
        r++;
      }
      then[own] = skipped + (r < runs.length ? Math.max(0, goal - runs[r]!.from) : 0);
    }
    run++;
    before += to - from;
  }
  return {
    length,
    conditions: NO_CONDITIONS.concat(...runs.map(({ from, to }) => list.conditions.slice(from, to))),
    slots: pick(list.slots),
    then,
    ...(list.owners && { owners: pick(list.owners) }),
  };
}
