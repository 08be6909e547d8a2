// The index of short address lists: a class of the upper 16 bits, one of the lower 16 bits, and a table of the pairs.
//
// Blocks of 65 536 addresses in which the same runs begin are one row. Lower halves that no row tells apart are one
// column.

import type { NumericField } from '../../base/predicate.ts';
import type { Partition } from '../components.ts';
import { readTable, type TablePool, widthFor } from '../tables.ts';
import { expand } from './direct.ts';
import type { CrossIndex } from './field-index.ts';

const BLOCKS = 1 << 16;

/** Tables have a multiple of so many rows: an address in another block mostly adds one. */
const SPARE_ROWS = 8;

export interface CrossShape {
  /** The row of each block. */
  readonly rowOf: Uint32Array;
  /** By row, the runs of one of its blocks: from the one its first address is in up to, not including, the next block's. */
  readonly rows: readonly { readonly from: number; readonly to: number }[];
  /** Where lower halves begin that some row tells from those before; the first is 0. */
  readonly starts: Uint32Array;
}

/** What the index is made of, or `undefined` where it has more than `bytes` bytes, equal columns not yet made one. */
export function crossShape({ starts, classes, classCount }: Partition, bytes: number): CrossShape | undefined {
  const cells = (bytes - 2 * BLOCKS) / bytesFor(classCount);
  const rowOf = new Uint32Array(BLOCKS);
  const rows: { from: number; to: number }[] = [];
  const known = new Numbered((a, b) => {
    const [one, other] = [rows[a]!, rows[b]!];
    if (other.to - other.from !== one.to - one.from || classes[one.from] !== classes[other.from]) return false;
    for (let i = one.from + 1, j = other.from + 1; i < one.to; i++, j++) {
      if (classes[i] !== classes[j] || ((starts[i]! ^ starts[j]!) & 0xffff) !== 0) return false;
    }
    return true;
  });
  const begins = new Uint8Array(BLOCKS);
  let columns = 1;
  begins[0] = 1;
  let run = 0;
  let block = 0;
  while (block < BLOCKS) {
    while (run + 1 < starts.length && starts[run + 1]! <= block * BLOCKS) run++;
    const next = run + 1 < starts.length ? starts[run + 1]! >>> 16 : BLOCKS;
    let to = run + 1;
    let end = next;
    if (next === block) {
      while (to < starts.length && starts[to]! >>> 16 === block) to++;
      end = block + 1;
    }
    let hash = mixed(0, classes[run]!);
    for (let i = run + 1; i < to; i++) hash = mixed(mixed(hash, starts[i]! & 0xffff), classes[i]!);
    const added = rows.push({ from: run, to }) - 1;
    const row = known.number(added, hash);
    if (row !== added) rows.pop();
    else {
      for (let i = run + 1; i < to; i++) {
        const low = starts[i]! & 0xffff;
        if (begins[low] === 0) columns++;
        begins[low] = 1;
      }
      if (rows.length * columns > cells) return undefined;
    }
    rowOf.fill(row, block, end);
    block = end;
    run = to - 1;
  }
  const lows = new Uint32Array(columns);
  for (let low = 0, i = 0; low < BLOCKS; low++) if (begins[low] === 1) lows[i++] = low;
  return { rowOf, rows, starts: lows };
}

/** Bytes of the three tables; columns that turn out to be equal are not yet one. */
export function crossBytes({ rows, starts }: CrossShape, classCount: number): number {
  return (
    BLOCKS * (bytesFor(rows.length) + bytesFor(starts.length)) + rows.length * starts.length * bytesFor(classCount)
  );
}

function bytesFor(numbers: number): number {
  return numbers <= 1 << 8 ? 1 : numbers <= 1 << 16 ? 2 : 4;
}

