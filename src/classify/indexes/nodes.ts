// The index of long random address lists: two tables, of which one packet touches two cache lines.
//
//   directory   by the upper 16 bits of the address: the number of a node
//   nodes       up to 7 bounds of 16 bits, ascending, then a class for the values below each bound and above the last:
//                 32 bytes: 7 × 16 bits, 16 unused, 8 × 16 bits of class       up to 65 536 classes
//                 64 bytes: 7 × 16 bits, 16 unused, 8 × 32 bits of class, 128 unused
//               A node never crosses a cache line. Unused bounds are 65 535 with the class of the value before, so they
//               are compared like all others.
//
// Where more than seven runs begin within one block of 65 536 addresses, its entry has the uppermost bit, and the number
// of a span in place of a node's:
//
//   spans       shift:4 base:28   the entry for an address is directory[base + (lower 16 bits >> shift)], a node or,
//               for a part of at most 256 addresses at least, once more a span
//
// A span divides its block into as few parts as have seven bounds at most each, into 256 if that is not enough, and
// its parts of 256 addresses then into up to 256 of one address. So there are never more than two spans on the way.

import type { NumericField } from '../../base/predicate.ts';
import type { Partition } from '../components.ts';
import { readTable, type TablePool } from '../tables.ts';
import type { NodesIndex, NodeTables } from './field-index.ts';

export const NODE_BOUNDS = 7;
/** Offset of a node's classes. */
export const NODE_CLASSES = 16;
export const SPAN_SHIFT = 28;
export const SPAN_BASE = 0xfffffff;
/** Levels of spans, at most. */
export const SPAN_LEVELS = 2;

const BLOCKS = 1 << 16;
const MOST_PARTS = 8;
/** Marks an entry that is a span's number, while building and in tables of 32-bit entries. */
const SPAN = 0x80000000;
const NARROW_SPAN = 0x8000;

/** The index's tables, before they are put anywhere. */
export interface NodesShape {
  readonly directory: Uint32Array | Uint16Array;
  readonly spans: Uint32Array;
  readonly nodeSize: 32 | 64;
  readonly nodeCount: number;
  readonly nodes: Uint16Array;
}

export function nodesShape(partition: Partition): NodesShape {
  const builder = new NodesBuilder(partition);
  builder.build();
  const { nodeSize, nodeCount, spans } = builder;
  return {
    directory: narrowed(builder.directory, Math.max(nodeCount, spans.length)),
    spans: Uint32Array.from(spans.length === 0 ? [0] : spans),
    nodeSize,
    nodeCount,
    nodes: builder.nodes.subarray(0, (nodeCount * nodeSize) / 2),
  };
}

export function nodesBytes({ directory, spans, nodes }: NodesShape): number {
  return directory.byteLength + spans.byteLength + nodes.byteLength;
}

export function buildNodes(field: NumericField, shape: NodesShape, pool: TablePool): NodesIndex {
  return { kind: 'nodes', field, ...putNodes(field, shape, pool) };
}

export function putNodes(name: string, shape: NodesShape, pool: TablePool): NodeTables {
  const { nodeSize, nodeCount } = shape;
  return {
    directory: pool.put(`${name} directory`, shape.directory),
    spans: pool.put(`${name} spans`, shape.spans),
    nodeSize,
    nodeCount,
    nodes: pool.put(`${name} nodes`, shape.nodes),
  };
}

/** The bit that tells a span's number from a node's. */
export function spanBit({ directory }: NodeTables): number {
  return directory.width === 2 ? NARROW_SPAN : SPAN;
}

export function lookUpNodes(index: NodeTables, value: number, tables: Uint8Array): number {
  const { directory, spans, nodeSize, nodeCount, nodes } = index;
  const bit = spanBit(index);
  const low = value & 0xffff;
  let entry = readTable(tables, directory, value >>> 16);
  for (let level = 0; level < SPAN_LEVELS && entry >= bit; level++) {
    const span = readTable(tables, spans, entry - bit);
    entry = readTable(tables, directory, (span & SPAN_BASE) + (low >>> (span >>> SPAN_SHIFT)));
  }
  if (entry >= nodeCount) throw new Error(`${nodes.name} has no node ${entry}, it has ${nodeCount}`);
  const node = entry * (nodeSize / 2);
  let rank = 0;
  while (rank < NODE_BOUNDS && readTable(tables, nodes, node + rank) <= low) rank++;
  const classes = node + NODE_CLASSES / 2;
  if (nodeSize === 32) return readTable(tables, nodes, classes + rank);
  const at = classes + 2 * rank;
  return (readTable(tables, nodes, at) | (readTable(tables, nodes, at + 1) << 16)) >>> 0;
}

/** Entries of 16 bits where all numbers fit into 15. */
function narrowed(entries: Uint32Array, numbers: number): Uint32Array | Uint16Array {
  if (numbers >= NARROW_SPAN) return entries;
  const narrow = new Uint16Array(entries.length);
  for (let i = 0; i < narrow.length; i++) narrow[i] = entries[i]! | (entries[i]! >>> 16);
  return narrow;
}

/** Numbers that grow in number. */
class Entries {
  values = new Uint32Array(BLOCKS + 1024);
  length = BLOCKS;

