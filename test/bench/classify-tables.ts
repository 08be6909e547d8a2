// The results of the classify bench as tables.

import type { ProgramType } from '../../src/bpf/image.ts';
import { type Spread, spreadOf } from './measure.ts';
import { count, number, type Table } from './table.ts';
import type { TableReads } from './table-reads.ts';

/** Nanoseconds a packet, of our program and of an empty one in turns. */
export interface Samples {
  readonly ours: readonly number[];
  readonly empty: readonly number[];
}

export interface PacketRow {
  readonly ruleset: string;
  readonly rules: number;
  readonly placement: ProgramType;
  /** The finish that was asked for. */
  readonly finish: string;
  readonly traffic: string;
  /** The part of the packets, of 1, that a rule decides and not the policy. */
  readonly decided: number;
  readonly loop: Samples;
  readonly single: Samples;
}

export type ProgramRow = Pick<PacketRow, 'ruleset' | 'rules' | 'placement' | 'finish'> &
  (
    | {
        /** What the program's segments really are. */
        readonly finishes: string;
        readonly tableBytes: number;
        /** What the XDP program reads of its tables, under uniform traffic. */
        readonly tableReads?: TableReads;
        /** Bytes: program, tables and counters. */
        readonly kernelMemory: number;
        readonly instructions: number;
        /** Instructions that the verifier went through. */
        readonly processed: number;
        /** Milliseconds, once each: from the ruleset to the image; maps, verification and translation; the swap of a slot. */
        readonly compileTime: number;
        readonly loadTime: number;
        readonly swapTime: number;
      }
    | { readonly refused: string }
  );

/**
 * Nanoseconds above the empty program in the same round; `quiet` are those of a core that nobody shares: lower quartile less
 * lower quartile, as what else runs there only adds.
 */
export function aboveEmpty({ ours, empty }: Samples): Spread & { readonly quiet: number } {
  return {
    ...spreadOf(ours.map((figure, round) => figure - empty[round]!)),
    quiet: spreadOf(ours).lowerQuartile - spreadOf(empty).lowerQuartile,
  };
}

export function classifyTables(packets: readonly PacketRow[], programs: readonly ProgramRow[]): Table[] {
  return [packetTable(packets), programTable(programs)];
}

/** What the names of rulesets and traffic stand for. */
export function legendTable(
  title: string,
  entries: readonly { readonly name: string; readonly summary: string }[],
): Table {
  return {
    title,
    columns: [
      { title: 'name', align: 'left' },
      { title: 'what', align: 'left' },
    ],
    rows: entries.map(({ name, summary }) => [name, summary]),
  };
}

function packetTable(rows: readonly PacketRow[]): Table {
  const figures = ({ ours, empty }: Samples): string[] => {
    const { lowerQuartile, median, upperQuartile, quiet } = aboveEmpty({ ours, empty });
    const times = spreadOf(ours).median / spreadOf(empty).median;
    return [number(median), `${number(lowerQuartile)}–${number(upperQuartile)}`, number(quiet), `${number(times)}×`];
  };
  return {
    title: `A packet above the empty program, nanoseconds, ${samplesOf(rows)}`,
    columns: [
      { title: 'ruleset', align: 'left' },
      { title: 'rules', align: 'right' },
      { title: 'program', align: 'left' },
      { title: 'traffic', align: 'left' },
      { title: 'by rules', align: 'right' },
      { title: 'loop', align: 'right' },
      { title: 'quartiles', align: 'right' },
      { title: 'quiet', align: 'right' },
      { title: 'of empty', align: 'right' },
      { title: 'single', align: 'right' },
      { title: 'quartiles', align: 'right' },
      { title: 'quiet', align: 'right' },
      { title: 'of empty', align: 'right' },
    ],
    rows: rows.map(({ ruleset, rules, placement, traffic, decided, loop, single }) => [
      ...[ruleset, count(rules), placement, traffic, `${Math.round(100 * decided)} %`],
      ...figures(loop),
      ...figures(single),
    ]),
    notes: [
      'loop: over a pool of different packets, a call for each. single: the same packet again and again, never from a flow cache.',
      'Above the empty program in the same round: median and quartiles. What else runs on the cores only adds; quiet: lower quartile less lower quartile.',
      'The counters of every run were compared with what the rules say of each packet.',
    ],
  };
}

/** How often loops and single packets were measured. */
export function samplesOf([row]: readonly PacketRow[]): string {
  return `${row?.loop.ours.length ?? 0} samples of loops, ${row?.single.ours.length ?? 0} of single packets`;
}

export function programTable(rows: readonly ProgramRow[]): Table {
  return {
    title: 'The programs',
    columns: [
      { title: 'ruleset', align: 'left' },
      { title: 'rules', align: 'right' },
      { title: 'program', align: 'left' },
      { title: 'finish', align: 'left' },
      { title: 'tables KiB', align: 'right' },
      { title: 'touched KiB', align: 'right' },
      { title: 'reads', align: 'right' },
      { title: 'kernel KiB', align: 'right' },
      { title: 'instructions', align: 'right' },
      { title: 'verified', align: 'right' },
      { title: 'compile ms', align: 'right' },
      { title: 'load ms', align: 'right' },
      { title: 'swap µs', align: 'right' },
    ],
    rows: rows.map((row) => {
      const head = [row.ruleset, count(row.rules), row.placement];
      if ('refused' in row) return [...head, 'refused'];
      return [
        ...[...head, row.finishes],
        ...[number(row.tableBytes / 1024), ...readCells(row.tableReads), number(row.kernelMemory / 1024)],
        ...[count(row.instructions), count(row.processed), number(row.compileTime), number(row.loadTime)],
        number(1000 * row.swapTime),
      ];
    }),
    notes: [
      'touched: all cache lines of the tables that some of 2 048 packets of uniform traffic looked into; reads: looks of a packet.',
      'verified: instructions that the verifier went through. kernel: program, tables and counters.',
      'Times are of one run. swap: putting the loaded program where packets find it.',
      ...rows.flatMap((row) =>
        'refused' in row ? [`${row.ruleset} of ${count(row.rules)}, ${row.placement}: ${row.refused}`] : [],
      ),
    ],
  };
}

function readCells(tableReads: TableReads | undefined): string[] {
  return tableReads === undefined ? ['', ''] : [number(tableReads.touched / 1024), number(tableReads.reads)];
}
