import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FILTER_CHAINS } from '../../../src/base/hooks.ts';
import { classifyLists } from '../../../src/classify/classify-lists.ts';
import type { FinishName } from '../../../src/classify/make-finish.ts';
import { findDeferrals } from '../../../src/codegen/deferral.ts';
import { segmentOrder } from '../../../src/codegen/segments.ts';
import { IPV4_FIELDS } from '../../harness/list-conditions.ts';
import { isProgrammable, wholePacket } from '../../harness/list-oracle.ts';
import { listScenarios, type Manner } from '../../harness/random-lists.ts';
import { hookFields, hookImage, runImage } from '../../harness/segment-image.ts';
import { vmRunner } from '../../harness/vm-runner.ts';
import { walkSegments } from '../../harness/walk-lists.ts';

/** Without skips, of which tuples know nothing. */
const MANNERS: readonly Manner[] = ['few fields', 'counting', 'tuples'];
const RUNS = Number(process.env.BPFILTER_RUNS ?? 40);

it.each<FinishName>(['dense', 'tuples', 'masks', 'linear'])(
  'a hook that defers counts a packet as its list says, or not at all: %s',
  (force) => {
    const tally = { deferred: 0, decided: 0, whole: 0 };
    fc.assert(
      fc.property(listScenarios({ packets: 20, fields: IPV4_FIELDS, manners: MANNERS }), ({ segments, packets }) => {
        const made = classifyLists({ INPUT: { segments, entry: 0 } }, { force });
        if (!isProgrammable(made)) return;
        const entries = Object.fromEntries(FILTER_CHAINS.map((chain) => [chain, made.entries.INPUT!]));
        const classification = { ...made, entries };
        const slots = 1 + segments.reduce((most, { list }) => list.slots.reduce((a, b) => Math.max(a, b), most), 0);
        const order = segmentOrder(classification, [entries.INPUT!]);
        const { whole } = findDeferrals(classification, order, { late: true });
        tally.whole += order.filter(whole).length;
        const image = hookImage(classification, { ...vmRunner(), slots, undecided: 'defer' });
        const whatIsSent = packets.map(wholePacket);
        for (const [index, found] of runImage(vmRunner(), image, whatIsSent).entries()) {
          const { verdict, counted } = walkSegments(segments, 0, hookFields(whatIsSent[index]!));
          if (found.verdict === 'accept' && found.counts.every((count) => count === 0)) {
            tally.deferred++;
            continue;
          }
          tally.decided++;
          const counts = new Array<number>(slots + 1).fill(0);
          for (const slot of counted) counts[slot]!++;
          expect(found).toEqual({ verdict, counts });
        }
      }),
      { numRuns: RUNS, seed: 3 },
    );
    expect(tally.deferred).toBeGreaterThan(RUNS / 10);
    expect(tally.decided).toBeGreaterThan(RUNS / 10);
    if (force === 'tuples') expect(tally.whole).toBeGreaterThan(0);
  },
);
