import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains } from '../../../src/base/intervals.ts';
import { FIELD_MAXIMUM, type FieldValues, type NumericField } from '../../../src/base/predicate.ts';
import { END, type ListSegment } from '../../../src/classify/decision-list.ts';
import { EDGE_CASES } from '../../harness/edge-lists.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../harness/large-lists.ts';
import { meets } from '../../harness/list-conditions.ts';
import { listScenarios, makeList, oneSegment } from '../../harness/random-lists.ts';
import { walkList, walkSegments } from '../../harness/walk-lists.ts';

/** What `DecisionList` promises. */
function checkList({ list, exits }: ListSegment): void {
  const { length, conditions, slots, then } = list;
  expect([conditions.length, slots.length, then.length]).toEqual([length, length, length]);
  for (let i = 0; i < length; i++) {
    const ids = conditions[i]!.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(new Set(conditions[i]!.map(({ field }) => field)).size).toBe(ids.length);
    expect(then[i]! > i ? then[i]! <= length : then[i]! >= END.return && then[i]! < 0).toBe(true);
    const exit = { [END.next]: 'next', [END.call]: 'call', [END.return]: 'return' }[then[i]!];
    if (exit !== undefined) expect(exits).toHaveProperty(exit);
  }
}

function checkSets(list: ListSegment['list'], packets: readonly FieldValues[]): void {
  for (const condition of new Set(list.conditions.flat())) {
    const { field, set } = condition;
    if (set === undefined || !(field in FIELD_MAXIMUM)) continue;
    expect(set.length).toBeGreaterThan(0);
    const wrong = packets.filter((packet) => contains(set, packet[field as NumericField]) !== meets(condition, packet));
    expect(wrong).toEqual([]);
  }
}

describe('random lists', () => {
  it('are lists, and most packets end before the last decision', () => {
    let [ended, met] = [0, 0];
    let packets = 0;
    fc.assert(
      fc.property(listScenarios(), (scenario) => {
        scenario.segments.forEach(checkList);
        for (const { list } of scenario.segments) checkSets(list, scenario.packets);
        for (const fields of scenario.packets) {
          const { counted } = walkSegments(scenario.segments, 0, fields);
          packets++;
          if (counted.length > 0) met++;
          const { list } = scenario.segments[0]!;
          if (walkList({ ...list, length: Math.max(0, list.length - 1) }, fields, []) !== 'next') ended++;
        }
      }),
      { seed: 4, numRuns: 100 },
    );
    expect(met / packets).toBeGreaterThan(0.8);
    expect(ended / packets).toBeGreaterThan(0.3);
  });

  it('shrink to what matters', () => {
    const found = fc.check(
      fc.property(
        listScenarios(),
        ({ segments, packets }) => !packets.some((fields) => walkSegments(segments, 0, fields).counted.length > 3),
      ),
      { seed: 1 },
    );
    const { segments, packets } = found.counterexample![0];
    expect(packets).toHaveLength(1);
    expect(segments.reduce((sum, { list }) => sum + list.length, 0)).toBeLessThanOrEqual(5);
  });
});

describe('large lists', () => {
  it.each(LARGE_KINDS)('$name: $about', (kind) => {
    const segment = largeList(kind, 300);
    expect(segment.list.length).toBe(301);
    checkList(segment);
    const packets = fieldsFor([segment], 300);
    checkSets(segment.list, packets.slice(0, 20));
    const ends = packets.map((fields) => walkSegments([segment], 0, fields));
    const hits = new Set(ends.flatMap(({ counted }) => counted).filter((slot) => slot < 300));
    expect(hits.size).toBeGreaterThan(/^nested|^overlapping$|^IPv6/.test(kind.name) ? 0 : 15);
  });
});

describe('lists at the edge', () => {
  it('have names of their own', () => {
    expect(new Set(EDGE_CASES.map(({ name }) => name)).size).toBe(EDGE_CASES.length);
  });

  it.each(EDGE_CASES.filter(({ segments }) => segments[0]!.list.length < 3000))('$name', ({ segments }) => {
    segments.forEach(checkList);
    const packets = fieldsFor(segments, 50);
    for (const { list } of segments) checkSets(list, packets.slice(0, 10));
    for (const fields of packets)
      expect(['accept', 'drop', 'undecided']).toContain(walkSegments(segments, 0, fields).verdict);
  });
});

it('a skip past the end is the end', () => {
  const list = makeList([{ conditions: [], slot: 3, leads: 9 }]);
  const counted: number[] = [];
  expect([walkList(list, {} as FieldValues, counted), counted]).toEqual(['next', [3]]);
  expect(walkSegments([oneSegment([{ conditions: [], slot: 3, leads: 1 }], 4)], 0, {} as FieldValues)).toEqual({
    verdict: 'drop',
    counted: [3, 4],
  });
});
