// The lists of early verdicts: what of INPUT and FORWARD is certain before the stack has seen a packet.
//
// A packet first meets a list of where it goes: by its device, source and destination it is one that INPUT is shown for
// certain, or FORWARD, or none, which is left to netfilter. Then it meets the chain's own list, made with the fields hidden
// that nobody knows yet, in which only drops are left: what is accepted is judged, and counted, by netfilter.
//
// Looking a connection up costs several times what all else does. So where rules ask for the state, a packet first meets
// their list as if it were of a new connection, and only where that would drop it is the state asked for. Others are left
// to netfilter, which drops those of them that are INVALID. That goes for lists that lead to no other.

import { CLASS_SHIFT, classNumber } from '../base/connection-state.ts';
import { nameInBytes } from '../base/device-name.ts';
import { type EarlyFacts, type FamilyFacts, keepsAll } from '../base/early.ts';
import type { ForeignPlace } from '../base/foreign-rules.ts';
import type { FilterChain } from '../base/hooks.ts';
import { complement, type IntervalSet, intersect } from '../base/intervals.ts';
import { evaluatePredicate, type FieldValues, type Literal, type Predicate } from '../base/predicate.ts';
import { complementWide, intersectWide, type WideIntervalSet } from '../base/wide-intervals.ts';
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
import { withUnverified } from './early-strict.ts';
import { ALWAYS } from './vectors.ts';

/** The last address of IPv4. */
const ALL = 0xffffffff;

const FORWARDABLE: Predicate = { kind: 'in', field: 'forwardable', set: [{ low: 1, high: 1 }] };

type FlatSegment = ListSegment | ShapeSegment;

/** The chains that packets may meet which come in by a device. */
export type EarlyChain = Extract<FilterChain, 'INPUT' | 'FORWARD'>;

/**
 * The segments of early verdicts; what they leave undecided is netfilter's. `undefined` where nothing is certain to be
 * dropped. `strict` ones leave undecided what the checksum of a packet could change.
 */
export function earlyLists(
  chains: Readonly<Partial<Record<EarlyChain, HookLists>>>,
  facts: EarlyFacts,
  table: ConditionTable,
  strict = false,
): HookLists | undefined {
  const [toInput, toForward] = (['INPUT', 'FORWARD'] as const).map(
    (chain) => chains[chain] !== undefined && mayDrop(chains[chain]) && !keepsAll(facts.foreign, chain),
  );
  const segments: FlatSegment[] = [];
  const add = ({ segments: own, entry }: HookLists): number => {
    const base = 1 + segments.length;
    segments.push(...own.map((segment) => moved(early(segment), base)));
    for (let place = base - 1; place < base - 1 + own.length; place++) {
      const whole = segments[place]!;
      if (!('list' in whole) || !asksState(whole)) continue;
      const certain = strict ? { ...whole, list: withUnverified(whole.list, table) } : whole;
      const isLast = Object.keys(whole.exits).length === 0;
      segments[place] = isLast ? { list: asNew(whole.list, table), exits: { next: 1 + segments.length } } : certain;
      if (isLast) segments.push(certain);
    }
    return base + entry;
  };
  const ways = new Ways(table);
  const all = facts.family === 'ipv4' ? waysOf(facts, IPV4) : waysOf(facts, IPV6);
  const keepAt = (places: readonly ForeignPlace[], where: readonly Literal[]): void => {
    if (facts.foreign === undefined || 'why' in facts.foreign) return;
    for (const { at, asked } of facts.foreign.kept) if (places.includes(at)) ways.keep([...asked, ...where]);
  };
  const addAll = (to: number) => {
    for (const { end, device, addresses } of all) if (end === to) ways.add(device, addresses, end);
  };
  keepAt(['NAT', 'PREROUTING'], []);
  if (toInput) {
    const toUs = facts.family === 'ipv4' ? IPV4.destination(facts.local) : IPV6.destination(facts.local);
    keepAt(['INPUT'], [{ predicate: toUs, negated: false }]);
    addAll(END.next);
  }
  if (toForward) {
    keepAt(['FORWARD'], []);
    addAll(END.call);
  }
  if (ways.isEmpty) return undefined;
  const exits = { ...(toInput && { next: add(chains.INPUT!) }), ...(toForward && { call: add(chains.FORWARD!) }) };
  return { segments: [{ list: ways.finish(), exits }, ...segments], entry: 0 };
}

