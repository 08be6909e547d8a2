// The example rulesets enforced by the real commands on a network of their own: every packet of NAME.packets is sent,
// must get through or not, and must leave the counters that the reference interpreter says.

import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/reference/interpret.ts';
import { Commands } from '../harness/commands.ts';
import { ExampleNetwork } from '../harness/example-network.ts';
import { readSavedCounters } from '../harness/iptables.ts';
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
});
