import { describe, expect, it } from 'vitest';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { Flattener } from '../../../src/classify/flatten.ts';
import { checkPlacement, hiddenFields } from '../../../src/engine/placement.ts';
import type { Inexact } from '../../../src/engine/types.ts';
import { Meanings } from '../../../src/graph/chains.ts';
import { ownerFinder, sequentialSlots } from '../../../src/graph/slots.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';

/** What is told of a table with these chain lines and rules. */
function findings(chains: readonly string[], rules: readonly string[], allowed: readonly Inexact[] = [], flatten = 4) {
  const text = ['*filter', ...chains, ...rules, 'COMMIT', ''].join('\n');
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  const table = ruleset.tables[0]!;
  const plan = sequentialSlots(table);
  const options = { budget: { ...DEFAULT_BUDGET, flatten }, hidden: hiddenFields('xdp') };
  const lists = new Flattener().flatten(new Meanings().chains(table, plan), options);
  return checkPlacement(lists, ownerFinder(table, plan), allowed, 'test', () => false).map(
    ({ message, hint, span }) => {
      const inexact = /--allow-inexact (\S+),/.exec(hint!)![1];
      return `${inexact}, line ${span.line}: ${message.slice(message.indexOf(': ') + 2)}`;
    },
  );
}

const OPEN = [':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]', ':b - [0:0]'];
const CLOSED = OPEN.map((line) => line.replace('ACCEPT', 'DROP'));

describe('checkPlacement', () => {
  it('finds nothing where nothing is asked', () => {
    expect(findings(OPEN, [])).toEqual([]);
    expect(findings(OPEN, ['-A INPUT -i eth0 -j DROP', '-A FORWARD -j DROP'])).toEqual([]);
  });

  it('finds rules that packets meet which XDP is not shown, and policies that drop them', () => {
    expect(findings(CLOSED, [])).toEqual([
      'output, line 1: the policy of OUTPUT',
      'loopback, line 1: the policy of INPUT',
    ]);
    expect(findings(CLOSED, ['-A OUTPUT -d 10.0.0.1/32', '-A OUTPUT -j a', '-A a -s 10.0.0.1/32 -j DROP'])).toEqual([
      'output, line 7: -A OUTPUT -d 10.0.0.1/32; so it is with 3 more',
      'loopback, line 1: the policy of INPUT',
    ]);
    expect(findings(CLOSED, ['-A INPUT -i lo -j ACCEPT', '-A INPUT -s 10.0.0.1/32'], ['output'])).toEqual([
      'loopback, line 7: -A INPUT -i lo -j ACCEPT',
    ]);
    expect(findings(OPEN, ['-A INPUT -p tcp -m tcp --dport 22 -j DROP'])).toEqual([
      'loopback, line 7: -A INPUT -p tcp -m tcp --dport 22 -j DROP',
    ]);
  });

  it('names placement netfilter where the kernel has it', () => {
    const { ruleset } = parseRuleset(`*filter\n${CLOSED.join('\n')}\nCOMMIT\n`, { file: 'test' });
    const table = ruleset.tables[0]!;
    const plan = sequentialSlots(table);
    const options = { budget: DEFAULT_BUDGET, hidden: hiddenFields('xdp') };
    const lists = new Flattener().flatten(new Meanings().chains(table, plan), options);
    const hints = (hasNetfilter: boolean) =>
      checkPlacement(lists, ownerFinder(table, plan), ['loopback'], 'test', () => false, hasNetfilter).map(
        ({ hint }) => hint,
      );
    const open = '--allow-inexact output, which leaves OUTPUT open';
    expect(hints(true)).toEqual([`use placement netfilter, or ${open}`]);
    expect(hints(false)).toEqual([`use ${open}; placement netfilter, which does, needs Linux 6.4 or later`]);
  });

  it('passes over what packets by these devices cannot come to', () => {
    const rules = ['-A INPUT -i eth+ -j a', '-A a -s 10.0.0.1/32 -j DROP', '-A INPUT ! -i lo -j DROP'];
    for (const flatten of [4, 0]) expect(findings(OPEN, rules, [], flatten)).toEqual([]);
    expect(findings(OPEN, ['-A OUTPUT -o eth0 -p tcp -j a', '-A a -p udp -j DROP'], ['output'])).toEqual([]);
  });

  it('finds the rules whose answer XDP does not know, where a packet can come to them', () => {
    const rules = [
      '-A FORWARD -p tcp -j a',
      '-A a -o eth0 -j DROP',
      '-A a -p udp -o eth1 -j DROP',
      '-A FORWARD -p udp -j ACCEPT',
      '-A FORWARD -j DROP',
      '-A FORWARD -o eth2 -j DROP',
    ];
    for (const flatten of [4, 0]) {
      expect(findings(OPEN, rules, ['loopback'], flatten)).toEqual(['out-device, line 8: -A a -o eth0 -j DROP']);
    }
    expect(findings(OPEN, rules, ['out-device'])).toEqual([]);
    expect(findings(OPEN, ['-A FORWARD -p tcp -o eth0', '-A FORWARD -o eth1 -j DROP'])).toEqual([
      'out-device, line 7: -A FORWARD -o eth0 -p tcp; so it is with 1 more',
    ]);
    expect(findings(OPEN, ['-A FORWARD -o + -j DROP'])).toEqual([]);
  });
});
