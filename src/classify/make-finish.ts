// Tries finishes for one list.

import type { Lookup, TableSegment } from './classification.ts';
import { denseOverflow } from './dense-overflow.ts';
import { buildDense } from './finishes/dense.ts';
import { isOverflow, type Making, type Outcomes, type Overflow } from './finishes/finish.ts';
import { buildMasks, type RawFields, rawFields } from './finishes/masks.ts';
import { buildTuples } from './finishes/tuples.ts';
import type { ListColumns } from './list-columns.ts';
import { type ListField, listFields } from './list-fields.ts';
import { ListParts } from './list-parts.ts';
import { componentsOf, fieldOf, makeIndex, makeLookups, type Part } from './parts.ts';
import type { Reach } from './reach.ts';

/** All finishes; the one of one field is the dense one. */
export const FINISHES = ['linear', 'walk', 'dense', 'masks', 'tuples'] as const;
export type FinishName = (typeof FINISHES)[number];

export interface FinishChoice {
  readonly finish: Exclude<FinishName, 'linear' | 'walk'>;
  /** Masks at most; those of the budget if absent. */
  readonly most?: number;
  /** Fields at least that keys have as they are, which need no index; 0 if absent. */
  readonly raw?: number;
}

export interface MadeFinish {
  readonly finish: FinishName;
  readonly lookups: readonly Lookup[];
  readonly result: TableSegment['result'];
  /** What is looked up before the finish. */
  readonly parts: readonly Part[];
}

/** One finish for one list; `outcomes` is new for each attempt. */
export class FinishMaker {
  readonly reach: Reach;
  private readonly making: Making;
  private fields: readonly ListField[] | undefined;
  private parts: ListParts | Overflow | undefined;
  private raw: RawFields | undefined;

  constructor(reach: Reach, making: Making) {
    this.reach = reach;
    this.making = making;
  }

  /** Builds the finish; `most` and `raw` are for that of masks. */
  make({ finish, most, raw = 0 }: FinishChoice, outcomes: Outcomes): MadeFinish | Overflow {
    switch (finish) {
      case 'dense':
        return this.dense(outcomes);
      case 'tuples':
        return this.tuples(outcomes);
      case 'masks':
        return this.masks(outcomes, most ?? this.making.budget.masks, raw);
    }
  }

  private dense(outcomes: Outcomes): MadeFinish | Overflow {
    const { reach, making } = this;
    // Where masks will not do either, the classes are made in any case, and say the same.
    const { masks } = making.budget;
    if (fewestMasks(reach.columns, this.listFields(), masks) <= masks) {
      const tooLarge = denseOverflow(reach, this.listFields(), making.budget);
      if (tooLarge !== undefined) return tooLarge;
    }
    const parts = this.listParts();
    if (isOverflow(parts)) return parts;
    const chosen = parts.forDense();
    if (isOverflow(chosen)) return chosen;
    const made = buildDense({ reach, ...chosen, outcomes, making });
    return isOverflow(made) ? made : { finish: 'dense', ...made, parts: chosen.parts };
  }

  private tuples(outcomes: Outcomes): MadeFinish | Overflow {
    const { reach, making } = this;
    const { budget, pool } = making;
    const fields = this.listParts();
    if (isOverflow(fields)) return fields;
    const { parts, late } = fields.forTuples();
    const lookedUp = componentsOf(parts);
    const components = late === undefined ? lookedUp : [...lookedUp, ...componentsOf([late])];
    const input = { list: reach.list, components, outcomes, budget, pool };
    const made = buildTuples(
      late === undefined
        ? input
        : { ...input, late: { component: parts.length, index: makeIndex(fieldOf(late), making) } },
    );
    if (isOverflow(made)) return made;
    return { finish: 'tuples', lookups: makeLookups(parts, making), result: made.result, parts };
  }

  private masks(outcomes: Outcomes, most: number, least: number): MadeFinish | Overflow {
    const { reach, making } = this;
    const { budget, pool } = making;
    const { list } = reach;
    if (fewestMasks(reach.columns, this.listFields(), most) > most) return { overflow: `masks: more than ${most}` };
    this.raw ??= rawFields(this.listFields());
    const { raw } = this;
    if (raw.bits.size < least) return { overflow: `masks: fewer than ${least} fields without an index` };
    // The other fields are in keys as they are: their classes are not made.
    const byClass = ListParts.of(
      reach,
      this.listFields().filter(({ field }) => raw.byClass.includes(field)),
      making,
    );
    if (isOverflow(byClass)) return byClass;
    const parts = byClass.fieldParts;
    const made = buildMasks({
      list,
      raw,
      components: componentsOf(parts),
      outcomes,
      budget: { ...budget, masks: Math.min(budget.masks, most) },
      pool,
    });
    if (isOverflow(made)) return made;
    return { finish: 'masks', lookups: makeLookups(parts, making), result: made.result, parts };
  }

  private listParts(): ListParts | Overflow {
    this.parts ??= ListParts.of(this.reach, this.listFields(), this.making);
    return this.parts;
  }

  private listFields(): readonly ListField[] {
    this.fields ??= listFields(this.reach.columns, this.making.cache.conditions);
    return this.fields;
  }
}

/**
 * A bound below the number of masks of a list, as far as it is more than `most`: decisions that ask different fields have
 * different masks, and so have prefixes of different lengths where only one field is asked.
 */
function fewestMasks({ asked }: ListColumns, fields: readonly ListField[], most: number): number {
  const [only, ...others] = fields;
  const found = new Set<number>();
  if (only?.bounds !== undefined && others.length === 0) {
    const { lows, highs } = only.bounds;
    for (let i = 0; i < lows.length && found.size <= most; i++) found.add(highs[i]! - lows[i]!);
    return found.size;
  }
  let last = 0;
  for (let i = 0; i < asked.length && found.size <= most; i++) {
    if (asked[i] === last) continue;
    last = asked[i]!;
    if (last !== 0) found.add(last);
  }
  return found.size;
}
