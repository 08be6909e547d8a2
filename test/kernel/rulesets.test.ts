// The example rulesets enforced on a network of their own, those of IPv4 by the real commands: every packet of NAME.packets is sent,
// must get through or not, and must leave the counters that the reference interpreter says.

import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/reference/interpret.ts';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { Commands } from '../harness/commands.ts';
import { ExampleNetwork } from '../harness/example-network.ts';
import { legacyIp6tables, readSavedCounters } from '../harness/iptables.ts';
import { type Subject, withLab } from '../harness/lab.ts';
import { WORLD6 } from '../harness/lab-world-ipv6.ts';
import { withNamespaces } from '../harness/namespace.ts';
import { exampleRulesets } from '../harness/rulesets.ts';
import { differences, Tally } from '../harness/table-counters.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;

describe('rulesets', () => {
  it.each(exampleRulesets())('$name does what its .packets file says', async ({ text, table, packets: cases }) => {
    await withNamespaces(['host', 'peer'], ([host, peer]) => {
      const packets = cases.map(({ packet }) => packet);
      const network = new ExampleNetwork(host!, peer!, packets);
      const commands = new Commands(host!, DIST);
      try {
        commands.run('restore', [], text);
        const expected = cases.map((one) => one.expected!.verdict === 'accept');
        const arrived = network.send(expected);
        const wrong = cases.filter((_, index) => arrived[index] !== expected[index]);
        expect(wrong.map(({ line }) => line)).toEqual([]);

        const tally = new Tally(table);
        for (const packet of packets) tally.add(interpret(table, packet), packet.bytes.length);
        expect(differences(tally.counters, readSavedCounters(commands.run('save', ['-c'])))).toEqual([]);
      } finally {
        network.close();
        commands.remove();
      }
    });
  });

  const subjects: readonly (readonly [string, () => Subject & { close?(): void }])[] = [
    ['ip6tables-legacy', () => legacyIp6tables],
    ['bpfilter', () => new BpfilterSubject('netfilter', 'auto', {}, 'ipv6')],
  ];
  const ipv6 = exampleRulesets('ipv6').flatMap((example) =>
    subjects.map(([by, make]) => ({ title: `${example.name} of IPv6, by ${by}`, make, ...example })),
  );

  it.each(ipv6)('$title', async ({ make, text, table, packets: cases }) => {
    const packets = cases.map(({ packet }) => packet);
    const tally = new Tally(table);
    for (const packet of packets) tally.add(interpret(table, packet), packet.bytes.length);
    const left = cases.filter(({ packet, expected }) => packet.hook !== 'INPUT' && expected!.verdict === 'accept');
    await withLab((lab) => {
      const subject = make();
      try {
        const found = lab.runScenario(subject, text, packets);
        expect(differences(tally.counters, found.counters)).toEqual([]);
        expect(found.left).toBe(left.length);
        subject.unload(lab.router);
      } finally {
        subject.close?.();
      }
    }, WORLD6);
  });
});
