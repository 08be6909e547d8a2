// A run of benches as one JSON document.

import type { Table } from './table.ts';

/** Counted up when a reader of older documents would misread one. */
export const SCHEMA = 1;

export interface RunDocument {
  readonly schema: typeof SCHEMA;
  readonly machine: { readonly cpu: string; readonly cpus: number; readonly kernel: string; readonly node: string };
  /** ISO 8601: when it began. */
  readonly date: string;
  /** With a trailing `+` where files differed from it. */
  readonly commit: string;
  /** As typed. */
  readonly command: string;
  /** A smoke run, whose figures mean nothing. */
  readonly isQuick: boolean;
  /** How many CPUs were busy. */
  readonly load: { readonly before: number; readonly after: number };
  readonly benches: readonly {
    readonly name: string;
    readonly summary: string;
    /** What it took. */
    readonly seconds: number;
    readonly tables: readonly Table[];
    /** Every sample. */
    readonly data: unknown;
    /** Why it came to no end. */
    readonly failure?: string;
  }[];
}

/** Reads what `--json` printed; throws where it is of another schema. */
export function readRun(text: string): RunDocument {
  const run = JSON.parse(text) as RunDocument;
  if (run.schema !== SCHEMA) throw new Error(`this run has schema ${run.schema}, not ${SCHEMA}: measure anew`);
  return run;
}

/** What a bench of the run has found; undefined where it was not run. */
export function dataOf(run: RunDocument, bench: string): unknown {
  return run.benches.find(({ name }) => name === bench)?.data ?? undefined;
}
