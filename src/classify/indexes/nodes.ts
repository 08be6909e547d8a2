// The index of long random address lists: two tables, of which one packet touches a line of a small one and one of a large.
//
//   directory   by the uppermost bits of the address, as many as give every block of addresses few bounds: the number of a
//               node; blocks that follow each other share one, as many as it has room for
//   nodes       64 bytes, a cache line: sorted bounds of 32 bits, then the class of the values below each and above the last
//                 10 bounds, 11 × 16 bits of class      up to 65 536 classes
//                  7 bounds,  8 × 32 bits of class
//               Unused bounds are the largest value, with the class of the value before, so they are compared like all.
//
// Where more runs begin within one block of addresses than a node has bounds, its entry has the uppermost bit, and the
// number of a span in place of a node's:
//
//   spans       shift:5 base:27   the entry for an address is directory[(base + (lower bits >> shift)) mod 2^27]: a node,
//               or once more a span
//
// A span divides its block into as few parts as need no further division, into half of the bits left if that is not
// enough, and its parts are then divided as far as they have to be. So there are never more than two spans on the way.

import type { NumericField } from '../../base/predicate.ts';
import type { Partition } from '../components.ts';
import { withRoom } from '../room.ts';
import { readTable, type TablePool } from '../tables.ts';
import type { NodesIndex, NodeTables } from './field-index.ts';

export const NODE_SIZE = 64;
/** By bytes of a class: how many bounds a node has. The classes follow. */
export const NODE_BOUNDS = { 2: 10, 4: 7 } as const;
export const SPAN_SHIFT = 27;
export const SPAN_BASE = 0x7ffffff;
/** Levels of spans, at most. */
export const SPAN_LEVELS = 2;

const NODE_WORDS = NODE_SIZE / 4;
/**
 * Bounds of a block on average, at most, as a part of what a node holds: of random blocks hardly one has more than a node
 * holds then, and most nodes are nearly full.
 */
const FILLING = 0.4;
const LEAST_BITS = 8;
const MOST_BITS = 20;
/** Marks an entry that is a span's number, while building and in tables of 32-bit entries. */
const SPAN = 0x80000000;
const NARROW_SPAN = 0x8000;

/** The index's tables, before they are put anywhere. */
export interface NodesShape extends Pick<NodeTables, 'shift' | 'classWidth' | 'nodeCount'> {
  readonly directory: Uint32Array | Uint16Array;
  readonly spans: Uint32Array;
  readonly nodes: Uint32Array;
}

export function nodesShape(partition: Partition): NodesShape {
  const builder = new NodesBuilder(partition);
  builder.build();
  const { shift, classWidth, nodeCount, spans } = builder;
  return {
    shift,
    classWidth,
    nodeCount,
    directory: narrowed(builder.directory, Math.max(nodeCount, spans.length)),
    spans: Uint32Array.from(spans.length === 0 ? [0] : spans),
    nodes: builder.nodes.subarray(0, nodeCount * NODE_WORDS),
  };
}

export function nodesBytes({ directory, spans, nodes }: NodesShape): number {
  return directory.byteLength + spans.byteLength + nodes.byteLength;
}

export function buildNodes(field: NumericField, shape: NodesShape, pool: TablePool): NodesIndex {
  return { kind: 'nodes', field, ...putNodes(field, shape, pool) };
}

export function putNodes(name: string, shape: NodesShape, pool: TablePool): NodeTables {
  const { shift, classWidth, nodeCount } = shape;
  return {
    shift,
    directory: pool.put(`${name} directory`, shape.directory),
    spans: pool.put(`${name} spans`, shape.spans),
    classWidth,
    nodeCount,
    nodes: pool.put(`${name} nodes`, shape.nodes),
  };
}

/** The bit that tells a span's number from a node's. */
export function spanBit({ directory }: NodeTables): number {
  return directory.width === 2 ? NARROW_SPAN : SPAN;
}

export function lookUpNodes(index: NodeTables, value: number, tables: Uint8Array): number {
  const { directory, spans, shift, classWidth, nodeCount, nodes } = index;
  const bit = spanBit(index);
  const low = value & (2 ** shift - 1);
  let entry = readTable(tables, directory, value >>> shift);
  for (let level = 0; level < SPAN_LEVELS && entry >= bit; level++) {
    const span = readTable(tables, spans, entry - bit);
    entry = readTable(tables, directory, (span + (low >>> (span >>> SPAN_SHIFT))) & SPAN_BASE);
  }
  if (entry >= nodeCount) throw new Error(`${nodes.name} has no node ${entry}, it has ${nodeCount}`);
  const node = entry * NODE_WORDS;
  const bounds = NODE_BOUNDS[classWidth];
  let rank = 0;
  while (rank < bounds && readTable(tables, nodes, node + rank) <= value) rank++;
  if (classWidth === 4) return readTable(tables, nodes, node + bounds + rank);
  return (readTable(tables, nodes, node + bounds + (rank >> 1)) >>> (16 * (rank & 1))) & 0xffff;
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
  values: Uint32Array<ArrayBuffer>;
  length: number;

  constructor(length: number) {
    this.values = new Uint32Array(length + 1024);
    this.length = length;
  }

  /** Makes room for `count` more and returns where they begin. */
  reserve(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > SPAN_BASE) throw new Error('too many spans');
    this.values = withRoom(this.values, this.length);
    return at;
  }
}

