// Random rulesets and packets through the kernel's own iptables-legacy: every counter is what the interpreter says, and
// as many packets get through.
//
// BPFILTER_RUNS sets how many rulesets (500, and two fifths of that for IPv6), BPFILTER_SEED the seed (fixed in CI; `random` for a new one). A failure
// is shrunk and printed as a case file.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HookPacket } from '../../src/base/packet.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { Coverage } from '../harness/coverage.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { legacyIp6tables, legacyIptables } from '../harness/iptables.ts';
import { type Lab, type Subject, withLab } from '../harness/lab.ts';
import { leaves, WORLD, type World } from '../harness/lab-world.ts';
import { WORLD6 } from '../harness/lab-world-ipv6.ts';
import { failureCase } from '../harness/oracle.ts';
import { parsePacket } from '../harness/packet-notation.ts';
import { differences, flatten, Tally } from '../harness/table-counters.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 500);
const PACKETS = 200;
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

/** What differs between the subject and the interpreter, in sentences. */
function disagreements(
  lab: Lab,
  subject: Subject,
  text: string,
  packets: readonly HookPacket[],
  { family, seenOf }: World,
  coverage: Coverage,
) {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'random.rules', family });
  if (diagnostics.length > 0) return diagnostics.map((d) => `refused by the parser: ${d.span.line}: ${d.message}`);
  const table = ruleset.tables[0]!;
  const tally = new Tally(table);
  let left = 0;
  for (const packet of packets) {
    for (const seen of seenOf(table, packet, coverage.rule)) {
      coverage.packet(table, seen.packet, seen.outcome);
      tally.add(seen.outcome, seen.packet.bytes.length);
      if (leaves(seen)) left++;
    }
  }
  const observed = lab.runScenario(subject, text, packets);
  return [
    ...differences(tally.counters, observed.counters),
    ...(left === observed.left ? [] : [`packets that leave: expected ${left}, found ${observed.left}`]),
  ];
}

it.each([
  ['iptables-legacy', legacyIptables, WORLD, RUNS],
  ['ip6tables-legacy', legacyIp6tables, WORLD6, 0.4 * RUNS],
] as const)('the interpreter counts what %s counts', async (_, subject, world, runs) => {
  await withLab((lab) => {
    const coverage = new Coverage(world.family);
    const { vocabulary, settle } = world;
    fc.assert(
      fc.property(scenarios({ vocabulary, packets: PACKETS, settle }), (scenario) => {
        const text = rulesetText(scenario);
        const found = disagreements(lab, subject, text, scenario.packets, world, coverage);
        if (found.length === 0) return;
        expect.fail(`${found.slice(0, 10).join('\n')}\n\n${failureCase(found[0]!, text, scenario.packets)}`);
      }),
      { numRuns: runs, seed },
    );
    console.log(coverage.report());
    // A handful of rulesets cannot hold everything.
    if (runs >= 200) coverage.assertFloors();
  }, world);
});

it.each([
  ['iptables-legacy', () => legacyIptables],
  ['bpfilter at netfilter', () => new BpfilterSubject('netfilter')],
  ['bpfilter at XDP, native', () => new BpfilterSubject('xdp', 'native')],
  ['bpfilter at XDP, generic', () => new BpfilterSubject('xdp', 'generic')],
] as const)('malformed frames are not counted: %s', async (_, make) => {
  const subject: Subject & { close?(): void } = make();
  await withLab((lab) => {
    try {
      const good = parsePacket('INPUT in=eth0 tcp 11.0.0.1:1234 > 10.0.0.1:22 syn payload=20 df');
      const rules = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT\nCOMMIT\n';
      const { counters } = lab.runScenario(subject, rules, [good]);
      expect(flatten(counters).find(([place]) => place === 'INPUT:1')?.[1]).toEqual({ packets: 1n, bytes: 60n });
      for (const name of lab.malformedFrames(good)) {
        // XDP knows no routes: what comes from 127.0.0.0/8 is judged before the stack throws it away.
        if (subject.name.includes('XDP') && name === 'loopback source') continue;
        lab.sendMalformed(good, name);
        expect(differences(counters, subject.counters(lab.router)), name).toEqual([]);
      }
      subject.unload(lab.router);
    } finally {
      subject.close?.();
    }
  });
});

// A permitted difference: `-p all` asks IPv6 packets whether they can be read, until ip6tables-save has printed the rule,
// without it. To us it asks nothing from the first.
it.each([
  ['ip6tables-legacy', () => legacyIp6tables, 0n],
  ['bpfilter', () => new BpfilterSubject('netfilter', 'auto', {}, 'ipv6'), 1n],
] as const)('-p all of a packet that cannot be read: %s', async (_, make, counted) => {
  const subject: Subject & { close?(): void } = make();
  const packet = parsePacket('INPUT in=eth0 tcp [fd00::1]:1 > [2001:db8::1]:22 via=dst cut=1');
  const rules =
    '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT\n-A INPUT -p all\nCOMMIT\n';
  await withLab((lab) => {
    try {
      const { counters } = lab.runScenario(subject, rules, [packet]);
      const found = flatten(counters).filter(([place]) => place.startsWith('INPUT'));
      expect(found.map(([place, { packets }]) => [place, packets])).toEqual([
        ['INPUT:1', 1n],
        ['INPUT:2', counted],
        ['INPUT:policy', counted],
      ]);
      subject.unload(lab.router);
    } finally {
      subject.close?.();
    }
  }, WORLD6);
});

it.each([
  ['ip6tables-legacy', () => legacyIp6tables],
  ['bpfilter at netfilter', () => new BpfilterSubject('netfilter', 'auto', {}, 'ipv6')],
] as const)('payload lengths and versions of IPv6 frames: %s', async (_, make) => {
  const subject: Subject & { close?(): void } = make();
  const rules = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p udp\nCOMMIT\n';
  const nothing = { packets: 0n, bytes: 0n };
  const one = (bytes: bigint) => ({ packets: 1n, bytes });
  await withLab((lab) => {
    try {
      for (const [name, at, bytes, expected] of [
        ['as it should be', 4, [0, 20], one(60n)],
        ['shorter than the frame', 4, [0, 16], one(56n)],
        ['cut in the UDP header', 4, [0, 12], one(52n)],
        ['cut in the extension header', 4, [0, 1], nothing],
        ['none, as a jumbo payload has', 4, [0, 0], one(60n)],
        ['none, and no hop-by-hop options', 4, [0, 0, 60], nothing],
        ['beyond the frame', 4, [1, 0], nothing],
        ['version 4', 0, [0x40], nothing],
        ['multicast source', 8, [0xff, 2], nothing],
        ['loopback source', 8, [...new Array<number>(15).fill(0), 1], nothing],
      ] as const) {
        const packet = parsePacket('INPUT in=eth0 udp [fd00::1]:1 > [2001:db8::1]:22 via=hop payload=4');
        packet.bytes.set(bytes, at);
        const { counters } = lab.runScenario(subject, rules, [packet]);
        expect([name, counters.get('INPUT')!.rules[0]]).toEqual([name, expected]);
      }
      subject.unload(lab.router);
    } finally {
      subject.close?.();
    }
  }, WORLD6);
});
