// Every kind of index, on every kind of partition: the partition itself, the look-up and the generated code agree.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldValues, NumericField } from '../../../../src/base/predicate.ts';
import { DEFAULT_BUDGET } from '../../../../src/classify/budget.ts';
import type { Partition } from '../../../../src/classify/components.ts';
import { buildBounds } from '../../../../src/classify/indexes/bounds.ts';
import { buildIndex } from '../../../../src/classify/indexes/build-index.ts';
import { buildCross, crossShape } from '../../../../src/classify/indexes/cross16.ts';
import { describeIndex } from '../../../../src/classify/indexes/describe.ts';
import { buildDirect } from '../../../../src/classify/indexes/direct.ts';
import type { FieldIndex } from '../../../../src/classify/indexes/field-index.ts';
import { lookUpIndex } from '../../../../src/classify/indexes/look-up.ts';
import { buildNodes, nodesShape } from '../../../../src/classify/indexes/nodes.ts';
import { buildPages, pagesShape } from '../../../../src/classify/indexes/pages.ts';
import { TablePool } from '../../../../src/classify/tables.ts';
import { indexProgram, inMachine } from '../../../harness/index-program.ts';
import { classOf, edges, partitionOf, partitions, randomNumbers, randomPrefixes } from './partitions.ts';

type Build = (field: NumericField, partition: Partition, pool: TablePool) => FieldIndex;

const PLENTY = 1 << 28;
const ADDRESS_KINDS: Readonly<Record<string, Build>> = {
  bounds: (field, partition) => buildBounds(field, partition),
  cross16: (field, partition, pool) => buildCross(field, partition, crossShape(partition, PLENTY)!, pool),
  pages: (field, partition, pool) => buildPages(field, partition, pagesShape(partition, PLENTY)!, pool),
  nodes: (field, partition, pool) => buildNodes(field, nodesShape(partition), pool),
};
const PORT_KINDS: Readonly<Record<string, Build>> = { bounds: ADDRESS_KINDS.bounds!, direct: buildDirect };

const fieldValues = (field: NumericField, value: number) => ({ [field]: value }) as unknown as FieldValues;

function expectRight(build: Build, field: NumericField, partition: Partition, values: Iterable<number>): FieldIndex {
  const pool = new TablePool();
  const index = build(field, partition, pool);
  const tables = pool.finish();
  const run = inMachine(indexProgram(index, tables.length), tables);
  for (const value of values) {
    const wanted = classOf(partition, value);
    const found = lookUpIndex(index, fieldValues(field, value), tables);
    if (found !== wanted) expect.fail(`${index.kind}: ${value} is of class ${wanted}, the look-up says ${found}`);
    const ran = run(value);
    if (ran !== wanted) expect.fail(`${index.kind}: ${value} is of class ${wanted}, the program says ${ran}`);
  }
  return index;
}

describe.each(Object.entries(ADDRESS_KINDS))('%s', (kind, build) => {
  it('agrees with any partition', () => {
    fc.assert(
      fc.property(
        partitions,
        fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 20 }),
        (partition, more) => {
          expectRight(build, 'dst', partition, [...edges(partition), ...more]);
        },
      ),
      { numRuns: 40, seed: 20 },
    );
  });

  it.each([
    ['one class', [[0, 3]]],
    [
      'a class for the last value',
      [
        [0, 0],
        [0xffffffff, 1],
      ],
    ],
    [
      'a class for the first value',
      [
        [0, 1],
        [1, 0],
      ],
    ],
    [
      'halves',
      [
        [0, 0],
        [0x80000000, 1],
      ],
    ],
    [
      'bounds at the ends of blocks',
      [
        [0, 0],
        [0xffff, 1],
        [0x10000, 2],
        [0x1ffff, 3],
        [0x20001, 0],
        [0xffff0000, 7],
      ],
    ],
    [
      'falling classes',
      [
        [0, 9],
        [5, 7],
        [0xf0000000, 0],
      ],
    ],
  ] as [string, [number, number][]][])('%s', (_, runs) => {
    const partition = partitionOf(runs);
    expect(expectRight(build, 'src', partition, edges(partition)).kind).toBe(kind);
  });

  it('one value per run', () => {
    const partition = partitionOf(Array.from({ length: kind === 'bounds' ? 40 : 700 }, (_, i) => [i, i]));
    expectRight(build, 'src', partition, edges(partition));
  });
});

describe.each(Object.entries(PORT_KINDS))('%s of ports', (_, build) => {
  it('agrees with any partition', () => {
    const runs = fc.array(fc.tuple(fc.oneof(fc.nat(0xffff), fc.nat(40)), fc.nat(300)), { maxLength: 60 });
    fc.assert(
      fc.property(runs, fc.array(fc.nat(0xffff), { maxLength: 20 }), (some, more) => {
        const partition = partitionOf([[0, 0], ...some]);
        const near = edges(partition).map((value) => value & 0xffff);
        expectRight(build, 'dport', partition, [...near, ...more]);
      }),
      { numRuns: 40, seed: 20 },
    );
  });
});

