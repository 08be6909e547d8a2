// From decision lists to a classification: which finish each list gets, and what happens where none fits.
//
// Finishes are tried in the order of what a packet costs. One that needs more than the budget has says so, and the next
// is tried; where all do, the list is cut where skips lead to, or in two, and the parts are tried; where that would make
// too many segments, the list is asked test by test, and of more tests than the verifier follows, step by step in a table.
// So there is a result of all but more steps than can be numbered: an `OverBudgetError` says so.

import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import { ActionLists } from './action-lists.ts';
import { type Budget, DEFAULT_BUDGET, OverBudgetError } from './budget.ts';
import { areAlike, ClassifyCache } from './cache.ts';
import type { Classification, Segment, TableSegment } from './classification.ts';
import {
  type DecisionList,
  type ExitName,
  type HookLists,
  type ListSegment,
  moved,
  type ShapeSegment,
} from './decision-list.ts';
import { partExceptions } from './exceptions.ts';
import { isOverflow, Outcomes, type Overflow } from './finishes/finish.ts';
import { type WalkFinish, type WalkMaking, walkChains, walkList } from './finishes/walk.ts';
import { type FinishChoice, FinishMaker, type FinishName, type MadeFinish } from './make-finish.ts';
import { OutcomeWords } from './outcomes.ts';
import type { Part } from './parts.ts';
import { planOf, type Refusal, type SegmentPlan } from './plan.ts';
import { type Reach, reachOf } from './reach.ts';
import { segmentTests } from './segment-tests.ts';
import { shapeTests } from './shape-tests.ts';
import { cutSkips, halveSegment } from './split-list.ts';
import { TablePool } from './tables.ts';

export interface ClassifyListsOptions {
  readonly budget?: Budget;
  /** The finish that every list gets if it possibly can. */
  readonly force?: FinishName;
  /** What was made before; a new one if absent. */
  readonly cache?: ClassifyCache;
}

export interface ListClassification extends Classification {
  /** By segment. */
  readonly plans: readonly SegmentPlan[];
}

/** Classifies the lists of all hooks. */
export function classifyLists(
  hooks: Readonly<Partial<Record<FilterChain, HookLists>>>,
  options: ClassifyListsOptions = {},
): ListClassification {
  const work = new Work(options, decisionsOf(hooks));
  const entries: Partial<Record<FilterChain, number>> = {};
  for (const hook of FILTER_CHAINS) {
    const lists = hooks[hook];
    if (lists !== undefined) entries[hook] = work.add(hook, lists);
  }
  return work.finish(entries);
}

function decisionsOf(hooks: Readonly<Partial<Record<FilterChain, HookLists>>>): number {
  let decisions = 0;
  for (const { segments, walked } of Object.values(hooks)) {
    for (const segment of segments) if ('list' in segment) decisions += segment.list.length;
    for (const { parts } of walked?.chains ?? []) for (const { list } of parts) decisions += list.length;
  }
  return decisions;
}

/** Tests that a list would have as code, or what takes as much room. */
function testsOf({ conditions }: DecisionList): number {
  let tests = 0;
  let counts = 0;
  for (const asked of conditions) {
    if (asked.length === 0) counts++;
    for (const { literals } of asked) tests += literals.length;
  }
  return tests + Math.floor(counts / COUNTS_OF_A_TEST);
}

/** Rules that only count, and ask nothing, which are no branch for the verifier. */
const COUNTS_OF_A_TEST = 8;

/** The finishes that are tried, best first. */
const ORDER: readonly FinishChoice[] = [{ finish: 'dense' }, { finish: 'masks' }, { finish: 'tuples' }];

/**
 * One mask costs less than dense tables where these would look up several fields, each by an index of its own; and where
 * they are too large for the nearest caches, as those of so many decisions are. Of few, hardly any have one mask: that is
 * not told as a reason.
 */
const MANY = 256;
const ORDER_OF_FEW: readonly FinishChoice[] = [{ finish: 'masks', most: 1, raw: 2 }, ...ORDER];
const ORDER_OF_MANY: readonly FinishChoice[] = [{ finish: 'masks', most: 1 }, ...ORDER];

/** What becomes of a list: the finish that fits, if one does, and why those before it do not. */
type Tried = { readonly refused: readonly Refusal[] } & (
  | { readonly made: MadeFinish; readonly outcomes: Outcomes; readonly pool: TablePool }
  | { readonly made?: undefined; readonly outcomes?: undefined; readonly pool?: undefined }
);

class Work {
  readonly budget: Budget;
  private readonly force: FinishName | undefined;
  readonly cache: ClassifyCache;
  readonly pool = new TablePool();
  private readonly lists: ActionLists;
  private readonly words = new OutcomeWords();
  private readonly segments: Segment[] = [];
  private readonly plans: SegmentPlan[] = [];

