// The results of the early bench as a table.

import { spreadOf } from './measure.ts';
import { number, type Table } from './table.ts';

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
