// Which rules drop packets before netfilter, and why the others do not: read off the lists of early verdicts.
//
// A rule is early if one of its decisions there leads to a drop: packets that it drops, or that a later rule drops, are
// counted at XDP. Of any other rule, the lists made with the fields hidden that nobody knows early say what became of it.

import { CLASS_SHIFT, classNumber, UNVERIFIED } from '../base/connection-state.ts';
import type { EarlyDevice, EarlyFacts } from '../base/early.ts';
import type { Features } from '../base/features.ts';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import { complement, contains, type IntervalSet, intersect, interval, normalize, union } from '../base/intervals.ts';
import { evaluatePredicate, FIELD_MAXIMUM, type Field, type FieldValues, type Literal } from '../base/predicate.ts';
import { complementWide, intersectWide, normalizeWide, type WideIntervalSet } from '../base/wide-intervals.ts';
import { type Budget, DEFAULT_BUDGET } from '../classify/budget.ts';
import { wideSet } from '../classify/conditions.ts';
import {
  type Condition,
  type DecisionList,
  END,
  type ExitName,
  type HookLists,
  type ListSegment,
} from '../classify/decision-list.ts';
import type { Flattener } from '../classify/flatten.ts';
import type { SegmentPlan } from '../classify/plan.ts';
import { whyNotStrict } from '../codegen/early-strict.ts';
import { type ChainMeaning, type Chains, chainsFrom, type RuleMeaning } from '../graph/chains.ts';
import type { Slot } from '../graph/graph.ts';
import { withTracking } from './compile.ts';
import { EarlyCompiler, type EarlyLists } from './early.ts';
import { type EarlyGround, whyUntold } from './early-ground.ts';

/** Why a rule drops nothing early, in the order in which they are asked. */
export const LATE_REASONS = [
  'output', // only what this host sends meets it
  'unmet', // no packet meets it
  'ground', // there are no early verdicts, or none in its chain
  'size', // user chains are too large to be made out early
  'accept', // it accepts
  'out-device', // it asks for the device by which packets leave
  'connection', // it asks of connections what XDP cannot know
  'in-device', // it asks for a device of whose packets nothing is certain
  'address', // it asks for addresses that are neither of this host, nor of a plain way to it or through it
  'protocol', // connections are tracked, and it asks for a protocol whose connections XDP cannot look up
  'behind', // a rule before it leaves its packets undecided
  'open', // what becomes of its packets is known later
] as const;

export type LateReason = (typeof LATE_REASONS)[number];

/** Where the packets of a rule or policy are dropped, if they are. */
export type RulePlace =
  | {
      readonly slot: Slot;
      readonly early: true;
      /** Whether the packet's connection state is looked up for it. */
      readonly asksState: boolean;
    }
  | {
      readonly slot: Slot;
      readonly early: false;
      readonly reason: LateReason;
      /** The rule that leaves its packets undecided, where it is known. */
      readonly by?: Slot;
    };

export interface EarlyPlaces {
  /** Why there are no early verdicts, in words that follow "because"; absent where there are. */
  readonly none?: string;
  /** Whether packets of connections are left to netfilter, because tracking runs. */
  readonly tracked: boolean;
  /** The chains that something is dropped of. */
  readonly hooks: readonly FilterChain[];
  /** Of the tables of the XDP programs. */
  readonly plans: readonly SegmentPlan[];
  readonly tableBytes: number;
  /** Chain by chain, rules in their order, then the policy. */
  readonly places: readonly RulePlace[];
}

type Lists = Readonly<Partial<Record<FilterChain, HookLists>>>;

/** What early verdicts may rest on, and the kernel that gives them; or why there are none. */
export type KnownGround = { readonly ground: EarlyGround; readonly features: Features } | { readonly why: string };

