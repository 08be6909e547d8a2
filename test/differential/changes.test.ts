// Random changes of rules in force (`change-sequences.ts`), on two routers: the kernel's iptables-legacy carries them out on one,
// we on the other, in one process that uses what it has compiled and loaded again.
//
// BPFILTER_RUNS sets how many sequences each test gets, BPFILTER_SEED the seed.

import { expect, it } from 'vitest';
import { FAMILIES } from '../../src/base/family.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { packetsOf, withBoth } from '../harness/beside.ts';
import { CHANGING_WORLDS, ChangeSequences } from '../harness/change-sequences.ts';
import { PLAIN_WORLD } from '../harness/lab-world-plain.ts';
import { runsOf, seedOf } from '../harness/scale.ts';
import { keepTracking } from '../harness/tracking.ts';

/** As many sequences use programs again for certain. */
const MANY = 10;

const RULES = `*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 53
COMMIT
`;

// A permitted difference: iptables forgets what policies have counted with every command.
it('policies keep what they have counted', () =>
  withBoth(PLAIN_WORLD, 'native', (both) => {
    both.load(RULES);
    const policies = () => {
      const { oracle, ours } = both.counters();
      return [oracle, ours].map((counters) => counters.get('INPUT')!.policy!.packets);
    };
    const packets = packetsOf('INPUT in=eth1 udp 11.7.0.1:1000 > 10.0.0.1:53');
    both.pass(packets);
    expect(policies()).toEqual([1n, 1n]);
    for (const words of ['-A INPUT -s 192.0.2.1 -j ACCEPT', '-P OUTPUT DROP', '-F FORWARD']) {
      both.change({ tool: 'iptables', words: words.split(' '), input: '' });
      expect([words, ...policies()]).toEqual([words, 0n, 1n]);
    }
    both.pass(packets);
    expect(policies()).toEqual([1n, 2n]);
  }));

it.each([
  ['ipv4', 'fast', 'native', 2, 23],
  ['ipv4', 'strict', 'generic', 1, 31],
  ['ipv6', 'fast', 'generic', 1, 23],
] as const)('changes of %s, %s, %s XDP', (family, early, mode, usual, usualSeed) => {
  const [runs, seed] = [runsOf(usual), seedOf(usualSeed)];
  return withBoth(
    CHANGING_WORLDS[family],
    mode,
    (both) => {
      for (const each of FAMILIES) both.each((router) => keepTracking(router, each));
      const sequences = new ChangeSequences(both, family, early);
      let drops = 0;
      for (let run = 0; run < runs; run++) {
        const choice = seededChoice(seed, run);
        // One of a few is steady, too.
        drops += run === 0 ? sequences.run(choice, true) : sequences.run(choice);
      }
      expect(drops).toBeGreaterThan(runs);
      if (runs >= MANY) expect(both.rewritten).toBeGreaterThan(runs / MANY);
    },
    'exact',
    early,
  );
});