class NodesBuilder {
  readonly shift: number;
  readonly classWidth: 2 | 4;
  nodeCount = 0;
  nodes: Uint32Array<ArrayBuffer>;
  readonly spans: number[] = [];
  private readonly starts: Uint32Array;
  private readonly classes: Uint32Array;
  private readonly mostBounds: number;
  private readonly blocks: number;
  private readonly entries: Entries;
  /** The node that has nothing but a class, by class, plus one. */
  private readonly plain: Uint32Array;

  constructor({ starts, classes, classCount }: Partition) {
    this.starts = starts;
    this.classes = classes;
    this.classWidth = classCount <= 1 << 16 ? 2 : 4;
    this.mostBounds = NODE_BOUNDS[this.classWidth];
    const wanted = Math.ceil(Math.log2(starts.length / (FILLING * this.mostBounds)));
    const bits = Math.max(LEAST_BITS, Math.min(MOST_BITS, wanted));
    this.shift = 32 - bits;
    this.blocks = 1 << bits;
    this.entries = new Entries(this.blocks);
    this.nodes = new Uint32Array(NODE_WORDS * (Math.min(this.blocks, starts.length) + 64));
    this.plain = new Uint32Array(classCount);
  }

  get directory(): Uint32Array {
    return this.entries.values.subarray(0, this.entries.length);
  }

  build(): void {
    const { starts, shift, blocks, mostBounds } = this;
    const size = 2 ** shift;
    let run = 0;
    let block = 0;
    // Blocks that get the next node together: the run that the first begins in, and the end of the last one's.
    let shared: number[] = [];
    let [first, last] = [0, 0];
    const share = (): void => {
      if (shared.length === 0) return;
      const node = this.node(first, last);
      for (const each of shared) this.entries.values[each] = node;
      shared = [];
    };
    while (block < blocks) {
      // The run that the block's first address is in.
      while (run + 1 < starts.length && starts[run + 1]! <= block * size) run++;
      const next = run + 1 < starts.length ? starts[run + 1]! >>> shift : blocks;
      if (next > block) {
        this.entries.values.fill(this.plainNode(run), block, next);
        block = next;
        continue;
      }
      let end = run + 1;
      while (end < starts.length && starts[end]! >>> shift === block) end++;
      if (end - 1 - run > mostBounds) {
        const span = this.span(run, end, block * size, shift);
        this.entries.values[block] = span;
      } else {
        if (end - 1 - first > mostBounds) share();
        if (shared.length === 0) first = run;
        shared.push(block);
        last = end;
      }
      run = end - 1;
      block++;
    }
    share();
  }

  /**
   * An entry for `1 << bits` addresses from `first` on: the first is in `run`, the runs behind it up to `end`, not
   * included, begin among them.
   */
  private entry(run: number, end: number, first: number, bits: number): number {
    if (end - run - 1 > this.mostBounds) return this.span(run, end, first, bits);
    return end - run === 1 ? this.plainNode(run) : this.node(run, end);
  }

  private span(run: number, end: number, first: number, bits: number): number {
    const partBits = this.partBits(run, end, bits);
    const parts = 1 << (bits - partBits);
    const base = this.entries.reserve(parts);
    const low = first & (2 ** this.shift - 1);
    const number = this.spans.push(((partBits << SPAN_SHIFT) | ((base - (low >>> partBits)) & SPAN_BASE)) >>> 0) - 1;
    let at = run;
    for (let part = 0; part < parts; part++) {
      const from = first + part * 2 ** partBits;
      while (at + 1 < end && this.starts[at + 1]! <= from) at++;
      let last = at + 1;
      while (last < end && this.starts[last]! < from + 2 ** partBits) last++;
      const entry = this.entry(at, last, from, partBits);
      this.entries.values[base + part] = entry;
      at = last - 1;
    }
    return (number | SPAN) >>> 0;
  }

  /** The size of the largest parts that have no more bounds than a node; of half as many bits where these are too many. */
  private partBits(run: number, end: number, bits: number): number {
    const least = bits === this.shift ? bits >> 1 : 0;
    for (let partBits = bits - 1; partBits > least; partBits--) if (this.fits(run, end, partBits)) return partBits;
    return least;
  }

  /** Whether no part of `1 << bits` addresses has more bounds than a node; one at a part's first address is none. */
  private fits(run: number, end: number, bits: number): boolean {
    const inner = 2 ** bits - 1;
    let count = 0;
    let part = -1;
    for (let i = run + 1; i < end; i++) {
      const start = this.starts[i]!;
      if (start >>> bits !== part) {
        part = start >>> bits;
        count = 0;
      }
      if ((start & inner) !== 0 && ++count > this.mostBounds) return false;
    }
    return true;
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
    const { starts, classes, classWidth, mostBounds } = this;
    const number = this.nodeCount++;
    const at = number * NODE_WORDS;
    this.nodes = withRoom(this.nodes, at + NODE_WORDS);
    const { nodes } = this;
    for (let i = 0; i < mostBounds; i++) nodes[at + i] = run + 1 + i < end ? starts[run + 1 + i]! : 0xffffffff;
    for (let i = 0; i <= mostBounds; i++) {
      const klass = classes[run + i < end ? run + i : end - 1]!;
      if (classWidth === 4) nodes[at + mostBounds + i] = klass;
      else nodes[at + mostBounds + (i >> 1)]! |= klass << (16 * (i & 1));
    }
    return number;
  }
}
