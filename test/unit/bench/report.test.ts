import { expect, test } from 'vitest';
import { renderCharts } from '../../bench/chart.ts';
import { chartsOf } from '../../bench/charts.ts';
import { GENERATED, renderReport } from '../../bench/report.ts';
import { type RunDocument, SCHEMA } from '../../bench/run-document.ts';

const samples = (ours: number, empty: number) => ({ ours: [ours], empty: [empty] });
const packet = (rules: number, traffic: string, loop: number) => ({
  ...{ ruleset: 'acl', rules, placement: 'xdp', traffic, decided: 1 },
  ...{ loop: samples(loop, 9), single: samples(30, 20) },
});

const RUN: RunDocument = {
  schema: SCHEMA,
  machine: { cpu: 'A CPU', cpus: 2, kernel: '6.18.0', node: 'v20.0.0' },
  date: '2026-01-02T03:04:05.000Z',
  commit: 'abc1234+',
  command: 'npm run bench -- all --write',
  isQuick: false,
  load: { before: 0.1, after: 1 },
  benches: [
    {
      name: 'classify',
      summary: 'packets',
      seconds: 61,
      tables: [
        {
          title: 'Figures',
          columns: [
            { title: 'what', align: 'left' },
            { title: 'ns', align: 'right' },
          ],
          rows: [['a|b', '1.00'], ['refused one']],
          notes: ['refused one: too large'],
        },
      ],
      data: {
        packets: [packet(10, 'uniform', 19), packet(100, 'uniform', 29), packet(100, 'zipf', 500)],
        programs: [],
      },
    },
    {
      name: 'veth',
      summary: 'frames',
      seconds: 2,
      tables: [],
      data: [
        { rules: 100, subject: 'us', cpu: [100, 120, 110], rate: [1] },
        { rules: 1000, subject: 'us', refused: 'too large' },
      ],
    },
  ],
};

test('the page says what was measured, where and when, and has every table', () => {
  const page = renderReport(RUN);
  for (const words of ['A CPU, 2 CPUs', 'Linux 6.18.0', '2026-01-02', 'abc1234+', '`npm run bench -- all --write`']) {
    expect(page).toContain(words);
  }
  expect(page).toContain('| what | ns |\n|---|--:|\n| a\\|b | 1.00 |\n| refused one |  |\n\nrefused one: too large\n');
  expect(page).toContain(GENERATED);
  expect(page).not.toContain('no reference');
  expect(page).not.toContain('mean nothing');
  expect(page.endsWith('\n\n\n')).toBe(false);
});

test('a run on a busy machine is marked, and a smoke run', () => {
  expect(renderReport({ ...RUN, isQuick: true })).toContain('mean nothing');
  expect(renderReport({ ...RUN, load: { before: 1, after: 1 } })).toContain('no reference');
});

test('a bench that came to no end is told, and has no figures', () => {
  const failed = RUN.benches.map((bench) => ({ ...bench, tables: [], data: null, failure: 'a miscount' }));
  expect(renderReport({ ...RUN, benches: failed })).toContain(
    '## veth\n\nFrames.\n\n**It came to no end:** a miscount\n',
  );
});

test('charts are drawn of uniform traffic and of drops, refusals are no points', () => {
  const [xdp, netfilter, drops] = chartsOf(RUN);
  expect(xdp!.series).toEqual([
    {
      name: 'acl',
      points: [
        [10, 10],
        [100, 20],
      ],
    },
  ]);
  expect(netfilter!.series).toEqual([]);
  expect(drops!.series).toEqual([{ name: 'us', points: [[100, 110]] }]);
  expect(chartsOf({ ...RUN, benches: [] })).toEqual([]);
});

test('a chart places points by their logarithm, and escapes names', () => {
  const svg = renderCharts([
    {
      title: 'a < b',
      xTitle: 'x',
      yTitle: 'y',
      series: [
        {
          name: 'one',
          points: [
            [10, 1],
            [1000, 100],
          ],
        },
      ],
    },
    { title: 'empty', xTitle: 'x', yTitle: 'y', series: [] },
  ]);
  expect(svg).toContain('a &lt; b');
  expect(svg).not.toContain('empty');
  const [from, to] = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]);
  expect(from).toEqual([70, 328]);
  expect(to).toEqual([610, 44]);
  expect(svg.match(/<line /g)).toHaveLength(6);
});
