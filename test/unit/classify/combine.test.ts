import { describe, expect, it } from 'vitest';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import type { ClassSets } from '../../../src/classify/classes.ts';
import { combine, pairsOf } from '../../../src/classify/combine.ts';
import { isOverflow } from '../../../src/classify/finishes/finish.ts';
import { NumberSets } from '../../../src/classify/number-sets.ts';
import { makePruner } from '../../../src/classify/prune.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import type { Choice } from '../../harness/random.ts';

/** Classes with any predicates. */
function randomSets(choice: Choice, predicateCount: number): ClassSets {
  const sets = new NumberSets();
  for (let count = choice.integer(1, 12); count > 0; count--) {
    const held = Array.from({ length: predicateCount }, (_, i) => i + 1).filter(() => choice.chance(0.4));
    sets.number(Int32Array.from(held), held.length);
  }
  return { classCount: sets.count, classes: sets.finish(), predicateCount };
}

function members({ classes }: ClassSets, number: number): number[] {
  return [...classes.items.slice(classes.offsets[number], classes.offsets[number + 1])];
}

function combined(...input: Parameters<typeof combine>) {
  const made = combine(...input);
  if (isOverflow(made)) throw new Error(made.overflow);
  return made;
}

describe('combine', () => {
  it('gives each cell the pairs that hold in its row and in its column', () => {
    for (let seed = 0; seed < 200; seed++) {
      const choice = seededChoice(seed, 2);
      const rows = randomSets(choice, choice.integer(1, 8));
      const columns = randomSets(choice, choice.integer(1, 8));
      const length = choice.integer(0, 20);
      const asks = ({ predicateCount }: ClassSets) =>
        Int32Array.from({ length }, () => (choice.chance(0.3) ? 0 : choice.integer(1, predicateCount)));
      const pairs = pairsOf(asks(rows), asks(columns));
      const { sets, cells } = combined('both', rows, columns, pairs, undefined, DEFAULT_BUDGET, 1000);
      for (let row = 0; row < rows.classCount; row++) {
        for (let column = 0; column < columns.classCount; column++) {
          const inRow = [0, ...members(rows, row)];
          const inColumn = [0, ...members(columns, column)];
          const wanted = Array.from({ length: pairs.count }, (_, i) => i + 1).filter(
            (pair) => inRow.includes(pairs.rows[pair]!) && inColumn.includes(pairs.columns[pair]!),
          );
          expect(members(sets, cells[row * columns.classCount + column]!)).toEqual(wanted);
        }
      }
    }
  });

  it('numbers the pairs that decisions ask for, and no others', () => {
    const pairs = pairsOf(Int32Array.of(2, 0, 2, 0, 1), Int32Array.of(1, 3, 1, 0, 0));
    expect(pairs.count).toBe(3);
    expect([...pairs.rows]).toEqual([0, 0, 1, 2]);
    expect([...pairs.columns]).toEqual([0, 3, 0, 1]);
    expect([...pairs.ofDecision]).toEqual([3, 1, 3, 0, 2]);
  });

  it('leaves out what stands behind a decision that ends, and asks no more', () => {
    const one: ClassSets = {
      classCount: 2,
      classes: { offsets: Int32Array.of(0, 0, 1), items: Int32Array.of(1) },
      predicateCount: 1,
    };
    // A decision on both, one on the rows alone behind it, one on the columns alone behind that.
    const pairs = pairsOf(Int32Array.of(1, 1, 0), Int32Array.of(1, 0, 1));
    const setsFor = (definite: Uint8Array): number[][] => {
      const pruner = makePruner(pairs.ofDecision, pairs.count, Uint8Array.of(1, 1, 1), definite);
      const { sets } = combined('both', one, one, pairs, pruner, DEFAULT_BUDGET, 1000);
      return Array.from({ length: sets.classCount }, (_, number) => members(sets, number));
    };
    expect(setsFor(Uint8Array.of(0, 0, 0))).toEqual([[], [1], [2], [1, 2, 3]]);
    expect(setsFor(Uint8Array.of(1, 0, 0))).toEqual([[], [1], [2], [3]]);
    expect(setsFor(Uint8Array.of(0, 1, 0))).toEqual([[], [1], [2], [2, 3]]);
  });

  it('says so where there are more classes than may be', () => {
    const one = randomSets(seededChoice(1, 3), 4);
    const pairs = pairsOf(Int32Array.of(1, 0, 2), Int32Array.of(0, 2, 3));
    expect(combine('both', one, one, pairs, undefined, DEFAULT_BUDGET, 1)).toEqual({
      overflow: 'both: more than 1 classes',
    });
    expect(combine('both', one, one, pairs, undefined, { ...DEFAULT_BUDGET, overlap: 0 }, 100)).toEqual({
      overflow: 'both: conditions overlap too much',
    });
  });
});
