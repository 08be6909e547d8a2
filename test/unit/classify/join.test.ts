import { expect, test } from 'vitest';
import type { FieldValues } from '../../../src/base/predicate.ts';
import type { ActionList, Classification } from '../../../src/classify/classification.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { joinClassifications } from '../../../src/classify/join.ts';

const TCP = { kind: 'in', field: 'protocol', set: [{ low: 6, high: 6 }] } as const;
const PORT = { kind: 'in', field: 'dport', set: [{ low: 22, high: 22 }] } as const;

function list(counters: readonly number[], then: ActionList['then']): ActionList {
  return { counters, then };
}

/** A hook that counts TCP in one slot, goes on, and asks for a port. */
function linear(hook: 'INPUT' | 'OUTPUT', slot: number) {
  return {
    segments: [
      {
        finish: 'linear',
        tests: [
          { predicate: TCP, yes: { kind: 'list', list: 0 }, no: { kind: 'list', list: 1 } },
          { predicate: PORT, yes: { kind: 'list', list: 1 }, no: { kind: 'list', list: 2 } },
        ],
        entry: { kind: 'test', test: 0 },
      },
    ],
    lists: [
      list([slot], { kind: 'segment', segment: 0, test: 1 }),
      list([slot + 1], { kind: 'accept' }),
      list([slot + 2], { kind: 'drop' }),
    ],
    entries: { [hook]: 0 },
    tables: new Uint8Array(0),
  } as const;
}

test('each hook is judged as it was alone', () => {
  const input: Classification = linear('INPUT', 0);
  const output = linear('OUTPUT', 10);
  const both = joinClassifications(input, output);
  expect(both.segments).toHaveLength(2);
  for (const [protocol, dport] of [
    [6, 22],
    [6, 80],
    [17, 22],
  ]) {
    const fields = { protocol, dport } as unknown as FieldValues;
    expect(evaluateClassification(both, 'INPUT', fields)).toEqual(evaluateClassification(input, 'INPUT', fields));
    expect(evaluateClassification(both, 'OUTPUT', fields)).toEqual(evaluateClassification(output, 'OUTPUT', fields));
  }
});
