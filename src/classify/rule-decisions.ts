// A rule as decisions: one for each `dropIf` clause, which asks all that the rule asks before it, and one for the rule.
//
// They depend on the rule alone and are kept with its meaning, in up to three forms: as they are, and what is left of
// them in either region of a packet shape (`shapes.ts`). Rules are mostly alike but for addresses and ports: of those, all
// this is worked out once (`likeness.ts`).

import { commonEnds } from '../base/common-ends.ts';
import { interval } from '../base/intervals.ts';
import type { Clause } from '../base/predicate.ts';
import type { ClauseReader, RuleMeaning } from '../graph/chains.ts';
import { type Answer, type ConditionTable, fieldBit } from './conditions.ts';
import type { Condition } from './decision-list.ts';
import { Alike, asksOnce, follow, type Recipe, recipeOf } from './likeness.ts';
import { asksShape, type Region, type Shape, ShapeTable } from './shapes.ts';
import type { Vector } from './vectors.ts';

/** The decisions of a rule, in the order in which packets meet them. */
export interface RuleView {
  /** Drops that nobody counts. */
  readonly drops: readonly Vector[];
  /** When the rule matches; absent where it never does. */
  readonly match: Vector | undefined;
}

/** A region of a shape. */
export interface Place {
  readonly shape: Shape;
  readonly region: Region;
}

const NO_DROPS: readonly Vector[] = [];

/** A view; most are a match without drops, or one drop and no match, which are kept as a number: see `packed`. */
type PackedView = number | RuleView;

function packed(drops: readonly Vector[], match: Vector | undefined): PackedView {
  if (match !== undefined && drops.length === 0) return match;
  if (match === undefined && drops.length === 1) return -1 - drops[0]!;
  return { drops, match };
}

function unpacked(view: PackedView): RuleView {
  if (typeof view !== 'number') return view;
  return view >= 0 ? { drops: NO_DROPS, match: view } : { drops: [-1 - view], match: undefined };
}

type Conjunction = readonly Condition[];

/** A rule's decisions as its clauses say them. */
interface Conjunctions {
  readonly drops: readonly Conjunction[];
  readonly match: Conjunction | undefined;
  readonly signature: number;
}

/** What the decisions of rules that are alike have in common. */
interface Kind {
  readonly owner: RuleCompiler;
  /** Number of the shapes that the drops are about, see `ShapeTable.signature`; 0 where there are none. */
  readonly signature: number;
  /** Whether nothing is asked of a packet's shape: then every region of every shape sees the whole. */
  readonly isWhole: boolean;
}

/** What `RuleMeaning.decisions` holds: there is one for each rule, so it has no more than differs from rule to rule. */
class RuleDecisions {
  readonly kind: Kind;
  whole: PackedView | undefined;
  /** The shape that `main` and `odd` are of. */
  shape: Shape;
  main: PackedView;
  odd: PackedView;

  constructor(kind: Kind, whole: PackedView | undefined, shape: Shape, main: PackedView, odd: PackedView) {
    this.kind = kind;
    this.whole = whole;
    this.shape = shape;
    this.main = main;
    this.odd = odd;
  }
}

/** A view of rules that are alike. */
interface ViewRecipe {
  readonly drops: readonly Recipe[];
  readonly match: Recipe | undefined;
}

/** What rules that are alike become under a shape. */
interface Known {
  readonly kind: Kind;
  readonly shape: Shape;
  readonly main: ViewRecipe;
  readonly odd: ViewRecipe;
}

/** Answers the clauses of rules, one rule after the other. */
class AnswerReader implements ClauseReader {
  /** Of the clauses of the rule that was read last. */
  readonly answers: Answer[] = [];
  /** Whether what they ask drops a packet. */
  readonly drops: boolean[] = [];
  private readonly table: ConditionTable;
  private readonly root = new Alike<Known>();
  private alike = this.root;
  private count = 0;

  constructor(table: ConditionTable) {
    this.table = table;
  }

  /** Answers all clauses of a rule; returns where the rules are that are alike. */
  read(rule: RuleMeaning): Alike<Known> {
    this.count = 0;
    this.alike = this.root;
    rule.tellClauses(this);
    // Not emptied before: the array would lose its room.
    this.answers.length = this.count;
    this.drops.length = this.count;
    return this.alike;
  }

  addresses(field: 'src' | 'dst', low: number, high: number, negated: boolean): void {
    const { table } = this;
    const answer = negated
      ? table.condition({ predicate: { kind: 'in', field, set: interval(low, high) }, negated })
      : table.interval(field, low, high);
    this.alike = this.alike.behind(answer, false);
    this.take(answer, false);
  }

