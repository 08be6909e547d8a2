// Measurements, to be read by people: nothing here passes or fails.
//
//   npm run bench -- NAME… [OPTION…]       `all` for every bench
//     --repetitions N    samples of each subject (default 11)
//     --warm-ups N       rounds thrown away before (default 2)
//     --sizes N,…        numbers of rules (default: those of each bench)
//     --json             the whole run, every sample, as JSON in place of tables
//     --write            also make BENCHMARKS.md and its chart of the run
//     --from FILE        take a run that was saved with --json, and measure nothing
//
// Needs root, for network namespaces, and a build. What is compared is run in turns, within one run; compare ratios
// within a run and not times of two runs.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { accept } from './accept.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { renderCharts } from './chart.ts';
import { classify } from './classify.ts';
import { commands } from './commands.ts';
import { parse } from './parse.ts';
import { CHART_FILE, chartsOf, type RunDocument, renderReport } from './report.ts';
import { renderTable } from './table.ts';
import { veth } from './veth.ts';

const BENCHES: readonly Bench[] = [parse, classify, veth, accept, commands];
const ROOT = new URL('../../', import.meta.url);

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    repetitions: { type: 'string', default: '11' },
    'warm-ups': { type: 'string', default: '2' },
    sizes: { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    from: { type: 'string' },
  },
});

const run =
  options.from === undefined ? await measure() : (JSON.parse(readFileSync(options.from, 'utf8')) as RunDocument);
if (options.json) console.log(JSON.stringify(run, null, 1));
else {
  for (const { tables } of run.benches) for (const table of tables) console.log(renderTable(table));
  const { cpu, cpus: count, kernel, node } = run.machine;
  console.log(`${cpu}, ${count} CPUs, load ${run.load.before.toFixed(1)} before, Linux ${kernel}, Node ${node}`);
}
if (options.write) {
  writeFileSync(new URL('BENCHMARKS.md', ROOT), renderReport(run));
  writeFileSync(new URL(CHART_FILE, ROOT), renderCharts(chartsOf(run)));
}

async function measure(): Promise<RunDocument> {
  const chosen: readonly (Bench | undefined)[] = names.includes('all')
    ? BENCHES
    : names.map((name) => BENCHES.find((bench) => bench.name === name));
  if (chosen.length === 0 || chosen.includes(undefined)) {
    console.error(`Which one? all, or${BENCHES.map(({ name, summary }) => `\n  ${name}: ${summary}`).join('')}`);
    process.exit(2);
  }
  // How busy the machine is says how far to trust the figures.
  const before = loadavg()[0]!;
  const benches = [];
  for (const { name, summary, run: runBench } of chosen as Bench[]) {
    const { tables, data } = await runBench(benchOptions(name));
    benches.push({ name, summary, tables, data });
  }
  return {
    machine: { cpu: cpus()[0]?.model ?? '?', cpus: cpus().length, kernel: release(), node: process.version },
    date: new Date().toISOString(),
    commit: commit(),
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    load: { before, after: loadavg()[0]! },
    benches,
  };
}

function benchOptions(name: string): BenchOptions {
  return {
    repetitions: atLeast(1, options.repetitions),
    warmUps: atLeast(0, options['warm-ups']),
    ...(options.sizes !== undefined && { sizes: options.sizes.split(',').map((size) => atLeast(1, size)) }),
    progress: (text) => console.error(`${name}: ${text}`),
  };
}

/** What is measured: the commit, and whether anything in the tree differs from it. */
function commit(): string {
  const git = (...words: string[]): string => execFileSync('git', words, { cwd: ROOT, encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}

function atLeast(least: number, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  console.error(`${text}: a whole number of at least ${least} is needed`);
  process.exit(2);
}
