// Predicates that cannot matter any more in a class: a decision that asks nothing else than what the class is certain of,
// and ends the list, hides all decisions behind it. Classes that differ in hidden predicates only become one, which is
// what keeps firewall-like lists small.

import type { ClassSets } from './classes.ts';
import { NumberSets } from './number-sets.ts';

export interface Pruner {
  /** Leaves out what cannot matter, of the first `length` predicates; how many are left. */
  prune(predicates: Int32Array, length: number): number;
}

/**
 * For the predicates of a component, by decision; `asked` is of how many components each decision asks something. Absent
 * where nothing is hidden.
 */
export function makePruner(
  ofDecision: Int32Array,
  predicateCount: number,
  asked: Uint8Array,
  definite: Uint8Array,
): Pruner | undefined {
  const never = ofDecision.length;
  const first = new Int32Array(predicateCount + 1).fill(never);
  const end = new Int32Array(predicateCount + 1).fill(never);
  let ends = false;
  for (let i = 0; i < never; i++) {
    const predicate = ofDecision[i]!;
    if (predicate === 0) continue;
    if (first[predicate] === never) first[predicate] = i;
    if (definite[i] === 0 || asked[i] !== 1 || end[predicate] !== never) continue;
    end[predicate] = i;
    ends = true;
  }
  if (!ends) return undefined;
  return {
    prune(predicates, length) {
      let last = never;
      for (let i = 0; i < length; i++) last = Math.min(last, end[predicates[i]!]!);
      let left = 0;
      for (let i = 0; i < length; i++) if (first[predicates[i]!]! <= last) predicates[left++] = predicates[i]!;
      return left;
    },
  };
}

/** Prunes all classes: what is left, and which class each becomes. Absent where nothing changes. */
export function pruneClasses(
  { classCount, classes, predicateCount }: ClassSets,
  pruner: Pruner,
): { readonly sets: ClassSets; readonly becomes: Uint32Array } | undefined {
  const sets = new NumberSets();
  const becomes = new Uint32Array(classCount);
  const { offsets, items } = classes;
  const buffer = new Int32Array(predicateCount);
  for (let i = 0; i < classCount; i++) {
    const start = offsets[i]!;
    const length = offsets[i + 1]! - start;
    for (let j = 0; j < length; j++) buffer[j] = items[start + j]!;
    becomes[i] = sets.number(buffer, pruner.prune(buffer, length));
  }
  if (sets.total === items.length) return undefined;
  return { sets: { classCount: sets.count, classes: sets.finish(), predicateCount }, becomes };
}
