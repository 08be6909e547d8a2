// Tries finishes for one list.

import type { Budget } from './budget.ts';
import type { Lookup, TableSegment } from './classification.ts';
import { buildDense } from './finishes/dense.ts';
import { isOverflow, type Outcomes, type Overflow } from './finishes/finish.ts';
import { buildTuples } from './finishes/tuples.ts';
import { ListParts } from './list-parts.ts';
import { componentsOf, fieldOf, makeIndex, makeLookups } from './parts.ts';
import type { Reach } from './reach.ts';
import type { TablePool } from './tables.ts';

export type FinishName = 'linear' | 'dense' | 'tuples' | 'masks';

export interface MadeFinish {
  readonly finish: FinishName;
  readonly lookups: readonly Lookup[];
  readonly result: TableSegment['result'];
}

/** One finish for one list; `outcomes` is new for each attempt. */
export class FinishMaker {
  readonly reach: Reach;
  private readonly budget: Budget;
  private readonly pool: TablePool;
  private parts: ListParts | Overflow | undefined;

  constructor(reach: Reach, budget: Budget, pool: TablePool) {
    this.reach = reach;
    this.budget = budget;
    this.pool = pool;
  }

  make(finish: Exclude<FinishName, 'linear'>, outcomes: Outcomes): MadeFinish | Overflow {
    switch (finish) {
      case 'dense':
        return this.dense(outcomes);
      case 'tuples':
        return this.tuples(outcomes);
      case 'masks':
        return { overflow: 'not yet' };
    }
  }

  private dense(outcomes: Outcomes): MadeFinish | Overflow {
    const { reach, budget, pool } = this;
    const parts = this.listParts();
    if (isOverflow(parts)) return parts;
    const chosen = parts.forDense();
    if (isOverflow(chosen)) return chosen;
    const made = buildDense({ reach, ...chosen, outcomes, budget, pool });
    return isOverflow(made) ? made : { finish: 'dense', ...made };
  }

  private tuples(outcomes: Outcomes): MadeFinish | Overflow {
    const { reach, budget, pool } = this;
    const fields = this.listParts();
    if (isOverflow(fields)) return fields;
    const { parts, late } = fields.forTuples();
    const lookedUp = componentsOf(parts);
    const components = late === undefined ? lookedUp : [...lookedUp, ...componentsOf([late])];
    const input = { list: reach.list, components, outcomes, budget, pool };
    const made = buildTuples(
      late === undefined
        ? input
        : { ...input, late: { component: parts.length, index: makeIndex(fieldOf(late), budget, pool) } },
    );
    if (isOverflow(made)) return made;
    return { finish: 'tuples', lookups: makeLookups(parts, budget, pool), result: made.result };
  }

  private listParts(): ListParts | Overflow {
    this.parts ??= ListParts.of(this.reach, this.budget);
    return this.parts;
  }
}
