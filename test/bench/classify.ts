// What a packet costs in the XDP and in the netfilter program of every kind of ruleset, with every traffic.

import { withNamespaces } from '../harness/namespace.ts';
import type { Bench } from './bench.ts';
import { CLASSIFY_RULESETS } from './classify-rulesets.ts';
import { classifyTables, legendTable } from './classify-tables.ts';
import { CHOSEN } from './finishes.ts';
import { measureProgram, type Rows, Workload } from './packet-measure.ts';
import { PLACEMENTS } from './subject-programs.ts';
import { TRAFFIC } from './traffic.ts';

export const classify: Bench = {
  name: 'classify',
  summary: 'a packet in the XDP and in the netfilter program, above an empty program',
  sizes: [10, 100, 1_000, 10_000, 100_000],
  quickSizes: [100],
  minutes: 5,
  seconds: 1.5,
  run: (options) =>
    withNamespaces(['classify'], ([namespace]) =>
      namespace!.enter(() => {
        const rows: Rows = { packets: [], programs: [] };
        for (const kind of CLASSIFY_RULESETS) {
          for (const rules of kind.sizes?.slice(0, options.isQuick ? 1 : undefined) ?? options.sizes) {
            options.progress(`${kind.name}, ${rules} rules`);
            const work = new Workload(kind, rules);
            for (const placement of PLACEMENTS) {
              measureProgram(work, placement, CHOSEN, kind.traffic, options, rows);
            }
          }
        }
        const legends = [legendTable('Rulesets', CLASSIFY_RULESETS), legendTable('Traffic', TRAFFIC)];
        return { tables: [...classifyTables(rows.packets, rows.programs), ...legends], data: rows };
      }),
    ),
};
