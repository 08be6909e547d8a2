// Indexes in the kernel: the verifier takes them, finds them no longer for long lists than for short ones, and values
// are of the class that their partition says.

import { describe, expect, it } from 'vitest';
import { evaluatePredicate, type FieldValues, type NumericField, type Predicate } from '../../src/base/predicate.ts';
import { DEFAULT_BUDGET } from '../../src/classify/budget.ts';
import type { NamePartition, Partition } from '../../src/classify/components.ts';
import { buildIndex } from '../../src/classify/indexes/build-index.ts';
import { buildCross, crossShape } from '../../src/classify/indexes/cross16.ts';
import type { FieldIndex } from '../../src/classify/indexes/field-index.ts';
import { lookUpIndex } from '../../src/classify/indexes/look-up.ts';
import { buildNames } from '../../src/classify/indexes/names.ts';
import { buildNodes, nodesShape } from '../../src/classify/indexes/nodes.ts';
import { buildPages, pagesShape } from '../../src/classify/indexes/pages.ts';
import { buildWide } from '../../src/classify/indexes/wide.ts';
import { TablePool } from '../../src/classify/tables.ts';
import { processedInstructions } from '../bench/program-info.ts';
import {
  type IndexedValue,
  indexProgram,
  KeyProgramInKernel,
  nameBytes,
  testProgram,
} from '../harness/index-program.ts';
import {
  addressBytes,
  classOf,
  edges,
  partitionOf,
  randomNumbers,
  randomPrefixes,
  randomPrefixes6,
  wideClassOf,
  wideEdges,
} from '../unit/classify/indexes/partitions.ts';

const MOST_PROCESSED = 240;
const PLENTY = 1 << 26;

/** Builds an index, has the kernel look the values up, and returns how many instructions the verifier went through. */
function processed(
  build: (pool: TablePool) => FieldIndex,
  values: readonly { readonly value: IndexedValue; readonly klass: number }[],
): number {
  const pool = new TablePool();
  const index = build(pool);
  const kernel = new KeyProgramInKernel(indexProgram(index, pool.bytes), pool.finish());
  try {
    for (const { value, klass } of values) {
      const found = kernel.run(value);
      if (found !== klass) expect.fail(`${index.kind}: ${value} is of class ${klass}, the kernel says ${found}`);
    }
    return processedInstructions(kernel.descriptor);
  } finally {
    kernel.close();
  }
}

/** Edges of runs, and values at random; `most` of them. */
function valuesOf(partition: Partition, maximum = 0xffffffff, most = 1500) {
  const random = randomNumbers(3);
  const at = edges(partition).map((value) => value & maximum);
  const some = at.length <= most ? at : Array.from({ length: most }, () => at[random() % at.length]!);
  const more = Array.from({ length: 300 }, () => random() & maximum);
  return [...some, ...more].map((each) => ({ value: each >>> 0, klass: classOf(partition, each >>> 0) }));
}

const few = partitionOf([
  [0, 4],
  [1, 0],
  [0x7fffffff, 3],
  [0x80000000, 2],
  [0xc0a80000, 1],
  [0xc0a90000, 2],
  [0xffffffff, 5],
]);
const dense = partitionOf(
  Array.from({ length: 3000 }, (_, i) => [0x0a000000 + 3 * i, i]).concat([[0, 0]]) as [number, number][],
);

const KINDS: readonly [string, NumericField, Partition, (partition: Partition, pool: TablePool) => FieldIndex][] = [
  ['bounds', 'src', few, (partition, pool) => buildIndex('src', partition, DEFAULT_BUDGET, pool)],
  [
    'direct',
    'dport',
    partitionOf(Array.from({ length: 60 }, (_, i) => [i * i, i])),
    (p, pool) => buildIndex('dport', p, DEFAULT_BUDGET, pool),
  ],
  [
    'direct',
    'sport',
    partitionOf(Array.from({ length: 60 }, (_, i) => [i * 1100, i])),
    (p, pool) => buildIndex('sport', p, DEFAULT_BUDGET, pool),
  ],
  [
    'direct',
    'tcpFlags',
    partitionOf(Array.from({ length: 256 }, (_, i) => [i, i & 0x17])),
    (p, pool) => buildIndex('tcpFlags', p, DEFAULT_BUDGET, pool),
  ],
  ['cross16', 'src', randomPrefixes(200), (p, pool) => buildCross('src', p, crossShape(p, PLENTY)!, pool)],
  ['pages', 'dst', randomPrefixes(400), (p, pool) => buildPages('dst', p, pagesShape(p, PLENTY)!, pool)],
  ['pages', 'dst', dense, (p, pool) => buildPages('dst', p, pagesShape(p, PLENTY)!, pool)],
  ['nodes', 'src', randomPrefixes(2000), (p, pool) => buildNodes('src', nodesShape(p), pool)],
  ['nodes', 'dst', dense, (p, pool) => buildNodes('dst', nodesShape(p), pool)],
];
const MAXIMUM = { src: 0xffffffff, dst: 0xffffffff, sport: 0xffff, dport: 0xffff, tcpFlags: 0xff } as const;

