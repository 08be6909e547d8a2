// Each finish of the classifier forced in turn on the same rulesets and packets: what the compiler's choice is worth.

import type { Bench } from './bench.ts';
import { CLASSIFY_RULESETS } from './classify-rulesets.ts';
import { programTable } from './classify-tables.ts';
import { FINISHES } from './finishes.ts';
import { forcedTable } from './forced-tables.ts';
import { Measuring, measureProgram, Workload } from './packet-measure.ts';
import { IPV4 } from './rule-shape.ts';
import { withPlaces } from './single-packets.ts';

const KINDS = ['exact', 'blacklist', 'acl', 'fw', 'ipc'];
/** What a flow cache lives by, and what it cannot help. */
const TRAFFIC = ['uniform', 'zipf'];

/** A packet that is walked takes as long as the rules that it meets: of very many it says nothing new, and takes long. */
const isSlow = (finish: string, rules: number): boolean => finish === 'walk' && rules > 1000;

export const forced: Bench = {
  name: 'finishes',
  summary: 'every finish of the classifier forced in turn, with and without a flow cache, in the XDP program',
  sizes: [1_000, 10_000],
  quickSizes: [100],
  minutes: 2,
  seconds: 1,
  run: (options) =>
    withPlaces('finishes', (places) => {
      const measuring = new Measuring(places, options);
      for (const name of KINDS) {
        const kind = CLASSIFY_RULESETS.find((each) => each.name === name)!;
        for (const rules of options.sizes) {
          const work = new Workload(IPV4, kind, rules);
          for (const finish of options.finishes ?? FINISHES.keys()) {
            if (isSlow(finish, rules) && options.finishes === undefined) continue;
            options.progress(`${name}, ${rules} rules, ${finish}`);
            measureProgram(work, 'xdp', finish, TRAFFIC, measuring);
          }
        }
      }
      const rows = measuring.finish();
      return { tables: [forcedTable(rows.packets, TRAFFIC), programTable(rows.programs)], data: rows };
    }),
};
