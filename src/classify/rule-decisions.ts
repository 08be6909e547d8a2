// A rule as decisions: one for each `dropIf` clause, which asks all that the rule asks before it, and one for the rule.
//
// They depend on the rule alone and are kept with its meaning, in up to three forms: as they are, and what is left of
// them in either region of a packet shape (`shapes.ts`). Rules are mostly alike but for addresses and ports: of those, all
// this is worked out once (`likeness.ts`).

import { commonEnds } from '../base/common-ends.ts';
import type { Clause } from '../base/predicate.ts';
import type { RuleMeaning } from '../graph/chains.ts';
import { type Answer, type ConditionTable, type ConditionVector, fieldBit } from './conditions.ts';
import type { Condition } from './decision-list.ts';
import { Alike, asksOnce, follow, type Recipe, recipeOf } from './likeness.ts';
import { asksShape, type Region, type Shape, ShapeTable } from './shapes.ts';

/** The decisions of a rule, in the order in which packets meet them. */
export interface RuleView {
  /** Drops that nobody counts. */
  readonly drops: readonly ConditionVector[];
  /** When the rule matches; absent where it never does. */
  readonly match: ConditionVector | undefined;
}

/** A region of a shape. */
export interface Place {
  readonly shape: Shape;
  readonly region: Region;
}

const NO_DROPS: readonly ConditionVector[] = [];

type Conjunction = readonly Condition[];

/** A rule's decisions as its clauses say them. */
interface Conjunctions {
  readonly drops: readonly Conjunction[];
  readonly match: Conjunction | undefined;
  readonly signature: number;
}

/** What `RuleMeaning.decisions` holds. */
class RuleDecisions {
  readonly owner: RuleCompiler;
  /** Number of the shapes that the drops are about, see `ShapeTable.signature`; 0 where there are none. */
  readonly signature: number;
  whole: RuleView | undefined = undefined;
  /** Whether nothing is asked of a packet's shape: then every region of every shape sees the whole. */
  isWhole = false;
  /** The shape that `main` and `odd` are of. */
  shape: Shape | undefined = undefined;
  main: RuleView | undefined = undefined;
  odd: RuleView | undefined = undefined;

  constructor(owner: RuleCompiler, signature: number) {
    this.owner = owner;
    this.signature = signature;
  }
}

/** A view of rules that are alike. */
interface ViewRecipe {
  readonly drops: readonly Recipe[];
  readonly match: Recipe | undefined;
}

/** What rules that are alike become under a shape. */
interface Known {
  readonly shape: Shape;
  readonly signature: number;
  readonly isWhole: boolean;
  readonly main: ViewRecipe;
  readonly odd: ViewRecipe;
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
  /** The rules so far, by what they are alike in. */
  private readonly alike = new Alike<Known>();
  /** The answers to the clauses of the rule at hand. */
  private readonly answers: Answer[] = [];
  /** The signatures that the rules of the next table are expected to have: those of the last, and of new rules. */
  private expectedSignatures = new Set<number>();
  /** The chains of the last table. */
  private signed: readonly Signed[] = [];
  /** Their shape. Views are made of it at once, as long as the rule is at hand. */
  private expected: Shape;

  constructor(table: ConditionTable) {
    this.table = table;
    this.expected = this.shapes.shape([]);
  }

  /** Looks at all rules, those that the last table had at the ends of its chains left out, and says which shape parts their packets. */
  shapeOf(chains: Iterable<readonly RuleMeaning[]>): Shape {
    this.signed = Array.from(chains, (rules, number) => this.signaturesOf(rules, this.signed[number]));
    const signatures = new Set<number>();
    for (const { counts } of this.signed) for (const signature of counts.keys()) signatures.add(signature);
    this.expectedSignatures = signatures;
    this.expected = this.shapes.shape(signatures);
    return this.expected;
  }

  /** Whether one of a chain's rules, which `shapeOf` has looked at, has drops that depend on a packet's shape. */
  hasDrops(rules: readonly RuleMeaning[]): boolean {
    return this.signed.some((each) => each.rules === rules && each.counts.size > 0);
  }

