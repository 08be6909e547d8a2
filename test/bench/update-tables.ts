// The results of the update bench as a table.

import { quantileOf, type Spread, spreadOf } from './measure.ts';
import { count, number, ratio, type Table, time } from './table.ts';

export type Change = 'append' | 'insert' | 'delete' | 'set';

export interface UpdateRow {
  readonly ruleset: string;
  readonly rules: number;
  readonly change: Change;
  readonly subject: string;
  /** Milliseconds until the change is enforced. */
  readonly samples?: readonly number[];
  /** Why there are none. */
  readonly refused?: string;
}

export const RESIDENT = 'engine, resident';
const LEGACY = 'iptables-legacy';

/** Of fewer samples the one in twenty that is late says nothing. */
const FEW = 20;

export function updateTables(rows: readonly UpdateRow[]): Table[] {
  const legacyOf = ({ ruleset, rules, change }: UpdateRow): Spread | undefined => {
    const found = rows.find(
      (row) => row.subject === LEGACY && row.ruleset === ruleset && row.rules === rules && row.change === change,
    );
    return found?.samples && spreadOf(found.samples);
  };
  return [
    {
      title: 'A change to rules in force, milliseconds until it is enforced',
      columns: [
        { title: 'ruleset', align: 'left' },
        { title: 'rules', align: 'right' },
        { title: 'change', align: 'left' },
        { title: 'by', align: 'left' },
        { title: 'median', align: 'right' },
        { title: 'quartiles', align: 'right' },
        { title: '95 %', align: 'right' },
        { title: 'samples', align: 'right' },
        { title: 'of legacy', align: 'right' },
      ],
      rows: rows.map((row) => {
        const head = [row.ruleset, count(row.rules), row.change, row.subject];
        if (row.samples === undefined) return [...head, row.refused ?? ''];
        const spread = spreadOf(row.samples);
        const late = row.samples.length < FEW ? '' : number(quantileOf(row.samples, 0.95));
        return [...head, ...time(spread), late, count(spread.count), ratio(spread, legacyOf(row))];
      }),
      notes: [
        'append: at the end of the chain. insert, delete: in its middle. set: a port more in a rule’s list of ports.',
        `${RESIDENT}: a process that goes on living. All others: a command, from its start to its end.`,
        'After each change a packet showed that it was enforced.',
      ],
    },
  ];
}
