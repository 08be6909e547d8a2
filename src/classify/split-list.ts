// Cuts decision lists, where one list is too much for a structure or some of its decisions must stand alone.
//
// A skip over a cut becomes an exit, and what it leads to the beginning of a segment. A segment has but three exits: one
// that would need more is cut once more, in the middle.

import { type DecisionList, END, type ExitName, type ListSegment } from './decision-list.ts';

/** Cuts a segment in the middle; its list must have at least two decisions. */
export function halveSegment<T>(segments: (T | ListSegment)[], number: number): void {
  const { list } = segments[number] as ListSegment;
  if (list.length < 2) throw new Error('one decision cannot be cut');
  splitSegment(segments, number, [list.length >> 1]);
}

/** Cuts a segment wherever skips lead to, so that none is left in its parts; says whether there was any. */
export function cutSkips<T>(segments: (T | ListSegment)[], number: number): boolean {
  const { length, then } = (segments[number] as ListSegment).list;
  const targets = new Set<number>();
  for (let i = 0; i < length; i++) if (then[i]! > i + 1 && then[i]! < length) targets.add(then[i]!);
  if (targets.size > 0) splitSegment(segments, number, [...targets]);
  return targets.size > 0;
}

/**
 * Replaces segment `number` by one that ends at the first of `cuts`; those of the rest come at the end of the segments.
 * Cuts are places between decisions, each the number of the one behind it.
 */
export function splitSegment<T>(segments: (T | ListSegment)[], number: number, cuts: readonly number[]): void {
  const { list, exits } = segments[number] as ListSegment;
  const parts = splitList(list, cuts);
  const first = segments.length - 1;
  const placeOf = (part: number): number => (part === 0 ? number : first + part);
  for (const [index, part] of parts.entries()) {
    const leads: Partial<Record<ExitName, number>> = {};
    for (const [name, to] of Object.entries(part.exits) as [ExitName, PartExit][]) {
      const segment = typeof to === 'number' ? placeOf(to) : exits[to];
      if (segment === undefined) throw new Error(`segment ${number} has no exit ${to}`);
      leads[name] = segment;
    }
    segments[placeOf(index)] = { list: part.list, exits: leads };
  }
}

/** Another part by number, or an exit of the list that was cut. */
type PartExit = number | ExitName;

interface ListPart {
  readonly list: DecisionList;
  readonly exits: Readonly<Partial<Record<ExitName, PartExit>>>;
}

/** Where a decision leads: a decision of the list, or one of `END`; `next` is one of `END`. */
function goalOf({ length, then }: DecisionList, decision: number): number {
  return then[decision] === length ? END.next : then[decision]!;
}

const isExit = (goal: number): boolean => goal >= 0 || goal === END.next || goal === END.call || goal === END.return;

/** The parts of a list, in the order of its decisions. */
function splitList(list: DecisionList, at: readonly number[]): ListPart[] {
  const cuts = new Set(at);
  const ranges: { from: number; to: number; goals: Set<number> }[] = [];
  for (let from = 0; from < list.length; ) {
    let to = from + 1;
    while (to < list.length && !cuts.has(to)) to++;
    let goals = farGoals(list, from, to);
    while (goals.size > 2) {
      to = (from + to) >> 1;
      goals = farGoals(list, from, to);
    }
    cuts.add(to);
    for (const goal of goals) if (goal >= 0) cuts.add(goal);
    ranges.push({ from, to, goals });
    from = to;
  }
  const partAt = new Map(ranges.map(({ from }, part) => [from, part]));
  return ranges.map((range) => makePart(list, range, partAt));
}

/** What a part leads to that is neither in it nor right behind it nor a verdict. */
function farGoals(list: DecisionList, from: number, to: number): Set<number> {
  const goals = new Set<number>();
  for (let i = from; i < to; i++) {
    const goal = goalOf(list, i);
    if (isExit(goal) && !(goal >= 0 && goal <= to) && !(goal === END.next && to === list.length)) goals.add(goal);
  }
  return goals;
}

function makePart(
  list: DecisionList,
  { from, to, goals }: { from: number; to: number; goals: ReadonlySet<number> },
  partAt: ReadonlyMap<number, number>,
): ListPart {
  const exits: Partial<Record<ExitName, PartExit>> = {};
  const codes = new Map<number, number>();
  const names: ExitName[] = ['call', 'return'];
  for (const goal of goals) {
    const name = names.shift()!;
    codes.set(goal, END[name]);
    exits[name] = goal >= 0 ? partAt.get(goal)! : goal === END.next ? 'next' : goal === END.call ? 'call' : 'return';
  }
  const length = to - from;
  let fallsOff = list.conditions[to - 1]!.length > 0;
  const then = Int32Array.from({ length }, (_, i) => {
    const goal = goalOf(list, from + i);
    const code = codes.get(goal);
    if (code !== undefined) return code;
    if (goal === to || (goal === END.next && to === list.length)) {
      fallsOff = true;
      return length;
    }
    return goal < 0 ? goal : goal - from;
  });
  if (fallsOff) exits.next = to === list.length ? 'next' : partAt.get(to)!;
  const conditions = list.conditions.slice(from, to);
  const slots = list.slots.slice(from, to);
  const part = { length, conditions, slots, then };
  return { list: list.owners ? { ...part, owners: list.owners.slice(from, to) } : part, exits };
}
