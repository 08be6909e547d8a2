// `npm run bench`: measurements, to be read by people; nothing here passes or fails by a figure.

import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Bench, BenchOptions, BenchResult } from './bench.ts';
import { BENCHES } from './benches.ts';
import { renderCharts } from './chart.ts';
import { CHART_FILE, chartsOf } from './charts.ts';
import { FINISHES } from './finishes.ts';
import { commit, load, machine } from './machine.ts';
import { parsePeer } from './peer.ts';
import { renderReport } from './report.ts';
import { type RunDocument, readRun, SCHEMA } from './run-document.ts';
import { renderTable } from './table.ts';

const USAGE = `npm run bench -- NAME… [OPTION…]      all, or${BENCHES.map(
  ({ name, minutes, summary }) => `\n  ${name.padEnd(10)} ${summary} (${minutes} min)`,
).join('')}

  --repetitions N     samples of each subject (default 11)
  --warm-ups N        rounds thrown away before (default 2)
  --seconds N         what one comparison may take; beyond it has fewer samples, but three (default:
                      as each bench has it)
  --sizes N,…         numbers of rules (default: those of each bench)
  --finish NAME,…     of the finishes bench only these: ${[...FINISHES.keys()].map((name) => `'${name}'`).join(', ')}
  --quick             a smoke run: little of everything, whose figures mean nothing
  --peer NAME=COMMAND another firewall for veth and accept; may be given again. COMMAND is run by sh in the namespace
                      that frames arrive in, with BENCH_STEP=setup, BENCH_STEP=dropped (prints the number of packets
                      its rules dropped, or nothing) and BENCH_STEP=teardown; BENCH_RULES is a file of rules as
                      iptables-save prints them, BENCH_DEVICE the device that the frames come in by
  --json              the whole run, every sample, as JSON in place of tables
  --write             also make BENCHMARKS.md and its charts of the run
  --from FILE         take a run that was saved with --json, and measure nothing

Needs root, for network namespaces, and a build. What is compared is run in turns, within one run; compare ratios
within a run and not times of two runs.`;

const ROOT = new URL('../../', import.meta.url);

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    repetitions: { type: 'string', default: '11' },
    'warm-ups': { type: 'string', default: '2' },
    seconds: { type: 'string' },
    sizes: { type: 'string' },
    finish: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peer: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    from: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
const run = options.from === undefined ? await measure() : readRun(readFileSync(options.from, 'utf8'));
if (options.json) console.log(JSON.stringify(run, null, 1));
else {
  for (const { tables } of run.benches) for (const table of tables) console.log(renderTable(table));
  const { cpu, cpus, kernel, node } = run.machine;
  console.log(`${cpu}, ${cpus} CPUs, ${run.load.before.toFixed(1)} busy before, Linux ${kernel}, Node ${node}`);
}
if (options.write) {
  writeFileSync(new URL('BENCHMARKS.md', ROOT), renderReport(run));
  writeFileSync(new URL(CHART_FILE, ROOT), renderCharts(chartsOf(run)));
}

async function measure(): Promise<RunDocument> {
  const chosen = names.includes('all') ? BENCHES : names.map(benchNamed);
  if (chosen.length === 0) refuse(USAGE);
  const minutes = options.quick ? 2 : chosen.reduce((sum, bench) => sum + bench.minutes, 0);
  console.error(`about ${minutes} minutes, on two CPUs and with the defaults`);
  // How busy the machine is says how far to trust the figures.
  const before = load();
  const date = new Date().toISOString();
  const benches = [];
  for (const bench of chosen) {
    const begin = performance.now();
    const found = await runBench(bench);
    const seconds = Math.round((performance.now() - begin) / 1000);
    console.error(`${bench.name}: ${seconds} s`);
    benches.push({ name: bench.name, summary: bench.summary, seconds, ...found });
  }
  return {
    schema: SCHEMA,
    machine: machine(),
    date,
    commit: commit(ROOT),
    command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
    isQuick: options.quick,
    load: { before, after: load() },
    benches,
  };
}

/** What one cannot do is no reason to lose what all others have measured; the exit code says that there was one. */
async function runBench(bench: Bench): Promise<BenchResult & { readonly failure?: string }> {
  try {
    return await bench.run(benchOptions(bench));
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
    return { tables: [], data: null, failure: (error as Error).message };
  }
}

function benchNamed(name: string): Bench {
  return BENCHES.find((bench) => bench.name === name) ?? refuse(`${name}: no such bench\n\n${USAGE}`);
}

function benchOptions({ name, sizes, quickSizes, seconds }: Bench): BenchOptions {
  const quick = { repetitions: 1, warmUps: 0, seconds: 1 };
  const asked = {
    repetitions: atLeast(1, options.repetitions),
    warmUps: atLeast(0, options['warm-ups']),
    seconds: options.seconds === undefined ? seconds : atLeast(1, options.seconds),
  };
  return {
    ...(options.quick ? quick : asked),
    sizes: options.sizes?.split(',').map((size) => atLeast(1, size)) ?? (options.quick ? quickSizes : sizes),
    ...(options.finish !== undefined && { finishes: options.finish.split(',').map(finishNamed) }),
    isQuick: options.quick,
    peers: options.peer.map((text) => parsePeer(text) ?? refuse(`${text}: not NAME=COMMAND`)),
    progress: (text) => console.error(`${name}: ${text}`),
    fail: (text) => {
      console.error(`${name}: FAILED: ${text}`);
      process.exitCode = 1;
    },
  };
}

function finishNamed(name: string): string {
  return FINISHES.has(name) ? name : refuse(`${name}: no such finish\n\n${USAGE}`);
}

function atLeast(least: number, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  return refuse(`${text}: a whole number of at least ${least} is needed`);
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}
