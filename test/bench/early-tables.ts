// The results of the early bench as tables.

import { type Spread, spreadOf } from './measure.ts';
import { number, ratio, type Table } from './table.ts';

export interface EarlyRow {
  readonly stateful: boolean;
  readonly packet: string;
  readonly subject: string;
  /** Nanoseconds of one packet above an empty program, by sample. */
  readonly above: readonly number[];
  /** What the program says of the packet. */
  readonly verdict: 'accept' | 'drop';
}

export function earlyTable(rows: readonly EarlyRow[]): Table {
  return {
    title: `A server's rules early and late, one packet again and again, ${rows[0]?.above.length ?? 0} samples`,
    columns: [
      { title: 'rules', align: 'left' },
      { title: 'packet', align: 'left' },
      { title: 'program', align: 'left' },
      { title: 'says', align: 'left' },
      { title: 'ns above empty', align: 'right' },
      { title: 'quartiles', align: 'right' },
    ],
    rows: rows.map(({ stateful, packet, subject, above, verdict }) => {
      const { median, lowerQuartile, upperQuartile } = spreadOf(above);
      const says = verdict === 'accept' && subject === 'early' ? 'go on' : verdict;
      const head = [stateful ? 'with connection state' : 'without state', packet, subject, says];
      return [...head, number(median), `${number(lowerQuartile)} … ${number(upperQuartile)}`];
    }),
  };
}

/** One packet in the kernel above an empty program: what each part of the way costs, in nanoseconds. */
interface Part {
  readonly name: string;
  /** Nothing where a figure is missing. */
  cost(of: (stateful: boolean, packet: string, subject: string) => number): number;
}

const PARTS: readonly Part[] = [
  {
    name: 'guards, and whose packet it is: a drop early above one at placement xdp',
    cost: (of) => of(false, 'dropped', 'early') - of(false, 'dropped', 'placement xdp'),
  },
  {
    name: 'looking up a connection that is not there',
    cost: (of) => of(true, 'dropped', 'early') - of(false, 'dropped', 'early'),
  },
  {
    name: 'looking up a connection that is there',
    cost: (of) => of(true, 'of a connection', 'early') - of(true, 'accepted', 'early'),
  },
  { name: 'leaving an accepted packet to netfilter', cost: (of) => of(false, 'accepted', 'early') },
  { name: 'the netfilter program, dropped', cost: (of) => of(false, 'dropped', 'netfilter') },
  { name: 'the netfilter program, accepted', cost: (of) => of(false, 'accepted', 'netfilter') },
  { name: 'the netfilter program that reads connections', cost: (of) => of(true, 'of a connection', 'netfilter') },
];

/** What each part costs: differences of medians of the rows. */
export function partsTable(rows: readonly EarlyRow[]): Table {
  const of = (stateful: boolean, packet: string, subject: string): number => {
    const row = rows.find((each) => each.stateful === stateful && each.packet === packet && each.subject === subject);
    if (row === undefined) throw new Error(`no row of ${subject}, ${packet}`);
    return spreadOf(row.above).median;
  };
  return {
    title: 'What each part of the way costs, in the rows above',
    columns: [
      { title: 'part', align: 'left' },
      { title: 'ns', align: 'right' },
    ],
    rows: PARTS.map(({ name, cost }) => [name, number(Math.max(0, cost(of)))]),
  };
}

export interface WireRow {
  readonly stateful: boolean;
  readonly packet: string;
  readonly subject: string;
  /** Nanoseconds of CPU for each packet. */
  readonly cpu: readonly number[];
}

/** With connection state: connections are tracked, and nothing is asked. */
export const NOTHING = 'no rules';
const PEER = 'iptables-legacy';

export function wireTable(rows: readonly WireRow[]): Table {
  const peerOf = ({ stateful, packet }: WireRow): Spread | undefined => {
    const isPeer = (row: WireRow) => row.stateful === stateful && row.packet === packet && row.subject === PEER;
    const found = rows.find(isPeer);
    return found && spreadOf(found.cpu);
  };
  return {
    title: `A server's rules on a veth pair, ${rows[0]?.cpu.length ?? 0} samples`,
    columns: [
      { title: 'rules', align: 'left' },
      { title: 'packet', align: 'left' },
      { title: 'by', align: 'left' },
      { title: 'CPU ns', align: 'right' },
      { title: 'least', align: 'right' },
      { title: `of ${PEER}`, align: 'right' },
    ],
    rows: rows.map((row) => {
      const cpu = spreadOf(row.cpu);
      const head = [row.stateful ? 'with connection state' : 'without state', row.packet, row.subject];
      return [...head, number(cpu.median), number(cpu.least), ratio(cpu, peerOf(row))];
    }),
    notes: [
      'CPU: of the receiving thread, from the poll of the device to the drop, or to a socket that is full.',
      'With connection state, `no rules` is connection tracking alone. Rules counted what the device received.',
    ],
  };
}
