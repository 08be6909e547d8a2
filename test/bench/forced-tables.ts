// The results of the finishes bench as a table: a finish a line, the traffic beside each other.

import { aboveEmpty, type PacketRow, samplesOf } from './classify-tables.ts';
import { count, number, type Table } from './table.ts';

export function forcedTable(rows: readonly PacketRow[], traffic: readonly string[]): Table {
  const keyOf = ({ ruleset, rules, finish }: PacketRow): string => `${ruleset} ${rules} ${finish}`;
  return {
    title: `A packet above the empty program, nanoseconds, by finish, ${samplesOf(rows)}`,
    columns: [
      { title: 'ruleset', align: 'left' },
      { title: 'rules', align: 'right' },
      { title: 'asked for', align: 'left' },
      ...traffic.flatMap((name) =>
        ['loop', 'single'].map((method) => ({ title: `${name}, ${method}`, align: 'right' as const })),
      ),
    ],
    rows: [...new Set(rows.map(keyOf))].map((key) => {
      const own = rows.filter((row) => keyOf(row) === key);
      const { ruleset, rules, finish } = own[0]!;
      return [
        ...[ruleset, count(rules), finish],
        ...traffic.flatMap((name) => {
          const row = own.find((each) => each.traffic === name);
          return row === undefined ? ['', ''] : [row.loop, row.single].map((each) => number(aboveEmpty(each).median));
        }),
      ];
    }),
    notes: [
      'single: the same packet again and again, which a flow cache always knows. loop: 8 192 different packets or flows.',
    ],
  };
}
