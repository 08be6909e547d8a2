// The results of the veth bench as a table.

import { type Spread, spreadOf } from './measure.ts';
import { count, number, type Table } from './table.ts';

export const EMPTY_DROP = 'empty XDP_DROP';

export type DropRow = { readonly rules: number; readonly subject: string } & (
  | {
      /** Nanoseconds of CPU for each packet. */
      readonly cpu: readonly number[];
      /** Packets in a second. */
      readonly rate: readonly number[];
    }
  | { readonly refused: string }
);

/** CPU of a subject, of the empty program's in the same round; the rows are of one number of rules. */
export function ratiosToEmpty(rows: readonly DropRow[], subject: string): Spread | undefined {
  const cpuOf = (name: string): readonly number[] => {
    const row = rows.find((each) => each.subject === name);
    return row !== undefined && 'cpu' in row ? row.cpu : [];
  };
  const empty = cpuOf(EMPTY_DROP);
  const ratios = cpuOf(subject).flatMap((cpu, round) => (round < empty.length ? [cpu / empty[round]!] : []));
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}

export function dropTables(rows: readonly DropRow[]): Table[] {
  const samples = rows.flatMap((row) => ('cpu' in row ? [row.cpu.length] : []));
  return [
    {
      title: `A frame dropped by a blacklist, over a veth pair, ${Math.min(...samples)} to ${Math.max(...samples)} samples`,
      columns: [
        { title: 'rules', align: 'right' },
        { title: 'dropped by', align: 'left' },
        { title: 'CPU ns', align: 'right' },
        { title: 'quartiles', align: 'right' },
        { title: 'of empty', align: 'right' },
        { title: 'quartiles', align: 'right' },
        { title: 'thousand/s', align: 'right' },
      ],
      rows: rows.map((row) => {
        const head = [count(row.rules), row.subject];
        if ('refused' in row) return [...head, 'refused'];
        const [cpu, rate] = [spreadOf(row.cpu), spreadOf(row.rate)];
        const ratios = ratiosToEmpty(
          rows.filter(({ rules }) => rules === row.rules),
          row.subject,
        );
        return [
          ...head,
          ...[number(cpu.median), quartiles(cpu)],
          ...(ratios === undefined ? ['', ''] : [`${number(ratios.median)}×`, quartiles(ratios)]),
          number(rate.median / 1e3),
        ];
      }),
      notes: [
        'CPU: of the receiving thread, from the poll of the device to the drop. Counters were those of the device.',
        'Of empty: of the empty program in the same round, the median of all rounds.',
        ...rows.flatMap((row) => ('refused' in row ? [`${count(row.rules)}: ${row.subject}: ${row.refused}`] : [])),
      ],
    },
  ];
}

function quartiles({ lowerQuartile, upperQuartile }: Spread): string {
  return `${number(lowerQuartile)}–${number(upperQuartile)}`;
}
