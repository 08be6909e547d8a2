// Draws in which few things recur often, as networks and services do in real rulesets.

import type { Choice } from '../harness/random.ts';

/** Draws from `count` things, the n-th as often as 1/n. */
export function favoured<T>(choice: Choice, count: number, make: () => T): () => T {
  const things = Array.from({ length: count }, make);
  const sums: number[] = [];
  let sum = 0;
  for (let n = 0; n < count; n++) {
    sum += Math.ceil((100 * count) / (n + 1));
    sums.push(sum);
  }
  return () => {
    const wanted = choice.integer(0, sum - 1);
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return things[low]!;
  };
}
