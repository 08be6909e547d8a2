// Partitions of 32-bit values, and the plainest look-up in one.

import fc from 'fast-check';
import type { Partition, WidePartition } from '../../../../src/classify/components.ts';

/** Runs that begin at these values, with these classes; neighbours of one class become one run. */
export function partitionOf(runs: readonly (readonly [start: number, klass: number])[]): Partition {
  const sorted = [...new Map(runs).entries()].sort((a, b) => a[0] - b[0]);
  const kept = sorted.filter(([, klass], i) => i === 0 || sorted[i - 1]![1] !== klass);
  const starts = Uint32Array.from(kept.map(([start]) => start));
  const classes = Uint32Array.from(kept.map(([, klass]) => klass));
  return { starts, classes, classCount: classes.reduce((most, klass) => Math.max(most, klass), 0) + 1 };
}

/** The class of a value, by bisection. */
export function classOf({ starts, classes }: Partition, value: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= value) low = middle;
    else high = middle;
  }
  return classes[low]!;
}

/** Values where something changes: first and last of each run, of its block of 65 536, and of all. */
export function edges({ starts }: Partition): number[] {
  const last = 0xffffffff;
  const near = [...starts].flatMap((start) => [start - 1, start, start + 1, start & ~0xffff, start | 0xffff]);
  return [0, 1, 0xffff, 0x10000, last - 1, last, ...near.map((value) => value >>> 0)];
}

/** A run of pseudo-random 32-bit numbers that is the same every time. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let x = state;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
  };
}

/** So many prefixes, most of them of one address, each with a class of its own; where they nest, the inner one's. */
export function randomPrefixes(count: number, seed = 1): Partition {
  const random = randomNumbers(seed);
  const prefixes = Array.from({ length: count }, (_, i) => {
    const kind = random() % 10;
    const size = 2 ** (kind < 7 ? 0 : kind < 9 ? 8 : random() % 17);
    return { low: Math.floor(random() / size) * size, size, klass: i + 1 };
  });
  prefixes.sort((a, b) => a.low - b.low || b.size - a.size);
  const runs: [number, number][] = [[0, 0]];
  const open: { end: number; klass: number }[] = [];
  const close = (until: number): void => {
    for (let top = open.at(-1); top !== undefined && top.end <= until; top = open.at(-1)) {
      open.pop();
      if (top.end < 2 ** 32) runs.push([top.end, open.at(-1)?.klass ?? 0]);
    }
  };
  for (const { low, size, klass } of prefixes) {
    close(low);
    open.push({ end: low + size, klass });
    runs.push([low, klass]);
  }
  close(2 ** 32);
  return { ...partitionOf(runs), classCount: count + 1 };
}

const bits = (count: number) => fc.nat(2 ** count - 1);

/** Partitions with everything that indexes treat apart: blocks of one run, of many, runs over several blocks. */
export const partitions: fc.Arbitrary<Partition> = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.integer({ min: 0, max: 0xffffffff }),
        bits(8),
        bits(8).map((low) => 0x0a000000 + low),
        bits(16).map((low) => 0x0a010000 + low),
        bits(6).map((low) => 0xffff0000 + low * 1024),
        bits(3).map((low) => 0xfffffff8 + low),
        bits(8).map((high) => (high << 24) >>> 0),
      ),
      fc.nat(12),
    ),
    { maxLength: 120 },
  )
  .map((runs) => partitionOf([[0, 0], ...runs]));

/** The same for 128-bit values. */
export function widePartitionOf(runs: readonly (readonly [start: bigint, klass: number])[]): WidePartition {
  // By text: a map finds numbers by their lowest 64 bits, which prefixes share.
  const sorted = [...new Map(runs.map((run) => [run[0].toString(16), run])).values()].sort((a, b) =>
    a[0] < b[0] ? -1 : 1,
  );
  const kept = sorted.filter(([, klass], i) => i === 0 || sorted[i - 1]![1] !== klass);
  const starts = new Uint32Array(4 * kept.length);
  for (const [i, [start]] of kept.entries()) {
    for (let word = 0; word < 4; word++) starts[4 * i + word] = Number((start >> BigInt(96 - 32 * word)) & 0xffffffffn);
  }
  const classes = Uint32Array.from(kept.map(([, klass]) => klass));
  return { starts, classes, classCount: classes.reduce((most, klass) => Math.max(most, klass), 0) + 1 };
}

