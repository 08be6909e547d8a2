// Random rulesets about connections on two routers: the kernel's iptables-legacy enforces one, we the other. Both are shown
// the same flows, track them with the same history, leave some untracked and translate some, and must count the same. So it
// is with IPv6 and ip6tables-legacy.
//
// At placement exact nobody but the rules' own tracking stands in front: rules of raw, and NAT, are in tests of their own
// (`front.test.ts`, `nat.test.ts`).
//
// BPFILTER_RUNS sets how many rulesets each test gets, BPFILTER_SEED the seed (fixed in CI; `random` for a new one). A
// failure is not shrunk: it may depend on the flows before it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAny } from '../../src/base/address.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { legacyIp6tables, legacyIptables } from '../harness/iptables.ts';
import { fragmentIpv6Packet, hasFragmentHeader, hasMoreFragments } from '../harness/ipv6-builder.ts';
import { type Lab, withLab } from '../harness/lab.ts';
import { WORLD, type World } from '../harness/lab-world.ts';
import { WORLD6 } from '../harness/lab-world-ipv6.ts';
import { PLAIN_WORLD, PLAIN_WORLD6 } from '../harness/lab-world-plain.ts';
import { verified } from '../harness/packet-checksum.ts';
import { FLOWS_4, FLOWS_6, type FlowWorld, randomFlows, untranslated } from '../harness/random-flows.ts';
import { MANNERED, type Vocabulary } from '../harness/random-rules.ts';
import { runsOf, seedOf } from '../harness/scale.ts';
import { differences } from '../harness/table-counters.ts';
import { keepTracking, LEGACY_COMMAND } from '../harness/tracking.ts';

const seed = seedOf(20);

/** Where connections are tracked, fragments are put together before any hook, so some come so. */
const TRACKED_WORLD6: World = { ...WORLD6, piecesOf };

function piecesOf({ hook, bytes }: HookPacket): Uint8Array[] {
  const sum = bytes[46]! ^ bytes[47]!;
  if (hook === 'OUTPUT' || bytes.length <= 64 || sum % 4 !== 0 || hasFragmentHeader(bytes)) return [bytes];
  const pieces = fragmentIpv6Packet(bytes, 16);
  return sum % 8 === 0 ? pieces : pieces.reverse();
}

/** The kernel's own tables in front of both filters. */
function prepare({ router }: Lab, { family, untracked, dnat, snat }: FlowWorld): void {
  const command = LEGACY_COMMAND[family];
  const rules = [
    `-t raw -A PREROUTING -s ${formatAny(untracked)} -j CT --notrack`,
    `-t raw -A OUTPUT -d ${formatAny(untracked)} -j CT --notrack`,
    `-t nat -A PREROUTING -d ${formatAny(dnat.from)} -j DNAT --to-destination ${formatAny(dnat.to)}`,
    `-t nat -A POSTROUTING -s ${formatAny(snat.from)} -j SNAT --to-source ${formatAny(snat.to)}`,
  ];
  for (const rule of rules) router.exec(command, ['-w', ...rule.split(' ')]);
}

/** One of each kind, some with what is not so; all but EXPECTED, which takes a protocol's helper. */
const EACH = [
  ...['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED'].flatMap((state) => [
    `-m state --state ${state}`,
    `-m conntrack ! --ctstate ${state}`,
  ]),
  ...['SNAT', 'DNAT'].map((state) => `-m conntrack --ctstate ${state}`),
  ...['SEEN_REPLY', 'ASSURED', 'CONFIRMED'].map((status) => `-m conntrack --ctstatus ${status}`),
  ...['EXPECTED', 'NONE'].map((status) => `-m conntrack ! --ctstatus ${status}`),
  ...['ORIGINAL', 'REPLY'].map((direction) => `-m conntrack --ctdir ${direction}`),
  ...[6, 17, 47].map((protocol) => `-m conntrack --ctproto ${protocol}`),
  '-m conntrack --ctorigsrcport 1024:1026',
  '-m conntrack --ctorigdstport 80',
  '-m conntrack --ctreplsrcport 53',
  '-m conntrack ! --ctrepldstport 1024:1026',
  ...['0:10000', '10001:20000', '200000:432000'].map((seconds) => `-m conntrack --ctexpire ${seconds}`),
];

const FAMILIES = [
  {
    ...{ flows: FLOWS_4, world: WORLD, plain: PLAIN_WORLD, legacy: legacyIptables },
    each: [
      ...EACH,
      '-m conntrack --ctproto 1',
      '-m conntrack --ctorigsrc 11.0.0.0/30',
      '-m conntrack --ctorigdst 10.128.0.1',
      '-m conntrack --ctreplsrc 10.192.0.1/32',
      '-m conntrack --ctrepldst 11.9.9.9',
      '-m conntrack ! --ctrepldst 11.9.9.9',
    ],
  },
  {
    ...{ flows: FLOWS_6, world: TRACKED_WORLD6, plain: { ...PLAIN_WORLD6, piecesOf }, legacy: legacyIp6tables },
    each: [
      ...EACH,
      '-m conntrack --ctproto 58',
      '-m conntrack --ctorigsrc fd00::/126',
      '-m conntrack --ctorigdst 2001:db8:8000::1',
      '-m conntrack --ctreplsrc 2001:db8:c000::1/128',
      '-m conntrack --ctrepldst 2001:db9::9:9',
      '-m conntrack ! --ctrepldst 2001:db9::9:9',
      '-m conntrack --ctorigsrc ::/0',
    ],
  },
] as const;