/** `lists` are netfilter's, made by the same flattener. */
export function explainEarly(
  chains: Chains,
  lists: Lists,
  flattener: Flattener,
  known: KnownGround,
  strict = false,
  budget: Budget = DEFAULT_BUDGET,
): EarlyPlaces {
  const why = 'why' in known ? known.why : whyNoVerdicts(chains, known, strict);
  if ('why' in known || why !== undefined) {
    const places = new Places(chains, lists, undefined, undefined);
    return { none: why!, tracked: false, hooks: [], plans: [], tableBytes: 0, places: places.all('ground') };
  }
  const { features } = known;
  const ground = withTracking(known.ground, chains);
  const { tracked } = ground;
  const compiler = new EarlyCompiler(flattener);
  const made = compiler.lists(chains, ground, features, budget, strict);
  const places = new Places(chains, lists, made, ground, strict);
  if (made?.early === undefined) {
    const none = made === undefined ? 'user chains are too large' : 'before netfilter, no drop is certain';
    return {
      none,
      tracked,
      hooks: [],
      plans: [],
      tableBytes: 0,
      places: places.all(made === undefined ? 'size' : undefined),
    };
  }
  const { plans, tables } = compiler.classify(made.early, budget);
  return { tracked, hooks: hooksOf(made.early), plans, tableBytes: tables.length, places: places.all(undefined) };
}

/** Why this kernel gives no early verdicts of these rules. */
function whyNoVerdicts(
  chains: Chains,
  { ground, features }: Extract<KnownGround, { readonly ground: EarlyGround }>,
  strict: boolean,
): string | undefined {
  if (features.surroundings === undefined) return 'this kernel does not show what they rest on';
  return whyUntold(withTracking(ground, chains), features) ?? (strict ? whyNotStrict(features) : undefined);
}

/** The chains that packets are led to: see the head of `src/classify/early.ts`. */
function hooksOf({ segments, entry }: HookLists): FilterChain[] {
  const ways = segments[entry] as ListSegment;
  const ends = new Set(ways.list.then);
  return [...(ends.has(END.next) ? ['INPUT' as const] : []), ...(ends.has(END.call) ? ['FORWARD' as const] : [])];
}

/** Finds the place of each rule. */
class Places {
  private readonly chains: Chains;
  private readonly made: EarlyLists | undefined;
  /** Of each chain: the hooks whose packets may enter it. */
  private readonly hooks = new Map<ChainMeaning, FilterChain[]>();
  /** Rules that are met at a hook, where nothing is hidden, with the decisions that ask least. */
  private readonly met: ReadonlyMap<Slot, readonly Decision[]>;
  private readonly drops: Drops;
  /** Rules in the lists with hidden fields, and those of them that leave packets undecided. */
  private readonly known: ReadonlySet<Slot>;
  private readonly undecided: UndecidedRules;
  private readonly facts: EarlyFacts | undefined;
  private readonly uncertain: Uncertain | undefined;

  constructor(
    chains: Chains,
    lists: Lists,
    made: EarlyLists | undefined,
    ground: EarlyGround | undefined,
    strict = false,
  ) {
    this.chains = chains;
    this.made = made;
    this.facts = ground?.facts;
    this.uncertain = ground && new Uncertain(ground.facts, ground.tracked);
    for (const hook of FILTER_CHAINS.filter((each) => chains.has(each)))
      for (const chain of chainsFrom(chains, hook)) this.hooks.set(chain, [...(this.hooks.get(chain) ?? []), hook]);
    this.met = decisionsOf(lists);
    const known = decisionsOf(made?.known ?? {});
    this.known = new Set(known.keys());
    this.undecided = new UndecidedRules(known);
    this.drops = made?.early === undefined ? NO_DROPS : dropping(made.early, this.uncertain!, statesOf(strict));
  }

  /** `reason`, if given, is why nothing at all is early. */
  all(reason: LateReason | undefined): RulePlace[] {
    const found: RulePlace[] = [];
    for (const chain of this.chains.values()) {
      for (const [i, slot] of chain.slots.entries()) found.push(this.place(chain, slot, chain.rules[i]!, reason));
      if (chain.policySlot >= 0) found.push(this.place(chain, chain.policySlot, undefined, reason));
    }
    return found;
  }

