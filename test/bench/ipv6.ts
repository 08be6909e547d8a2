// What an IPv6 packet costs in the XDP and in the netfilter program of IPv6 rulesets.

import type { Bench } from './bench.ts';
import { classifyTables, legendTable } from './classify-tables.ts';
import { CHOSEN } from './finishes.ts';
import { IPV6, RULESETS_6 } from './ipv6-rulesets.ts';
import { Measuring, measureProgram, Workload } from './packet-measure.ts';
import { withPlaces } from './single-packets.ts';
import { PLACEMENTS } from './subject-programs.ts';

/** How often single packets are measured, minutes apart. */
const TIMES = 2;

export const ipv6: Bench = {
  name: 'ipv6',
  summary: 'an IPv6 packet in the XDP and in the netfilter program, above an empty program',
  sizes: [100, 10_000, 100_000],
  quickSizes: [100],
  minutes: 2,
  seconds: 1,
  run: (options) =>
    withPlaces('ipv6', (places) => {
      const measuring = new Measuring(places, options);
      for (const kind of RULESETS_6) {
        for (const rules of options.sizes) {
          options.progress(`${kind.name}, ${rules} rules`);
          const work = new Workload(IPV6, kind, rules);
          for (const placement of PLACEMENTS) measureProgram(work, placement, CHOSEN, kind.traffic, measuring);
        }
      }
      const rows = measuring.finish(TIMES - 1);
      return {
        tables: [...classifyTables(rows.packets, rows.programs), legendTable('Rulesets', RULESETS_6)],
        data: rows,
      };
    }),
};
