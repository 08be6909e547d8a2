// What the project promises of its speed, as data: each a claim, a limit, and where in a run the figure is found.
//
// The figure of a claim is the worst of all that the claim is about; which one that was is told with it.

import type { BuildRow } from './build-tables.ts';
import { warmTime } from './build-tables.ts';
import { aboveEmpty, type PacketRow, type ProgramRow } from './classify-tables.ts';
import type { CommandRow } from './commands-tables.ts';
import { spreadOf } from './measure.ts';
import { dataOf, type RunDocument } from './run-document.ts';
import { count, number, type Table } from './table.ts';
import { RESIDENT, type UpdateRow } from './update-tables.ts';
import { type DropRow, NATIVE, quietRatio } from './veth-tables.ts';

/** A measured value, and what it is of. */
interface Figure {
  readonly value: number;
  readonly of: string;
}

interface Target {
  readonly claim: string;
  readonly limit: number;
  readonly unit: 'ns' | '×' | 'ms' | 'MiB';
  /** Everything in the run that the claim is about. */
  figures(run: RunDocument): readonly Figure[];
}

/** General rulesets, one for every packet's cost: the bpf-iptables paper's are special cases of them. */
const isGeneral = ({ ruleset }: Pick<PacketRow, 'ruleset'>): boolean => !ruleset.startsWith('paper-');
const CLASSBENCH = ['acl', 'fw', 'ipc'];

/** Isolated packets in the XDP program, uniform over the rules, on a quiet machine. */
function packets(run: RunDocument, isMeant: (row: PacketRow, program: ProgramRow | undefined) => boolean): Figure[] {
  const data = dataOf(run, 'classify') as
    | { packets: readonly PacketRow[]; programs: readonly ProgramRow[] }
    | undefined;
  return (data?.packets ?? []).flatMap((row): Figure[] => {
    if (row.placement !== 'xdp' || row.traffic !== 'uniform' || !isGeneral(row)) return [];
    const program = data!.programs.find(
      (each) => each.ruleset === row.ruleset && each.rules === row.rules && each.placement === row.placement,
    );
    if (!isMeant(row, program)) return [];
    return [{ value: aboveEmpty(row.single).quiet, of: `${row.ruleset}, ${count(row.rules)}` }];
  });
}

/** CPU of a dropped frame in native XDP, of the empty program's, on a quiet machine. */
function drops(run: RunDocument, rules: number): Figure[] {
  const rows = ((dataOf(run, 'veth') as readonly DropRow[] | undefined) ?? []).filter((row) => row.rules === rules);
  const value = quietRatio(rows, NATIVE);
  return value === undefined ? [] : [{ value, of: 'native XDP' }];
}

function restores(run: RunDocument): Figure[] {
  const rows = (dataOf(run, 'commands') as readonly CommandRow[] | undefined) ?? [];
  return rows.flatMap(({ rules, command, subject, ruleset, samples }): Figure[] =>
    rules === 60_000 && command === 'restore' && subject === 'iptables-bpf' && samples !== undefined
      ? [{ value: spreadOf(samples).median, of: ruleset }]
      : [],
  );
}

function updates(run: RunDocument, changes: readonly UpdateRow['change'][]): Figure[] {
  const rows = (dataOf(run, 'update') as readonly UpdateRow[] | undefined) ?? [];
  return rows.flatMap(({ rules, change, subject, ruleset, samples }): Figure[] =>
    rules === 10_000 && changes.includes(change) && subject === RESIDENT && samples !== undefined
      ? [{ value: spreadOf(samples).median, of: `${ruleset}, ${change}` }]
      : [],
  );
}

function builds(run: RunDocument, figure: (row: Required<Pick<BuildRow, 'runs'>>) => number): Figure[] {
  const rows = (dataOf(run, 'build') as readonly BuildRow[] | undefined) ?? [];
  return rows.flatMap(({ rules, ruleset, runs }): Figure[] =>
    rules === 100_000 && runs !== undefined ? [{ value: figure({ runs }), of: ruleset }] : [],
  );
}

