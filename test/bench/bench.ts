// What a bench is. A new one is a file that exports a `Bench`, and an entry in benches.ts.

import type { Rounds } from './measure.ts';
import type { Peer } from './peer.ts';
import type { Table } from './table.ts';

export interface BenchOptions extends Rounds {
  /** Numbers of rules. */
  readonly sizes: readonly number[];
  /** Finishes to force, by name; all if absent. */
  readonly finishes?: readonly string[];
  /** A smoke run: as little of everything as still shows that it works. */
  readonly isQuick: boolean;
  /** Foreign firewalls to measure beside ours. */
  readonly peers: readonly Peer[];
  /** Says how far it has come. */
  readonly progress: (text: string) => void;
  /** Says what went wrong, of which the run's exit code will tell; the others go on. */
  readonly fail: (text: string) => void;
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
  /** Numbers of rules that it takes if nothing else is asked for, and those of a smoke run. */
  readonly sizes: readonly number[];
  readonly quickSizes: readonly number[];
  /** What one comparison may take, if nothing else is asked for: see `Rounds`. */
  readonly seconds: number;
  /** About how many minutes it takes, on two CPUs and with the defaults. */
  readonly minutes: number;
  run(options: BenchOptions): Promise<BenchResult>;
}
