// Which rules drop packets before netfilter, and why the others do not: read off the lists of early verdicts.
//
// A rule is early if one of its decisions there leads to a drop: packets that it drops, or that a later rule drops, are
// counted at XDP. Of any other rule, the lists made with the fields hidden that nobody knows early say what became of it.

import { type EarlyFacts, keepsAll } from '../base/early.ts';
import type { Features } from '../base/features.ts';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { Field } from '../base/predicate.ts';
import { type Budget, DEFAULT_BUDGET } from '../classify/budget.ts';
import { type Condition, END, type HookLists, type ListSegment } from '../classify/decision-list.ts';
import type { Flattener } from '../classify/flatten.ts';
import type { SegmentPlan } from '../classify/plan.ts';
import { whyNotStrict } from '../codegen/early-strict.ts';
import { type ChainMeaning, type Chains, chainsFrom, type RuleMeaning } from '../graph/chains.ts';
import type { Slot } from '../graph/graph.ts';
import { withTracking } from './compile.ts';
import { EarlyCompiler, type EarlyLists } from './early.ts';
import { foreignNotes } from './early-foreign.ts';
import { type EarlyGround, whyUntold } from './early-ground.ts';
import { type Drops, dropping, NO_DROPS } from './explain-early-drops.ts';
import { UncertainConditions } from './explain-early-uncertain.ts';

/** Why a rule drops nothing early, in the order in which they are asked. */
export const LATE_REASONS = [
  'output', // only what this host sends meets it
  'unmet', // no packet meets it
  'ground', // there are no early verdicts, or none in its chain
  'size', // the rules are too large to be made out early
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
  /** What there is to say of rules of others. */
  readonly notes: readonly string[];
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
    return { none: why!, tracked: false, notes: [], hooks: [], plans: [], tableBytes: 0, places: places.all('ground') };
  }
  const { features } = known;
  const ground = withTracking(known.ground, chains);
  const { tracked } = ground;
  const compiler = new EarlyCompiler(flattener);
  const made = compiler.lists(chains, ground, features, budget, strict);
  const places = new Places(chains, lists, made, ground, strict);
  const classified = made?.early && compiler.classify(made.early, budget);
  if (made?.early === undefined || classified === undefined) {
    const isTooLarge = made === undefined || made.early !== undefined;
    return {
      none: isTooLarge ? 'the rules are too large' : 'before netfilter, no drop is certain',
      tracked,
      notes: [],
      hooks: [],
      plans: [],
      tableBytes: 0,
      places: places.all(isTooLarge ? 'size' : undefined),
    };
  }
  const { plans, tables } = classified;
  return {
    tracked,
    notes: foreignNotes(ground.facts.foreign),
    hooks: hooksOf(made.early),
    plans,
    tableBytes: tables.length,
    places: places.all(undefined),
  };
}

/** Why this kernel gives no early verdicts of these rules. */
function whyNoVerdicts(
  chains: Chains,
  { ground, features }: Extract<KnownGround, { readonly ground: EarlyGround }>,
  strict: boolean,
): string | undefined {
  if (features.layout.netfilterContext === undefined) return 'placement exact needs Linux 6.4 or later';
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
  private readonly uncertain: UncertainConditions | undefined;

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
    this.uncertain = ground && new UncertainConditions(ground.facts, ground.tracked);
    for (const hook of FILTER_CHAINS.filter((each) => chains.has(each)))
      for (const chain of chainsFrom(chains, hook)) this.hooks.set(chain, [...(this.hooks.get(chain) ?? []), hook]);
    this.met = decisionsOf(lists);
    const known = decisionsOf(made?.known ?? {});
    this.known = new Set(known.keys());
    this.undecided = new UndecidedRules(known);
    this.drops = made?.early === undefined ? NO_DROPS : dropping(made.early, this.uncertain!, strict);
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
    if (hook === 'OUTPUT' || keepsAll(this.facts!.foreign, hook)) return false;
    return this.facts!.devices.some(({ forwards }) => hook === 'INPUT' || forwards);
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
