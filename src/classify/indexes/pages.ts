// The index of dense address lists: upper 16 bits, then 8, then 8, in pages of 256 elements of which equal ones are one.

import type { NumericField } from '../../base/predicate.ts';
import type { Partition } from '../components.ts';
import { readTable, type TablePool } from '../tables.ts';
import type { PagesIndex } from './field-index.ts';

const BLOCKS = 1 << 16;
const PAGE = 256;
/** Lists whose pages would have to be equal more often than so are not tried. */
const MOST_EQUAL = 8;

export interface PagesShape {
  /** The page in `middle` of each block. */
  readonly high: Uint32Array;
  /** Pages of page numbers of `low`. */
  readonly middle: Uint32Array;
  /** Pages of classes. */
  readonly low: Uint32Array;
}

/** The index's tables, or `undefined` where they have more than `bytes` bytes. */
export function pagesShape({ starts, classes, classCount }: Partition, bytes: number): PagesShape | undefined {
  if (bytesOfDistinct(starts, widthOf(classCount)) > MOST_EQUAL * bytes) return undefined;
  const high = new Uint32Array(BLOCKS);
  const middle = new Pages();
  const low = new Pages();
  const plain = new Map<number, number>();
  const lowWidth = widthOf(classCount);
  const left = bytes - BLOCKS;
  const page = new Uint32Array(PAGE);
  const classPage = new Uint32Array(PAGE);
  /** The page of a block that is all of one class. */
  const plainPage = (klass: number): number => {
    const known = plain.get(klass);
    if (known !== undefined) return known;
    const made = middle.put(new Uint32Array(PAGE).fill(low.put(new Uint32Array(PAGE).fill(klass))));
    plain.set(klass, made);
    return made;
  };
  let run = 0;
  let block = 0;
  while (block < BLOCKS) {
    while (run + 1 < starts.length && starts[run + 1]! <= block * BLOCKS) run++;
    const next = run + 1 < starts.length ? starts[run + 1]! >>> 16 : BLOCKS;
    if (next > block) {
      high.fill(plainPage(classes[run]!), block, next);
      block = next;
      continue;
    }
    for (let part = 0; part < PAGE; part++) {
      const from = block * BLOCKS + part * PAGE;
      while (run + 1 < starts.length && starts[run + 1]! <= from) run++;
      classPage.fill(classes[run]!);
      for (let i = run + 1; i < starts.length && starts[i]! < from + PAGE; i++) {
        classPage.fill(classes[i]!, starts[i]! - from);
        run = i;
      }
      page[part] = low.put(classPage);
    }
    high[block++] = middle.put(page);
    if (PAGE * (2 * middle.count + lowWidth * low.count) > left) return undefined;
  }
  return { high, middle: middle.finish(), low: low.finish() };
}

/** The bytes of all pages in which runs begin, if no two were equal. */
function bytesOfDistinct(starts: Uint32Array, width: number): number {
  let blocks = 0;
  let parts = 0;
  for (let run = 1; run < starts.length; run++) {
    if (starts[run]! >>> 16 !== starts[run - 1]! >>> 16) blocks++;
    if (starts[run]! >>> 8 !== starts[run - 1]! >>> 8) parts++;
  }
  return PAGE * (2 * blocks + width * parts);
}

export function pagesBytes({ high, middle, low }: PagesShape, classCount: number): number {
  const middlePages = middle.length / PAGE;
  const lowPages = low.length / PAGE;
  return high.length * widthOf(middlePages) + middle.length * widthOf(lowPages) + low.length * widthOf(classCount);
}

function widthOf(numbers: number): number {
  return numbers <= 1 << 8 ? 1 : numbers <= 1 << 16 ? 2 : 4;
}

export function buildPages(
  field: NumericField,
  { classCount }: Partition,
  { high, middle, low }: PagesShape,
  pool: TablePool,
): PagesIndex {
  return {
    kind: 'pages',
    field,
    high: pool.putNumbers(`${field} high`, high, middle.length / PAGE - 1),
    middle: pool.putNumbers(`${field} middle`, middle, low.length / PAGE - 1),
    low: pool.putNumbers(`${field} low`, low, classCount - 1),
  };
}

export function lookUpPages({ high, middle, low }: PagesIndex, value: number, tables: Uint8Array): number {
  const block = readTable(tables, high, value >>> 16);
  const part = readTable(tables, middle, block * PAGE + ((value >>> 8) & 0xff));
  return readTable(tables, low, part * PAGE + (value & 0xff));
}

/** Pages one after the other, equal ones once. */
class Pages {
  count = 0;
  private values = new Uint32Array(16 * PAGE);
  private readonly known = new Map<string, number>();

  put(page: Uint32Array): number {
    const key = Buffer.from(page.buffer, page.byteOffset, page.byteLength).toString('latin1');
    const same = this.known.get(key);
    if (same !== undefined) return same;
    this.known.set(key, this.count);
    if ((this.count + 1) * PAGE > this.values.length) {
      const grown = new Uint32Array(2 * this.values.length);
      grown.set(this.values);
      this.values = grown;
    }
    this.values.set(page, this.count * PAGE);
    return this.count++;
  }

  finish(): Uint32Array {
    return this.values.subarray(0, this.count * PAGE);
  }
}
