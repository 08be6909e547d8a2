import { expect, it } from 'vitest';
import { interval } from '../../../src/base/intervals.ts';
import { classifyLists } from '../../../src/classify/classify-lists.ts';
import { END } from '../../../src/classify/decision-list.ts';
import { printClassification } from '../../../src/classify/print.ts';
import { setCondition } from '../../harness/list-conditions.ts';
import { makeList, oneSegment } from '../../harness/random-lists.ts';

it('prints what is looked up where, and which segments follow', () => {
  const port = (number: number) => setCondition('dport', interval(number));
  const first = makeList([
    { conditions: [setCondition('protocol', interval(6)), port(22)], slot: 0, leads: END.accept },
    { conditions: [setCondition('state', interval(4))], slot: 1, leads: END.accept },
  ]);
  const segments = [
    { list: first, exits: { next: 1 } },
    oneSegment([{ conditions: [port(80)], slot: 2, leads: END.drop }], 3),
  ];
  const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force: 'dense' });
  expect(printClassification(classification).split('\n')).toEqual([
    'hook INPUT segment 0',
    'segment 0 dense, 3 outcomes, exits next 1',
    '  0: protocol by bounds 0, 6: 1, 7: 0',
    '  1: dport by bounds 0, 22: 1, 23: 0',
    '  2: cross protocol dport of 0 and 1, 2 x 2',
    '  from 3 on: late state, state by bounds 0, 4: 1, 5: 0',
    'segment 1 dense, 2 outcomes',
    '  0: dport by bounds 0, 80: 1, 81: 0',
    'list 0: exit next',
    'list 1: count 1, accept',
    'list 2: count 0, accept',
    'list 3: count 3, drop',
    'list 4: count 2, drop',
    expect.stringMatching(/^tables \d+ bytes$/),
    '',
  ]);
});
