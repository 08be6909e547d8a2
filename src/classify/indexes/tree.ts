// Search trees over 128-bit values: what IPv6 addresses and long lists of device names are looked up in.
//
// A value is taken in three parts, of 32, 48 and 48 bits, each as far as it still matters. A tree of a part searches the
// bounds of the runs that begin within one value of the parts before:
//
//   node, 64 bytes   5 bounds × 64 bits, ascending, then 6 links × 32 bits: for values below each bound and above the last
//
// A link is a class, or `classCount` plus the number of the next node, of the same part or the first of the next. Nodes
// are numbered part by part, so a number says which part is searched next. Unused bounds are larger than any value.

import type { WidePartition } from '../components.ts';
import { withRoom } from '../room.ts';
import type { TablePool, TableRef } from '../tables.ts';

export const TREE_BOUNDS = 5;
/** Offset of a node's links. */
export const TREE_LINKS = 8 * TREE_BOUNDS;
export const TREE_NODE = 64;
const PARTS = 3;

export interface Trees {
  /** 32 bits an element. */
  readonly nodes: TableRef;
  readonly classCount: number;
  /** Of each part, the nodes it has and the most levels of a tree. */
  readonly parts: readonly { readonly first: number; readonly count: number; readonly levels: number }[];
}

/** The values of a part that runs begin at, and what holds from there on. */
export interface Segments {
  readonly starts: readonly number[];
  readonly links: readonly number[];
}

const NODE_WORDS = TREE_NODE / 4;
const LINK_WORD = TREE_LINKS / 4;
const FAN_OUT = TREE_BOUNDS + 1;
/** What a link has while nodes are numbered by part: a node of the same part, or of the next. */
const SAME_PART = 0x80000000;
const NEXT_PART = 0xc0000000;
const NUMBER = 0x3fffffff;

export class TreeBuilder {
  private readonly partition: WidePartition;
  private readonly parts = Array.from({ length: PARTS }, () => ({ words: new Uint32Array(256), count: 0, levels: 0 }));

  constructor(partition: WidePartition) {
    if (partition.classCount > NUMBER) throw new Error('too many classes for links');
    this.partition = partition;
  }

  /** All runs by the first part of their values; links are not yet final. */
  segments(): Segments {
    return this.divide(0, 0, this.partition.classes.length);
  }

  /** The tree over segments of a part; returns the link to it. */
  tree(part: number, { starts, links }: Segments): number {
    let size = 1;
    let levels = 0;
    for (; size < links.length; size *= FAN_OUT) levels++;
    this.parts[part]!.levels = Math.max(this.parts[part]!.levels, levels);
    return this.subtree(part, starts, links, 0, links.length, size / FAN_OUT);
  }

  /** Numbers all nodes; links to nodes have to go through `final` afterwards. */
  finish(name: string, pool: TablePool): Trees {
    const { classCount } = this.partition;
    const parts = this.numbered();
    const total = parts.reduce((sum, { count }) => sum + count, 0);
    const nodes = new Uint32Array(Math.max(total, 1) * NODE_WORDS);
    for (const [part, { words, count }] of this.parts.entries()) {
      const base = parts[part]!.first * NODE_WORDS;
      nodes.set(words.subarray(0, count * NODE_WORDS), base);
      for (let node = 0; node < count; node++) {
        const at = base + node * NODE_WORDS + LINK_WORD;
        for (let link = at; link < at + FAN_OUT; link++) nodes[link] = this.final(part, nodes[link]!);
      }
    }
    return { nodes: pool.put(`${name} trees`, nodes), classCount, parts };
  }

  /** A link of a segment of `part`, or to a tree of it, as the tables have it. */
  final(part: number, link: number): number {
    if (link < SAME_PART) return link;
    const parts = this.numbered();
    const next = link >= NEXT_PART ? part + 1 : part;
    return this.partition.classCount + parts[next]!.first + (link & NUMBER);
  }

  private numbered(): { first: number; count: number; levels: number }[] {
    let first = 0;
    return this.parts.map(({ count, levels }) => {
      const part = { first, count, levels };
      first += count;
      return part;
    });
  }

