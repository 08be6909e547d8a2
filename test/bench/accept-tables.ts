// The results of the accept bench as a table.

import { spreadOf } from './measure.ts';
import { count, number, ratio, type Table } from './table.ts';
import { BY_DEFAULT } from './veth-tables.ts';

export type AcceptRow = { readonly rules: number; readonly subject: string } & (
  | {
      /** Bytes in a second. */
      readonly bulk: readonly number[];
      /** Round trips in a second. */
      readonly rounds: readonly number[];
    }
  | { readonly refused: string }
);

export const NO_FIREWALL = 'no firewall';

export function acceptTables(rows: readonly AcceptRow[]): Table[] {
  const samples = rows.flatMap((row) => ('bulk' in row ? [row.bulk.length] : []))[0] ?? 0;
  return [
    {
      title: `TCP through a blacklist that does not name it, over a veth pair, ${samples} samples`,
      columns: [
        { title: 'rules', align: 'right' },
        { title: 'accepted by', align: 'left' },
        { title: 'bulk Gbit/s', align: 'right' },
        { title: 'of none', align: 'right' },
        { title: 'round trips/s', align: 'right' },
        { title: 'of none', align: 'right' },
      ],
      rows: rows.map((row) => {
        const head = [count(row.rules), row.subject];
        if ('refused' in row) return [...head, 'refused'];
        const none = rows.find((each) => each.rules === row.rules && each.subject === NO_FIREWALL);
        const [bulk, rounds] = [spreadOf(row.bulk), spreadOf(row.rounds)];
        const [noneBulk, noneRounds] =
          none !== undefined && 'bulk' in none ? [spreadOf(none.bulk), spreadOf(none.rounds)] : [];
        return [
          ...head,
          ...[number((8 * bulk.median) / 1e9), ratio(bulk, noneBulk)],
          ...[number(rounds.median), ratio(rounds, noneRounds)],
        ];
      }),
      notes: [
        `xdp: all rules at XDP. exact: at XDP what is sure to be dropped, the rest by netfilter. \`${BY_DEFAULT}\`: exact, mode auto, which leaves a veth to netfilter.`,
        'Generic XDP is for buffers in one piece that nobody else holds, with 256 bytes in front (`skb_cow_data_for_xdp`, net/core/skbuff.c). TCP over a veth comes in pieces, which its sender keeps until they are acknowledged, so the kernel copies each packet before it runs a program, and merges no packets of such a device (`netif_elide_gro`). Native XDP makes the peer of a veth cut TCP into packets of the wire. The empty programs are what each mode takes by itself.',
        ...rows.flatMap((row) => ('refused' in row ? [`${count(row.rules)}: ${row.subject}: ${row.refused}`] : [])),
      ],
    },
  ];
}