/** Whether any packet is dropped before all that come so far are undecided. */
function mayDrop({ segments }: HookLists): boolean {
  return segments.some((segment) => 'list' in segment && segment.list.then.includes(END.drop));
}

/** What is asked of a family's addresses, and of sets of them. */
interface Addresses<Set> {
  source(set: Set): Predicate;
  destination(set: Set): Predicate;
  /** What is in one set and not in the other, if there is one. */
  without(all: Set, others: Set | undefined): Set;
}

const IPV4: Addresses<IntervalSet> = {
  source: (set) => ({ kind: 'in', field: 'src', set }),
  destination: (set) => ({ kind: 'in', field: 'dst', set }),
  without: (all, others = []) => intersect(all, complement(others, ALL)),
};

const IPV6: Addresses<WideIntervalSet> = {
  source: (set) => ({ kind: 'wide', field: 'src6', set }),
  destination: (set) => ({ kind: 'wide', field: 'dst6', set }),
  without: (all, others = []) => intersectWide(all, complementWide(others)),
};

interface Way {
  readonly device: string;
  /** What it asks of source and destination. */
  readonly addresses: readonly Predicate[];
  /** `next` leads to INPUT, `call` to FORWARD. */
  readonly end: number;
}

/** Where packets go that come in by each device. */
function waysOf<Set>({ local, routed, devices }: FamilyFacts<Set>, asked: Addresses<Set>): Way[] {
  const { source, destination, without } = asked;
  return devices.flatMap(({ name: device, sources, forwards, back }): Way[] => {
    const to = (set: Set, end: number): Way => ({ device, addresses: [source(sources), destination(set)], end });
    return [to(local, END.next), ...(forwards ? [to(without(routed, back), END.call)] : [])];
  });
}

/** The list of where packets go. */
class Ways {
  private readonly table: ConditionTable;
  private readonly conditions: (readonly Condition[])[] = [];
  private readonly ends: number[] = [];

  constructor(table: ConditionTable) {
    this.table = table;
  }

  /** Whether it leads nowhere. */
  get isEmpty(): boolean {
    return this.ends.every((end) => end === END.undecided);
  }

  /** Packets that all of this is true of are netfilter's, unless they have gone another way before. */
  keep(asked: readonly Literal[]): void {
    let vector = ALWAYS;
    for (const literal of asked) {
      const answer = this.table.condition(literal);
      if (answer === true) continue;
      const both = answer === false ? undefined : this.table.both(vector, this.table.vector([answer]));
      if (both === undefined) return;
      vector = both;
    }
    this.conditions.push(this.table.conditionsOf(vector));
    this.ends.push(END.undecided);
  }

  /** Packets from a device between these addresses go to `end`. */
  add(device: string, addresses: readonly Predicate[], end: number): void {
    const predicates: readonly Predicate[] = [
      { kind: 'device', field: 'inDevice', name: nameInBytes(device), prefix: false },
      ...addresses,
      ...(end === END.call ? [FORWARDABLE] : []),
    ];
    const asked = predicates.map((predicate) => this.table.condition({ predicate, negated: false }));
    if (asked.includes(false)) return;
    const conditions = asked.filter((answer): answer is Condition => typeof answer === 'object');
    this.conditions.push(this.table.conditionsOf(this.table.vector(conditions)));
    this.ends.push(end);
  }

  finish(): DecisionList {
    const then = Int32Array.from([...this.ends, END.undecided]);
    const conditions = [...this.conditions, []];
    return { length: then.length, conditions, slots: new Int32Array(then.length).fill(-1), then };
  }
}

/** Whether a list asks for connection states. */
function asksState({ list }: ListSegment): boolean {
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
    return table.conditionsOf(table.vector(applies ? others : []));
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
