// Which index a field gets.
//
// Of short lists pages or halves of the address cost three loads, which is less than the compares of a node. Beyond
// what is always near memory decides: what a look-up costs is how far away the lines are that it touches, and the tables
// of all fields share the caches. Of random lists nodes are by far the smallest; pages are of dense ones. Halves touch
// fewer lines one after the other than pages do; they and pages can be read by look-ups of elements alone.

import { FIELD_MAXIMUM, type NumericField } from '../../base/predicate.ts';
import type { Budget } from '../budget.ts';
import type { Partition } from '../components.ts';
import type { TablePool } from '../tables.ts';
import { buildBounds } from './bounds.ts';
import { buildCross, crossBytes, crossShape } from './cross16.ts';
import { buildDirect } from './direct.ts';
import type { FieldIndex } from './field-index.ts';
import { buildNodes, nodesBytes, nodesShape } from './nodes.ts';
import { buildPages, pagesBytes, pagesShape } from './pages.ts';

/** Up to so many bounds are compared: as many compares cost what one load of a table costs. */
const MOST_BOUNDS = 8;
/** The same where the table is small, and so near: one of bytes, or of ports up to `NEAR_VALUES`. */
const MOST_BOUNDS_OF_SMALL = 3;
const NEAR_VALUES = 4096;
/** Halves of so many times the bytes of pages cost the same: three loads, of which two do not wait for each other. */
const CROSS_WORTH = 1.3;
/** Bytes of pages or halves that are near wherever a lookup touches them: a fraction of a second-level cache. */
const NEAR = 256 << 10;

/** Builds the index of a field whose values are cut into these runs. The same partition gives the same tables. */
export function buildIndex(field: NumericField, partition: Partition, budget: Budget, pool: TablePool): FieldIndex {
  const maximum = FIELD_MAXIMUM[field];
  const bounds = partition.starts.length - 1;
  const isNear = maximum < 1 << 16 && partition.starts[bounds]! < NEAR_VALUES;
  if (bounds <= (isNear ? MOST_BOUNDS_OF_SMALL : MOST_BOUNDS)) return buildBounds(field, partition);
  if (maximum < 1 << 16) return buildDirect(field, partition, pool);
  const most = budget.indexNodes ? Math.min(NEAR, budget.indexBytes) : budget.indexBytes;
  const near = elementwise(field, partition, most, pool);
  if (near !== undefined) return near;
  const nodes = nodesShape(partition);
  const bytes = Math.min(nodesBytes(nodes), budget.indexBytes);
  return pagesWithin(field, partition, bytes, pool) ?? buildNodes(field, nodes, pool);
}

function pagesWithin(
  field: NumericField,
  partition: Partition,
  bytes: number,
  pool: TablePool,
): FieldIndex | undefined {
  const pages = pagesShape(partition, bytes);
  if (pages === undefined || pagesBytes(pages, partition.classCount) > bytes) return undefined;
  return buildPages(field, partition, pages, pool);
}

/** Halves or pages, where they have no more than so many bytes. */
function elementwise(
  field: NumericField,
  partition: Partition,
  bytes: number,
  pool: TablePool,
): FieldIndex | undefined {
  const cross = crossShape(partition, bytes);
  if (cross === undefined) return pagesWithin(field, partition, bytes, pool);
  const most = crossBytes(cross, partition.classCount) / CROSS_WORTH;
  return pagesWithin(field, partition, Math.min(most, bytes), pool) ?? buildCross(field, partition, cross, pool);
}
