// Every finish, forced, and every way out of one, by budgets too small: against the plain walk of the list. Larger lists,
// and programs, are in test/differential/lists.test.ts.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interval } from '../../../src/base/intervals.ts';
import { type Budget, DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { ClassifyCache } from '../../../src/classify/cache.ts';
import {
  type ClassifyListsOptions,
  classifyLists,
  type ListClassification,
} from '../../../src/classify/classify-lists.ts';
import { END, type ListSegment } from '../../../src/classify/decision-list.ts';
import type { FinishName } from '../../../src/classify/make-finish.ts';
import { EDGE_CASES } from '../../harness/edge-lists.ts';
import { setCondition } from '../../harness/list-conditions.ts';
import { classificationDisagreements } from '../../harness/list-oracle.ts';
import { listScenarios, oneSegment } from '../../harness/random-lists.ts';

/** How many random lists each setting gets. */
const RUNS = Number(process.env.BPFILTER_RUNS ?? 25);
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

const FINISHES: readonly FinishName[] = ['dense', 'tuples', 'masks', 'linear', 'walk'];

function classified(segments: readonly ListSegment[], options: ClassifyListsOptions): ListClassification {
  return classifyLists({ INPUT: { segments, entry: 0 } }, options);
}

describe.each(FINISHES)('forced: %s', (force) => {
  it('random lists', () => {
    const taken: FinishName[] = [];
    fc.assert(
      fc.property(listScenarios({ packets: 20 }), ({ segments, packets }) => {
        const classification = classified(segments, { force });
        taken.push(...classification.plans.map(({ finish }) => finish));
        expect(classificationDisagreements(segments, classification, packets)).toEqual([]);
      }),
      { numRuns: RUNS, seed },
    );
    expect(taken.filter((finish) => finish === force).length).toBeGreaterThan(RUNS / 10);
  });
});

it('masks: a decision has too many copies, also where their number has more than 32 bits', () => {
  const fields = ['src', 'sport', 'dport'] as const;
  const spaced = (place: number) => interval(16 * place + 1, 16 * place + 3);
  const narrow = Array.from({ length: 2047 }, (_, i) =>
    fields.map((field) => setCondition(field, spaced(field === 'src' ? i % 1023 : i))),
  );
  // It holds in 2^32 combinations of classes.
  const wide = fields.map((field) => setCondition(field, interval(0, 65534)));
  const decisions = [...narrow, wide].map((conditions, slot) => ({ conditions, slot, leads: END.drop }));
  const { plans } = classified([oneSegment(decisions)], { force: 'masks' });
  const reasons = plans.flatMap(({ refused }) => refused.map(({ reason }) => reason));
  expect(reasons).toContain('masks: too many classes');
});

/** A budget that is too small, and what a finish then says of itself; or that lists are cut until they fit. */
const SHORTAGES: readonly (readonly [Partial<Budget>, RegExp | 'cut'])[] = [
  [{ crossCells: 20, denseCells: 400 }, /: \d+ cells, 20 at most/],
  [{ denseCells: 20 }, /: \d+ cells, 20 at most/],
  [{ denseBytes: 100 }, /\d+ bytes, 100 at most/],
  [{ overlap: 0 }, /: conditions overlap too much/],
  [{ listCounters: 2 }, /more than 2 counters of one packet/],
  [{ denseCells: 1, masks: 1 }, /masks: more than 1/],
  [{ denseCells: 1, tuples: 3 }, 'cut'],
  [{ denseCells: 1, tuples: 1, masks: 0, segments: 3 }, /tuples: \d+ of them, 1 at most/],
  [{ tableBytes: 200 }, 'cut'],
  [{ tableBytes: 0, codeTests: 4 }, /the tables of all lists: more than 0 bytes/],
];

describe('a budget too small', () => {
  it.each(SHORTAGES)('%o', (shortage, wanted) => {
    const reasons: string[] = [];
    fc.assert(
      fc.property(listScenarios({ packets: 20 }), ({ segments, packets }) => {
        const classification = classified(segments, { budget: { ...DEFAULT_BUDGET, linearRules: 0, ...shortage } });
        if (classification.segments.length > segments.length) reasons.push('cut');
        for (const { refused } of classification.plans) reasons.push(...refused.map((each) => each.reason));
        expect(classificationDisagreements(segments, classification, packets)).toEqual([]);
      }),
      { numRuns: RUNS, seed },
    );
    const isWanted = (reason: string): boolean => (wanted === 'cut' ? reason === wanted : wanted.test(reason));
    expect(reasons.filter(isWanted).length).toBeGreaterThan(RUNS / 12);
  });

  it('of cells is one too few, and of exactly as many is enough', () => {
    const { segments } = EDGE_CASES.find(({ name }) => name === '17 by 17 classes, each its own')!;
    const finishOf = (denseCells: number) =>
      classified(segments, { budget: { ...DEFAULT_BUDGET, denseCells } }).plans[0]!.finish;
    expect([finishOf(17 * 17), finishOf(17 * 17 - 1)]).toEqual(['dense', 'tuples']);
  });
});

it('what is kept from other lists changes nothing', () => {
  const cache = new ClassifyCache();
  const print = ({ tables, ...rest }: ListClassification): string =>
    JSON.stringify(rest, (_, value) => (typeof value === 'bigint' ? `${value}` : value)) +
    Buffer.from(tables).toString('base64');
  fc.assert(
    fc.property(listScenarios({ packets: 0 }), fc.constantFrom(...FINISHES), ({ segments }, force) => {
      const [first, ...others] = segments;
      const { list } = first!;
      const counted = { ...list, slots: list.slots.map((slot) => (slot < 0 ? slot : slot + 1)) };
      // Of lists that are as they were, what is made goes on being used beside others.
      for (const each of [segments, [{ ...first!, list: counted }, ...others], segments]) {
        const isSame = print(classified(each, { force, cache })) === print(classified(each, { force }));
        expect(isSame).toBe(true);
      }
    }),
    { numRuns: RUNS, seed },
  );
});