describe('an index', () => {
  it.each(KINDS)('%s of %s', (kind, field, partition, build) => {
    expect(build(partition, new TablePool()).kind).toBe(kind);
    const values = valuesOf(partition, MAXIMUM[field as keyof typeof MAXIMUM]);
    expect(processed((pool) => build(partition, pool), values)).toBeLessThan(MOST_PROCESSED);
  });

  it('of 100 000 prefixes is verified as fast as one of 1 000', () => {
    const counts = [1_000, 30_000, 100_000].map((count) => {
      const { starts, classes } = randomPrefixes(count);
      const partition = { starts, classes: classes.map((klass) => klass % 1000), classCount: 1000 };
      return processed((pool) => buildIndex('src', partition, DEFAULT_BUDGET, pool), valuesOf(partition));
    });
    expect(counts[0]).toBeLessThan(MOST_PROCESSED);
    expect(new Set(counts).size).toBe(1);
  });
});

describe('names of devices', () => {
  const namesOf = (count: number): NamePartition => ({
    entries: [
      { name: '', prefix: true, class: 0 },
      ...Array.from({ length: count }, (_, i) => `veth${i.toString(36).padStart(3, '0')}`)
        .sort()
        .map((name, i) => ({ name, prefix: i % 3 === 0, class: i + 1 })),
    ],
    classCount: count + 1,
  });

  it.each([4, 40, 4000])('%i of them', (count) => {
    const partition = namesOf(count);
    const pool = new TablePool();
    const index = buildNames('inDevice', partition, pool);
    const tables = pool.finish();
    const names = partition.entries
      .filter((_, i) => i % Math.ceil(count / 200) === 0)
      .flatMap(({ name }) => [name, `${name}7`, name.slice(0, -1)]);
    const values = [...names, 'lo', ''].map((name) => ({
      value: nameBytes(name),
      klass: lookUpIndex(index, { inDevice: name } as FieldValues, tables),
    }));
    expect(new Set(values.map(({ klass }) => klass)).size).toBeGreaterThan(Math.min(count, 60));
    expect(processed((pool) => buildNames('inDevice', partition, pool), values)).toBeLessThan(2 * MOST_PROCESSED);
  });
});

describe('addresses of IPv6', () => {
  it.each([
    [2, 60],
    [30, 200],
    [1_000, 500],
    [50_000, 500],
  ])('%i prefixes', (count, most) => {
    const partition = randomPrefixes6(count);
    const random = randomNumbers(9);
    const runs = Array.from({ length: most / 10 }, () => random() % partition.classes.length);
    const values = wideEdges(partition, runs).map((value) => ({
      value: addressBytes(value),
      klass: wideClassOf(partition, value),
    }));
    expect(processed((pool) => buildWide('dst6', partition, pool), values)).toBeLessThan(3 * MOST_PROCESSED);
  });
});

it('tests of IPv6 addresses say what their predicates say', () => {
  const inside = (low: bigint, high: bigint) => ({ low, high });
  const net = 0x20010db8n << 96n;
  const host = net | 0x1234_5678_9abc_def0n;
  const last = (1n << 128n) - 1n;
  const sets = [
    [inside(host, host)],
    [inside(net, net + (1n << 96n) - 1n)],
    [inside(net + 5n, net + (3n << 64n) + 2n)],
    [inside(1n, 2n), inside(1n << 64n, (1n << 64n) + 7n), inside(host, host + 1n), inside(last, last)],
  ];
  for (const set of sets) {
    const predicate: Predicate = { kind: 'wide', field: 'src6', set };
    const kernel = new KeyProgramInKernel(testProgram(predicate));
    try {
      const ends = set.flatMap(({ low, high }) => [
        low - 1n,
        low,
        low + 1n,
        high - 1n,
        high,
        high + 1n,
        low ^ (1n << 64n),
      ]);
      for (const value of [...ends, 0n, last].filter((each) => each >= 0n && each <= last)) {
        const holds = evaluatePredicate(predicate, { src6: value } as FieldValues);
        expect([value, kernel.run(addressBytes(value))]).toEqual([value, holds ? 1 : 0]);
      }
    } finally {
      kernel.close();
    }
  }
});