  private signaturesOf(rules: readonly RuleMeaning[], before: Signed = { rules: [], counts: new Map() }): Signed {
    const counts = new Map(before.counts);
    const { front, back } = commonEnds(before.rules, rules);
    const add = (rule: RuleMeaning, one: 1 | -1): void => {
      const { signature } = this.decisions(rule);
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
    if (place !== undefined && decisions.shape === place.shape) return decisions[place.region]!;
    if ((place === undefined || decisions.isWhole) && decisions.whole !== undefined) return decisions.whole;
    const clauses = rule.clauses();
    this.answer(clauses);
    const conjunctions = this.compile(clauses, this.answers);
    if (place === undefined) return this.whole(decisions, conjunctions);
    this.part(decisions, conjunctions, place.shape);
    return decisions[place.region]!;
  }

  private decisions(rule: RuleMeaning): RuleDecisions {
    const known = rule.decisions;
    if (known instanceof RuleDecisions && known.owner === this) return known;
    const clauses = rule.clauses();
    const alike = this.answer(clauses);
    const like = alike.known;
    const made = like?.shape === this.expected ? this.alikeTo(like) : this.anew(clauses, alike);
    rule.decisions = made;
    return made;
  }

  /** Answers all clauses; returns where the rules are that are alike. */
  private answer(clauses: readonly Clause[]): Alike<Known> {
    const { answers, table } = this;
    let alike = this.alike;
    answers.length = clauses.length;
    for (let i = 0; i < clauses.length; i++) {
      const clause = clauses[i]!;
      const answer = table.condition(clause);
      answers[i] = answer;
      alike = alike.behind(clause, answer);
    }
    return alike;
  }

  /** The decisions of the rule at hand, which is like one of before. */
  private alikeTo({ shape, signature, isWhole, main, odd }: Known): RuleDecisions {
    const made = new RuleDecisions(this, signature);
    made.isWhole = isWhole;
    made.shape = shape;
    made.main = this.followed(main);
    made.odd = isWhole ? made.main : this.followed(odd);
    if (isWhole) made.whole = made.main;
    return made;
  }

  private followed({ drops, match }: ViewRecipe): RuleView {
    const { answers, table } = this;
    const made = drops.length === 0 ? NO_DROPS : drops.map((drop) => follow(drop, answers, table));
    return { drops: made, match: match && follow(match, answers, table) };
  }

  /** The decisions of the rule at hand, worked out; rules alike will have theirs of them. */
  private anew(clauses: readonly Clause[], alike: Alike<Known>): RuleDecisions {
    const { answers } = this;
    const conjunctions = this.compile(clauses, answers);
    const { signature } = conjunctions;
    const made = new RuleDecisions(this, signature);
    if (signature !== 0 && !this.expectedSignatures.has(signature)) {
      this.expectedSignatures.add(signature);
      this.expected = this.shapes.shape(this.expectedSignatures);
    }
    this.part(made, conjunctions, this.expected);
    if (!asksOnce(answers)) return made;
    const recipe = ({ drops, match }: RuleView): ViewRecipe => ({
      drops: drops.map((drop) => recipeOf(drop, answers)),
      match: match && recipeOf(match, answers),
    });
    const { isWhole, main, odd } = made;
    alike.known = { shape: this.expected, signature, isWhole, main: recipe(main!), odd: recipe(odd!) };
    return made;
  }

  private compile(clauses: readonly Clause[], answers: readonly Answer[]): Conjunctions {
    const asked: Condition[] = [];
    const drops: Condition[][] = [];
    let signature = 0;
    for (const [number, clause] of clauses.entries()) {
      const answer = answers[number]!;
      if (clause.kind === 'require') {
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

  private whole(decisions: RuleDecisions, { drops, match }: Conjunctions): RuleView {
    decisions.whole ??= this.viewOf(drops, match);
    return decisions.whole;
  }

  private viewOf(drops: readonly Conjunction[], match: Conjunction | undefined): RuleView {
    return {
      drops: drops.length === 0 ? NO_DROPS : drops.map((drop) => this.table.vector(drop)),
      match: match && this.table.vector(match),
    };
  }

  /** Makes the views of both regions of a shape. */
  private part(decisions: RuleDecisions, conjunctions: Conjunctions, shape: Shape): void {
    const { drops, match } = conjunctions;
    const isWhole = drops.length === 0 && !match?.some(({ field }) => asksShape(fieldBit(field)));
    decisions.isWhole = isWhole;
    decisions.shape = shape;
    decisions.main = isWhole ? this.whole(decisions, conjunctions) : this.restricted(conjunctions, shape, 'main');
    decisions.odd = isWhole ? decisions.main : this.restricted(conjunctions, shape, 'odd');
  }

  private restricted({ drops, match, signature }: Conjunctions, shape: Shape, region: Region): RuleView {
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
