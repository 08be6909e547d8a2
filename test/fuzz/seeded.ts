// Choices that a number repeats, case by case: each case has a seed of its own and can be made without the others.

import { Choice } from '../harness/random.ts';

/** The choices for case `index` of the run with seed `seed`. */
export function seededChoice(seed: number, index: number): Choice {
  const next = splitMix(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  return new Choice({
    nextInt: (low: number = 0, high: number = 0xffffffff) => low + Math.floor(next() * (high - low + 1)),
  });
}

/** A generator of 32 bits of state (Steele, Lea and Flood, "Fast splittable pseudorandom number generators"). */
function splitMix(seed: number): () => number {
  let state = seed >>> 0;
  const word = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  return () => (word() * 0x200000 + (word() >>> 11)) / 2 ** 53;
}
