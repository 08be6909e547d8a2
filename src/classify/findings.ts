// Rules that no packet ever meets, for the administrator: what they ask contradicts itself, or one earlier rule of their
// chain takes every packet that they ask for.
//
// Whether an earlier rule asks for no more is looked up, not compared rule by rule: for each condition of a rule the
// conditions of its field that hold wherever it does, and for each choice of these the first rule that asks just them.
// The choices for one rule are bounded, so that of the rules of a strange ruleset some may not be found; what is found
// is always so. Rules that only several others take all packets from are not looked for.

import type { ChainMeaning, Chains, RuleMeaning } from '../graph/chains.ts';
import type { Slot } from '../graph/graph.ts';
import { type ConditionTable, fieldBit, UNLISTED } from './conditions.ts';
import type { Condition } from './decision-list.ts';
import type { RuleCompiler } from './rule-decisions.ts';
import type { Vector } from './vectors.ts';

export interface Finding {
  /** `duplicate` is a rule that `by` says already, `shadowed` one that asks for more than `by` or does something else. */
  readonly kind: 'contradiction' | 'duplicate' | 'shadowed';
  /** The rule that no packet meets. */
  readonly slot: Slot;
  /** The first earlier rule that takes all its packets; for a contradiction there is none. */
  readonly by?: Slot;
}

/** Choices that are looked up for one rule. */
const MOST_CHOICES = 4096;

/** Steps of a search for the conditions that hold wherever one does, and how many of them are used. */
const MOST_STEPS = 256;

/** The rules that no packet meets, chain by chain, in their order. */
export function findUnmet(chains: Chains, compiler: RuleCompiler): Finding[] {
  return [...chains.values()].flatMap((chain) => new ChainSearch(chain, compiler).run());
}

/** Whether a packet that meets the rule goes no further in its chain. */
function isEnd({ target: { kind } }: RuleMeaning): boolean {
  return kind !== 'none' && kind !== 'call';
}

class ChainSearch {
  private readonly chain: ChainMeaning;
  private readonly compiler: RuleCompiler;
  private readonly covers: Covers;
  /** The fields that rules ask which end a packet's way, in all combinations that there are. */
  private readonly combinations = new Set<number>();
  /** By vector: the first rule so far that asks just this and ends a packet's way. */
  private readonly ends = new Map<Vector, number>();

  constructor(chain: ChainMeaning, compiler: RuleCompiler) {
    this.chain = chain;
    this.compiler = compiler;
    const asked = new Set<Condition>();
    for (const rule of chain.rules) {
      const match = isEnd(rule) ? compiler.view(rule, undefined).match : undefined;
      if (match === undefined) continue;
      this.combinations.add(compiler.table.fieldsOf(match));
      for (const condition of compiler.table.conditionsOf(match)) asked.add(condition);
    }
    this.covers = new Covers(compiler.table, asked);
  }

  run(): Finding[] {
    const { rules, slots } = this.chain;
    const found: Finding[] = [];
    for (const [index, rule] of rules.entries()) {
      const slot = slots[index]!;
      const { match } = this.compiler.view(rule, undefined);
      if (match === undefined) {
        found.push({ kind: 'contradiction', slot });
        continue;
      }
      const earlier = this.earlier(match);
      if (earlier !== undefined) {
        const kind = this.saysTheSame(earlier, index) ? 'duplicate' : 'shadowed';
        found.push({ kind, slot, by: slots[earlier]! });
      } else if (isEnd(rule)) {
        this.ends.set(match, index);
      }
    }
    return found;
  }

  private saysTheSame(earlier: number, later: number): boolean {
    const [a, b] = [this.chain.rules[earlier]!, this.chain.rules[later]!];
    const names = [a, b].map(({ target }) => `${target.kind} ${'chain' in target ? target.chain : ''}`);
    return names[0] === names[1] && this.compiler.view(a, undefined).match === this.compiler.view(b, undefined).match;
  }

