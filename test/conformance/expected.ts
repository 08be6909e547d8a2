// The committed list of vectors that do not pass, each with the reason, and how a run is compared with it.

import type { FailedVector } from './vectors.ts';

export interface Expected {
  readonly file: string;
  readonly line: number;
  /** The line's own text. */
  readonly vector: string;
  readonly reason: string;
}

export interface Comparison {
  /** Failed without being in the list. */
  readonly unexpected: readonly FailedVector[];
  /** In the list, but passed; or the file has another text there. */
  readonly stale: readonly Expected[];
}

/** `files` are those that were run: of others nothing is known. */
export function compareWithExpected(
  failed: readonly FailedVector[],
  expected: readonly Expected[],
  files: readonly string[],
): Comparison {
  const isSame = (one: Expected | FailedVector, other: Expected | FailedVector) =>
    one.file === other.file && one.line === other.line && one.vector === other.vector;
  return {
    unexpected: failed.filter((vector) => !expected.some((entry) => isSame(entry, vector))),
    stale: expected.filter((entry) => files.includes(entry.file) && !failed.some((vector) => isSame(entry, vector))),
  };
}