  /**
   * Segments of `part` among values that agree in all parts before. The first of them is in run `from`; the runs behind
   * it up to `to`, not included, begin among them.
   */
  private divide(part: number, from: number, to: number): Segments {
    const { classes } = this.partition;
    const starts = [0];
    const links = [classes[from]!];
    let run = from + 1;
    while (run < to) {
      const value = this.value(part, run);
      let end = run + 1;
      while (end < to && this.value(part, end) === value) end++;
      const exact = this.restIsZero(part, run);
      if (starts[starts.length - 1] === value) {
        starts.pop();
        links.pop();
      }
      starts.push(value);
      if (exact && end === run + 1) {
        links.push(classes[run]!);
      } else {
        links.push(this.nextPart(part, exact ? run : run - 1, end));
        if (value < MOST[part]!) {
          starts.push(value + 1);
          links.push(classes[end - 1]!);
        }
      }
      run = end;
    }
    return { starts, links };
  }

  private nextPart(part: number, from: number, to: number): number {
    const link = this.tree(part + 1, this.divide(part + 1, from, to));
    return link >= SAME_PART ? (link | NEXT_PART) >>> 0 : link;
  }

  /** The tree over the segments from `from` to `to`, not included, of which each child has `size`. */
  private subtree(
    part: number,
    starts: readonly number[],
    links: readonly number[],
    from: number,
    to: number,
    size: number,
  ): number {
    if (to - from === 1) return links[from]!;
    const bounds: number[] = [];
    const children: number[] = [];
    for (let at = from; at < to; at += size) {
      if (at > from) bounds.push(starts[at]!);
      children.push(this.subtree(part, starts, links, at, Math.min(at + size, to), size / FAN_OUT));
    }
    return (this.node(part, bounds, children) | SAME_PART) >>> 0;
  }

  private node(part: number, bounds: readonly number[], links: readonly number[]): number {
    const own = this.parts[part]!;
    const number = own.count++;
    const at = number * NODE_WORDS;
    own.words = withRoom(own.words, at + NODE_WORDS);
    const { words } = own;
    for (let i = 0; i < TREE_BOUNDS; i++) {
      const bound = bounds[i];
      words[at + 2 * i] = bound === undefined ? 0xffffffff : bound;
      words[at + 2 * i + 1] = bound === undefined ? 0x7fffffff : bound / 0x100000000;
    }
    for (let i = 0; i < FAN_OUT; i++) words[at + LINK_WORD + i] = links[Math.min(i, links.length - 1)]!;
    return number;
  }

  private value(part: number, run: number): number {
    return partOf(this.partition.starts, 4 * run, part);
  }

  /** Whether a run begins at the first value that has its parts up to this one. */
  private restIsZero(part: number, run: number): boolean {
    const { starts } = this.partition;
    const at = 4 * run;
    if (part === 2) return true;
    const last = starts[at + 3] === 0;
    return part === 1 ? last && (starts[at + 2]! & 0xffff) === 0 : last && starts[at + 1] === 0 && starts[at + 2] === 0;
  }
}

/** The largest value of each part. */
const MOST = [0xffffffff, 0xffffffffffff, 0xffffffffffff];

/** A part of the 128-bit value whose four words, the uppermost first, are at `at`. */
function partOf(words: Uint32Array | readonly number[], at: number, part: number): number {
  switch (part) {
    case 0:
      return words[at]!;
    case 1:
      return words[at + 1]! * 0x10000 + (words[at + 2]! >>> 16);
    default:
      return (words[at + 2]! & 0xffff) * 0x100000000 + words[at + 3]!;
  }
}

/** The class that a link leads to, for a value of four words; as generated code finds it, level by level. */
export function followTrees(
  { nodes, classCount, parts }: Trees,
  link: number,
  words: readonly number[],
  tables: Uint8Array,
): number {
  const view = new DataView(tables.buffer, tables.byteOffset + nodes.offset, nodes.length * 4);
  let at = link;
  for (const [part, { first, count, levels }] of parts.entries()) {
    const value = partOf(words, 0, part);
    for (let level = 0; level < levels; level++) {
      const number = at - classCount - first;
      if (number < 0 || number >= count) break;
      const node = number + first;
      let rank = 0;
      while (rank < TREE_BOUNDS && boundOf(view, node * TREE_NODE + 8 * rank) <= value) rank++;
      at = view.getUint32(node * TREE_NODE + TREE_LINKS + 4 * rank, true);
    }
  }
  if (at >= classCount) throw new Error(`${nodes.name}: link ${at} leads nowhere`);
  return at;
}

function boundOf(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x100000000 + view.getUint32(at, true);
}
