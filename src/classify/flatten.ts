// From what the rules of a table mean to segments of decision lists.
//
// A hook's packets enter a list with all user chains in place, or, where rules may drop packets without counting them
// because of their shape, a segment that asks for the shape and leads to one of two lists (`shapes.ts`). A chain that
// is not put in place has segments of its own, one for each place that it may return to; they share its lists, and so
// the tables that are made of them. Decisions with a condition that cannot be looked up get segments of their own.

import type { EarlyFacts } from '../base/early.ts';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { Field } from '../base/predicate.ts';
import { type ChainMeaning, type Chains, chainsFrom } from '../graph/chains.ts';
import type { Budget } from './budget.ts';
import { ClassifyCache } from './cache.ts';
import { type ChainPart, type PartOptions, policyList, walkChain } from './chain-parts.ts';
import { ConditionTable, fieldBit, isIndexable } from './conditions.ts';
import {
  type DecisionList,
  END,
  type ExitName,
  type HookChains,
  type HookLists,
  type ListSegment,
  type ShapeSegment,
} from './decision-list.ts';
import { type EarlyChain, earlyLists } from './early.ts';
import { type Finding, findUnmet } from './findings.ts';
import { isWalkable } from './finishes/walk.ts';
import { callersFirst, chainsApart, TooManySegmentsError } from './flatten-plan.ts';
import { KnownChains } from './known-chains.ts';
import { type Place, RuleCompiler } from './rule-decisions.ts';
import type { Shape } from './shapes.ts';
import { splitSegment } from './split-list.ts';

export interface FlattenOptions {
  readonly budget: Pick<Budget, 'flatten' | 'decisions' | 'segments' | 'codeTests'>;
  /** The hooks to make lists for; all by default. */
  readonly hooks?: readonly FilterChain[];
  /** The fields that a hook cannot see: packets whose way depends on them end undecided. */
  readonly hidden?: Readonly<Partial<Record<FilterChain, readonly Field[]>>>;
}

/** Vectors that are kept however few are in use. */
const MOST_UNUSED = 1 << 14;

type FlatSegment = ListSegment | ShapeSegment;

/** Makes segments of chains; keeps what it knows of rules for the next time. */
export class Flattener {
  private compiler = new RuleCompiler(new ConditionTable());
  private chains = new KnownChains();
  private known = new ClassifyCache();
  private knownEarly = new ClassifyCache();
  /** Whether most of what is known is of rules that are gone. */
  private isFull = false;

  /** For the classification of the lists that were made last: it knows conditions by their ids, and lives as long as these. */
  get cache(): ClassifyCache {
    return this.known;
  }

  /** The same for lists of early verdicts, whose classifications take turns with those of the others. */
  get earlyCache(): ClassifyCache {
    return this.knownEarly;
  }

  /** The segments of each hook. Throws `TooManySegmentsError` where user chains need more than the budget has. */
  flatten(chains: Chains, options: FlattenOptions): Partial<Record<FilterChain, HookLists>> {
    if (this.isFull) {
      this.compiler = new RuleCompiler(new ConditionTable());
      this.chains = new KnownChains();
      this.known = new ClassifyCache();
      this.knownEarly = new ClassifyCache();
    }
    const hooks = (options.hooks ?? FILTER_CHAINS).filter((hook) => chains.has(hook));
    const shapes = this.hookShapes(chains, hooks);
    const result: Partial<Record<FilterChain, HookLists>> = {};
    for (const hook of hooks) {
      const make = (budget: FlattenOptions['budget']): HookLists =>
        this.hookLists(chains, hook, shapes.get(hook), { ...options, budget });
      try {
        result[hook] = make(options.budget);
      } catch (error) {
        if (!(error instanceof TooManySegmentsError)) throw error;
        result[hook] = this.longOrWalked(chains, hook, options, make);
      }
    }
    this.known.conditions.expect(this.compiler.table.lastId);
    this.isFull = this.compiler.table.vectorCount > MOST_UNUSED + 4 * inUse(chains, result);
    return result;
  }

