import { describe, expect, it } from 'vitest';
import { interval } from '../../../../src/base/intervals.ts';
import type { FieldValues } from '../../../../src/base/predicate.ts';
import { type Budget, DEFAULT_BUDGET } from '../../../../src/classify/budget.ts';
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

function dense(decisions: readonly DecisionSpec[], budget: Partial<Budget> = {}): ListClassification {
  return classifyLists(
    { INPUT: { segments: [oneSegment(decisions, 9)], entry: 0 } },
    { force: 'dense', budget: { ...DEFAULT_BUDGET, ...budget } },
  );
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

  describe('of more outcomes than have words', () => {
    const listed = (slot: number): DecisionSpec => ({ conditions: [from(10 * slot)], slot, leads: END.drop });
    const few = { outcomeWords: 2 };

    it('has slots in the cells where all but one end alike', () => {
      const made = dense([listed(3), listed(4), listed(7)], few);
      const { result, outcomes } = table(made);
      expect(outcomes).toBeUndefined();
      // All end in a drop, the policy as well: the number of a cell is its slot, and 1.
      expect(result.bySlot).toEqual({ apart: 0, others: -16 + 1 });
      for (const slot of [3, 4, 7]) expect(countedBy(made, { src: 10 * slot })).toBe(`drop ${slot}`);
      expect(countedBy(made, { src: 31 })).toBe('drop 9');
    });

    it('has 0 in the cells of the one that ends otherwise', () => {
      const made = dense([listed(3), { conditions: [to(5)], slot: 300, leads: END.accept }, listed(4)], few);
      expect(table(made).result.bySlot).toEqual({ apart: 16 * 300, others: -16 + 1 });
      expect(countedBy(made, { dport: 5 })).toBe('accept 300');
      expect(countedBy(made, { dport: 5, src: 30 })).toBe('drop 3');
      expect(countedBy(made, { src: 40 })).toBe('drop 4');
      expect(countedBy(made, {})).toBe('drop 9');
    });

    it('counts slots from the first where they would not fit otherwise', () => {
      const made = dense([listed(1000), listed(1001), { conditions: [to(5)], slot: 1002, leads: END.drop }], few);
      // The policy's slot is too far from the others.
      expect(table(made).result.bySlot).toBeUndefined();
      const next = dense([listed(1000), listed(1001), { conditions: [], slot: 1002, leads: END.drop }], few);
      expect(table(next).result.bySlot).toEqual({ apart: 0, others: 16 * 999 + 1 });
      expect(countedBy(next, { src: 10_000 })).toBe('drop 1000');
      expect(countedBy(next, { src: 1 })).toBe('drop 1002');
    });

    it('has words where two end otherwise, or something counts twice', () => {
      const accept = (slot: number): DecisionSpec => ({ conditions: [to(slot)], slot, leads: END.accept });
      const twice = dense([listed(1), listed(2), accept(3), accept(4)], few);
      expect(table(twice).result.bySlot).toBeUndefined();
      const goesOn = dense([{ conditions: [to(5)], slot: 0, leads: 1 }, listed(1), listed(2)], few);
      expect(table(goesOn).result.bySlot).toBeUndefined();
      expect(countedBy(goesOn, { dport: 5, src: 10 })).toBe('drop 0 1');
    });
  });
});
