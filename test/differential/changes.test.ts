// Random changes of rules in force, by commands one after the other, on two routers: the kernel's iptables-legacy carries them out
// on one, we on the other, in one process that uses what it has compiled and loaded again. Packets come right behind each change.
// Counters go on through all of it, and are the same at any time. Now and then routes change too, unknown to us, or the rules of
// the other family do.
//
// BPFILTER_RUNS sets how many sequences each test gets, BPFILTER_SEED the seed.

import { expect, it } from 'vitest';
import { FAMILIES } from '../../src/base/family.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { type Beside, packetsOf, withBoth } from '../harness/beside.ts';
import { hasFragmentHeader } from '../harness/ipv6-builder.ts';
import { PLAIN_WORLD, PLAIN_WORLD6 } from '../harness/lab-world-plain.ts';
import { verified } from '../harness/packet-checksum.ts';
import type { Choice } from '../harness/random.ts';
import { ChangingRuleset } from '../harness/random-changes.ts';
import { FLOWS_4, FLOWS_6, randomFlows, untranslated } from '../harness/random-flows.ts';
import { randomPackets } from '../harness/random-packets.ts';
import { MANNERED, type Vocabulary } from '../harness/random-rules.ts';
import { runsOf, seedOf } from '../harness/scale.ts';
import { keepTracking } from '../harness/tracking.ts';

const seed = seedOf(23);
const CHANGES = 6;
const SIZE = { ...MANNERED, rules: { min: 0, max: 40 }, userChains: { min: 0, max: 4 } };
const WORLDS = { ipv4: PLAIN_WORLD, ipv6: PLAIN_WORLD6 };
const FLOWS = { ipv4: untranslated(FLOWS_4), ipv6: untranslated(FLOWS_6) };

/** Another address of the router's, or not any more. */
function moveAddress(both: Beside, choice: Choice, isThere: boolean): boolean {
  if (!choice.chance(0.1)) return isThere;
  both.each((router) => router.ip(`addr ${isThere ? 'del' : 'add'} 10.99.0.1/32 dev eth0`));
  return !isThere;
}

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
  ['ipv4', 'fast', 'native', 2],
  ['ipv4', 'strict', 'generic', 1],
  ['ipv6', 'fast', 'generic', 1],
] as const)('changes of %s, %s, %s XDP', (family, early, mode, usual) => {
  const runs = runsOf(usual);
  const world = WORLDS[family];
  const other = FAMILIES.find((each) => each !== family)!;
  const rulesOf = (which: typeof family): Vocabulary => ({ ...WORLDS[which].vocabulary, ...SIZE, connections: 'real' });
  return withBoth(
    world,
    mode,
    (both) => {
      for (const each of FAMILIES) both.each((router) => keepTracking(router, each));
      let [drops, isThere] = [0, false];
      for (let run = 0; run < runs; run++) {
        const choice = seededChoice(seed, run);
        const vocabulary = choice.chance(0.6) ? rulesOf(family) : { ...world.vocabulary, ...SIZE };
        const rules = new ChangingRuleset(choice, vocabulary);
        const done = [rules.text];
        both.load(rules.text);
        for (let i = 0; i < CHANGES; i++) {
          isThere = moveAddress(both, choice, isThere);
          if (choice.chance(0.1)) both.load(new ChangingRuleset(choice, rulesOf(other)).text, other);
          const change = rules.change();
          done.push(`${change.tool} ${change.words.join(' ')}\n${change.input}`);
          both.change(change);
          const aimed = randomPackets(choice, vocabulary, rules.spec, 30).map(world.settle);
          const packets = [...aimed, ...randomFlows(choice, FLOWS[family], 20, early === 'strict')]
            // A lone fragment of IPv6 waits for the others as long as the clock says.
            .filter(({ bytes }) => family !== 'ipv6' || !hasFragmentHeader(bytes))
            .map((packet) => (early === 'strict' ? packet : verified(packet)));
          drops += both.pass(packets, `sequence ${run}, change ${i}\n${done.join('\n')}`);
        }
      }
      expect(drops).toBeGreaterThan(runs);
    },
    'exact',
    early,
  );
});
