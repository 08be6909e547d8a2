// The index of dense address lists: upper 16 bits, then 8, then 8, in pages of 256 elements of which equal ones are one.

import type { NumericField } from '../../base/predicate.ts';
import type { Partition } from '../components.ts';
import { withRoom } from '../room.ts';
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
  if (bytesAtLeast({ starts, classes, classCount }) > bytes) return undefined;
  const high = new Uint32Array(BLOCKS);
  const middle = new Pages();
  const low = new Pages();
  const lowWidth = widthOf(classCount);
  const page = new Uint32Array(PAGE);
  const classPage = new Uint32Array(PAGE);
  /** Per class the page of a part, and that of a block, that is all of it, plus one. */
  const plainParts = new Uint32Array(classCount);
  const plainBlocks = new Uint32Array(classCount);
  const plainPart = (klass: number): number => {
    if (plainParts[klass] === 0) plainParts[klass] = low.put(classPage.fill(klass)) + 1;
    return plainParts[klass]! - 1;
  };
  const plainBlock = (klass: number): number => {
    if (plainBlocks[klass] === 0) plainBlocks[klass] = middle.put(page.fill(plainPart(klass))) + 1;
    return plainBlocks[klass]! - 1;
  };
  let run = 0;
  let block = 0;
  while (block < BLOCKS) {
    while (run + 1 < starts.length && starts[run + 1]! <= block * BLOCKS) run++;
    const next = run + 1 < starts.length ? starts[run + 1]! >>> 16 : BLOCKS;
    if (next > block) {
      high.fill(plainBlock(classes[run]!), block, next);
      block = next;
      continue;
    }
    let part = 0;
    while (part < PAGE) {
      const from = block * BLOCKS + part * PAGE;
      while (run + 1 < starts.length && starts[run + 1]! <= from) run++;
      const end =
        run + 1 < starts.length ? Math.min(PAGE, Math.floor((starts[run + 1]! - block * BLOCKS) / PAGE)) : PAGE;
      if (end > part) {
        page.fill(plainPart(classes[run]!), part, end);
        part = end;
        continue;
      }
      classPage.fill(classes[run]!);
      for (let i = run + 1; i < starts.length && starts[i]! < from + PAGE; i++) {
        classPage.fill(classes[i]!, starts[i]! - from);
        run = i;
      }
      page[part++] = low.put(classPage);
    }
    high[block++] = middle.put(page);
    if (PAGE * (middle.count + lowWidth * low.count) > bytes - BLOCKS) return undefined;
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

/** What the tables take at least: no two pages are equal in which a class begins that has but one run. */
function bytesAtLeast({ starts, classes, classCount }: Partition): number {
  const runsOf = new Uint8Array(classCount);
  for (let run = 0; run < classes.length; run++) if (runsOf[classes[run]!]! < 2) runsOf[classes[run]!]!++;
  let blocks = 0;
  let parts = 0;
  let last = -1;
  for (let run = 0; run < classes.length; run++) {
    const part = starts[run]! >>> 8;
    if (runsOf[classes[run]!] !== 1 || part === last) continue;
    if (part >>> 8 !== last >>> 8) blocks++;
    parts++;
    last = part;
  }
  return BLOCKS + PAGE * (blocks + widthOf(classCount) * parts);
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
  /** Number of a page plus one by its hash, 0 where free; at most half full. */
  private places = new Uint32Array(64);
  /** By number. */
  private readonly hashes: number[] = [];

  put(page: Uint32Array): number {
    if (2 * (this.count + 1) > this.places.length) this.grow();
    const mask = this.places.length - 1;
    const hash = hashOf(page);
    let place = hash & mask;
    for (let number = this.places[place]!; number !== 0; number = this.places[place]!) {
      if (this.holds(number - 1, page)) return number - 1;
      place = (place + 1) & mask;
    }
    this.values = withRoom(this.values, (this.count + 1) * PAGE);
    this.values.set(page, this.count * PAGE);
    this.places[place] = this.count + 1;
    this.hashes.push(hash);
    return this.count++;
  }

  finish(): Uint32Array {
    return this.values.subarray(0, this.count * PAGE);
  }

  private holds(number: number, page: Uint32Array): boolean {
    const at = number * PAGE;
    for (let i = 0; i < PAGE; i++) if (this.values[at + i] !== page[i]) return false;
    return true;
  }

  private grow(): void {
    this.places = new Uint32Array(2 * this.places.length);
    const mask = this.places.length - 1;
    for (let number = 0; number < this.count; number++) {
      let place = this.hashes[number]! & mask;
      while (this.places[place] !== 0) place = (place + 1) & mask;
      this.places[place] = number + 1;
    }
  }
}

function hashOf(page: Uint32Array): number {
  let hash = 0;
  for (let i = 0; i < PAGE; i++) hash = Math.imul(hash ^ page[i]!, 0x9e3779b1) ^ (hash >>> 15);
  return hash ^ (hash >>> 16);
}