  /** Longer lists are still better than chains that packets walk through rule by rule, and these better than none. */
  private longOrWalked(
    chains: Chains,
    hook: FilterChain,
    options: FlattenOptions,
    make: (budget: FlattenOptions['budget']) => HookLists,
  ): HookLists {
    try {
      return make({ ...options.budget, flatten: Number.POSITIVE_INFINITY });
    } catch (error) {
      if (!(error instanceof TooManySegmentsError) || !Number.isFinite(options.budget.codeTests)) throw error;
      const walked = this.walkedChains(chains, hook, options);
      if (!isWalkable(walked)) throw error;
      return { segments: [], entry: 0, walked };
    }
  }

  /** The lists of each chain that packets of a hook may come to, none of them in place of a call. */
  private walkedChains(chains: Chains, hook: FilterChain, { hidden }: FlattenOptions): HookChains {
    const own = chains.get(hook)!;
    const order = callersFirst(chains, hook);
    const options = {
      compiler: this.compiler,
      chains,
      apart: new Set(order.slice(1)),
      place: undefined,
      hidden: hiddenBits(hidden?.[hook]),
    };
    // Some calls that rules have are never made.
    const entered = new Map<ChainMeaning, readonly ChainPart[]>([[own, walkChain(own, options).parts]]);
    const called = new Set<ChainMeaning>([own]);
    for (const chain of order) {
      if (!called.has(chain)) continue;
      const parts = entered.get(chain) ?? walkChain(chain, options).parts;
      entered.set(chain, parts);
      for (const { call } of parts) if (call !== undefined) called.add(call.chain);
    }
    const numbers = new Map([...entered.keys()].map((chain, number) => [chain, number]));
    return {
      chains: [...entered.values()].map((parts) => ({
        parts: parts.map(({ list, call }) =>
          call === undefined ? { list } : { list, call: { chain: numbers.get(call.chain)!, isGoto: call.isGoto } },
        ),
      })),
      policy: policyList(own),
    };
  }

  private hookLists(chains: Chains, hook: FilterChain, shape: Shape | undefined, options: FlattenOptions): HookLists {
    const segments: FlatSegment[] = [];
    const enter = (place: Place | undefined): number =>
      new RegionSegments(this.compiler, this.chains, chains, hook, place, options, segments).enter();
    if (shape === undefined) return { segments, entry: enter(undefined) };
    const main = enter({ shape, region: 'main' });
    const odd = enter({ shape, region: 'odd' });
    return { segments, entry: segments.push({ shape, main, odd }) - 1 };
  }

  /** The segments of early verdicts, of lists that were made with the fields hidden that are not known early. */
  early(
    lists: Readonly<Partial<Record<EarlyChain, HookLists>>>,
    facts: EarlyFacts,
    strict = false,
  ): HookLists | undefined {
    return earlyLists(lists, facts, this.compiler.table, strict);
  }

  /** The rules that no packet meets, whatever their chains are entered with. */
  unmet(chains: Chains): Finding[] {
    return findUnmet(chains, this.compiler);
  }

  /** The shape by which the packets of each hook are parted whose rules ask for one: the same for all hooks. */
  private hookShapes(chains: Chains, hooks: readonly FilterChain[]): Map<FilterChain, Shape> {
    const met = new Map(hooks.map((hook) => [hook, chainsFrom(chains, hook)]));
    const shape = this.compiler.shapeOf([...new Set([...met.values()].flat())].map(({ rules }) => rules));
    const parted = hooks.filter((hook) => met.get(hook)!.some(({ rules }) => this.compiler.hasDrops(rules)));
    return new Map(parted.map((hook) => [hook, shape]));
  }
}

/** Rules and decisions that there are: about as many vectors as are in use. */
function inUse(chains: Chains, hooks: Partial<Record<FilterChain, HookLists>>): number {
  let used = 0;
  for (const { rules } of chains.values()) used += rules.length;
  for (const { segments } of Object.values(hooks)) {
    for (const segment of segments) if ('list' in segment) used += segment.list.length;
  }
  return used;
}

/** The continuation of a hook's own chain. */
const NOWHERE = -1;

interface Instance {
  readonly parts: readonly ChainPart[];
  readonly first: number;
  readonly continuation: number;
}

type Exits = Partial<Record<ExitName, number>>;

/** Makes the segments of a hook's packets, or of those in one region. */
class RegionSegments {
  private readonly hook: ChainMeaning;
  private readonly known: KnownChains;
  private readonly options: PartOptions;
  private readonly segments: FlatSegment[];
  private readonly most: number;
  private readonly parts = new Map<ChainMeaning, readonly ChainPart[]>();
  private readonly instances = new Map<string, number>();
  private readonly waiting: Instance[] = [];
  /** Segments with decisions that cannot be looked up. */
  private readonly unlisted: number[] = [];
  private policy: number | undefined;

