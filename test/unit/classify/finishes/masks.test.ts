import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endingOnly, masksCase } from '../../../harness/finish-cases.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../../harness/large-lists.ts';
import { ALL_FIELDS } from '../../../harness/list-conditions.ts';
import { listScenarios } from '../../../harness/random-lists.ts';
import { expectSame } from './run-case.ts';

/** `icmp` lies where `sport` does, and values of random packets do not agree. */
const FIELDS = ALL_FIELDS.filter((field) => field !== 'icmp');

describe('masks', () => {
  it.each([3, 15])('finds what walking the list finds, with %i masks', (masks) => {
    const counts = { built: 0, several: 0, byClass: 0, twoWords: 0 };
    fc.assert(
      fc.property(
        listScenarios({ segments: 1, packets: 12, length: { min: 0, max: 20 }, fields: FIELDS }),
        ({ segments, packets }) => {
          const made = masksCase(endingOnly(segments[0]!.list), packets, { masks });
          if ('overflow' in made) return;
          expectSame(made);
          counts.built++;
          if (made.result.masks.length > 1) counts.several++;
          if (made.byClass.length > 0) counts.byClass++;
          if (made.result.hash.keyWords === 2) counts.twoWords++;
        },
      ),
      { seed: 5, numRuns: 150 },
    );
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(3);
  });

  it.each(LARGE_KINDS)('large: $name', (kind) => {
    const segment = largeList(kind, 1000);
    const made = masksCase(endingOnly(segment.list), fieldsFor([segment], 60));
    if (!('overflow' in made)) expectSame(made);
    const found = 'overflow' in made ? made.overflow : `${made.result.masks.length} masks`;
    expect(found).toBe(LARGE.get(kind.name) ?? (kind.name.startsWith('only ') ? '1 masks' : 'masks: more than 3'));
  });

  it('leaves lists alone whose decisions go on, or skip others', () => {
    const { list } = largeList(LARGE_KINDS.find(({ name }) => name === 'tuples')!, 20);
    for (const to of [5, 7]) {
      const then = list.then.with(4, to);
      expect(masksCase({ ...list, then }, [])).toEqual({ overflow: 'masks: decision 4 does not end' });
    }
  });
});

const LARGE: ReadonlyMap<string, string> = new Map([
  ['half alike', '1 masks'],
  ['tuples', '1 masks'],
  ['skipping', '3 masks'],
  ['devices', '2 masks'],
  ['nested', 'masks: too many classes'],
  ['nested pairs', 'masks: too many classes'],
  ['overlapping', 'masks: too many classes'],
  ['negations', 'masks: too many classes'],
  ['IPv6 prefixes', 'masks: too many classes'],
]);
