import { expect, test } from 'vitest';
import type { ActionList, Classification, TableSegment } from '../../../src/classify/classification.ts';
import { finishesOf } from '../../bench/finishes.ts';

const outcomes = { name: 'outcomes', offset: 0, width: 4, length: 1 } as const;
const dense = (exits: TableSegment['exits'] = {}): TableSegment => ({
  ...{ finish: 'tables', lookups: [], result: { kind: 'dense', cell: 0 }, outcomes, lists: [0], exits },
});
const list = (then: ActionList['then']): ActionList => ({ counters: [], then });
const linear = { finish: 'linear', tests: [], entry: { kind: 'list', list: 0 } } as const;

test('the finishes of a hook are those of every segment that its packets may come to, each once', () => {
  const classification: Classification = {
    segments: [dense({ next: 1, call: 2 }), dense(), linear, linear],
    lists: [list({ kind: 'accept' })],
    entries: { INPUT: 0, FORWARD: 3, OUTPUT: 1 },
    tables: new Uint8Array(),
  };
  expect(finishesOf(classification, 'INPUT').split(', ').sort()).toEqual(['dense', 'linear']);
  expect(finishesOf(classification, 'FORWARD')).toBe('linear');
  expect(finishesOf(classification, 'OUTPUT')).toBe('dense');
});

test('a linear segment that only leads to others is none', () => {
  const predicate = { field: 'src', test: { kind: 'in', set: [{ low: 1, high: 1 }] } } as const;
  const [yes, no] = [
    { kind: 'list', list: 0 },
    { kind: 'list', list: 1 },
  ] as const;
  const classification: Classification = {
    segments: [
      { finish: 'linear', tests: [{ predicate: predicate as never, yes, no }], entry: { kind: 'test', test: 0 } },
      dense(),
    ],
    lists: [list({ kind: 'accept' }), list({ kind: 'segment', segment: 1 })],
    entries: { INPUT: 0 },
    tables: new Uint8Array(),
  };
  expect(finishesOf(classification, 'INPUT')).toBe('dense');
});
