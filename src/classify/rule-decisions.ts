// A rule as decisions: one for each `dropIf` clause, which asks all that the rule asks before it, and one for the rule.
//
// They depend on the rule alone and are kept with its meaning, in up to three forms: as they are, and what is left of
// them in either region of a packet shape (`shapes.ts`).

import type { Clause } from '../base/predicate.ts';
import type { RuleMeaning } from '../graph/chains.ts';
import { type ConditionTable, type ConditionVector, fieldBit } from './conditions.ts';
import type { Condition } from './decision-list.ts';
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

/** What `RuleMeaning.decisions` holds. */
class RuleDecisions {
  readonly owner: RuleCompiler;
  readonly drops: readonly Conjunction[];
  readonly match: Conjunction | undefined;
  /** Number of the shapes that `drops` are about, see `ShapeTable.signature`; 0 where there are none. */
  readonly signature: number;
  whole: RuleView | undefined = undefined;
  /** The shape that `main` and `odd` are of. */
  shape: Shape | undefined = undefined;
  main: RuleView | undefined = undefined;
  odd: RuleView | undefined = undefined;

  constructor(owner: RuleCompiler, drops: readonly Conjunction[], match: Conjunction | undefined, signature: number) {
    this.owner = owner;
    this.drops = drops;
    this.match = match;
    this.signature = signature;
  }
}

/** Makes decisions of rules, each rule's once. */
export class RuleCompiler {
  readonly table: ConditionTable;
  readonly shapes = new ShapeTable();

  constructor(table: ConditionTable) {
    this.table = table;
  }

  /** The shapes that a rule's drops are about. */
  signature(rule: RuleMeaning): number {
    return this.decisions(rule).signature;
  }

  /** The rule's decisions, or what is left of them at a place. */
  view(rule: RuleMeaning, place: Place | undefined): RuleView {
    const decisions = this.decisions(rule);
    if (place === undefined) return this.whole(decisions);
    if (decisions.shape !== place.shape) {
      decisions.shape = place.shape;
      decisions.main = undefined;
      decisions.odd = undefined;
    }
    decisions[place.region] ??= this.restricted(decisions, place);
    return decisions[place.region]!;
  }

  private decisions(rule: RuleMeaning): RuleDecisions {
    const known = rule.decisions;
    if (known instanceof RuleDecisions && known.owner === this) return known;
    const made = this.compile(rule.clauses());
    rule.decisions = made;
    return made;
  }

  private compile(clauses: readonly Clause[]): RuleDecisions {
    const asked: Condition[] = [];
    const drops: Condition[][] = [];
    let signature = 0;
    for (const clause of clauses) {
      const answer = this.table.condition(clause);
      if (clause.kind === 'require') {
        if (answer === true) continue;
        if (answer === false || !this.add(asked, answer)) return new RuleDecisions(this, drops, undefined, signature);
        continue;
      }
      if (answer === false) continue;
      const drop = [...asked];
      if (answer !== true && !this.add(drop, answer)) continue;
      drops.push(drop);
      if (answer === true) return new RuleDecisions(this, drops, undefined, signature);
      if (asksShape(fieldBit(answer.field))) signature = this.shapes.signature(signature, drop);
    }
    return new RuleDecisions(this, drops, asked, signature);
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

  private whole(decisions: RuleDecisions): RuleView {
    decisions.whole ??= this.viewOf(decisions.drops, decisions.match);
    return decisions.whole;
  }

  private viewOf(drops: readonly Conjunction[], match: Conjunction | undefined): RuleView {
    return {
      drops: drops.length === 0 ? NO_DROPS : drops.map((drop) => this.table.vector(drop)),
      match: match && this.table.vector(match),
    };
  }

  private restricted(decisions: RuleDecisions, { shape, region }: Place): RuleView {
    const { drops, match, signature } = decisions;
    if (drops.length === 0 && !match?.some(({ field }) => asksShape(fieldBit(field)))) return this.whole(decisions);
    const left = drops.flatMap((drop) => {
      const rest = shape.restrict(region, drop);
      return rest === undefined ? [] : [rest];
    });
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