  private place(
    chain: ChainMeaning,
    slot: Slot,
    rule: RuleMeaning | undefined,
    general: LateReason | undefined,
  ): RulePlace {
    const { early, states, reached, passed } = this.drops;
    if (early.has(slot)) return { slot, early: true, asksState: states.has(slot) };
    const late = (reason: LateReason): RulePlace => ({ slot, early: false, reason });
    const hooks = this.hooks.get(chain) ?? [];
    if (hooks.length > 0 && hooks.every((hook) => hook === 'OUTPUT')) return late('output');
    const decisions = this.met.get(slot);
    if (decisions === undefined) return late('unmet');
    if (general !== undefined) return late(general);
    if (!hooks.some((hook) => this.isServed(hook))) return late('ground');
    if (rule === undefined ? chain.policy === 'accept' : rule.target.kind === 'accept') return late('accept');
    if (this.undecided.has(slot)) return late(this.hiddenIn(rule!, hooks));
    if (!this.known.has(slot)) {
      const by = this.undecided.before(slot, decisions);
      return by === undefined ? late('behind') : { slot, early: false, reason: 'behind', by };
    }
    if (passed.has(slot) && !reached.has(slot)) return late('behind');
    const asked = decisions.flatMap(({ conditions }) => conditions);
    const whys = asked.map((condition) => this.uncertain!.why(condition));
    return late(whys.find((why) => why !== undefined) ?? 'open');
  }

  private isServed(hook: FilterChain): boolean {
    return hook !== 'OUTPUT' && this.facts!.devices.some(({ forwards }) => hook === 'INPUT' || forwards);
  }

  /** Which hidden field a rule asks: `-o` before what it asks of connections. */
  private hiddenIn(rule: RuleMeaning, hooks: readonly FilterChain[]): LateReason {
    const hidden = new Set<Field>(hooks.flatMap((hook) => (hook === 'OUTPUT' ? [] : this.made!.hidden[hook])));
    const asked = rule
      .clauses()
      .map(({ predicate }) => predicate.field)
      .filter((field) => hidden.has(field));
    return asked.includes('outDevice') ? 'out-device' : 'connection';
  }
}

interface Decision {
  readonly conditions: readonly Condition[];
  readonly isUndecided: boolean;
  /** Its place among all decisions, in the order in which packets meet them as far as there is one. */
  readonly rank: number;
}

/** The decisions of each rule in what is shown to INPUT and FORWARD, and OUTPUT; drops by shape aside. */
function decisionsOf(lists: Lists): Map<Slot, Decision[]> {
  const found = new Map<Slot, Decision[]>();
  let rank = 0;
  for (const { segments } of Object.values(lists)) {
    for (const segment of segments) {
      if (!('list' in segment)) continue;
      const { length, conditions, slots, then, owners = slots } = segment.list;
      for (let i = 0; i < length; i++, rank++) {
        if (slots[i]! < 0 && then[i] !== END.undecided) continue;
        const decision = { conditions: conditions[i]!, isUndecided: then[i] === END.undecided, rank };
        const known = found.get(owners[i]!);
        if (known === undefined) found.set(owners[i]!, [decision]);
        else known.push(decision);
      }
    }
  }
  return found;
}

/** The rules that ask what is hidden, by what else they ask. */
class UndecidedRules {
  private readonly slots = new Set<Slot>();
  private readonly byConditions = new Map<string, { readonly slot: Slot; readonly rank: number }>();

  constructor(known: ReadonlyMap<Slot, readonly Decision[]>) {
    for (const [slot, decisions] of known) {
      for (const { conditions, isUndecided, rank } of decisions) {
        if (!isUndecided) continue;
        this.slots.add(slot);
        const key = keyOf(conditions);
        const first = this.byConditions.get(key);
        if (first === undefined || rank < first.rank) this.byConditions.set(key, { slot, rank });
      }
    }
  }

  has(slot: Slot): boolean {
    return this.slots.has(slot);
  }

  /** The first rule that leaves all packets undecided which some decision of another rule applies to. */
  before(slot: Slot, decisions: readonly Decision[]): Slot | undefined {
    let first: { readonly slot: Slot; readonly rank: number } | undefined;
    for (const { conditions } of decisions) {
      for (let subset = 0; subset < 1 << Math.min(conditions.length, MOST_ASKED); subset++) {
        const found = this.byConditions.get(keyOf(conditions.filter((_, i) => (subset >> i) & 1)));
        if (found !== undefined && found.slot !== slot && (first === undefined || found.rank < first.rank))
          first = found;
      }
    }
    return first?.slot;
  }
}

