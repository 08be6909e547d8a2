import { expect, test } from 'vitest';
import type { PacketRow } from '../../bench/classify-tables.ts';
import { type RunDocument, readRun, SCHEMA } from '../../bench/run-document.ts';
import { judgeTargets, TARGETS, targetTable } from '../../bench/targets.ts';
import { RESIDENT } from '../../bench/update-tables.ts';
import { EMPTY_DROP } from '../../bench/veth-tables.ts';

function run(data: Readonly<Record<string, unknown>>): RunDocument {
  return {
    schema: SCHEMA,
    machine: { cpu: '', cpus: 2, kernel: '', node: '' },
    ...{ date: '', commit: '', command: '', isQuick: false, load: { before: 0, after: 0 } },
    benches: Object.entries(data).map(([name, found]) => ({
      ...{ name, summary: '', seconds: 0, tables: [], data: found },
    })),
  };
}

const packet = (ruleset: string, rules: number, single: number, more: Partial<PacketRow> = {}) => ({
  ...{ ruleset, rules, placement: 'xdp', finish: 'chosen', traffic: 'uniform', decided: 1 },
  ...{ loop: { ours: [1], empty: [1] }, single: { ours: [20 + single], empty: [20] } },
  ...more,
});

test('without figures there is nothing to judge', () => {
  expect(judgeTargets(run({}))).toEqual([]);
  expect(judgeTargets(run({ veth: [{ rules: 1_000, subject: EMPTY_DROP, cpu: [50], rate: [1] }] }))).toEqual([]);
});

test('the worst isolated packet under uniform traffic decides, of general rulesets in the XDP program', () => {
  const packets = [
    // What else runs on the core adds to some samples; the lower quartile is 8.
    packet('acl', 10, 0, { single: { ours: [28, 28, 28, 60, 60], empty: [20, 20, 20, 20, 30] } }),
    packet('fw', 100, 11),
    packet('fw', 100, 99, { traffic: 'mixed' }),
    packet('fw', 100, 99, { placement: 'netfilter' }),
    packet('paper-size', 50, 99),
    packet('acl', 10_000, 71),
    packet('blacklist', 10_000, 19),
  ];
  const judged = judgeTargets(run({ classify: { packets, programs: [] } }));
  expect(judged.map(({ limit, worst, isMet }) => [limit, worst, isMet])).toEqual([
    [12, { value: 11, of: 'fw, 100' }, true],
    [20, { value: 19, of: 'blacklist, 10 000' }, true],
    [70, { value: 71, of: 'acl, 10 000' }, false],
  ]);
  expect(targetTable(judged).rows.map((row) => row.slice(1))).toEqual([
    ['12 ns', '11.0 ns', 'fw, 100', 'met'],
    ['20 ns', '19.0 ns', 'blacklist, 10 000', 'met'],
    ['70 ns', '71.0 ns', 'acl, 10 000', '**missed**, 1.01 times'],
  ]);
});

test('1 000 rules are promised where no tuples are needed', () => {
  const programs = ['dense', 'tuples'].map((finishes, n) => ({
    ...{ ruleset: n === 0 ? 'acl' : 'exact', rules: 1_000, placement: 'xdp', finish: 'chosen', finishes },
  }));
  const packets = [packet('acl', 1_000, 15), packet('exact', 1_000, 30)];
  const judged = judgeTargets(run({ classify: { packets, programs } }));
  expect(judged.map(({ worst }) => worst)).toEqual([{ value: 15, of: 'acl, 1 000' }]);
});

test('frames, commands, changes and builds', () => {
  const judged = judgeTargets(
    run({
      veth: [
        { rules: 1_000, subject: EMPTY_DROP, cpu: [50], rate: [1] },
        { rules: 1_000, subject: 'bpfilter, xdp, native XDP', cpu: [60], rate: [1] },
        { rules: 50_000, subject: 'bpfilter, xdp, native XDP', refused: 'no' },
      ],
      commands: [
        { ruleset: 'flows', rules: 60_000, command: 'restore', subject: 'iptables-bpf', samples: [600] },
        { ruleset: 'flows', rules: 60_000, command: 'restore', subject: 'iptables-legacy', samples: [900] },
        { ruleset: 'flows', rules: 60_000, command: 'save', subject: 'iptables-bpf', samples: [900] },
      ],
      update: [
        { ruleset: 'acl', rules: 10_000, change: 'append', subject: RESIDENT, samples: [9, 10, 11] },
        { ruleset: 'acl', rules: 10_000, change: 'insert', subject: RESIDENT, samples: [21] },
        { ruleset: 'acl', rules: 10_000, change: 'set', subject: RESIDENT, samples: [5] },
        { ruleset: 'acl', rules: 100_000, change: 'append', subject: RESIDENT, samples: [90] },
      ],
      build: [
        {
          ...{ ruleset: 'acl', rules: 100_000 },
          runs: [{ parse: 1_000, cold: 900, warm: [200], memory: 600 * 2 ** 20, bytes: 1 }],
        },
        { ruleset: 'fw', rules: 100_000, refused: 'no' },
      ],
    }),
  );
  expect(judged.map(({ worst, isMet }) => [worst.value, isMet])).toEqual([
    [1.2, false],
    [600, false],
    [21, false],
    [5, true],
    [1_900, true],
    [200, true],
    [600, false],
  ]);
});

test('each claim is another one', () => {
  const claims = TARGETS.map(({ claim, limit }) => `${claim} ${limit}`);
  expect(new Set(claims).size).toBe(claims.length);
});

test('a run of another schema is refused', () => {
  expect(() => readRun(JSON.stringify({ ...run({}), schema: 0 }))).toThrow('schema 0');
});
