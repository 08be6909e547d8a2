// The lists of early verdicts: what of INPUT and FORWARD is certain before the stack has seen a packet.
//
// A packet first meets a list of where it goes: by its device, source and destination it is one that INPUT is shown for
// certain, or FORWARD, or none, which is left to netfilter. Then it meets the chain's own list, made with the fields hidden
// that nobody knows yet, in which only drops are left: what is accepted is judged, and counted, by netfilter.
//
// Looking a connection up costs several times what all else does. So where rules ask for the state, a packet first meets
// their list as if it were of a new connection, and only where that would drop it is the state asked for. Others are left
// to netfilter, which drops those of them that are INVALID.

import { CLASS_SHIFT, classNumber } from '../base/connection-state.ts';
import type { EarlyFacts } from '../base/early.ts';
import type { FilterChain } from '../base/hooks.ts';
import { complement, type IntervalSet, intersect } from '../base/intervals.ts';
import { evaluatePredicate, type FieldValues, type Literal, type NumericField } from '../base/predicate.ts';
import type { ConditionTable } from './conditions.ts';
import {
  type Condition,
  type DecisionList,
  END,
  type HookLists,
  type ListSegment,
  moved,
  type ShapeSegment,
} from './decision-list.ts';

/** The last address. */
const ALL = 0xffffffff;

type FlatSegment = ListSegment | ShapeSegment;

/** The chains that packets may meet which come in by a device. */
export type EarlyChain = Extract<FilterChain, 'INPUT' | 'FORWARD'>;

/**
 * The segments of early verdicts; what they leave undecided is netfilter's. `undefined` where nothing is certain to be
 * dropped.
 */
export function earlyLists(
  chains: Readonly<Partial<Record<EarlyChain, HookLists>>>,
  facts: EarlyFacts,
  table: ConditionTable,
): HookLists | undefined {
  const [toInput, toForward] = [chains.INPUT, chains.FORWARD].map((lists) => lists !== undefined && mayDrop(lists));
  const segments: FlatSegment[] = [];
  const add = ({ segments: own, entry }: HookLists): number => {
    const base = 1 + segments.length;
    segments.push(...own.map((segment) => moved(early(segment), base)));
    for (let place = base - 1; place < base - 1 + own.length; place++) {
      const whole = segments[place]!;
      if (!('list' in whole) || !asksState(whole)) continue;
      segments[place] = { list: asNew(whole.list, table), exits: { next: 1 + segments.length } };
      segments.push(whole);
    }
    return base + entry;
  };
  const ways = new Ways(table);
  for (const device of facts.devices) {
    if (toInput) ways.add(device.name, device.sources, facts.local, END.next);
    const beyond = intersect(facts.routed, complement(device.back ?? [], ALL));
    if (toForward && device.forwards) ways.add(device.name, device.sources, beyond, END.call);
  }
  if (ways.isEmpty) return undefined;
  const exits = { ...(toInput && { next: add(chains.INPUT!) }), ...(toForward && { call: add(chains.FORWARD!) }) };
  return { segments: [{ list: ways.finish(), exits }, ...segments], entry: 0 };
}

/** Whether any packet is dropped before all that come so far are undecided. */
function mayDrop({ segments }: HookLists): boolean {
  return segments.some((segment) => 'list' in segment && segment.list.then.includes(END.drop));
}

/** The list of where packets go. */
class Ways {
  private readonly table: ConditionTable;
  private readonly conditions: (readonly Condition[])[] = [];
  private readonly ends: number[] = [];

  constructor(table: ConditionTable) {
    this.table = table;
  }

  get isEmpty(): boolean {
    return this.ends.length === 0;
  }

  /** Packets from a device between these addresses go to `end`. */
  add(device: string, sources: IntervalSet, destinations: IntervalSet, end: number): void {
    const is = (field: NumericField, set: IntervalSet) =>
      this.table.condition({ predicate: { kind: 'in', field, set }, negated: false });
    const asked = [
      this.table.condition({
        predicate: { kind: 'device', field: 'inDevice', name: device, prefix: false },
        negated: false,
      }),
      is('src', sources),
      is('dst', destinations),
      ...(end === END.call ? [is('forwardable', [{ low: 1, high: 1 }])] : []),
    ];
    if (asked.includes(false)) return;
    const conditions = asked.filter((answer): answer is Condition => typeof answer === 'object');
    this.conditions.push(this.table.vector(conditions).conditions);
    this.ends.push(end);
  }

  finish(): DecisionList {
    const then = Int32Array.from([...this.ends, END.undecided]);
    const conditions = [...this.conditions, []];
    return { length: then.length, conditions, slots: new Int32Array(then.length).fill(-1), then };
  }
}

/** Whether a list asks for connection states, and leads to no other. */
function asksState({ list, exits }: ListSegment): boolean {
  if (Object.keys(exits).length > 0) return false;
  return list.conditions.some((asked) => asked.some(({ field }) => field === 'state'));
}

/** What a list says of packets of new connections, with the end `next` for what it would drop. */
function asNew({ length, conditions, then: ends }: DecisionList, table: ConditionTable): DecisionList {
  const values = { state: classNumber('NEW') << CLASS_SHIFT } as FieldValues;
  const then = ends.map((end) => (end === END.drop ? END.next : end));
  const asked = conditions.map((all, decision) => {
    const others = all.filter(({ field }) => field !== 'state');
    if (others.length === all.length) return all;
    const applies = all.every(
      ({ field, literals }) => field !== 'state' || literals.every((each) => holds(each, values)),
    );
    if (!applies) then[decision] = decision + 1;
    return table.vector(applies ? others : []).conditions;
  });
  return { length, conditions: asked, slots: new Int32Array(length).fill(-1), then };
}

function holds({ predicate, negated }: Literal, values: FieldValues): boolean {
  return evaluatePredicate(predicate, values) !== negated;
}

/** The segment with drops alone; whoever is undecided is not counted. */
function early(segment: FlatSegment): FlatSegment {
  if (!('list' in segment)) return segment;
  const { list, exits } = segment;
  const then = list.then.map((end) => (end === END.accept ? END.undecided : end));
  const slots = list.slots.map((slot, decision) => (then[decision] === END.undecided ? -1 : slot));
  return { list: { ...list, then, slots }, exits };
}
