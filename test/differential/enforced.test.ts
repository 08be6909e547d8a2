// Random rulesets enforced by the kernel's iptables-legacy on one router and by us on another: the same packets to both,
// the same counters from both, and as many packets let through.
//
// BPFILTER_RUNS sets how many rulesets (500 at netfilter, half as many at XDP), BPFILTER_SEED the seed (fixed in CI;
// `random` for a new one). A failure is shrunk and printed as a case file.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HookPacket } from '../../src/base/packet.ts';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { rulesetText, type ScenarioOptions, scenarios } from '../harness/generate.ts';
import { legacyIptables } from '../harness/iptables.ts';
import { withLab } from '../harness/lab.ts';
import { LAB, settle } from '../harness/lab-world.ts';
import { failureCase } from '../harness/oracle.ts';
import { fixHeaderChecksum } from '../harness/packet-builder.ts';
import type { Vocabulary } from '../harness/random-rules.ts';
import { differences } from '../harness/table-counters.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 500);
const PACKETS = 200;
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

/** What XDP sees as netfilter does: no loopback, no `-o`, and whole packets, for XDP cannot put fragments together. */
const LAB_XDP: Vocabulary = {
  ...LAB,
  hooks: ['INPUT', 'FORWARD'],
  inDevices: LAB.inDevices.filter((name) => name !== 'lo'),
  outDeviceRules: false,
};

function settleWhole(packet: HookPacket): HookPacket {
  const settled = settle(packet);
  const bytes = settled.bytes.slice();
  // Only "don't fragment": no fragment itself, and not sent in fragments.
  bytes.set([0x40, 0], 6);
  fixHeaderChecksum(bytes);
  return { ...settled, bytes };
}

async function compare(subject: BpfilterSubject, runs: number, options: Omit<ScenarioOptions, 'packets'>) {
  await withLab((oracle) =>
    withLab((ours) => {
      try {
        fc.assert(
          fc.property(scenarios({ ...options, packets: PACKETS }), (scenario) => {
            const text = rulesetText(scenario);
            const expected = oracle.runScenario(legacyIptables, text, scenario.packets);
            const found = ours.runScenario(subject, text, scenario.packets);
            const wrong = differences(expected.counters, found.counters);
            if (expected.left !== found.left) wrong.push(`packets that leave: ${expected.left}, but ${found.left}`);
            if (wrong.length === 0) return;
            expect.fail(`${wrong.slice(0, 10).join('\n')}\n\n${failureCase(wrong[0]!, text, scenario.packets)}`);
          }),
          { numRuns: runs, seed },
        );
        subject.unload(ours.router);
      } finally {
        subject.close();
      }
    }),
  );
}

it('at netfilter', () => compare(new BpfilterSubject('netfilter'), RUNS, { vocabulary: LAB, settle }));

it.each(['native', 'generic'] as const)('at XDP, %s', (mode) =>
  compare(new BpfilterSubject('xdp', mode), RUNS / 2, { vocabulary: LAB_XDP, settle: settleWhole }),
);
