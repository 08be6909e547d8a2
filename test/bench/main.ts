// Measurements, to be read by people: nothing here passes or fails.
//
//   npm run bench -- NAME… [OPTION…]
//     --repetitions N    samples of each subject (default 11)
//     --warm-ups N       rounds thrown away before (default 2)
//     --sizes N,…        numbers of rules (default: those of the bench)
//     --json             every sample, as JSON, in place of tables
//
// Needs root, for network namespaces, and a build. What is compared is run in turns, within one run; compare ratios
// within a run and not times of two runs.

import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { classify } from './classify.ts';
import { commands } from './commands.ts';
import { parse } from './parse.ts';
import { renderTable } from './table.ts';
import { veth } from './veth.ts';

const BENCHES: readonly Bench[] = [parse, classify, veth, commands];

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    repetitions: { type: 'string', default: '11' },
    'warm-ups': { type: 'string', default: '2' },
    sizes: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const chosen = names.map((name) => BENCHES.find((bench) => bench.name === name));
if (chosen.length === 0 || chosen.includes(undefined)) {
  console.error(`Which one? ${BENCHES.map(({ name, summary }) => `\n  ${name}: ${summary}`).join('')}`);
  process.exit(2);
}

/** How busy the machine is says how far to trust the figures. */
const loadBefore = loadavg()[0]!;
const machine = { cpu: cpus()[0]?.model ?? '?', cpus: cpus().length, kernel: release(), node: process.version };
const results: Record<string, unknown> = {};
for (const bench of chosen as Bench[]) {
  const { tables, data } = await bench.run({
    repetitions: atLeast(1, options.repetitions),
    warmUps: atLeast(0, options['warm-ups']),
    ...(options.sizes !== undefined && { sizes: options.sizes.split(',').map((size) => atLeast(1, size)) }),
    progress: (text) => console.error(`${bench.name}: ${text}`),
  });
  results[bench.name] = data;
  if (!options.json) for (const table of tables) console.log(renderTable(table));
}
if (options.json) console.log(JSON.stringify({ machine, loadBefore, ...results }, null, 1));
else {
  const { cpu, cpus: count, kernel, node } = machine;
  console.log(`${cpu}, ${count} CPUs, load ${loadBefore.toFixed(1)} before, Linux ${kernel}, Node ${node}`);
}

function atLeast(least: number, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  console.error(`${text}: a whole number of at least ${least} is needed`);
  process.exit(2);
}
