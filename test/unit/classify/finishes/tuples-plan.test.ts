import { expect, it } from 'vitest';
import { isOverflow } from '../../../../src/classify/finishes/finish.ts';
import type { Layers } from '../../../../src/classify/finishes/tuples-layers.ts';
import { planTuples } from '../../../../src/classify/finishes/tuples-plan.ts';
import { oneSegment } from '../../../harness/random-lists.ts';

it.each([
  [3, false],
  [8, true],
])('of %i components with many layers, combinations are more than numbers tell apart: %s', (components, isMore) => {
  const { list } = oneSegment(Array.from({ length: 200 }, (_, slot) => ({ conditions: [], slot, leads: 1 })));
  // All components have predicates in the last two layers; decisions differ in that of the first component.
  const layers: Layers[] = Array.from({ length: components }, () => ({ of: Uint8Array.of(0, 61, 62), count: 62 }));
  const predicates = layers.map((_, c) => Int32Array.from(list.slots, (slot) => (c === 0 ? 1 + (slot & 1) : 1)));
  const plan = planTuples({ list, predicates, layers, bits: 512 });
  if (isMore) expect(plan).toEqual({ overflow: 'tuples: too many layers' });
  else expect(isOverflow(plan)).toBe(false);
});
