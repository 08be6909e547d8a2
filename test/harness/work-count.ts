// How much of our own code runs: V8 counts how often each block of it is entered, exactly, whatever else the machine does.
// What built-in functions do inside is not counted.

import { type Profiler, Session } from 'node:inspector';

const SOURCE = /\/src\//;

/** How often blocks were entered, by function. */
export type Work = ReadonlyMap<string, number>;

/**
 * Counts from its making on, and only in modules that are loaded afterwards: functions are compiled with counters or
 * without.
 */
export class WorkCount {
  private readonly session = new Session();

  constructor() {
    this.session.connect();
    this.post('Profiler.enable');
    this.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What `work` does. */
  of(work: () => void): Work {
    this.take();
    work();
    const done = new Map<string, number>();
    for (const { url, functions } of this.take()) {
      if (!SOURCE.test(url)) continue;
      for (const { functionName, ranges } of functions) {
        const name = `${url.slice(url.search(SOURCE) + 1)}: ${functionName} at ${ranges[0]!.startOffset}`;
        const blocks = ranges.reduce((sum, { count }) => sum + count, 0);
        if (blocks > 0) done.set(name, (done.get(name) ?? 0) + blocks);
      }
    }
    return done;
  }

  close(): void {
    this.post('Profiler.stopPreciseCoverage');
    this.session.disconnect();
  }

  /** What was counted since the last time. */
  private take(): Profiler.ScriptCoverage[] {
    return (this.post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType).result;
  }

  /** A session of the own thread answers before `post` returns. */
  private post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}

/** Blocks that were entered, all together. */
export function blocksOf(work: Work): number {
  let sum = 0;
  for (const blocks of work.values()) sum += blocks;
  return sum;
}

/** The functions that do most more than another time, for failures. */
export function describeGrowth(few: Work, many: Work): string {
  const rows = [...many].sort(([, a], [, b]) => b - a).slice(0, 8);
  return rows.map(([name, blocks]) => `${name}: ${few.get(name) ?? 0} became ${blocks}`).join('\n');
}
