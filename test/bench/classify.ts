// What a packet costs in the XDP and in the netfilter program of every kind of ruleset, with every traffic.

import type { Bench } from './bench.ts';
import { CLASSIFY_RULESETS } from './classify-rulesets.ts';
import { classifyTables, legendTable } from './classify-tables.ts';
import { CHOSEN } from './finishes.ts';
import { Measuring, measureProgram, Workload } from './packet-measure.ts';
import { IPV4 } from './rule-shape.ts';
import { withPlaces } from './single-packets.ts';
import { PLACEMENTS } from './subject-programs.ts';
import { TRAFFIC } from './traffic.ts';

/** How often single packets are measured, minutes apart. */
const TIMES = 3;

export const classify: Bench = {
  name: 'classify',
  summary: 'a packet in the XDP and in the netfilter program, above an empty program',
  sizes: [10, 100, 1_000, 10_000, 100_000],
  quickSizes: [100],
  minutes: 5,
  seconds: 1,
  run: (options) =>
    withPlaces('classify', (places) => {
      const measuring = new Measuring(places, options);
      for (const kind of CLASSIFY_RULESETS) {
        for (const rules of kind.sizes?.slice(0, options.isQuick ? 1 : undefined) ?? options.sizes) {
          options.progress(`${kind.name}, ${rules} rules`);
          const work = new Workload(IPV4, kind, rules);
          for (const placement of PLACEMENTS) measureProgram(work, placement, CHOSEN, kind.traffic, measuring);
        }
      }
      const rows = measuring.finish(TIMES - 1);
      const legends = [legendTable('Rulesets', CLASSIFY_RULESETS), legendTable('Traffic', TRAFFIC)];
      return { tables: [...classifyTables(rows.packets, rows.programs), ...legends], data: rows };
    }),
};
