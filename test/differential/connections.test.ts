// Random rulesets about connections on two routers: the kernel's iptables-legacy enforces one, we the other. Both are shown
// the same flows, track them with the same history, leave some untracked and translate some, and must count the same.
//
// BPFILTER_RUNS sets how many rulesets (100), BPFILTER_SEED the seed (fixed in CI; `random` for a new one). A failure is not
// shrunk: it may depend on the flows before it.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatAddress } from '../../src/base/ipv4.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { legacyIptables } from '../harness/iptables.ts';
import { type Lab, withLab } from '../harness/lab.ts';
import { LAB, settle } from '../harness/lab-world.ts';
import { DNAT, randomFlows, SNAT, UNTRACKED_SOURCE } from '../harness/random-flows.ts';
import { MANNERED, type Vocabulary } from '../harness/random-rules.ts';
import { differences } from '../harness/table-counters.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 100);
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

const FLOWS: Vocabulary = { ...LAB, ...MANNERED, manners: ['mixed', 'services', 'counting'], connections: 'real' };

/** The kernel's own tables in front of both filters; they also keep connections tracked between rulesets. */
function prepare({ router }: Lab): void {
  const rules = [
    `-t raw -A PREROUTING -s ${formatAddress(UNTRACKED_SOURCE)} -j CT --notrack`,
    `-t raw -A OUTPUT -d ${formatAddress(UNTRACKED_SOURCE)} -j CT --notrack`,
    `-t nat -A PREROUTING -d ${formatAddress(DNAT.from)} -j DNAT --to-destination ${formatAddress(DNAT.to)}`,
    `-t nat -A POSTROUTING -s ${formatAddress(SNAT.from)} -j SNAT --to-source ${formatAddress(SNAT.to)}`,
  ];
  for (const rule of rules) router.exec('iptables-legacy', ['-w', ...rule.split(' ')]);
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
  ...[1, 6, 17, 47].map((protocol) => `-m conntrack --ctproto ${protocol}`),
  '-m conntrack --ctorigsrc 11.0.0.0/30',
  '-m conntrack --ctorigdst 10.128.0.1',
  '-m conntrack --ctreplsrc 10.192.0.1/32',
  '-m conntrack --ctrepldst 11.9.9.9',
  '-m conntrack ! --ctrepldst 11.9.9.9',
  '-m conntrack --ctorigsrcport 1024:1026',
  '-m conntrack --ctorigdstport 80',
  '-m conntrack --ctreplsrcport 53',
  '-m conntrack ! --ctrepldstport 1024:1026',
  ...['0:35', '36:500', '200000:432000'].map((seconds) => `-m conntrack --ctexpire ${seconds}`),
];

it('meets every state, status, direction and tuple', async () => {
  const chains = ['INPUT', 'FORWARD', 'OUTPUT'];
  const rules = chains.flatMap((chain) => EACH.map((each) => `-A ${chain} ${each}`));
  const text = ['*filter', ...chains.map((chain) => `:${chain} ACCEPT [0:0]`), ...rules, 'COMMIT', ''].join('\n');
  const packets = randomFlows(seededChoice(7, 0), 3000);
  const subject = new BpfilterSubject('netfilter');
  await withLab((oracle) =>
    withLab((ours) => {
      try {
        for (const lab of [oracle, ours]) prepare(lab);
        const expected = oracle.runScenario(legacyIptables, text, packets);
        const found = ours.runScenario(subject, text, packets);
        expect(differences(expected.counters, found.counters)).toEqual([]);
        const counted = EACH.map((each, i) => {
          const sum = chains.reduce((n, chain) => n + found.counters.get(chain)!.rules[i]!.packets, 0n);
          return [each, sum > 0n];
        });
        expect(counted.filter(([, isMet]) => !isMet)).toEqual([]);
        subject.unload(ours.router);
      } finally {
        subject.close();
      }
    }),
  );
});

it('counts what iptables-legacy counts', async () => {
  const subject = new BpfilterSubject('netfilter');
  let met = 0n;
  await withLab((oracle) =>
    withLab((ours) => {
      try {
        for (const lab of [oracle, ours]) prepare(lab);
        const drawn = fc.tuple(scenarios({ vocabulary: FLOWS, packets: 40, settle }), fc.nat());
        fc.assert(
          fc.property(drawn, ([scenario, number]) => {
            const text = rulesetText(scenario);
            const packets = [...randomFlows(seededChoice(seed, number), 150), ...scenario.packets];
            const expected = oracle.runScenario(legacyIptables, text, packets);
            const found = ours.runScenario(subject, text, packets);
            for (const { rules } of expected.counters.values()) for (const rule of rules) met += rule.packets;
            const wrong = differences(expected.counters, found.counters);
            if (expected.left !== found.left) wrong.push(`packets that leave: ${expected.left}, but ${found.left}`);
            if (wrong.length > 0) expect.fail(`${wrong.slice(0, 10).join('\n')}\n\n${text}`);
          }),
          { numRuns: RUNS, seed, endOnFailure: true },
        );
        expect(met).toBeGreaterThan(BigInt(RUNS) * 50n);
        subject.unload(ours.router);
      } finally {
        subject.close();
      }
    }),
  );
});