describe.each(FAMILIES)('$legacy.name', ({ flows, world, plain, legacy, each: rules }) => {
  const FLOWS: Vocabulary = {
    ...world.vocabulary,
    ...MANNERED,
    manners: ['mixed', 'services', 'counting'],
    connections: 'real',
  };

  type Work = (oracle: Lab, ours: Lab, subject: BpfilterSubject) => void;

  async function withBoth(subject: BpfilterSubject, world: World, isAlone: boolean, work: Work): Promise<void> {
    await withLab(
      (oracle) =>
        withLab((ours) => {
          try {
            for (const lab of [oracle, ours]) {
              keepTracking(lab.router, flows.family);
              if (!isAlone) prepare(lab, flows);
            }
            work(oracle, ours, subject);
            subject.unload(ours.router);
          } finally {
            subject.close();
          }
        }, world),
      world,
    );
  }

  it('meets every state, status, direction and tuple', async () => {
    const chains = ['INPUT', 'FORWARD', 'OUTPUT'];
    const lines = chains.flatMap((chain) => rules.map((rule) => `-A ${chain} ${rule}`));
    const text = ['*filter', ...chains.map((chain) => `:${chain} ACCEPT [0:0]`), ...lines, 'COMMIT', ''].join('\n');
    const packets = randomFlows(seededChoice(7, 0), flows, 3000);
    const atNetfilter = new BpfilterSubject('netfilter', 'auto', {}, flows.family);
    await withBoth(atNetfilter, world, false, (oracle, ours, subject) => {
      const expected = oracle.runScenario(legacy, text, packets);
      const found = ours.runScenario(subject, text, packets);
      expect(differences(expected.counters, found.counters)).toEqual([]);
      const counted = rules.map((rule, i) => {
        const sum = chains.reduce((n, chain) => n + found.counters.get(chain)!.rules[i]!.packets, 0n);
        return [rule, sum > 0n];
      });
      expect(counted.filter(([, isMet]) => !isMet)).toEqual([]);
    });
  });

  it.each([
    ['netfilter', 'off', 'auto', 40],
    ['exact', 'fast', 'native', 6],
    ['exact', 'strict', 'generic', 6],
  ] as const)('counts what it counts, at placement %s, %s', async (placement, early, mode, usual) => {
    const runs = runsOf(usual);
    const isExact = placement === 'exact';
    const here = isExact ? plain : world;
    // Into how many fragments the kernel cuts what it forwards depends on how the driver has laid the packet out.
    const isWhole = (left: Uint8Array) => !hasMoreFragments(left, flows.family);
    const [theirs, spoils] = [isExact ? untranslated(flows) : flows, early !== 'fast'];
    const one = new BpfilterSubject(placement, mode, {}, flows.family, early);
    let [met, dropped] = [0n, 0];
    await withBoth(one, here, isExact, (oracle, ours, subject) => {
      const drawn = fc.tuple(scenarios({ vocabulary: FLOWS, packets: 40, settle: here.settle }), fc.nat());
      fc.assert(
        fc.property(drawn, ([scenario, number]) => {
          const text = rulesetText(scenario);
          // A lone fragment of IPv6 waits for the others as long as the clock says.
          const aimed = scenario.packets
            .filter(({ bytes, family }) => family !== 'ipv6' || !hasFragmentHeader(bytes))
            .map((packet) => (spoils ? packet : verified(packet)));
          const packets = [...randomFlows(seededChoice(seed, number), theirs, 150, spoils), ...aimed];
          const expected = oracle.runScenario(legacy, text, packets, isWhole);
          const found = ours.runScenario(subject, text, packets, isWhole);
          dropped += Number(subject.status(ours.router).families[flows.family].early?.dropped ?? 0);
          for (const { rules } of expected.counters.values()) for (const rule of rules) met += rule.packets;
          const wrong = differences(expected.counters, found.counters);
          if (expected.left !== found.left) wrong.push(`packets that leave: ${expected.left}, but ${found.left}`);
          if (wrong.length > 0) expect.fail(`${wrong.slice(0, 10).join('\n')}\n\n${text}`);
        }),
        { numRuns: runs, seed, endOnFailure: true },
      );
      expect(met).toBeGreaterThan(BigInt(runs) * 50n);
      if (isExact) expect(dropped).toBeGreaterThan(runs);
    });
  });
});
