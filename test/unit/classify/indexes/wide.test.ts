// The index of IPv6 addresses: the partition, the look-up and the generated code agree.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldValues } from '../../../../src/base/predicate.ts';
import type { WidePartition } from '../../../../src/classify/components.ts';
import { describeIndex } from '../../../../src/classify/indexes/describe.ts';
import type { WideIndex } from '../../../../src/classify/indexes/field-index.ts';
import { lookUpIndex } from '../../../../src/classify/indexes/look-up.ts';
import { buildWide } from '../../../../src/classify/indexes/wide.ts';
import { TablePool } from '../../../../src/classify/tables.ts';
import { indexProgram, inMachine } from '../../../harness/index-program.ts';
import {
  addressBytes,
  randomNumbers,
  randomPrefixes6,
  wideClassOf,
  wideEdges,
  widePartitionOf,
  widePartitions,
} from './partitions.ts';

function expectRight(partition: WidePartition, values: Iterable<bigint>): WideIndex {
  const pool = new TablePool();
  const index = buildWide('src6', partition, pool);
  const tables = pool.finish();
  const run = inMachine(indexProgram(index, tables.length), tables);
  for (const value of values) {
    const wanted = wideClassOf(partition, value);
    const found = lookUpIndex(index, { src6: value } as FieldValues, tables);
    if (found !== wanted) expect.fail(`${value.toString(16)} is of class ${wanted}, the look-up says ${found}`);
    const ran = run(addressBytes(value));
    if (ran !== wanted) expect.fail(`${value.toString(16)} is of class ${wanted}, the program says ${ran}`);
  }
  return index;
}

const LAST = (1n << 128n) - 1n;

describe('wide', () => {
  it('agrees with any partition', () => {
    fc.assert(
      fc.property(widePartitions, fc.array(fc.bigInt(0n, LAST), { maxLength: 10 }), (partition, more) => {
        expectRight(partition, [...wideEdges(partition), ...more]);
      }),
      { numRuns: 60, seed: 20 },
    );
  });

  it.each([
    ['one class', [[0n, 3]]],
    [
      'a class for the last value',
      [
        [0n, 0],
        [LAST, 1],
      ],
    ],
    [
      'a class for the first value',
      [
        [0n, 1],
        [1n, 0],
      ],
    ],
    [
      'halves',
      [
        [0n, 0],
        [1n << 127n, 1],
      ],
    ],
    [
      'halves of one network',
      [
        [0n, 0],
        [0x20010db8n << 96n, 1],
        [0x20010db880n << 88n, 2],
        [0x20010db9n << 96n, 0],
      ],
    ],
    [
      'bounds at the ends of parts',
      [
        [0n, 4],
        [(1n << 96n) - 1n, 1],
        [1n << 96n, 2],
        [(1n << 96n) + 1n, 3],
        [(3n << 95n) - 1n, 0],
      ],
    ],
    [
      'the last value of each part',
      [
        [0n, 0],
        [LAST - (1n << 96n) + 1n, 1],
        [LAST - (1n << 48n) + 1n, 2],
        [LAST, 3],
      ],
    ],
  ] as [string, [bigint, number][]][])('%s', (_, runs) => {
    const partition = widePartitionOf(runs);
    expectRight(partition, wideEdges(partition));
  });

  it('one value per run', () => {
    const partition = widePartitionOf(Array.from({ length: 900 }, (_, i) => [BigInt(i), i]));
    expectRight(partition, wideEdges(partition));
  });

  it.each([300, 50_000])('%i random prefixes', (count) => {
    const partition = randomPrefixes6(count);
    const random = randomNumbers(5);
    const runs = Array.from({ length: 500 }, () => random() % partition.classes.length);
    const index = expectRight(partition, wideEdges(partition, runs));
    expect(describeIndex(index).loads).toBeLessThan(10);
    expect(indexProgram(index, 0).instructions.length).toBeLessThan(400);
  });
});
