// The index of 128-bit values: the first 32 bits by nodes (nodes.ts) where they begin many runs, all else by trees.

import type { DeviceField, WideField } from '../../base/predicate.ts';
import type { WidePartition } from '../components.ts';
import type { TablePool } from '../tables.ts';
import type { WideIndex } from './field-index.ts';
import { lookUpNodes, nodesShape, putNodes } from './nodes.ts';
import { followTrees, TreeBuilder } from './tree.ts';

/** With more segments than two levels of a tree hold, the directory of nodes is worth its memory. */
const MOST_SEGMENTS = 36;

export function buildWide(field: WideField | DeviceField, partition: WidePartition, pool: TablePool): WideIndex {
  const builder = new TreeBuilder(partition);
  const segments = builder.segments();
  const isName = field === 'inDevice' || field === 'outDevice';
  if (isName || segments.links.length <= MOST_SEGMENTS) {
    const link = builder.tree(0, segments);
    return { kind: 'wide', field, trees: builder.finish(field, pool), root: { link: builder.final(0, link) } };
  }
  const trees = builder.finish(field, pool);
  const nodeCount = trees.parts.reduce((sum, { count }) => sum + count, 0);
  const links = segments.links.map((link) => builder.final(0, link));
  const first = {
    starts: Uint32Array.from(segments.starts),
    classes: Uint32Array.from(links),
    classCount: partition.classCount + nodeCount,
  };
  return { kind: 'wide', field, trees, root: putNodes(field, nodesShape(first), pool) };
}

/** An address as four words, the uppermost first. */
export function wordsOfAddress(address: bigint): number[] {
  return [96n, 64n, 32n, 0n].map((shift) => Number((address >> shift) & 0xffffffffn));
}

/** The class of the value that has these four words, the uppermost first. */
export function lookUpWide({ root, trees }: WideIndex, words: readonly number[], tables: Uint8Array): number {
  const link = 'link' in root ? root.link : lookUpNodes(root, words[0]!, tables);
  return followTrees(trees, link, words, tables);
}