/** The first value of a run. */
function wideStart({ starts }: WidePartition, run: number): bigint {
  let value = 0n;
  for (let word = 0; word < 4; word++) value = (value << 32n) | BigInt(starts[4 * run + word]!);
  return value;
}

export function wideClassOf(partition: WidePartition, value: bigint): number {
  let low = 0;
  let high = partition.classes.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (wideStart(partition, middle) <= value) low = middle;
    else high = middle;
  }
  return partition.classes[low]!;
}

const WIDE_LAST = (1n << 128n) - 1n;

/** Values at the ends of so many runs, and of the parts that trees take. */
export function wideEdges(partition: WidePartition, runs: Iterable<number> = partition.classes.keys()): bigint[] {
  const near = [...runs].flatMap((run) => {
    const start = wideStart(partition, run);
    const ends = [96n, 48n, 64n].flatMap((bits) => [(start >> bits) << bits, start | ((1n << bits) - 1n)]);
    return [start - 1n, start, start + 1n, ...ends];
  });
  return [0n, 1n, WIDE_LAST - 1n, WIDE_LAST, ...near.filter((value) => value >= 0n && value <= WIDE_LAST)];
}

/** So many prefixes of 16 to 128 bits, in networks as they are given out, each with a class of its own. */
export function randomPrefixes6(count: number, seed = 1): WidePartition {
  const random = randomNumbers(seed);
  const providers = Array.from(
    { length: 1 + (count >> 3) },
    () => (0x2001 + (random() % 64) * 0x10) * 0x10000 + (random() & 0xffff),
  );
  const prefixes = Array.from({ length: count }, (_, i) => {
    const length = [32, 48, 48, 56, 64, 64, 128, 128, 16 + (random() % 113), 64][random() % 10]!;
    const words = [providers[random() % providers.length]!, random(), random(), random()];
    const value = words.reduce((all, word) => (all << 32n) | BigInt(word), 0n);
    const size = 1n << BigInt(128 - length);
    return { low: value & ~(size - 1n), size, klass: i + 1 };
  });
  prefixes.sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : a.size > b.size ? -1 : 1));
  const runs: [bigint, number][] = [[0n, 0]];
  const open: { end: bigint; klass: number }[] = [];
  const close = (until: bigint): void => {
    for (let top = open.at(-1); top !== undefined && top.end <= until; top = open.at(-1)) {
      open.pop();
      if (top.end <= WIDE_LAST) runs.push([top.end, open.at(-1)?.klass ?? 0]);
    }
  };
  for (const { low, size, klass } of prefixes) {
    close(low);
    open.push({ end: low + size, klass });
    runs.push([low, klass]);
  }
  close(WIDE_LAST + 1n);
  return { ...widePartitionOf(runs), classCount: count + 1 };
}

/** An address of 16 bytes in network order. */
export function addressBytes(address: bigint): Uint8Array {
  return Buffer.from(address.toString(16).padStart(32, '0'), 'hex');
}

const chunk = (count: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.constant(0n), fc.bigInt(0n, 3n), fc.constant((1n << count) - 1n), fc.bigInt(0n, (1n << count) - 1n));

const wideValue = fc.tuple(chunk(32n), chunk(32n), chunk(32n), chunk(32n)).map(([a, b, c, d]) => {
  return (a << 96n) | (b << 64n) | (c << 32n) | d;
});

/** Partitions whose runs begin in few and in many places of each part. */
export const widePartitions: fc.Arbitrary<WidePartition> = fc
  .array(fc.tuple(wideValue, fc.nat(12)), { maxLength: 150 })
  .map((runs) => widePartitionOf([[0n, 0], ...runs]));
