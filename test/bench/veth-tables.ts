// The results of the veth bench as a table.

import { spreadOf } from './measure.ts';
import { count, number, ratio, type Table } from './table.ts';

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

export function dropTables(rows: readonly DropRow[]): Table[] {
  const samples = rows.flatMap((row) => ('cpu' in row ? [row.cpu.length] : []))[0] ?? 0;
  const emptyOf = (rules: number) => {
    const found = rows.find((row) => row.rules === rules && row.subject === EMPTY_DROP);
    return found !== undefined && 'cpu' in found ? spreadOf(found.cpu) : undefined;
  };
  return [
    {
      title: `A frame dropped by a blacklist, over a veth pair, ${samples} samples`,
      columns: [
        { title: 'rules', align: 'right' },
        { title: 'dropped by', align: 'left' },
        { title: 'CPU ns', align: 'right' },
        { title: 'least', align: 'right' },
        { title: 'of empty', align: 'right' },
        { title: 'thousand/s', align: 'right' },
      ],
      rows: rows.map((row) => {
        const head = [count(row.rules), row.subject];
        if ('refused' in row) return [...head, 'refused'];
        const [cpu, rate] = [spreadOf(row.cpu), spreadOf(row.rate)];
        return [
          ...head,
          number(cpu.median),
          number(cpu.least),
          ratio(cpu, emptyOf(row.rules)),
          number(rate.median / 1e3),
        ];
      }),
      notes: [
        'CPU: of the receiving thread, from the poll of the device to the drop. Counters were those of the device.',
        ...rows.flatMap((row) => ('refused' in row ? [`${count(row.rules)}: ${row.subject}: ${row.refused}`] : [])),
      ],
    },
  ];
}