  /** For so many decisions. */
  constructor(
    { budget = DEFAULT_BUDGET, force, cache = new ClassifyCache() }: ClassifyListsOptions,
    decisions: number,
  ) {
    this.lists = new ActionLists(decisions, cache.lists);
    this.budget = budget;
    this.cache = cache;
    cache.begin();
    this.force = force;
  }

  /** The number of the segment that the hook's packets enter at. */
  add(hook: FilterChain, { segments, entry, walked }: HookLists): number {
    const base = this.segments.length;
    if (walked !== undefined) {
      this.walk(hook, decisionsOf({ [hook]: { segments, entry, walked } }), [], {}, (making) =>
        walkChains(walked, making),
      );
      return base;
    }
    const hookLists = new HookSegments(this.withExceptionsApart(hook, segments), this.budget);
    for (let place = 0; place < hookLists.count; place++) this.classify(hook, hookLists, place, base);
    return base + entry;
  }

  /** The hook's segments, those behind them that lists become whose exceptions are apart. */
  private withExceptionsApart(
    hook: FilterChain,
    segments: HookLists['segments'],
  ): readonly (ListSegment | ShapeSegment)[] {
    if (this.force !== undefined) return segments;
    const all = [...segments];
    const left: { readonly place: number; readonly segment: ListSegment }[] = [];
    for (const [place, segment] of segments.entries()) {
      if (!('list' in segment) || all.length + 2 > this.budget.segments) continue;
      const { list, exits } = segment;
      const columns = () => this.cache.columnsOf(`${hook} ${place} whole`, list);
      const parted = partExceptions(list, columns, this.cache.conditions);
      if (parted === undefined) continue;
      const met = all.push({ list: parted.met, exits }) - 1;
      // Lists of both regions of a shape may have nothing but exceptions that tell them apart.
      const same = left.find(
        (each) => areAlike(each.segment.list, parted.rest) && leadAlike(each.segment.exits, exits),
      );
      const rest = same?.place ?? all.push({ list: parted.rest, exits }) - 1;
      if (same === undefined) left.push({ place: rest, segment: { list: parted.rest, exits } });
      all[place] = { list: parted.front, exits: { call: met, next: rest } };
    }
    return all;
  }

  finish(entries: Classification['entries']): ListClassification {
    const { segments, plans, words, pool } = this;
    const hasTables = segments.some(({ finish }) => finish === 'tables');
    const counterPool = hasTables ? { counterPool: pool.put('counters', words.finish()) } : {};
    this.lists.close();
    return { segments, lists: this.lists.all, entries, ...counterPool, tables: pool.finish(), plans };
  }

  /** Makes the segment, once its list is cut as often as needed; the hook's segments are numbered from `base`. */
  private classify(hook: FilterChain, lists: HookSegments, place: number, base: number): void {
    for (;;) {
      const segment = moved(lists.at(place), base);
      if (!('list' in segment)) {
        this.put(hook, 'linear', 0, [], shapeTests(segment, this.lists), []);
        return;
      }
      const refused: Refusal[] = [];
      const made = this.makeTables(`${hook} ${place}`, segment, refused);
      const isFull = this.pool.bytes >= this.budget.tableBytes;
      if (made === undefined && refused.length > 0 && !isFull && lists.cut(place)) continue;
      const { length } = segment.list;
      if (made !== undefined) this.put(hook, made.finish, length, refused, made.segment, made.parts);
      else if (this.force === 'linear' || (this.force !== 'walk' && lists.takeTests(testsOf(segment.list))))
        this.put(hook, 'linear', length, refused, segmentTests(segment, this.segments.length, this.lists), []);
      else this.walk(hook, length, refused, segment.exits, (making) => walkList(segment.list, making));
      return;
    }
  }

  private walk(
    hook: FilterChain,
    decisions: number,
    refused: readonly Refusal[],
    exits: ListSegment['exits'],
    make: (making: WalkMaking) => WalkFinish | Overflow,
  ): void {
    const { lists, pool, budget } = this;
    const outcomes = new Outcomes(lists, decisions);
    const result = make({ outcomes, pool, budget });
    if (isOverflow(result))
      throw new OverBudgetError(hook, `the rules that packets of ${hook} may meet: ${result.overflow}`);
    const made = { finish: 'walk' as const, lookups: [], result, parts: [] };
    this.put(hook, 'walk', decisions, refused, this.tableSegment(made, outcomes, exits), []);
  }

  private put(
    hook: FilterChain,
    finish: FinishName,
    decisions: number,
    refused: readonly Refusal[],
    segment: Segment,
    parts: readonly Part[],
  ): void {
    this.segments.push(segment);
    this.plans.push(planOf(hook, finish, decisions, refused, segment, parts));
  }