  clause(clause: Clause): void {
    const { alike } = this;
    const isSame = alike.clause === clause;
    const answer = isSame ? alike.answer : this.table.condition(clause);
    this.alike = isSame ? alike.behindSame : alike.behindClause(clause, answer);
    this.take(answer, clause.kind === 'dropIf');
  }

  private take(answer: Answer, drops: boolean): void {
    this.answers[this.count] = answer;
    this.drops[this.count++] = drops;
  }
}

/** How many of a chain's rules have each signature but 0. */
interface Signed {
  readonly rules: readonly RuleMeaning[];
  readonly counts: ReadonlyMap<number, number>;
}

/** Makes decisions of rules, each rule's once. */
export class RuleCompiler {
  readonly table: ConditionTable;
  readonly shapes = new ShapeTable();
  /** Tells what the rules so far are alike in, and has the answers to the clauses of the rule at hand. */
  private readonly reader: AnswerReader;
  /** The signatures that the rules of the next table are expected to have: those of the last, and of new rules. */
  private expectedSignatures = new Set<number>();
  /** The chains of the last table. */
  private signed: readonly Signed[] = [];
  /** The rules of those chains that have drops that depend on a packet's shape. */
  private dropping: ReadonlySet<readonly RuleMeaning[]> = new Set();
  /** Their shape. Views are made of it at once, as long as the rule is at hand. */
  private expected: Shape;

  constructor(table: ConditionTable) {
    this.table = table;
    this.reader = new AnswerReader(table);
    this.expected = this.shapes.shape([]);
  }

  /** Looks at all rules, those that the last table had at the ends of its chains left out, and says which shape parts their packets. */
  shapeOf(chains: Iterable<readonly RuleMeaning[]>): Shape {
    this.signed = Array.from(chains, (rules, number) => this.signaturesOf(rules, this.signed[number]));
    this.dropping = new Set(this.signed.filter(({ counts }) => counts.size > 0).map(({ rules }) => rules));
    const signatures = new Set<number>();
    for (const { counts } of this.signed) for (const signature of counts.keys()) signatures.add(signature);
    this.expectedSignatures = signatures;
    this.expected = this.shapes.shape(signatures);
    return this.expected;
  }

  /** Whether one of a chain's rules, which `shapeOf` has looked at, has drops that depend on a packet's shape. */
  hasDrops(rules: readonly RuleMeaning[]): boolean {
    return this.dropping.has(rules);
  }

  private signaturesOf(rules: readonly RuleMeaning[], before: Signed = { rules: [], counts: new Map() }): Signed {
    const counts = new Map(before.counts);
    const { front, back } = commonEnds(before.rules, rules);
    const add = (rule: RuleMeaning, one: 1 | -1): void => {
      const { signature } = this.decisions(rule).kind;
      if (signature === 0) return;
      const count = (counts.get(signature) ?? 0) + one;
      if (count > 0) counts.set(signature, count);
      else counts.delete(signature);
    };
    for (let i = front; i < before.rules.length - back; i++) add(before.rules[i]!, -1);
    for (let i = front; i < rules.length - back; i++) add(rules[i]!, 1);
    return { rules, counts };
  }

  /** The rule's decisions, or what is left of them at a place. */
  view(rule: RuleMeaning, place: Place | undefined): RuleView {
    const decisions = this.decisions(rule);
    if (place !== undefined && decisions.shape === place.shape) return unpacked(decisions[place.region]);
    if ((place === undefined || decisions.kind.isWhole) && decisions.whole !== undefined) {
      return unpacked(decisions.whole);
    }
    this.reader.read(rule);
    const conjunctions = this.compile();
    if (place === undefined) {
      decisions.whole = this.viewOf(conjunctions.drops, conjunctions.match);
      return unpacked(decisions.whole);
    }
    decisions.shape = place.shape;
    decisions.main = this.restricted(conjunctions, place.shape, 'main');
    decisions.odd = this.restricted(conjunctions, place.shape, 'odd');
    return unpacked(decisions[place.region]);
  }

  private decisions(rule: RuleMeaning): RuleDecisions {
    const known = rule.decisions;
    if (known instanceof RuleDecisions && known.kind.owner === this) return known;
    const alike = this.reader.read(rule);
    const like = alike.known;
    const made = like?.shape === this.expected ? this.alikeTo(like) : this.anew(alike);
    rule.decisions = made;
    return made;
  }

  /** The decisions of the rule at hand, which is like one of before. */
  private alikeTo({ kind, shape, main, odd }: Known): RuleDecisions {
    const made = this.followed(main);
    if (kind.isWhole) return new RuleDecisions(kind, made, shape, made, made);
    return new RuleDecisions(kind, undefined, shape, made, this.followed(odd));
  }