export function buildCross(
  field: NumericField,
  { starts, classes, classCount }: Partition,
  shape: CrossShape,
  pool: TablePool,
): CrossIndex {
  const { rowOf, rows } = shape;
  const width = shape.starts.length;
  const cells = new Uint32Array(rows.length * width);
  for (const [row, { from, to }] of rows.entries()) {
    let run = from;
    for (let column = 0; column < width; column++) {
      while (run + 1 < to && (starts[run + 1]! & 0xffff) <= shape.starts[column]!) run++;
      cells[row * width + column] = classes[run]!;
    }
  }
  const merged = mergeColumns(cells, rows.length, width);
  const low = expand({ starts: shape.starts, classes: merged.columnOf, classCount: merged.columns }, BLOCKS);
  return {
    kind: 'cross16',
    field,
    high: pool.putNumbers(`${field} high`, rowOf, rows.length - 1),
    low: pool.putNumbers(`${field} low`, low, merged.columns - 1),
    columns: merged.columns,
    cells: pool.putNumbers(`${field} cells`, merged.cells, classCount - 1),
  };
}

export function lookUpCross({ high, low, columns, cells }: CrossIndex, value: number, tables: Uint8Array): number {
  const row = readTable(tables, high, value >>> 16);
  return readTable(tables, cells, row * columns + readTable(tables, low, value & 0xffff));
}

/** Makes equal columns one, in the order of their first; `columns` are as many, or some more. */
function mergeColumns(
  cells: Uint32Array,
  rows: number,
  width: number,
): { cells: Uint32Array; columns: number; columnOf: Uint32Array } {
  const columnOf = new Uint32Array(width);
  const kept: number[] = [];
  const hashes = new Int32Array(width);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      hashes[column] = mixed(hashes[column]!, cells[row * width + column]!);
    }
  }
  const known = new Numbered((a, b) => {
    const [one, other] = [kept[a]!, kept[b]!];
    for (let row = 0; row < rows; row++) if (cells[row * width + one] !== cells[row * width + other]) return false;
    return true;
  });
  for (let from = 0; from < width; from++) {
    const added = kept.push(from) - 1;
    const same = known.number(added, hashes[from]!);
    if (same !== added) kept.pop();
    columnOf[from] = same;
  }
  const columns = widthFor(kept.length);
  const merged = new Uint32Array(Math.ceil(rows / SPARE_ROWS) * SPARE_ROWS * columns);
  for (let row = 0; row < rows; row++) {
    for (let to = 0; to < kept.length; to++) merged[row * columns + to] = cells[row * width + kept[to]!]!;
  }
  return { cells: merged, columns, columnOf };
}

function mixed(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x9e3779b1) ^ (hash >>> 15);
}

/** Numbers of things from 0 on, equal ones once: without a key for each. */
class Numbered {
  private readonly isSame: (a: number, b: number) => boolean;
  private hashes = new Int32Array(64);
  /** Number and 1 by hash, 0 where free; at most half full. */
  private places = new Int32Array(128);
  private count = 0;

  /** Says whether things are equal of which one has a number, and the other is to have the next one. */
  constructor(isSame: (a: number, b: number) => boolean) {
    this.isSame = isSame;
  }

  /** The number of a thing equal to the one that would be `next`, or that. */
  number(next: number, hash: number): number {
    if (this.count === this.hashes.length) this.grow();
    const mask = this.places.length - 1;
    let place = spread(hash) & mask;
    for (let found = this.places[place]!; found !== 0; found = this.places[place]!) {
      if (this.hashes[found - 1] === hash && this.isSame(found - 1, next)) return found - 1;
      place = (place + 1) & mask;
    }
    this.hashes[next] = hash;
    this.places[place] = next + 1;
    this.count++;
    return next;
  }

  private grow(): void {
    const longer = new Int32Array(2 * this.hashes.length);
    longer.set(this.hashes);
    this.hashes = longer;
    this.places = new Int32Array(2 * longer.length);
    const mask = this.places.length - 1;
    for (let i = 0; i < this.count; i++) {
      let place = spread(this.hashes[i]!) & mask;
      while (this.places[place] !== 0) place = (place + 1) & mask;
      this.places[place] = i + 1;
    }
  }
}

function spread(hash: number): number {
  return hash ^ (hash >>> 16);
}
