// The index of a few runs: compares in code, without branches and without a table.

import type { NumericField } from '../../base/predicate.ts';
import type { Partition } from '../components.ts';
import type { BoundsIndex } from './field-index.ts';

export function buildBounds(field: NumericField, { starts, classes }: Partition): BoundsIndex {
  return { kind: 'bounds', field, bounds: [...starts.subarray(1)], classes: [...classes] };
}

export function lookUpBounds({ bounds, classes }: BoundsIndex, value: number): number {
  let run = 0;
  for (const bound of bounds) if (value >= bound) run++;
  return classes[run]!;
}
