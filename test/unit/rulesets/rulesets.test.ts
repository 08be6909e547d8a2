import { describe, expect, it } from 'vitest';
import { interpret } from '../../../src/reference/interpret.ts';
import { unmet } from '../../harness/case-file.ts';
import { exampleRulesets } from '../../harness/rulesets.ts';

const examples = [...exampleRulesets(), ...exampleRulesets('ipv6')];

describe.each(examples)('$name', ({ table, packets }) => {
  it('does with every packet what its .packets file says', () => {
    const wrong = packets.flatMap(({ packet, expected, line }) => {
      if (expected === undefined) return [`${line}: says nothing`];
      return unmet(expected, interpret(table, packet)).map((difference) => `${line}: ${difference}`);
    });
    expect(wrong).toEqual([]);
  });

  it('says who decides on every packet', () => {
    expect(packets.filter(({ expected }) => expected?.decided === undefined).map(({ line }) => line)).toEqual([]);
  });
});

describe('rulesets/', () => {
  it('has enough of them, on all hooks', () => {
    expect(examples.length).toBeGreaterThanOrEqual(6);
    const hooks = new Set(examples.flatMap(({ packets }) => packets.map(({ packet }) => packet.hook)));
    expect(hooks).toEqual(new Set(['INPUT', 'FORWARD', 'OUTPUT']));
  });

  it('shows every rule at work, but those of the loopback device and most of the blocklist', () => {
    const idle = examples
      .filter(({ name }) => name !== 'blocklist')
      .flatMap(({ name, table, packets }) => {
        const hit = new Set(packets.flatMap(({ packet }) => interpret(table, packet).counted).map(place));
        return table.chains.flatMap(({ name: chain, rules }) =>
          rules.flatMap(({ inInterface, outInterface }, rule) =>
            hit.has(place({ chain, rule })) || inInterface?.value === 'lo' || outInterface?.value === 'lo'
              ? []
              : [`${name} ${place({ chain, rule })}`],
          ),
        );
      });
    // Unreachable on purpose; and addresses that the stack itself refuses.
    expect(idle).toEqual(['kitchen-sink addresses:5', 'web-server INPUT:2']);
  });
});

function place({ chain, rule }: { chain: string; rule: number | 'policy' }): string {
  return `${chain}:${rule === 'policy' ? rule : rule + 1}`;
}