  /** The first rule so far that takes all packets that meet the vector. */
  private earlier(match: Vector): number | undefined {
    const { table } = this.compiler;
    const [conditions, asked] = [table.conditionsOf(match), table.fieldsOf(match)];
    let first = this.ends.get(match);
    let choices = 0;
    for (const fields of this.combinations) {
      if ((fields & ~asked & ~UNLISTED) !== 0) continue;
      const covers = conditions
        .filter(({ field }) => (fieldBit(field) & fields) !== 0)
        .map((condition) => this.covers.of(condition));
      for (const chosen of product(covers)) {
        if (++choices > MOST_CHOICES) return first;
        const vector = table.find(chosen);
        const index = vector === undefined ? undefined : this.ends.get(vector);
        if (index !== undefined && (first === undefined || index < first)) first = index;
      }
    }
    return first;
  }
}

/** All ways to take one of each. */
function* product(lists: readonly (readonly Condition[])[]): Generator<Condition[]> {
  if (lists.some((list) => list.length === 0)) return;
  const places = lists.map(() => 0);
  for (;;) {
    yield places.map((place, i) => lists[i]![place]!);
    let at = 0;
    while (at < places.length && ++places[at]! === lists[at]!.length) places[at++] = 0;
    if (at === places.length) return;
  }
}

/** Finds the conditions that hold wherever a condition does. */
class Covers {
  private readonly table: ConditionTable;
  private readonly ranges = new Map<string, Ranges>();
  /** Conditions that are not one interval, by field: few, as a rule. */
  private readonly others = new Map<string, Condition[]>();
  private readonly known = new Map<Condition, Condition[]>();

  constructor(table: ConditionTable, conditions: Iterable<Condition>) {
    this.table = table;
    const ranges = new Map<string, Condition[]>();
    for (const condition of conditions) {
      const lists = condition.set?.length === 1 ? ranges : this.others;
      const list = lists.get(condition.field);
      if (list === undefined) lists.set(condition.field, [condition]);
      else list.push(condition);
    }
    for (const [field, list] of ranges) this.ranges.set(field, new Ranges(list));
  }

  of(condition: Condition): readonly Condition[] {
    let covers = this.known.get(condition);
    if (covers === undefined) {
      const { field, set } = condition;
      const others = (this.others.get(field) ?? []).slice(0, MOST_STEPS);
      covers = others.filter((other) => this.table.and(condition, other) === condition);
      if (set !== undefined) covers.push(...(this.ranges.get(field)?.around(set[0]!.low, set.at(-1)!.high) ?? []));
      this.known.set(condition, covers);
    }
    return covers;
  }
}

/** Conditions of one interval each. */
class Ranges {
  /** By ascending low end; of equal ones the longest first. */
  private readonly sorted: readonly Condition[];
  private readonly lows: Float64Array;
  private readonly highs: Float64Array;
  /** The nearest one before that reaches higher; −1 for none. */
  private readonly higher: Int32Array;

  constructor(conditions: readonly Condition[]) {
    const bounds = (condition: Condition) => condition.set![0]!;
    this.sorted = [...conditions].sort((a, b) => bounds(a).low - bounds(b).low || bounds(b).high - bounds(a).high);
    this.lows = Float64Array.from(this.sorted, (condition) => bounds(condition).low);
    this.highs = Float64Array.from(this.sorted, (condition) => bounds(condition).high);
    this.higher = new Int32Array(this.sorted.length);
    for (let i = 0; i < this.sorted.length; i++) {
      let before = i - 1;
      while (before >= 0 && this.highs[before]! <= this.highs[i]!) before = this.higher[before]!;
      this.higher[i] = before;
    }
  }

  /** Those that have all values from `low` to `high`, the narrowest first. */
  around(low: number, high: number): Condition[] {
    let at = this.lastFrom(low);
    const found: Condition[] = [];
    for (let steps = 0; at >= 0 && steps < MOST_STEPS; steps++) {
      if (this.highs[at]! < high) {
        at = this.higher[at]!;
      } else {
        found.push(this.sorted[at]!);
        at--;
      }
    }
    return found;
  }

  /** The last that begins at `low` or before. */
  private lastFrom(low: number): number {
    let [from, to] = [0, this.lows.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.lows[middle]! <= low) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }
}