  /** The segment, where a finish fits; nothing, and why not. */
  private makeTables(
    place: string,
    { list, exits }: ListSegment,
    refused: Refusal[],
  ): (MadeFinish & { readonly segment: TableSegment }) | undefined {
    if (this.force === 'linear' || this.force === 'walk') return undefined;
    const { cache, budget, force } = this;
    const tried = cache.rememberList(place, list, [budget, force], () =>
      this.tryFinishes(reachOf(list, cache.columnsOf(place, list))),
    );
    refused.push(...tried.refused);
    if (tried.made === undefined) return undefined;
    const { made, outcomes, pool } = tried;
    if (this.pool.bytes + pool.bytes > budget.tableBytes) {
      refused.push({ finish: made.finish, reason: `the tables of all lists: more than ${budget.tableBytes} bytes` });
      return undefined;
    }
    const { lookups, result } = this.pool.adopt({ lookups: made.lookups, result: made.result }, pool);
    const adopted = { ...made, lookups, result };
    return { ...adopted, segment: this.tableSegment(adopted, outcomes, exits) };
  }

  /** The first finish that fits, with its tables in a pool of its own. */
  private tryFinishes(reach: Reach): Tried {
    const { budget, cache, force } = this;
    const refused: Refusal[] = [];
    let tests = 0;
    for (let i = 0; i < reach.columns.counts.length; i++) tests += reach.columns.counts[i]!;
    if (tests === 0 || (force === undefined && tests <= 2 * budget.linearRules)) return { refused };
    const pool = new TablePool();
    const maker = new FinishMaker(reach, { budget, cache, pool });
    for (const choice of this.order(reach.list)) {
      const outcomes = new Outcomes(this.lists, reach.list.length);
      const made = maker.make(choice, outcomes);
      if (!isOverflow(made)) {
        outcomes.close();
        return { refused, made, outcomes, pool };
      }
      if (choice.raw === undefined) refused.push({ finish: choice.finish, reason: made.overflow });
    }
    return { refused };
  }

  private order({ length }: DecisionList): readonly FinishChoice[] {
    const { force } = this;
    if (force === undefined || force === 'linear' || force === 'walk')
      return length < MANY ? ORDER_OF_FEW : ORDER_OF_MANY;
    return [{ finish: force }, ...ORDER.filter(({ finish }) => finish !== force)];
  }

  private tableSegment({ lookups, result }: MadeFinish, outcomes: Outcomes, exits: ListSegment['exits']): TableSegment {
    const lists = new Array<number>(outcomes.count);
    for (let outcome = 0; outcome < lists.length; outcome++) {
      const chain = outcomes.chain(outcome);
      const own = outcomes.lists === this.lists ? chain : this.lists.adopt(chain, outcomes.lists);
      lists[outcome] = this.lists.endingIn(own, outcomes.end(outcome));
    }
    const segment = { finish: 'tables' as const, lookups, result, lists, exits };
    if (result.kind !== 'dense' || result.bySlot !== undefined) return segment;
    const words = new Uint32Array(lists.length);
    for (let outcome = 0; outcome < words.length; outcome++) {
      words[outcome] = this.words.word(this.lists.all[lists[outcome]!]!);
    }
    return { ...segment, outcomes: this.pool.put('outcomes', words) };
  }
}

function leadAlike(a: ListSegment['exits'], b: ListSegment['exits']): boolean {
  return EXITS.every((exit) => a[exit] === b[exit]);
}

const EXITS: readonly ExitName[] = ['next', 'call', 'return'];

/** The lists of a hook, which become more when one is cut. */
class HookSegments {
  /** Tests that there may still be as code. */
  private tests: number;
  private lists: (ListSegment | ShapeSegment)[];
  private readonly most: number;

  constructor(lists: readonly (ListSegment | ShapeSegment)[], { segments, codeTests }: Budget) {
    this.lists = [...lists];
    this.most = segments;
    this.tests = codeTests;
  }

  /** Whether there is room for so many tests as code, which then is taken. */
  takeTests(count: number): boolean {
    if (count > this.tests) return false;
    this.tests -= count;
    return true;
  }

  get count(): number {
    return this.lists.length;
  }

  at(place: number): ListSegment | ShapeSegment {
    return this.lists[place]!;
  }

  /**
   * Puts two or more lists in place of one, without skips if it had any; not where the hook would have too many, or it
   * is but one decision.
   */
  cut(place: number): boolean {
    const segment = this.at(place);
    if (!('list' in segment) || segment.list.length < 2) return false;
    return this.replace(place, cutSkips) || this.replace(place, halveSegment);
  }

  private replace(place: number, cut: typeof cutSkips | typeof halveSegment): boolean {
    const all = [...this.lists];
    if (cut(all, place) === false || all.length > this.most) return false;
    this.lists = all;
    return true;
  }
}