/** Rules that ask more fields are not looked at as a whole. */
const MOST_ASKED = 6;

function keyOf(conditions: readonly Condition[]): string {
  return conditions.map(({ id }) => id).join();
}

interface Drops {
  /** Rules that count packets on the way to a drop, and those of them that ask for connection states. */
  readonly early: ReadonlySet<Slot>;
  readonly states: ReadonlySet<Slot>;
  /** Rules that packets come to, and that none comes to whatever its state. */
  readonly reached: ReadonlySet<Slot>;
  readonly passed: ReadonlySet<Slot>;
}

const NO_DROPS: Drops = { early: new Set(), states: new Set(), reached: new Set(), passed: new Set() };

function dropping(lists: HookLists, uncertain: Uncertain, known: IntervalSet): Drops {
  const [early, states, reached, passed] = [new Set<Slot>(), new Set<Slot>(), new Set<Slot>(), new Set<Slot>()];
  /** Whether packets may be dropped that come to a segment. */
  const drops = new Map<number, boolean>();
  const waiting = [lists.entry];
  while (waiting.length > 0) {
    const number = waiting.at(-1)!;
    const segment = lists.segments[number]!;
    const next = 'list' in segment ? exitsOf(segment) : [segment.main, segment.odd];
    const open = next.filter((each) => !drops.has(each));
    if (open.length > 0) {
      waiting.push(...open);
      continue;
    }
    waiting.pop();
    if (drops.has(number)) continue;
    if (!('list' in segment)) {
      drops.set(
        number,
        next.some((each) => drops.get(each)),
      );
      continue;
    }
    const { list, exits } = segment;
    const leads = (end: number): boolean =>
      end === END.drop || EXITS.some((exit) => END[exit] === end && drops.get(exits[exit]!) === true);
    const isOpen = openDecisions(list, known);
    // Whether packets may be dropped that come to a decision.
    const from = new Uint8Array(list.length + 1);
    from[list.length] = leads(END.next) ? 1 : 0;
    for (let i = list.length - 1; i >= 0; i--) {
      const [conditions, then, slot] = [list.conditions[i]!, list.then[i]!, list.slots[i]!];
      const applies = isOpen[i] === 1 && !conditions.some((condition) => uncertain.why(condition) !== undefined);
      if (slot >= 0) (isOpen[i] === 1 ? reached : passed).add(slot);
      const dropped = applies && (then >= 0 ? from[then] === 1 : leads(then));
      if (dropped && slot >= 0) {
        early.add(slot);
        if (conditions.some(({ field }) => field === 'state')) states.add(slot);
      }
      from[i] = dropped || (conditions.length > 0 && from[i + 1] === 1) ? 1 : 0;
    }
    drops.set(number, from[0] === 1);
  }
  return { early, states, reached, passed };
}

/** By decision: 1 where packets of some connection state come to it and may meet it. */
function openDecisions({ length, conditions, then }: DecisionList, states: IntervalSet): Uint8Array {
  const open = new Uint8Array(length);
  const skipped = new Map<number, IntervalSet>();
  let left = states;
  for (let i = 0; i < length; i++) {
    left = union(left, skipped.get(i) ?? []);
    const asked = conditions[i]!;
    const state = asked.find(({ field }) => field === 'state');
    const those = state === undefined ? left : state.set === undefined ? [] : intersect(left, state.set);
    open[i] = (state !== undefined && state.set === undefined ? left : those).length > 0 ? 1 : 0;
    if (then[i]! > i + 1) skipped.set(then[i]!, union(left, skipped.get(then[i]!) ?? []));
    if (then[i]! < 0 && asked.length === (state === undefined ? 0 : 1))
      left = intersect(left, complement(those, FIELD_MAXIMUM.state));
  }
  return open;
}

