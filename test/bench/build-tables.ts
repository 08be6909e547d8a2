// The results of the build bench as a table.

import type { Built } from './build.ts';
import { spreadOf } from './measure.ts';
import { count, number, type Table, time } from './table.ts';

export interface BuildRow {
  readonly ruleset: string;
  readonly rules: number;
  readonly runs?: readonly Built[];
  /** What it said in place of compiling. */
  readonly refused?: string;
}

/** The middle of a figure over all processes. */
function middle(runs: readonly Built[], figure: (run: Built) => number): number {
  return spreadOf(runs.map(figure)).median;
}

/** Milliseconds of the compilations with one rule more. */
export function warmTime(runs: readonly Built[]): number {
  return spreadOf(runs.flatMap(({ warm }) => warm)).median;
}

const MIB = 2 ** 20;

export function buildTables(rows: readonly BuildRow[]): Table[] {
  return [
    {
      title: `Compiling, milliseconds of ${rows.find(({ runs }) => runs)?.runs?.length ?? 0} processes`,
      columns: [
        { title: 'ruleset', align: 'left' },
        { title: 'rules', align: 'right' },
        { title: 'reading', align: 'right' },
        { title: 'first', align: 'right' },
        { title: 'quartiles', align: 'right' },
        { title: 'one rule more', align: 'right' },
        { title: 'tables MiB', align: 'right' },
        { title: 'memory MiB', align: 'right' },
      ],
      rows: rows.map(({ ruleset, rules, runs }) => {
        const head = [ruleset, count(rules)];
        if (runs === undefined) return [...head, 'refused'];
        return [
          ...[...head, number(middle(runs, ({ parse }) => parse))],
          ...time(spreadOf(runs.map(({ cold }) => cold))),
          number(warmTime(runs)),
          number(middle(runs, ({ bytes }) => bytes) / MIB),
          number(Math.max(...runs.map(({ memory }) => memory)) / MIB),
        ];
      }),
      notes: [
        'Each process is new: code is not yet optimised. memory: the most that was resident, Node with it.',
        ...rows.flatMap(({ ruleset, rules, refused }) =>
          refused === undefined ? [] : [`${ruleset} of ${count(rules)}: ${refused}`],
        ),
      ],
    },
  ];
}
