import { describe, expect, it } from 'vitest';
import type { ActionList, Classification, TableSegment } from '../../../src/classify/classification.ts';
import { TablePool } from '../../../src/classify/tables.ts';
import { fieldsOf, segmentOrder } from '../../../src/codegen/segments.ts';
import { runScenario, SEGMENT_SCENARIOS } from '../../harness/segment-scenarios.ts';
import { vmRunner } from '../../harness/vm-runner.ts';

describe('segments in the virtual machine', () => {
  it.each(SEGMENT_SCENARIOS)('$name', (scenario) => {
    runScenario(scenario, vmRunner(), 60);
  });
});

/** A segment that asks for the protocol and leads to others. */
function segment(next: number | undefined, call?: number): TableSegment {
  const pool = new TablePool();
  const table = pool.put('protocol', new Uint8Array(256));
  const lists = [...(next === undefined ? [] : [0]), ...(call === undefined ? [] : [1])];
  return {
    finish: 'tables',
    lookups: [{ kind: 'index', index: { kind: 'direct', field: 'protocol', table }, into: 0 }],
    result: { kind: 'dense', cell: 0 },
    outcomes: pool.put('outcomes', new Uint32Array(1)),
    lists: lists.length === 0 ? [2] : lists,
    exits: { ...(next === undefined ? {} : { next }), ...(call === undefined ? {} : { call }) },
  };
}

function list(then: ActionList['then']): ActionList {
  return { counters: [], then };
}

function classification(...segments: TableSegment[]): Classification {
  return {
    segments,
    lists: [list({ kind: 'exit', exit: 'next' }), list({ kind: 'exit', exit: 'call' }), list({ kind: 'accept' })],
    entries: { INPUT: 0 },
    tables: new Uint8Array(0),
  };
}

describe('the order of segments', () => {
  it('puts each before those that it leads to, and leaves out what nothing leads to', () => {
    const all = classification(segment(3, 2), segment(2), segment(3), segment(undefined));
    expect(segmentOrder(all, [0])).toEqual([0, 2, 3]);
    expect(segmentOrder(all, [1, 0]).indexOf(2)).toBeGreaterThan(1);
  });

  it('refuses segments that lead back', () => {
    expect(() => segmentOrder(classification(segment(1), segment(undefined, 0)), [0])).toThrow('leads back');
  });

  it('asks prologues for the fields of indexes, those of late ones left out', () => {
    const one = segment(undefined);
    const index = { kind: 'direct' as const, field: 'state' as const, table: one.outcomes! };
    const late = { index, from: 0, columnCount: 1, table: one.outcomes! };
    const all = classification({ ...one, result: { kind: 'dense', cell: 0, late } });
    expect([...fieldsOf(all, [0])]).toEqual(['protocol']);
  });
});
