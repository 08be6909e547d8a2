// What a bench is. A new one is a file that exports a `Bench`, and an entry in main.ts.

import type { Table } from './table.ts';

export interface BenchOptions {
  /** Samples of each subject. */
  readonly repetitions: number;
  readonly warmUps: number;
  /** Numbers of rules; absent for those of the bench. */
  readonly sizes?: readonly number[];
  /** Says how far it has come. */
  readonly progress: (text: string) => void;
}

export interface BenchResult {
  readonly tables: readonly Table[];
  /** The same with every sample: plain JSON values. */
  readonly data: unknown;
}

export interface Bench {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  run(options: BenchOptions): Promise<BenchResult>;
}
