// The compiler alone: a new process reads a ruleset, compiles it, compiles it again with one rule more, and says how long
// each took and how much memory it ever had. Nothing is loaded into the kernel.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, BenchOptions } from './bench.ts';
import { type BuildRow, buildTables } from './build-tables.ts';
import { bundle } from './bundle.ts';
import { CLASSIFY_RULESETS, formatRuleset } from './classify-rulesets.ts';
import { takeTurns } from './measure.ts';
import { benchOptionsFor } from './subject-programs.ts';

const KINDS = ['exact', 'blacklist', 'acl', 'fw', 'ipc'];
/** Compilations with one rule more, in each process. */
const AGAIN = 5;

/** With this exit code the driver says that the compiler refuses the ruleset. */
const REFUSED = 3;

/** What a process says; times in milliseconds. */
export interface Built {
  readonly parse: number;
  /** The first compilation of the process. */
  readonly cold: number;
  /** Further ones, each of the ruleset with another rule behind all. */
  readonly warm: readonly number[];
  /** Bytes that were resident at most: Node, the text, the rules and all that the compiler makes. */
  readonly memory: number;
  /** Of the tables. */
  readonly bytes: number;
}

export const build: Bench = {
  name: 'build',
  summary: 'the compiler in a new process: reading, compiling, compiling with one rule more, memory',
  sizes: [1_000, 10_000, 100_000],
  quickSizes: [100],
  minutes: 2,
  seconds: 15,
  run: async (options) => {
    const directory = mkdtempSync(join(tmpdir(), 'ipb-bench-'));
    try {
      const driver = await bundle('compile-driver.ts', directory);
      const rows = options.sizes.flatMap((rules) => {
        options.progress(`${rules} rules`);
        return measure(rules, driver, directory, options);
      });
      return { tables: buildTables(rows), data: rows };
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
};

function measure(rules: number, driver: string, directory: string, options: BenchOptions): BuildRow[] {
  const runs = new Map<string, Built[]>();
  const refusals = new Map<string, string>();
  const subjects = KINDS.map((name) => {
    const shape = CLASSIFY_RULESETS.find((kind) => kind.name === name)!.shape(rules);
    const file = join(directory, `${name}-${rules}.rules`);
    writeFileSync(file, formatRuleset(shape));
    const words = [driver, file, JSON.stringify(benchOptionsFor('xdp', shape.host)), shape.chain, `${AGAIN}`];
    const own: Built[] = [];
    runs.set(name, own);
    return {
      name,
      sample: () => {
        if (refusals.has(name)) return 0;
        const { status, stdout, stderr, error } = spawnSync(process.execPath, words, { encoding: 'utf8' });
        if (error !== undefined) throw error;
        if (status === REFUSED) refusals.set(name, stderr.trim().split('\n')[0]!);
        else if (status !== 0) throw new Error(`compiling ${name} of ${rules} rules ended with ${status}: ${stderr}`);
        if (status !== 0) return 0;
        const built = JSON.parse(stdout) as Built;
        own.push(built);
        return built.cold;
      },
    };
  });
  // Each process is a new one: there is nothing to warm up.
  takeTurns(subjects, { ...options, warmUps: 0, repetitions: Math.min(options.repetitions, 5) });
  return KINDS.map((ruleset) => {
    const refused = refusals.get(ruleset);
    return { ruleset, rules, ...(refused === undefined ? { runs: runs.get(ruleset)! } : { refused }) };
  });
}
