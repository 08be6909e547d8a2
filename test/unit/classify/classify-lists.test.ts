import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Budget, DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { classifyLists, type ListClassification } from '../../../src/classify/classify-lists.ts';
import type { ListSegment } from '../../../src/classify/decision-list.ts';
import type { FinishName } from '../../../src/classify/make-finish.ts';
import { classificationDisagreements } from '../../harness/list-oracle.ts';
import { type ListOptions, listScenarios } from '../../harness/random-lists.ts';

function classified(segments: readonly ListSegment[], budget?: Budget, force?: FinishName): ListClassification {
  return classifyLists(
    { INPUT: { segments, entry: 0 } },
    { ...(budget && { budget }), ...(force !== undefined && { force }) },
  );
}

/** Random lists do what the walk says; the finishes that they got. */
function finishesTaken(budget: Budget, force?: FinishName, options: ListOptions = {}): Map<string, number> {
  const taken = new Map<string, number>();
  fc.assert(
    fc.property(listScenarios(options), ({ segments, packets }) => {
      const classification = classified(segments, budget, force);
      for (const { finish } of classification.plans) taken.set(finish, (taken.get(finish) ?? 0) + 1);
      expect(classificationDisagreements(segments, classification, packets)).toEqual([]);
    }),
    { numRuns: 20 },
  );
  return taken;
}

describe('classifyLists', () => {
  it('means what the lists mean', () => {
    const taken = finishesTaken(DEFAULT_BUDGET);
    expect(taken.get('dense')).toBeGreaterThan(10);
  });

  it('takes the finish that it is told to', () => {
    expect(finishesTaken(DEFAULT_BUDGET, 'dense').get('dense')).toBeGreaterThan(10);
    expect([...finishesTaken(DEFAULT_BUDGET, 'linear').keys()]).toEqual(['linear']);
  });

  it.each(['crossCells', 'denseCells', 'denseBytes', 'overlap', 'listCounters', 'segments'] as const)(
    'has a way out where %s are few',
    (name) => {
      const taken = finishesTaken({ ...DEFAULT_BUDGET, linearRules: 0, [name]: name === 'listCounters' ? 2 : 40 });
      expect(taken.size).toBeGreaterThan(0);
    },
  );
});