/** What packets of no connection may be: see `src/codegen/early-connection.ts`. */
function statesOf(strict: boolean): IntervalSet {
  const isValid = strict ? UNVERIFIED : classNumber('NEW') << CLASS_SHIFT;
  return union(interval(isValid), interval(classNumber('INVALID') << CLASS_SHIFT));
}

const EXITS: readonly ExitName[] = ['next', 'call', 'return'];

/** The segments that a list's packets may come to. */
function exitsOf({ list, exits }: ListSegment): number[] {
  const { length, conditions, then } = list;
  const ends = new Set<number>(then);
  if (length === 0 || conditions[length - 1]!.length > 0 || ends.has(length)) ends.add(END.next);
  return EXITS.flatMap((exit) => (ends.has(END[exit]) && exits[exit] !== undefined ? [exits[exit]] : []));
}

type Uncertainty = Extract<LateReason, 'in-device' | 'address' | 'protocol'>;

/** TCP and UDP: see `src/codegen/early-connection.ts`. */
const LOOKED_UP = [6, 17];

/** Tells conditions that no packet meets of which anything is certain. */
class Uncertain {
  private readonly known = new Map<Condition, Uncertainty | undefined>();
  private readonly names: readonly string[];
  private readonly addresses: MetAddresses;
  private readonly tracked: boolean;

  constructor(facts: EarlyFacts, tracked: boolean) {
    this.tracked = tracked;
    this.names = facts.devices.flatMap(({ name, sources }) => (sources.length > 0 ? [name] : []));
    this.addresses = metAddresses(facts);
  }

  why(condition: Condition): Uncertainty | undefined {
    if (!this.known.has(condition)) this.known.set(condition, this.find(condition));
    return this.known.get(condition);
  }

  private find(condition: Condition): Uncertainty | undefined {
    const { field, literals, set } = condition;
    if (field === 'inDevice') return this.names.some((name) => hold(literals, name)) ? undefined : 'in-device';
    if (field === 'src6' || field === 'dst6') {
      const asked = wideSet(condition);
      return asked !== undefined && intersectWide(asked, this.addresses[field]).length === 0 ? 'address' : undefined;
    }
    if (set === undefined) return undefined;
    if (field === 'protocol') return !this.tracked || LOOKED_UP.some((each) => contains(set, each)) ? undefined : field;
    if (field !== 'src' && field !== 'dst') return undefined;
    return intersect(set, this.addresses[field]).length === 0 ? 'address' : undefined;
  }
}

/** The addresses of packets of which something is certain. */
type MetAddresses = Readonly<Record<'src' | 'dst', IntervalSet> & Record<'src6' | 'dst6', WideIntervalSet>>;

/** Of ways through this host, those that lead back by the device that a packet came in by are left out. */
function metAddresses(facts: EarlyFacts): MetAddresses {
  const none = { src: [], dst: [], src6: [], dst6: [] };
  if (facts.family === 'ipv4') {
    const { local, routed, devices } = facts;
    const beyond = (back: IntervalSet = []) => intersect(routed, complement(back, FIELD_MAXIMUM.dst));
    return {
      ...none,
      src: normalize(devices.flatMap(({ sources }) => sources)),
      dst: normalize([...local, ...forwarding(devices).flatMap(({ back }) => beyond(back))]),
    };
  }
  const { local, routed, devices } = facts;
  const beyond = (back: WideIntervalSet = []) => intersectWide(routed, complementWide(back));
  return {
    ...none,
    src6: normalizeWide(devices.flatMap(({ sources }) => sources)),
    dst6: normalizeWide([...local, ...forwarding(devices).flatMap(({ back }) => beyond(back))]),
  };
}

/** The devices whose packets may come to FORWARD. */
function forwarding<Addresses extends readonly unknown[]>(
  devices: readonly EarlyDevice<Addresses>[],
): EarlyDevice<Addresses>[] {
  return devices.filter(({ forwards, sources }) => forwards && sources.length > 0);
}

function hold(literals: readonly Literal[], inDevice: string): boolean {
  const values = { inDevice } as FieldValues;
  return literals.every(({ predicate, negated }) => evaluatePredicate(predicate, values) !== negated);
}
