// What an IPv6 packet costs in the classifier's program, behind a prologue of the bench: see ipv6-program.ts.

import { probeFeatures } from '../../src/kernel/features.ts';
import type { Bench } from './bench.ts';
import { legendTable, packetTable, programTable } from './classify-tables.ts';
import { CHOSEN } from './finishes.ts';
import { compile6, owners6 } from './ipv6-program.ts';
import { flowsOf6, frameOf6, oracle6, PACKET_LENGTH_6, RULESETS_6, type Ruleset6 } from './ipv6-rulesets.ts';
import { goingOn, Measuring, measureImage, type Packets } from './packet-measure.ts';
import { withPlaces } from './single-packets.ts';
import { TRAFFIC } from './traffic.ts';

/** How often single packets are measured. */
const TIMES = 3;
const MEASURED = ['uniform', 'no match', 'zipf', 'mixed'];

export const ipv6: Bench = {
  name: 'ipv6',
  summary: 'an IPv6 packet in the program of the classifier, above an empty program',
  sizes: [10, 100, 1_000, 10_000, 100_000],
  quickSizes: [100],
  minutes: 1,
  seconds: 1,
  run: (options) =>
    withPlaces('ipv6', (places) => {
      const measuring = new Measuring(places, options);
      for (const kind of RULESETS_6) {
        for (const rules of options.sizes) {
          options.progress(`${kind.name}, ${rules} rules`);
          const head = { ruleset: kind.name, rules, placement: 'xdp', finish: CHOSEN } as const;
          goingOn(head, measuring, () => {
            const ruleset = kind.shape(rules);
            const begin = performance.now();
            const compiled = compile6(ruleset, probeFeatures());
            const compileTime = performance.now() - begin;
            measureImage(head, 'FORWARD', { ...compiled, compileTime }, packetsOf(ruleset), MEASURED, measuring);
          });
        }
      }
      const rows = measuring.finish(TIMES - 1);
      return {
        tables: [packetTable(rows.packets), programTable(rows.programs), legendTable('Rulesets', RULESETS_6)],
        data: rows,
      };
    }),
};

function packetsOf(ruleset: Ruleset6): Packets {
  const oracle = oracle6(ruleset);
  return {
    owners: owners6(ruleset),
    length: PACKET_LENGTH_6,
    pool: (traffic, count) => {
      const flows = TRAFFIC.find(({ name }) => name === traffic)!.flows(flowsOf6(ruleset), count);
      return { frames: flows.map(frameOf6), expectation: flows.map(oracle) };
    },
  };
}
