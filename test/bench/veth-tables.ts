// The results of the veth bench as a table.

import { type Spread, spreadOf } from './measure.ts';
import { count, number, type Table } from './table.ts';

export const EMPTY_DROP = 'empty XDP_DROP';
export const READING_DROP = 'XDP_DROP that reads';
/** What each program must do that decides by a packet, and counts it: the floor. */
export const COUNTING_DROP = 'XDP_DROP that reads and counts';
export const NATIVE = 'bpfilter, xdp, native XDP';
export const ONE_PACKET = `${NATIVE}, one packet`;
export const GENERIC = 'bpfilter, xdp, generic XDP';
/** Placement `exact`, mode `auto`. */
export const BY_DEFAULT = 'bpfilter, by default';

export type DropRow = { readonly rules: number; readonly subject: string } & (
  | {
      /** Nanoseconds of CPU for each packet. */
      readonly cpu: readonly number[];
      /** Packets in a second. */
      readonly rate: readonly number[];
    }
  | { readonly refused: string }
);

/** CPU of a subject, of another's in the same round; the rows are of one number of rules. */
function ratiosTo(other: string, rows: readonly DropRow[], subject: string): Spread | undefined {
  const cpuOf = (name: string): readonly number[] => {
    const row = rows.find((each) => each.subject === name);
    return row !== undefined && 'cpu' in row ? row.cpu : [];
  };
  const base = cpuOf(other);
  const ratios = cpuOf(subject).flatMap((cpu, round) => (round < base.length ? [cpu / base[round]!] : []));
  return ratios.length === 0 ? undefined : spreadOf(ratios);
}

/** CPU of a subject on a quiet machine, of the empty program's: lower quartile of lower quartile. */
export function quietRatio(rows: readonly DropRow[], subject: string): number | undefined {
  const quiet = (name: string): number | undefined => {
    const row = rows.find((each) => each.subject === name);
    return row !== undefined && 'cpu' in row && row.cpu.length > 0 ? spreadOf(row.cpu).lowerQuartile : undefined;
  };
  const [cpu, empty] = [quiet(subject), quiet(EMPTY_DROP)];
  return cpu === undefined || empty === undefined ? undefined : cpu / empty;
}

/** What native XDP takes above the empty program, by parts: each is what one subject takes more than the one before. */
function partsOf(rows: readonly DropRow[]): string[] {
  const ratios = [READING_DROP, COUNTING_DROP, ONE_PACKET, NATIVE].map((subject) => quietRatio(rows, subject));
  if (ratios.includes(undefined)) return [];
  const [look, counter, code, tables] = ratios.map((ratio, n) => (ratio! - (ratios[n - 1] ?? 1)).toFixed(2));
  const floor = `${look} for the first look at the frame, ${counter} for a counter`;
  const parts = `${floor}, ${code} for the rest of the program, ${tables} for tables and counters that are not in the nearest caches`;
  return [`${count(rows[0]!.rules)}: of what native XDP takes, quiet, 1 is the empty program, ${parts}.`];
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
        { title: 'quiet', align: 'right' },
        { title: 'of the floor', align: 'right' },
        { title: 'thousand/s', align: 'right' },
      ],
      rows: rows.map((row) => {
        const head = [count(row.rules), row.subject];
        if ('refused' in row) return [...head, 'refused'];
        const [cpu, rate] = [spreadOf(row.cpu), spreadOf(row.rate)];
        const alike = rows.filter(({ rules }) => rules === row.rules);
        const [ratios, quiet] = [ratiosTo(EMPTY_DROP, alike, row.subject), quietRatio(alike, row.subject)];
        const floor = ratiosTo(COUNTING_DROP, alike, row.subject);
        return [
          ...head,
          ...[number(cpu.median), quartiles(cpu)],
          ...(ratios === undefined ? ['', ''] : [`${number(ratios.median)}×`, quartiles(ratios)]),
          quiet === undefined ? '' : `${number(quiet)}×`,
          floor === undefined ? '' : `${number(floor.median)}×`,
          number(rate.median / 1e3),
        ];
      }),
      notes: [
        'CPU: of the receiving thread, from the poll of the device to the drop. Counters were those of the device.',
        'Native XDP programs take turns on one wire, by replacing the program of its device, so their ratios are of programs; each of the others has a wire of its own, and wires differ by a tenth and more. Frames that are not measured come first in each turn.',
        'Of empty: of the empty program in the same round, the median of all rounds; quiet: lower quartile of lower quartile.',
        `Of the floor: of \`${COUNTING_DROP}\` in the same round: what decides by a packet must look at it, and the frame was written by the other CPU. That costs nothing where the host has put both CPUs at one cache, and more than the rules where not; the empty program does not read it, so whoever reads is compared with it as the host pleases.`,
        'One packet: the same again and again, so tables and counters are in the nearest caches.',
        `xdp: all rules at XDP. exact: at XDP what is sure to be dropped, the rest by netfilter. \`${BY_DEFAULT}\`: exact, mode auto, which leaves a veth to netfilter.`,
        ...[...new Set(rows.map(({ rules }) => rules))].flatMap((size) =>
          partsOf(rows.filter(({ rules }) => rules === size)),
        ),
        ...rows.flatMap((row) => ('refused' in row ? [`${count(row.rules)}: ${row.subject}: ${row.refused}`] : [])),
      ],
    },
  ];
}

function quartiles({ lowerQuartile, upperQuartile }: Spread): string {
  return `${number(lowerQuartile)}–${number(upperQuartile)}`;
}
