// BENCHMARKS.md and its charts as they are made of a small run. `vitest -u` writes the expected files anew.

import { expect, test } from 'vitest';
import { buildTables } from '../bench/build-tables.ts';
import { renderCharts } from '../bench/chart.ts';
import { chartsOf } from '../bench/charts.ts';
import { classifyTables, type PacketRow, type ProgramRow } from '../bench/classify-tables.ts';
import { renderReport } from '../bench/report.ts';
import { type RunDocument, readRun, SCHEMA } from '../bench/run-document.ts';
import { RESIDENT, type UpdateRow, updateTables } from '../bench/update-tables.ts';
import { type DropRow, dropTables, EMPTY_DROP } from '../bench/veth-tables.ts';

const folder = new URL('report/', import.meta.url);

const packet = (ruleset: string, rules: number, traffic: string, loop: number, single: number): PacketRow => ({
  ...{ ruleset, rules, placement: 'xdp', finish: 'chosen', traffic, decided: 1 },
  ...{ loop: { ours: [loop, loop + 1, loop + 2], empty: [9, 9, 10] }, single: { ours: [single], empty: [20] } },
});
const program = (ruleset: string, rules: number, finishes: string): ProgramRow => ({
  ...{ ruleset, rules, placement: 'xdp', finish: 'chosen', finishes, tableBytes: 70_000, kernelMemory: 90_112 },
  tableReads: { reads: 7.5, touched: 20_480 },
  ...{ instructions: 180, processed: 240, compileTime: 3.21, loadTime: 0.5, swapTime: 0.03 },
});
const packets = [
  packet('acl', 100, 'uniform', 19, 31),
  packet('acl', 1_000, 'uniform', 25, 35),
  packet('acl', 1_000, 'zipf', 20, 30),
  packet('acl', 10_000, 'uniform', 60, 97),
];
const programs: ProgramRow[] = [
  program('acl', 100, 'dense'),
  program('acl', 1_000, 'dense'),
  program('acl', 10_000, 'tuples'),
  { ruleset: 'fw', rules: 10_000, placement: 'xdp', finish: 'chosen', refused: 'the verifier says no' },
];
const drops: DropRow[] = [
  { rules: 1_000, subject: EMPTY_DROP, cpu: [50, 52, 54], rate: [4e6, 4e6, 4e6] },
  { rules: 1_000, subject: 'bpfilter, xdp, native XDP', cpu: [57, 58, 59], rate: [3e6, 3e6, 3e6] },
];
const updates: UpdateRow[] = [
  { ruleset: 'acl', rules: 10_000, change: 'append', subject: RESIDENT, samples: [24, 25, 26] },
  { ruleset: 'acl', rules: 10_000, change: 'append', subject: 'iptables-legacy', samples: [20] },
  { ruleset: 'acl', rules: 10_000, change: 'set', subject: 'iptables-nft', refused: 'too slow to be tried' },
];
const builds = [
  {
    ...{ ruleset: 'acl', rules: 100_000 },
    runs: [{ parse: 300, cold: 900, warm: [200, 220], memory: 300 * 2 ** 20, bytes: 5 * 2 ** 20 }],
  },
];

const RUN: RunDocument = {
  schema: SCHEMA,
  machine: { cpu: 'A CPU', cpus: 2, kernel: '6.18.0', node: 'v20.0.0' },
  date: '2026-01-02T03:04:05.000Z',
  commit: 'abc1234',
  command: 'npm run bench -- all --write',
  isQuick: false,
  load: { before: 0.1, after: 1 },
  benches: [
    {
      ...{ name: 'classify', summary: 'packets', seconds: 61 },
      ...{ tables: classifyTables(packets, programs), data: { packets, programs } },
    },
    { name: 'veth', summary: 'frames', seconds: 30, tables: dropTables(drops), data: drops },
    { name: 'build', summary: 'the compiler', seconds: 9, tables: buildTables(builds), data: builds },
    { name: 'update', summary: 'changes', seconds: 9, tables: updateTables(updates), data: updates },
  ],
};

test('the page', async () => {
  // What is written is what is read again, from a saved run.
  const page = renderReport(readRun(JSON.stringify(RUN)));
  await expect(page).toMatchFileSnapshot(new URL('run.expected.md', folder).pathname);
});

test('the charts', async () => {
  await expect(renderCharts(chartsOf(RUN))).toMatchFileSnapshot(new URL('run.expected.svg', folder).pathname);
});