export const TARGETS: readonly Target[] = [
  {
    claim: 'an isolated packet above the empty program, to 100 rules',
    ...{ limit: 12, unit: 'ns', figures: (run) => packets(run, ({ rules }) => rules <= 100) },
  },
  {
    claim: 'an isolated packet, 1 000 rules that need no tuples',
    ...{ limit: 16, unit: 'ns' },
    figures: (run) =>
      packets(
        run,
        ({ rules }, program) =>
          rules === 1_000 && program !== undefined && 'finishes' in program && !program.finishes.includes('tuples'),
      ),
  },
  {
    claim: 'an isolated packet, blacklist of 10 000 entries',
    ...{ limit: 20, unit: 'ns' },
    figures: (run) => packets(run, ({ rules, ruleset }) => rules === 10_000 && ruleset === 'blacklist'),
  },
  {
    claim: 'an isolated packet, 10 000 ClassBench-like rules',
    ...{ limit: 70, unit: 'ns' },
    figures: (run) => packets(run, ({ rules, ruleset }) => rules === 10_000 && CLASSBENCH.includes(ruleset)),
  },
  {
    claim: 'CPU of a frame dropped over veth, of that of an empty XDP_DROP: 1 000 rules',
    ...{ limit: 1.15, unit: '×', figures: (run) => drops(run, 1_000) },
  },
  {
    claim: 'CPU of a frame dropped over veth, of that of an empty XDP_DROP: 50 000 rules',
    ...{ limit: 1.3, unit: '×', figures: (run) => drops(run, 50_000) },
  },
  { claim: 'restore of 60 000 rules from the command line', limit: 500, unit: 'ms', figures: restores },
  {
    claim: 'append, insert or delete in 10 000 rules, resident, until it is enforced',
    ...{ limit: 20, unit: 'ms', figures: (run) => updates(run, ['append', 'insert', 'delete']) },
  },
  {
    claim: 'change of a set in a rule of 10 000',
    ...{ limit: 20, unit: 'ms', figures: (run) => updates(run, ['set']) },
  },
  {
    claim: 'a full build of 100 000 rules, read and compiled',
    ...{ limit: 2_000, unit: 'ms' },
    figures: (run) => builds(run, ({ runs }) => spreadOf(runs.map(({ parse, cold }) => parse + cold)).median),
  },
  {
    claim: 'a build of 100 000 rules and one more, where they were compiled before',
    ...{ limit: 2_000, unit: 'ms', figures: (run) => builds(run, ({ runs }) => warmTime(runs)) },
  },
  {
    claim: 'memory of the compiler at 100 000 rules',
    ...{ limit: 512, unit: 'MiB' },
    figures: (run) => builds(run, ({ runs }) => Math.max(...runs.map(({ memory }) => memory)) / 2 ** 20),
  },
];

export interface Judged extends Pick<Target, 'claim' | 'limit' | 'unit'> {
  readonly worst: Figure;
  readonly isMet: boolean;
}

/** The targets that the run has figures for. */
export function judgeTargets(run: RunDocument): Judged[] {
  return TARGETS.flatMap(({ claim, limit, unit, figures }): Judged[] => {
    const found = figures(run);
    if (found.length === 0) return [];
    const worst = found.reduce((a, b) => (b.value > a.value ? b : a));
    return [{ claim, limit, unit, worst, isMet: worst.value <= limit }];
  });
}

export function targetTable(judged: readonly Judged[]): Table {
  return {
    title: '',
    columns: [
      { title: 'claim', align: 'left' },
      { title: 'at most', align: 'right' },
      { title: 'measured', align: 'right' },
      { title: 'the worst of', align: 'left' },
      { title: '', align: 'left' },
    ],
    rows: judged.map(({ claim, limit, unit, worst, isMet }) => [
      ...[claim, `${unit === '×' ? limit : count(limit)} ${unit}`, `${number(worst.value)} ${unit}`, worst.of],
      isMet ? 'met' : `**missed**, ${number(worst.value / limit)} times`,
    ]),
    notes: [
      'Packets: uniform traffic, one packet again and again (`single`), in the XDP program, without a flow cache; lower quartiles of samples at several times of the run (`quiet`), as what else runs on the host only adds; of frames over veth likewise.',
    ],
  };
}
