// What is chosen for a list. That every choice means what the list means is in finishes.test.ts.

import { describe, expect, it } from 'vitest';
import { interval } from '../../../src/base/intervals.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import type { TableSegment } from '../../../src/classify/classification.ts';
import { classifyLists, type ListClassification } from '../../../src/classify/classify-lists.ts';
import { END, type ListSegment } from '../../../src/classify/decision-list.ts';
import { MOST_OPERANDS, STEP } from '../../../src/classify/finishes/walk.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../harness/large-lists.ts';
import { setCondition } from '../../harness/list-conditions.ts';
import { classificationDisagreements } from '../../harness/list-oracle.ts';
import { makeList, oneSegment } from '../../harness/random-lists.ts';

function classified(segment: ListSegment, options: Parameters<typeof classifyLists>[1] = {}): ListClassification {
  return classifyLists({ INPUT: { segments: [segment], entry: 0 } }, options);
}

function large(name: string, count: number): ListSegment {
  return largeList(LARGE_KINDS.find((kind) => kind.name === name)!, count);
}

const finishes = ({ plans }: ListClassification): string[] => plans.map(({ finish }) => finish);
const from = (address: number) => setCondition('src', interval(address));
const to = (port: number) => setCondition('dport', interval(port));

function stepsOf({ result }: TableSegment): number {
  return result.kind === 'walk' ? result.steps.length / STEP - MOST_OPERANDS : 0;
}

