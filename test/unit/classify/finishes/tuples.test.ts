import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field, NumericField } from '../../../../src/base/predicate.ts';
import { END } from '../../../../src/classify/decision-list.ts';
import { isOverflow } from '../../../../src/classify/finishes/finish.ts';
import type { TupleBits, TuplesFinish } from '../../../../src/classify/finishes/tuples.ts';
import { type FinishCase, type TuplesOptions, tuplesCase, withoutSkips } from '../../../harness/finish-cases.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../../harness/large-lists.ts';
import { setCondition } from '../../../harness/list-conditions.ts';
import { type DecisionSpec, listScenarios, type Manner, oneSegment } from '../../../harness/random-lists.ts';
import { expectSame } from './run-case.ts';

interface Taken {
  built: number;
  probes: number;
  alone: number;
  ending: number;
  goingOn: number;
  checked: number;
  chained: number;
  words: number;
  late: number;
}

function note(taken: Taken, { result, packets }: FinishCase<TuplesFinish>): void {
  const isUsed = ({ masks }: TupleBits): boolean => masks.some((mask) => mask !== 0n);
  taken.built++;
  for (const { found } of packets) {
    taken.probes += found.probes;
    if (found.askedLate) taken.late++;
  }
  if (isUsed(result.ending.alone)) taken.alone++;
  if (isUsed(result.ending.tuples)) taken.ending++;
  if (isUsed(result.goingOn.tuples)) taken.goingOn++;
  if (result.checked !== undefined) taken.checked++;
  if (Math.max(result.ending.chains?.longest ?? 0, result.goingOn.chains?.longest ?? 0) > 1) taken.chained++;
  if (result.words > 1) taken.words++;
}

function random(options: TuplesOptions, manners?: readonly Manner[]): Taken {
  const taken = { built: 0, probes: 0, alone: 0, ending: 0, goingOn: 0, checked: 0, chained: 0, words: 0, late: 0 };
  const scenarios = listScenarios({
    segments: 1,
    packets: 12,
    length: { min: 0, max: 200 },
    ...(manners !== undefined && { manners }),
  });
  fc.assert(
    fc.property(scenarios, ({ segments, packets }) => {
      const made = tuplesCase(withoutSkips(segments[0]!.list), packets, options);
      if (isOverflow(made)) return;
      expectSame(made);
      note(taken, made);
    }),
    { seed: 11, numRuns: 60 },
  );
  return taken;
}

describe('tuples find what walking the list finds', () => {
  it('with as many bits as there may be', () => {
    const taken = random({});
    expect(taken.built).toBeGreaterThan(50);
    for (const each of [taken.probes, taken.alone, taken.ending, taken.words]) expect(each).toBeGreaterThan(2);
  });

  it('with few bits, where tuples are merged', () => {
    const taken = random({ budget: { tuples: 8 } }, ['few fields', 'tuples', 'counting']);
    for (const each of [taken.built, taken.ending, taken.goingOn, taken.checked, taken.chained])
      expect(each).toBeGreaterThan(3);
  });

  it('with a field that is found late, and only where it still matters', () => {
    const groups: readonly (readonly Field[])[] = [['src', 'dst'], ['protocol', 'dport', 'state'], ['sport']];
    const taken = random({ groups, late: 1 });
    expect(taken.late).toBeGreaterThan(50);
    expect(taken.late).toBeLessThan(taken.built * 12 - 50);
  });

  it.each(LARGE_KINDS)('large: $name', (kind) => {
    const segment = largeList(kind, 1000);
    const made = tuplesCase(withoutSkips(segment.list), fieldsFor([segment], 60));
    const overflows = ['nested', 'nested pairs', 'overlapping', 'negations'].includes(kind.name);
    expect(isOverflow(made) ? made.overflow : '').toBe(overflows ? 'tuples: 1000 of them, 512 at most' : '');
    if (!isOverflow(made)) expectSame(made);
  });
});

const one = (field: NumericField, low: number, high = low) => setCondition(field, [{ low, high }]);

/** Decisions that ask what `conditions` gives, and packets that meet some of them. */
function decisions(count: number, conditions: (n: number) => DecisionSpec['conditions']) {
  const leads = (n: number): number => [END.accept, END.drop, 1][n % 3]!;
  return oneSegment(
    Array.from({ length: count }, (_, n) => ({ conditions: conditions(n), slot: n, leads: leads(n) })),
    count,
  );
}

describe('tuples', () => {
  const wide: readonly NumericField[] = ['src', 'dst', 'sport', 'dport', 'transportLength'];

  it('leave a component out of keys that would be too long, and check it', () => {
    const segment = decisions(7000, (n) => wide.map((field) => one(field, n + 1)));
    const made = tuplesCase(segment.list, fieldsFor([segment], 40), { groups: wide.map((field) => [field]) });
    if (isOverflow(made)) throw new Error(made.overflow);
    expect(made.result.checked).toBeDefined();
    expectSame(made);
  });

  it('say so where keys are still too long', () => {
    const fields: readonly NumericField[] = [...wide, 'fragment'];
    const segment = decisions(8000, (n) => fields.map((field) => one(field, n + 1)));
    expect(tuplesCase(segment.list, [], { groups: fields.map((field) => [field]) })).toEqual({
      overflow: 'tuples: keys of 88 bits, 64 at most',
    });
  });

  it('say so where too many decisions have one key', () => {
    const segment = decisions(64, (n) => [one('sport', n % 8, 100), one('dport', n >> 3, 100)]);
    const options = { groups: [['sport', 'dport']], budget: { tuples: 2 } } as const;
    expect(tuplesCase(segment.list, fieldsFor([segment], 40), options)).toEqual({
      overflow: expect.stringMatching(/^tuples: \d+ of them, 2 at most$/),
    });
    expect(tuplesCase(segment.list, [], options)).toHaveProperty('result');
  });

  it('say so where there are too many components, and where decisions skip others', () => {
    const fields: readonly NumericField[] = [...wide, 'fragment', 'protocol', 'tcpFlags'];
    const segment = decisions(200, (n) => fields.map((field) => one(field, n)));
    expect(tuplesCase(segment.list, [], { groups: fields.map((field) => [field]) })).toEqual({
      overflow: 'tuples: 9 components, 8 at most',
    });
    const then = segment.list.then.with(3, 7);
    expect(tuplesCase({ ...segment.list, then }, [])).toEqual({ overflow: 'tuples: decision 3 skips some' });
  });

  it('have predicates beyond the last layer stand alone', () => {
    const segment = decisions(300, (n) => [one('sport', n, 600 - n), ...(n % 2 === 0 ? [one('dport', n)] : [])]);
    const made = tuplesCase(segment.list, fieldsFor([segment], 60), { groups: [['sport'], ['dport']] });
    if (isOverflow(made)) throw new Error(made.overflow);
    expectSame(made);
  });
});
