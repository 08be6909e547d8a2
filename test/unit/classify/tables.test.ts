// Tables that several pools have, one behind the other.

import { expect, test } from 'vitest';
import { readTable, TablePool } from '../../../src/classify/tables.ts';

test('tables that were adopted are the same in every pool that adopts them later', () => {
  const own = new TablePool();
  const made = { first: own.put('first', Uint16Array.of(1, 2, 3)), second: own.put('second', Uint32Array.of(7, 8)) };
  const pools = [1, 2, 3].map((n) => {
    const pool = new TablePool();
    pool.put('before', new Uint8Array(100 * n).fill(n));
    const adopted = pool.adopt(made, own);
    return { adopted, all: pool.finish() };
  });
  for (const { adopted, all } of pools) {
    expect([0, 1, 2].map((i) => readTable(all, adopted.first, i))).toEqual([1, 2, 3]);
    expect([0, 1].map((i) => readTable(all, adopted.second, i))).toEqual([7, 8]);
    expect([adopted.first.name, adopted.second.name]).toEqual(['first', 'second']);
  }
  expect(own.finish()).toHaveLength(128);
});