describe('nodes', () => {
  it('agrees with long lists', () => {
    for (const count of [3_000, 70_000]) {
      const partition = randomPrefixes(count);
      const random = randomNumbers(7);
      const some = Array.from({ length: 1000 }, () => partition.starts[random() % partition.starts.length]!);
      const values = [...some, ...some.map((value) => (value - 1) >>> 0), ...Array.from({ length: 500 }, random)];
      expectRight(ADDRESS_KINDS.nodes!, 'src', partition, [0, 0xffffffff, ...values]);
    }
  });

  it('divides blocks in which many runs begin, twice if need be', () => {
    const dense = Array.from({ length: 600 }, (_, i): [number, number] => [0x0a0b0c00 + i, i + 1]);
    const spread = Array.from({ length: 300 }, (_, i): [number, number] => [0xffff0000 + i * 200, i + 1]);
    const partition = partitionOf([[0, 0], ...dense, [0x0a0b0c00 + 600, 0], ...spread]);
    expectRight(ADDRESS_KINDS.nodes!, 'src', partition, edges(partition));
  });

  it('agrees where spans outgrow the directory', () => {
    const blocks = Array.from({ length: 40 }, (_, block) =>
      Array.from({ length: 120 }, (_, i): [number, number] => [(0x0a00 + 2 * block) * 0x10000 + i * 331, i]),
    );
    const partition = partitionOf([[0, 0], ...blocks.flat()]);
    expectRight(ADDRESS_KINDS.nodes!, 'src', partition, partition.starts);
  });

  it('needs two lines of memory for a long random list, and little of it', () => {
    const pool = new TablePool();
    const index = buildIndex('src', randomPrefixes(10_000), DEFAULT_BUDGET, pool);
    expect(describeIndex(index)).toMatchObject({ kind: 'nodes', loads: 2 });
    expect(describeIndex(index).bytes).toBeLessThan(300 << 10);
  });
});

describe('buildIndex', () => {
  const kindOf = (field: NumericField, partition: Partition, budget = DEFAULT_BUDGET) =>
    buildIndex(field, partition, budget, new TablePool()).kind;
  const blocks = (count: number, step: number): Partition =>
    partitionOf(Array.from({ length: count }, (_, i) => [i * step, i % 7]));

  it('compares where runs are few', () => {
    expect(kindOf('fragment', blocks(2, 1))).toBe('bounds');
    expect(kindOf('src', blocks(9, 0x1000000))).toBe('bounds');
  });

  it('has an element for each port', () => {
    expect(kindOf('dport', blocks(30, 1000))).toBe('direct');
  });

  it('takes three loads for addresses while their tables are near, and what is small beyond', () => {
    expect(kindOf('src', blocks(200, 0x10000))).toBe('pages');
    expect(kindOf('src', randomPrefixes(130))).toBe('cross16');
    expect(kindOf('src', randomPrefixes(5_000))).toBe('nodes');
    expect(kindOf('src', blocks(20_000, 2))).toBe('pages');
  });

  it('keeps to the budget', () => {
    expect(kindOf('src', blocks(20_000, 2), { ...DEFAULT_BUDGET, indexBytes: 1000 })).toBe('nodes');
    const elements = { ...DEFAULT_BUDGET, indexNodes: false };
    expect(kindOf('src', blocks(200, 0x10000), elements)).toBe('pages');
    expect(kindOf('src', randomPrefixes(130), elements)).toBe('cross16');
    expect(kindOf('src', randomPrefixes(10_000), elements)).toBe('nodes');
  });

  it('gives the same tables for the same partition', () => {
    const tables = [1, 2].map(() => {
      const pool = new TablePool();
      buildIndex('src', randomPrefixes(2_000), DEFAULT_BUDGET, pool);
      return pool.finish();
    });
    expect(tables[0]).toEqual(tables[1]);
  });

  it('is right whatever it takes', () => {
    fc.assert(
      fc.property(partitions, (partition) => {
        expectRight(
          (field, runs, pool) => buildIndex(field, runs, DEFAULT_BUDGET, pool),
          'src',
          partition,
          edges(partition),
        );
      }),
      { numRuns: 40, seed: 20 },
    );
  });
});

it('a trimmed port table ends with its last run', () => {
  const index = buildIndex(
    'dport',
    partitionOf(Array.from({ length: 20 }, (_, i) => [i * 100, i])),
    DEFAULT_BUDGET,
    new TablePool(),
  );
  expect(describeIndex(index)).toEqual({ kind: 'direct', loads: 1, bytes: 1901 });
});