describe('classifyLists', () => {
  it('asks a short list test by test, and makes no tables', () => {
    const made = classified(oneSegment([{ conditions: [from(1), to(22)], slot: 0, leads: END.accept }]));
    expect(finishes(made)).toEqual(['linear']);
    expect(made.tables.length).toBe(0);
    expect(made.counterPool).toBeUndefined();
  });

  it('asks nothing where nothing is asked', () => {
    const { segments, lists } = classified(oneSegment([{ conditions: [], slot: 4, leads: 1 }], 5), { force: 'dense' });
    expect(segments).toEqual([{ finish: 'linear', tests: [], entry: { kind: 'list', list: 0 }, exits: {} }]);
    expect(lists.map(({ counters, then: { kind } }) => [counters, kind])).toEqual([[[4, 5], 'drop']]);
  });

  it('takes one mask of several fields, dense tables for what else fits, and tuples for the rest', () => {
    expect(finishes(classified(large('acl', 300)))).toEqual(['dense']);
    expect(finishes(classified(large('tuples', 10)))).toEqual(['masks']);
    expect(finishes(classified(large('tuples', 300)))).toEqual(['masks']);
    expect(finishes(classified(large('fw', 1000)))).toEqual(['tuples']);
  });

  it('takes one mask of one field for long lists only', () => {
    const sources = (count: number) =>
      oneSegment(
        Array.from({ length: count }, (_, i) => ({ conditions: [from(7919 * (i + 1))], slot: i, leads: END.drop })),
      );
    expect(finishes(classified(sources(100)))).toEqual(['dense']);
    expect(finishes(classified(sources(300)))).toEqual(['masks']);
  });

  it('has room for 1 000 exact rules in dense tables', () => {
    expect(finishes(classified(large('tuples', 1000), { force: 'dense' }))).toEqual(['dense']);
  });

  it('tells what it chose, what it did not choose and why, and what it costs', () => {
    const made = classified(large('acl', 300), { budget: { ...DEFAULT_BUDGET, denseCells: 5000 } });
    const [plan] = made.plans;
    expect(plan).toMatchObject({ hook: 'INPUT', finish: 'tuples', decisions: 301 });
    expect(plan!.refused.map(({ finish }) => finish)).toEqual(['masks', 'dense', 'masks']);
    expect(plan!.refused[1]!.reason).toMatch(/^src dst: more than \d+ classes$/);
    const names = plan!.lookups.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['src', 'dst', 'protocol', 'dport', 'protocol dport']));
    expect(plan!.loads).toBeGreaterThan(names.length);
    const bytes = plan!.tables.reduce((sum, { width, length }) => sum + width * length, 0);
    expect(bytes).toBeLessThanOrEqual(made.tables.length);
    expect(bytes).toBeGreaterThan(made.tables.length * 0.8);
  });

  it('cuts a list in two until its parts fit', () => {
    const segment = large('skipping', 60);
    const budget = { ...DEFAULT_BUDGET, crossCells: 200, denseCells: 200, masks: 0, tuples: 0 };
    const made = classified(segment, { budget });
    expect(finishes(made).filter((finish) => finish === 'dense').length).toBeGreaterThan(1);
    expect(classificationDisagreements([segment], made, fieldsFor([segment], 400))).toEqual([]);
  });

  it('cuts no further than there may be segments', () => {
    const segment = large('skipping', 60);
    const budget = { ...DEFAULT_BUDGET, denseCells: 1, masks: 0, tuples: 0, segments: 3 };
    const made = classified(segment, { budget });
    expect(finishes(made).every((finish) => finish === 'linear')).toBe(true);
    expect(made.segments.length).toBeLessThanOrEqual(3);
    expect(classificationDisagreements([segment], made, fieldsFor([segment], 100))).toEqual([]);
  });

  it('walks lists, or asks them test by test, that all tables together have no room for', () => {
    const [input, forward] = ['acl', 'fw'].map((name) => large(name, 200)) as [ListSegment, ListSegment];
    const lists = { INPUT: { segments: [input], entry: 0 }, FORWARD: { segments: [forward], entry: 0 } };
    const room = Math.floor(1.2 * classified(input).tables.length);
    const made = classifyLists(lists, { budget: { ...DEFAULT_BUDGET, tableBytes: room, codeTests: 40 } });
    const ofHook = (hook: string) => made.plans.filter((plan) => plan.hook === hook).map(({ finish }) => finish);
    expect(ofHook('INPUT')).toEqual(['dense']);
    expect(ofHook('FORWARD')).toContain('walk');
    expect(ofHook('FORWARD').length).toBeGreaterThan(1);

    for (const [codeTests, finish] of [
      [0, 'walk'],
      [10_000, 'linear'],
    ] as const) {
      const none = classified(forward, { budget: { ...DEFAULT_BUDGET, tableBytes: 0, codeTests } });
      expect(finishes(none)).toEqual([finish]);
      expect(none.plans[0]!.refused.at(-1)!.reason).toBe('the tables of all lists: more than 0 bytes');
      expect(classificationDisagreements([forward], none, fieldsFor([forward], 200))).toEqual([]);
    }
  });

  it('says so where rules come to more steps than a walk may have', () => {
    const segment = large('fw', 200);
    const walked = { ...DEFAULT_BUDGET, tableBytes: 0, codeTests: 0 };
    const made = classified(segment, { budget: walked });
    expect(finishes(made)).toContain('walk');
    const steps = Math.max(...made.segments.map((each) => (each.finish === 'tables' ? stepsOf(each) : 0)));
    expect(finishes(classified(segment, { budget: { ...walked, walkSteps: steps } }))).toEqual(finishes(made));
    expect(() => classified(segment, { budget: { ...walked, walkSteps: steps - 1 } })).toThrow(
      expect.objectContaining({
        chain: 'INPUT',
        message: `the rules that packets of INPUT may meet: a walk of more than ${steps - 1} steps`,
      }),
    );
  });

  it('numbers the segments of hooks one after the other, and shares lists and tables', () => {
    const lists = {
      segments: [
        { list: makeList([{ conditions: [to(22)], slot: 0, leads: END.accept }]), exits: { next: 1 } },
        oneSegment([{ conditions: [from(9)], slot: 1, leads: END.accept }], 2),
      ],
      entry: 0,
    };
    const one = classifyLists({ INPUT: lists }, { force: 'dense' });
    const both = classifyLists({ INPUT: lists, FORWARD: lists }, { force: 'dense' });
    expect(both.entries).toEqual({ INPUT: 0, FORWARD: 2 });
    expect(both.segments.map(({ exits }) => exits)).toEqual([{ next: 1 }, {}, { next: 3 }, {}]);
    expect(both.lists).toEqual(one.lists);
    expect(Buffer.compare(both.tables, one.tables)).toBe(0);
  });

  it('gives the same bytes for the same lists', () => {
    const [one, other] = [classified(large('ipc', 200)), classified(large('ipc', 200))];
    expect(Buffer.compare(one.tables, other.tables)).toBe(0);
    expect({ ...one, tables: 0 }).toEqual({ ...other, tables: 0 });
  });
});
