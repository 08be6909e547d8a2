// What there is to draw of a run.

import type { Chart } from './chart.ts';
import { aboveEmpty, type PacketRow } from './classify-tables.ts';
import { spreadOf } from './measure.ts';
import { dataOf, type RunDocument } from './run-document.ts';
import type { UpdateRow } from './update-tables.ts';
import { BY_DEFAULT, COUNTING_DROP, type DropRow, GENERIC, ONE_PACKET, READING_DROP } from './veth-tables.ts';

export const CHART_FILE = 'BENCHMARKS.svg';

export function chartsOf(run: RunDocument): Chart[] {
  const packets = (dataOf(run, 'classify') as { packets: readonly PacketRow[] } | undefined)?.packets ?? [];
  const drops = (dataOf(run, 'veth') as readonly DropRow[] | undefined) ?? [];
  const updates = (dataOf(run, 'update') as readonly UpdateRow[] | undefined) ?? [];
  return [
    ...(packets.length > 0 ? (['xdp', 'netfilter'] as const).map((placement) => packetChart(placement, packets)) : []),
    ...(drops.length > 0 ? [dropChart(drops)] : []),
    ...(updates.length > 0 ? [updateChart(updates)] : []),
  ];
}

/** Of rulesets that were measured at more than one size. */
function packetChart(placement: PacketRow['placement'], rows: readonly PacketRow[]): Chart {
  const own = rows.filter((row) => row.placement === placement && row.traffic === 'uniform');
  return {
    title: `A packet in the ${placement} program, uniform traffic`,
    xTitle: 'rules',
    yTitle: 'ns above an empty program (loop)',
    series: [...new Set(own.map(({ ruleset }) => ruleset))]
      .map((ruleset) => ({
        name: ruleset,
        points: own
          .filter((row) => row.ruleset === ruleset)
          // Below a nanosecond it is noise, and has no logarithm below zero.
          .map((row): [number, number] => [row.rules, Math.max(1, aboveEmpty(row.loop).median)]),
      }))
      .filter(({ points }) => points.length > 1),
  };
}

/** Lines that would lie upon another. */
const ALIKE: readonly string[] = [READING_DROP, COUNTING_DROP, ONE_PACKET, GENERIC, BY_DEFAULT];

function dropChart(rows: readonly DropRow[]): Chart {
  return {
    title: 'A frame dropped by a blacklist, over a veth pair',
    xTitle: 'rules',
    yTitle: 'ns of CPU',
    series: [...new Set(rows.map(({ subject }) => subject).filter((name) => !ALIKE.includes(name)))].map((name) => ({
      name,
      points: rows.flatMap((row): [number, number][] =>
        row.subject === name && 'cpu' in row ? [[row.rules, spreadOf(row.cpu).median]] : [],
      ),
    })),
  };
}

function updateChart(rows: readonly UpdateRow[]): Chart {
  const appends = rows.filter(({ change, ruleset }) => change === 'append' && ruleset === rows[0]!.ruleset);
  return {
    title: `A rule appended to a ruleset in force (${rows[0]!.ruleset})`,
    xTitle: 'rules',
    yTitle: 'ms until it is enforced',
    series: [...new Set(appends.map(({ subject }) => subject))].map((name) => ({
      name,
      points: appends.flatMap((row): [number, number][] =>
        row.subject === name && row.samples !== undefined ? [[row.rules, spreadOf(row.samples).median]] : [],
      ),
    })),
  };
}
