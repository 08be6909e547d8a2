// The results of the commands bench as a table.

import { type Spread, spreadOf } from './measure.ts';
import { count, ratio, type Table, time } from './table.ts';

export interface CommandRow {
  readonly ruleset: string;
  readonly rules: number;
  readonly command: 'restore' | 'list' | 'save';
  readonly subject: string;
  /** Milliseconds. */
  readonly samples?: readonly number[];
  /** What it said in place of taking the rules, or why it was not tried. */
  readonly refused?: string;
}

const LEGACY = 'iptables-legacy';

export function commandTables(rows: readonly CommandRow[]): Table[] {
  const legacyOf = ({ ruleset, rules, command }: CommandRow): Spread | undefined => {
    const isSame = (row: CommandRow) => row.ruleset === ruleset && row.rules === rules && row.command === command;
    const samples = rows.find((row) => row.subject === LEGACY && isSame(row))?.samples;
    return samples && spreadOf(samples);
  };
  return [
    {
      title: 'Commands, milliseconds',
      columns: [
        { title: 'ruleset', align: 'left' },
        { title: 'rules', align: 'right' },
        { title: 'command', align: 'left' },
        { title: 'of', align: 'left' },
        { title: 'median', align: 'right' },
        { title: 'quartiles', align: 'right' },
        { title: 'runs', align: 'right' },
        { title: 'of legacy', align: 'right' },
      ],
      rows: rows.map((row) => {
        const head = [row.ruleset, count(row.rules), row.command, row.subject];
        if (row.samples === undefined) return [...head, 'refused'];
        const spread = spreadOf(row.samples);
        return [...head, ...time(spread), count(spread.count), ratio(spread, legacyOf(row))];
      }),
      notes: rows.flatMap(({ ruleset, rules, subject, refused }) =>
        refused === undefined ? [] : [`${ruleset} of ${count(rules)}: ${subject}: ${refused}`],
      ),
    },
  ];
}