  constructor(
    compiler: RuleCompiler,
    known: KnownChains,
    chains: Chains,
    hook: FilterChain,
    place: Place | undefined,
    { budget, hidden }: FlattenOptions,
    segments: FlatSegment[],
  ) {
    this.hook = chains.get(hook)!;
    this.known = known;
    this.options = {
      compiler,
      chains,
      apart: chainsApart(chains, hook, budget),
      place,
      hidden: hiddenBits(hidden?.[hook]),
    };
    this.segments = segments;
    this.most = budget.segments;
  }

  /** Makes them all, and says where packets enter. */
  enter(): number {
    const entry = this.instance(this.hook, NOWHERE);
    for (let made = this.waiting.pop(); made !== undefined; made = this.waiting.pop()) this.lead(made);
    for (const number of this.unlisted) this.isolate(number);
    return entry;
  }

  /** The first segment of a chain that returns to a segment. */
  private instance(chain: ChainMeaning, continuation: number): number {
    const key = `${continuation} ${chain.name}`;
    const known = this.instances.get(key);
    if (known !== undefined) return known;
    const name = `${chain.name} ${this.options.place?.region}`;
    const parts = this.parts.get(chain) ?? this.known.parts(name, chain, this.options);
    this.parts.set(chain, parts);
    if (parts.length === 1 && parts[0]!.list.length === 0) return continuation;
    const first = this.segments.length;
    this.instances.set(key, first);
    for (const { list, isUnlisted } of parts) {
      if (isUnlisted) this.unlisted.push(this.segments.length);
      this.segments.push({ list, exits: {} });
    }
    if (this.segments.length > this.most) throw new TooManySegmentsError(this.hook.hook!, chain.name, this.most);
    this.waiting.push({ parts, first, continuation });
    return first;
  }

  /** Gives the segments of a chain their exits. */
  private lead({ parts, first, continuation }: Instance): void {
    for (const [number, { list, call }] of parts.entries()) {
      const ends = endsOf(list);
      const isLast = number === parts.length - 1;
      const behind = (): number => (isLast ? this.continuation(continuation) : first + number + 1);
      const exits: Exits = {};
      if (ends.has(END.next)) exits.next = behind();
      if (ends.has(END.call)) {
        exits.call = this.instance(call!.chain, call!.isGoto ? this.continuation(continuation) : behind());
      }
      if (ends.has(END.return)) exits.return = this.continuation(continuation);
      this.segments[first + number] = { list, exits };
    }
  }

  private continuation(continuation: number): number {
    if (continuation !== NOWHERE) return continuation;
    this.policy ??= this.segments.push({ list: policyList(this.hook), exits: {} }) - 1;
    return this.policy;
  }

  /** Gives decisions that cannot be looked up segments of their own, unless these would be too many. */
  private isolate(number: number): void {
    const segment = this.segments[number] as ListSegment;
    const cuts = unlistedRuns(segment.list);
    if (cuts.length === 0 || this.segments.length + cuts.length > this.most) return;
    splitSegment(this.segments, number, cuts);
  }
}

function hiddenBits(fields: readonly Field[] = []): number {
  return fields.reduce((bits, field) => bits | fieldBit(field), 0);
}

/** Which of `END` a list has; where it can fall off, `next`. */
function endsOf({ length, conditions, then }: DecisionList): Set<number> {
  const ends = new Set<number>();
  let last = 0;
  for (let i = 0; i < length; i++) {
    const end = then[i]! < 0 ? then[i]! : then[i] === length ? END.next : 0;
    // Neighbours mostly end alike.
    if (end !== 0 && end !== last) ends.add(end);
    last = end;
  }
  if (length === 0 || conditions[length - 1]!.length > 0) ends.add(END.next);
  return ends;
}

/** Where runs of decisions begin and end that cannot be looked up. */
function unlistedRuns({ length, conditions }: DecisionList): number[] {
  const cuts: number[] = [];
  let wasListed = true;
  for (let i = 0; i < length; i++) {
    const isListed = conditions[i]!.every(isIndexable);
    if (isListed !== wasListed && i > 0) cuts.push(i);
    wasListed = isListed;
  }
  return cuts;
}