  private followed({ drops, match }: ViewRecipe): PackedView {
    const { table } = this;
    const { answers } = this.reader;
    const own = drops.length === 0 ? NO_DROPS : drops.map((drop) => follow(drop, answers, table));
    return packed(own, match && follow(match, answers, table));
  }

  /** The decisions of the rule at hand, worked out; rules alike will have theirs of them. */
  private anew(alike: Alike<Known>): RuleDecisions {
    const { table } = this;
    const { answers } = this.reader;
    const conjunctions = this.compile();
    const { drops, match, signature } = conjunctions;
    if (signature !== 0 && !this.expectedSignatures.has(signature)) {
      this.expectedSignatures.add(signature);
      this.expected = this.shapes.shape(this.expectedSignatures);
    }
    const shape = this.expected;
    const isWhole = drops.length === 0 && !match?.some(({ field }) => asksShape(fieldBit(field)));
    const kind = { owner: this, signature, isWhole };
    const whole = isWhole ? this.viewOf(drops, match) : undefined;
    const main = whole ?? this.restricted(conjunctions, shape, 'main');
    const odd = whole ?? this.restricted(conjunctions, shape, 'odd');
    if (asksOnce(answers)) {
      const recipe = (view: RuleView): ViewRecipe => ({
        drops: view.drops.map((drop) => recipeOf(table.conditionsOf(drop), answers)),
        match: view.match === undefined ? undefined : recipeOf(table.conditionsOf(view.match), answers),
      });
      alike.known = { kind, shape, main: recipe(unpacked(main)), odd: recipe(unpacked(odd)) };
    }
    return new RuleDecisions(kind, whole, shape, main, odd);
  }

  /** What the clauses of the rule at hand say. */
  private compile(): Conjunctions {
    const { answers, drops: isDrop } = this.reader;
    const asked: Condition[] = [];
    const drops: Condition[][] = [];
    let signature = 0;
    for (const [number, answer] of answers.entries()) {
      if (!isDrop[number]!) {
        if (answer === true) continue;
        if (answer === false || !this.add(asked, answer)) return { drops, match: undefined, signature };
        continue;
      }
      if (answer === false) continue;
      const drop = asked.slice();
      if (answer !== true && !this.add(drop, answer)) continue;
      drops.push(drop);
      if (answer === true) return { drops, match: undefined, signature };
      if (asksShape(fieldBit(answer.field))) signature = this.shapes.signature(signature, drop);
    }
    return { drops, match: asked, signature };
  }

  /** Adds a condition to a conjunction; says whether both can hold. */
  private add(asked: Condition[], condition: Condition): boolean {
    for (let i = 0; i < asked.length; i++) {
      if (asked[i]!.field !== condition.field) continue;
      const both = this.table.and(asked[i]!, condition);
      if (both === false) return false;
      asked[i] = both;
      return true;
    }
    asked.push(condition);
    return true;
  }

  private viewOf(drops: readonly Conjunction[], match: Conjunction | undefined): PackedView {
    const own = drops.length === 0 ? NO_DROPS : drops.map((drop) => this.table.vector(drop));
    return packed(own, match && this.table.vector(match));
  }

  private restricted({ drops, match, signature }: Conjunctions, shape: Shape, region: Region): PackedView {
    const left: Conjunction[] = [];
    for (const drop of drops) {
      const rest = shape.restrict(region, drop);
      if (rest !== undefined) left.push(rest);
    }
    const isReached = match !== undefined && !(region === 'odd' && shape.isCovered(signature, match));
    return this.viewOf(this.merged(left), isReached ? shape.restrict(region, match) : undefined);
  }

  /** Neighbouring drops that differ in one condition are one drop. */
  private merged(drops: readonly Conjunction[]): Conjunction[] {
    const result: Conjunction[] = [];
    for (const drop of drops) {
      const last = result.at(-1);
      const both = last && this.either(last, drop);
      if (both === undefined) result.push(drop);
      else result[result.length - 1] = both;
    }
    return result;
  }

  /** What holds where one of two conjunctions does, if that is a conjunction. */
  private either(a: Conjunction, b: Conjunction): Conjunction | undefined {
    if (a.length !== b.length) return undefined;
    let place = -1;
    for (let i = 0; i < a.length; i++) {
      if (a[i] === b[i]) continue;
      if (place !== -1 || a[i]!.field !== b[i]!.field || a[i]!.set === undefined || b[i]!.set === undefined)
        return undefined;
      place = i;
    }
    if (place === -1) return a;
    const union = this.table.or(a[place]!, b[place]!);
    return union === true ? a.toSpliced(place, 1) : a.with(place, union);
  }
}
