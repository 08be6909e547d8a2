// Which index a field gets.
//
// Memory decides: what a look-up costs is how far away the lines are that it touches, and the tables of all fields share
// the caches. Kinds that touch fewer lines, or take fewer instructions, may be larger by as much as they are faster where
// all of them fit into the second cache.

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

/** Up to so many bounds are compared: as many compares cost what one load of a table costs. A table of bytes is near. */
const MOST_BOUNDS = 8;
const MOST_BOUNDS_OF_BYTES = 3;
/** How many bytes of nodes cost as much as one of these. */
const CROSS_WORTH = 1.6;
const PAGES_WORTH = 1.25;

/** Builds the index of a field whose values are cut into these runs. The same partition gives the same tables. */
export function buildIndex(field: NumericField, partition: Partition, budget: Budget, pool: TablePool): FieldIndex {
  const maximum = FIELD_MAXIMUM[field];
  if (partition.starts.length - 1 <= (maximum <= 0xff ? MOST_BOUNDS_OF_BYTES : MOST_BOUNDS)) {
    return buildBounds(field, partition);
  }
  if (maximum < 1 << 16) return buildDirect(field, partition, pool);
  const { classCount } = partition;
  const nodes = nodesShape(partition);
  const bytes = nodesBytes(nodes);
  const cross = crossShape(partition, Math.min(bytes * CROSS_WORTH, budget.indexBytes));
  const most = cross === undefined ? bytes : Math.min(bytes, crossBytes(cross, classCount) / CROSS_WORTH);
  const pages = pagesShape(partition, Math.min(most * PAGES_WORTH, budget.indexBytes));
  if (pages !== undefined && pagesBytes(pages, classCount) <= most * PAGES_WORTH) {
    return buildPages(field, partition, pages, pool);
  }
  if (cross !== undefined && crossBytes(cross, classCount) <= bytes * CROSS_WORTH) {
    return buildCross(field, partition, cross, pool);
  }
  return buildNodes(field, nodes, pool);
}
