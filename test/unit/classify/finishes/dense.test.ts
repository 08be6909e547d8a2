import { describe, expect, it } from 'vitest';
import { interval } from '../../../../src/base/intervals.ts';
import type { FieldValues } from '../../../../src/base/predicate.ts';
import type { DenseFinish, TableSegment } from '../../../../src/classify/classification.ts';
import { classifyLists, type ListClassification } from '../../../../src/classify/classify-lists.ts';
import { END } from '../../../../src/classify/decision-list.ts';
import { evaluateClassification } from '../../../../src/classify/evaluate.ts';
import { setCondition } from '../../../harness/list-conditions.ts';
import { type DecisionSpec, oneSegment } from '../../../harness/random-lists.ts';

const NEW = 2;
const ESTABLISHED = 4;
const isNew = setCondition('state', interval(NEW));
const isEstablished = setCondition('state', interval(ESTABLISHED));
const from = (address: number) => setCondition('src', interval(address));
const to = (port: number) => setCondition('dport', interval(port));

function dense(decisions: readonly DecisionSpec[]): ListClassification {
  return classifyLists({ INPUT: { segments: [oneSegment(decisions, 9)], entry: 0 } }, { force: 'dense' });
}

function table({ segments }: ListClassification): TableSegment & { readonly result: DenseFinish } {
  const [segment] = segments;
  if (segment?.finish !== 'tables' || segment.result.kind !== 'dense') throw new Error('not dense');
  return segment as TableSegment & { readonly result: DenseFinish };
}

function fieldsAsked({ lookups }: TableSegment): string[] {
  return lookups.flatMap((lookup) => (lookup.kind === 'index' ? [lookup.index.field] : []));
}

function countedBy(classification: ListClassification, fields: Partial<FieldValues>): string {
  const all = { src: 0, dport: 0, state: 0, ...fields } as FieldValues;
  const { verdict, counted } = evaluateClassification(classification, 'INPUT', all);
  return `${verdict} ${counted.join(' ')}`;
}

describe('the dense finish', () => {
  it('of one field has outcomes in the index, in as few runs as there are', () => {
    // The second decision is hidden behind the first, so its bounds are none of the index's.
    const made = dense([
      { conditions: [setCondition('dport', interval(10, 99))], slot: 0, leads: END.accept },
      { conditions: [to(50)], slot: 1, leads: END.drop },
    ]);
    const { lookups, result } = table(made);
    expect(lookups).toEqual([
      { kind: 'index', index: { kind: 'bounds', field: 'dport', bounds: [10, 100], classes: [0, 1, 0] }, into: 0 },
    ]);
    expect(result).toEqual({ kind: 'dense', cell: 0 });
    expect(countedBy(made, { dport: 50 })).toBe('accept 0');
    expect(countedBy(made, { dport: 9 })).toBe('drop 9');
  });

  it('looks the state up only where the outcome depends on it', () => {
    const made = dense([
      { conditions: [from(1)], slot: 0, leads: END.drop },
      { conditions: [isEstablished], slot: 1, leads: END.accept },
      { conditions: [to(22), isNew], slot: 2, leads: END.accept },
      { conditions: [to(80)], slot: 3, leads: END.accept },
    ]);
    const { result, lists } = table(made);
    expect(fieldsAsked(table(made)).sort()).toEqual(['dport', 'src']);
    expect(result.late).toMatchObject({ index: { field: 'state' }, from: lists.length });
    // From 1 nothing matters; elsewhere ports 22 and 80 and all others differ: three rows.
    expect(result.late!.table.length).toBe(3 * result.late!.columnCount);
    expect(countedBy(made, { src: 1, dport: 22, state: ESTABLISHED })).toBe('drop 0');
    expect(countedBy(made, { dport: 22, state: ESTABLISHED })).toBe('accept 1');
    expect(countedBy(made, { dport: 22, state: NEW })).toBe('accept 2');
    expect(countedBy(made, { dport: 80, state: NEW })).toBe('accept 3');
    expect(countedBy(made, { dport: 22, state: 0 })).toBe('drop 9');
  });

  it('does not look the state up where both answers are the same', () => {
    const made = dense([
      { conditions: [from(1), isNew], slot: -1, leads: 2 },
      { conditions: [from(2)], slot: 1, leads: END.drop },
    ]);
    expect(table(made).result.late).toBeUndefined();
  });

  it('looks the state up first where nothing else is asked', () => {
    const made = dense([{ conditions: [isNew], slot: 0, leads: END.drop }]);
    expect(fieldsAsked(table(made))).toEqual(['state']);
    expect(table(made).result.late).toBeUndefined();
    expect(countedBy(made, { state: NEW })).toBe('drop 0');
  });

  it('knows a late field of a list that asks one other', () => {
    const made = dense([{ conditions: [isNew, from(3)], slot: 0, leads: END.accept }]);
    expect(fieldsAsked(table(made))).toEqual(['src']);
    expect(countedBy(made, { src: 3, state: NEW })).toBe('accept 0');
    expect(countedBy(made, { src: 3 })).toBe('drop 9');
    expect(countedBy(made, { src: 4, state: NEW })).toBe('drop 9');
  });

  it('counts every decision on the way, and none that is skipped', () => {
    const made = dense([
      { conditions: [from(1)], slot: 0, leads: 1 },
      { conditions: [to(22)], slot: 1, leads: 2 },
      { conditions: [from(1)], slot: 2, leads: END.drop },
      { conditions: [], slot: 3, leads: 1 },
    ]);
    expect(countedBy(made, { src: 1, dport: 22 })).toBe('drop 0 1 3 9');
    expect(countedBy(made, { src: 1, dport: 23 })).toBe('drop 0 2');
    expect(countedBy(made, { src: 2, dport: 23 })).toBe('drop 3 9');
  });

  it("has no table of a small combination that another asks: the pair is the other's row", () => {
    const tcp = setCondition('protocol', interval(6));
    const made = dense([
      { conditions: [from(1), tcp, to(22)], slot: 0, leads: END.accept },
      { conditions: [tcp, to(80)], slot: 1, leads: END.accept },
      { conditions: [from(2), to(53)], slot: 2, leads: END.accept },
    ]);
    const crosses = table(made).lookups.filter(({ kind }) => kind === 'cross');
    expect(crosses.map((lookup) => 'table' in lookup)).toEqual([false, true]);
    expect(countedBy(made, { src: 1, protocol: 6, dport: 22 })).toBe('accept 0');
    expect(countedBy(made, { src: 1, protocol: 17, dport: 22 })).toBe('drop 9');
    expect(countedBy(made, { src: 2, protocol: 6, dport: 80 })).toBe('accept 1');
    expect(countedBy(made, { src: 2, protocol: 17, dport: 53 })).toBe('accept 2');
    expect(countedBy(made, { src: 3, protocol: 17, dport: 53 })).toBe('drop 9');
  });
});