  /** Makes room for `count` more and returns where they begin. */
  reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.values.length) {
      const grown = new Uint32Array(2 * this.length);
      grown.set(this.values);
      this.values = grown;
    }
    return at;
  }
}

class NodesBuilder {
  readonly nodeSize: 32 | 64;
  nodeCount = 0;
  nodes: Uint16Array;
  readonly spans: number[] = [];
  private readonly starts: Uint32Array;
  private readonly classes: Uint32Array;
  private readonly entries = new Entries();
  /** The node that has nothing but a class, by class, plus one. */
  private readonly plain: Uint32Array;

  constructor({ starts, classes, classCount }: Partition) {
    this.starts = starts;
    this.classes = classes;
    this.nodeSize = classCount <= BLOCKS ? 32 : 64;
    this.nodes = new Uint16Array((this.nodeSize / 2) * 1024);
    this.plain = new Uint32Array(classCount);
  }

  get directory(): Uint32Array {
    return this.entries.values.subarray(0, this.entries.length);
  }

  build(): void {
    const { starts } = this;
    let run = 0;
    let block = 0;
    while (block < BLOCKS) {
      // The run that the block's first address is in.
      while (run + 1 < starts.length && starts[run + 1]! <= block * BLOCKS) run++;
      const next = run + 1 < starts.length ? starts[run + 1]! >>> 16 : BLOCKS;
      if (next > block) {
        this.entries.values.fill(this.plainNode(run), block, next);
        block = next;
        continue;
      }
      let end = run + 1;
      while (end < starts.length && starts[end]! >>> 16 === block) end++;
      // Before its place is looked up: what it makes may move the entries.
      const entry = this.entry(run, end, 0, BLOCKS);
      this.entries.values[block] = entry;
      run = end - 1;
      block++;
    }
  }

  /**
   * An entry for `size` addresses of a block, from `low` on: its first address is in `run`, the runs behind it up to
   * `end`, not included, begin among them.
   */
  private entry(run: number, end: number, low: number, size: number): number {
    if (end - run - 1 > NODE_BOUNDS) return this.span(run, end, low, size);
    return end - run === 1 ? this.plainNode(run) : this.node(run, end);
  }

  private span(run: number, end: number, low: number, size: number): number {
    const shift = this.partShift(run, end, size);
    const parts = size >> shift;
    const base = this.entries.reserve(parts);
    const number = this.spans.push(((shift << SPAN_SHIFT) | (base - (low >> shift))) >>> 0) - 1;
    let first = run;
    for (let part = 0; part < parts; part++) {
      const from = low + (part << shift);
      while (first + 1 < end && this.low(first + 1) <= from) first++;
      let last = first + 1;
      while (last < end && this.low(last) < from + (1 << shift)) last++;
      const entry = this.entry(first, last, from, 1 << shift);
      this.entries.values[base + part] = entry;
      first = last - 1;
    }
    return (number | SPAN) >>> 0;
  }

  /** How many bits fewer than `size` the parts have: the largest parts of at most seven bounds, or 256 parts. */
  private partShift(run: number, end: number, size: number): number {
    const bits = 31 - Math.clz32(size);
    for (let shift = bits - 1; shift > bits - MOST_PARTS; shift--)
      if (this.mostBounds(run, end, shift) <= NODE_BOUNDS) return shift;
    return bits - MOST_PARTS;
  }

  /** The most bounds in any part of `1 << shift` addresses; one at a part's first address does not count. */
  private mostBounds(run: number, end: number, shift: number): number {
    let most = 0;
    let count = 0;
    let part = -1;
    for (let i = run + 1; i < end; i++) {
      const low = this.low(i);
      if (low >> shift !== part) {
        part = low >> shift;
        count = 0;
      }
      if ((low & ((1 << shift) - 1)) === 0) continue;
      count++;
      if (count > most) most = count;
    }
    return most;
  }

  private low(run: number): number {
    return this.starts[run]! & 0xffff;
  }

  private plainNode(run: number): number {
    const klass = this.classes[run]!;
    const known = this.plain[klass]!;
    if (known !== 0) return known - 1;
    const made = this.node(run, run + 1);
    this.plain[klass] = made + 1;
    return made;
  }

  private node(run: number, end: number): number {
    const number = this.nodeCount++;
    const words = this.nodeSize / 2;
    const at = number * words;
    if (at + words > this.nodes.length) {
      const grown = new Uint16Array(2 * this.nodes.length);
      grown.set(this.nodes);
      this.nodes = grown;
    }
    const { nodes } = this;
    for (let i = 0; i < NODE_BOUNDS; i++) nodes[at + i] = run + 1 + i < end ? this.starts[run + 1 + i]! : 0xffff;
    for (let i = 0; i <= NODE_BOUNDS; i++) {
      const klass = this.classes[run + i < end ? run + i : end - 1]!;
      if (this.nodeSize === 32) {
        nodes[at + 8 + i] = klass;
      } else {
        nodes[at + 8 + 2 * i] = klass;
        nodes[at + 9 + 2 * i] = klass >>> 16;
      }
    }
    return number;
  }
}
