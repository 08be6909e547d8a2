// Predicates that cannot matter any more in a class: a decision that asks nothing else than what the class is certain of,
// and ends the list, hides all decisions behind it. Classes that differ in hidden predicates only become one, which is
// what keeps firewall-like lists small.

import type { ClassSets } from './classes.ts';
import { NumberSets } from './number-sets.ts';

/** Of each predicate the rank of its first decision, and the rank up to which decisions matter where it holds. */
export interface Pruner {
  readonly first: Int32Array;
  readonly last: Int32Array;
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
  // Ranks in place of decisions: the same order is the same pruner, wherever other rules come and go.
  const first = new Int32Array(predicateCount + 1);
  const last = new Int32Array(predicateCount + 1).fill(predicateCount + 1);
  let ends = false;
  let rank = 0;
  for (let i = 0; i < ofDecision.length; i++) {
    const predicate = ofDecision[i]!;
    if (predicate === 0) continue;
    if (first[predicate] === 0) first[predicate] = ++rank;
    if (definite[i] === 0 || asked[i] !== 1 || last[predicate]! <= predicateCount) continue;
    last[predicate] = rank;
    ends = true;
  }
  return ends ? { first, last } : undefined;
}

/** Leaves out what cannot matter, of the first `length` predicates; how many are left. */
export function prune({ first, last }: Pruner, predicates: Int32Array, length: number): number {
  let least = first.length;
  for (let i = 0; i < length; i++) least = Math.min(least, last[predicates[i]!]!);
  let left = 0;
  for (let i = 0; i < length; i++) if (first[predicates[i]!]! <= least) predicates[left++] = predicates[i]!;
  return left;
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
    becomes[i] = sets.number(buffer, prune(pruner, buffer, length));
  }
  if (sets.total === items.length) return undefined;
  return { sets: { classCount: sets.count, classes: sets.finish(), predicateCount }, becomes };
}
