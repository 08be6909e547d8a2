// What lists look like: the shapes of flattening, one by one.

import { describe, expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { formatPredicate } from '../../../src/base/predicate.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { END, type HookLists, type ListSegment, type ShapeSegment } from '../../../src/classify/decision-list.ts';
import { Flattener, type FlattenOptions } from '../../../src/classify/flatten.ts';
import { TooManySegmentsError } from '../../../src/classify/flatten-plan.ts';
import { cutSkips } from '../../../src/classify/split-list.ts';
import { Meanings } from '../../../src/graph/chains.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';

const BUDGET = { ...DEFAULT_BUDGET, flatten: 4, segments: 64 };

function hookLists(
  hook: 'INPUT' | 'FORWARD',
  rules: readonly string[],
  options: Partial<FlattenOptions> = {},
  family: Family = 'ipv4',
): HookLists {
  const names = new Set(
    rules.flatMap((rule) => [...rule.matchAll(/-[Ajg] (c\d+|[a-z])(?= |$)/g)].map((found) => found[1])),
  );
  const chains = ['INPUT DROP', 'FORWARD DROP', 'OUTPUT ACCEPT', ...[...names].map((name) => `${name} -`)];
  const lines = ['*filter', ...chains.map((chain) => `:${chain} [0:0]`), ...rules, 'COMMIT', ''];
  const { ruleset, diagnostics } = parseRuleset(lines.join('\n'), { file: 'test', family });
  expect(diagnostics).toEqual([]);
  return new Flattener().flatten(new Meanings(family).chains(ruleset.tables[0]!), { budget: BUDGET, ...options })[
    hook
  ]!;
}

const ENDS = new Map(Object.entries(END).map(([name, end]) => [end as number, name]));

function printSegment(segment: ListSegment | ShapeSegment): string[] {
  if (!('list' in segment)) return [`shape: main ${segment.main}, odd ${segment.odd}`];
  const { length, conditions, slots, then, owners } = segment.list;
  const exits = Object.entries(segment.exits)
    .map(([exit, to]) => ` ${exit} ${to}`)
    .sort();
  return [
    `list${exits.join('')}`,
    ...Array.from({ length }, (_, i) => {
      const asked = conditions[i]!.flatMap(({ literals }) => literals)
        .map(({ predicate, negated }) => `${negated ? '! ' : ''}${formatPredicate(predicate)}`)
        .sort();
      const leads = then[i]! < 0 ? ENDS.get(then[i]!)! : then[i] === i + 1 ? 'on' : `to ${then[i]}`;
      const slot = slots[i] === owners![i] ? `${slots[i]}` : `${slots[i]} of ${owners![i]}`;
      return `  ${asked.join(', ') || 'always'}: ${slot} ${leads}`;
    }),
  ];
}

/** The lists of INPUT, policy DROP. Slots: rules of INPUT, its policy, two policies, rules of the chains. */
function lists(rules: readonly string[], options: Partial<FlattenOptions> = {}): string[] {
  const { segments, entry } = hookLists('INPUT', rules, options);
  return [`enter ${entry}`, ...segments.flatMap(printSegment)];
}

describe('lists', () => {
  it('put chains in place: their rules with the conditions of the call, RETURN and the end of a goto as skips', () => {
    expect(
      lists([
        '-A INPUT -s 10.0.0.0/8 -j a',
        '-A INPUT -p udp -g b',
        '-A INPUT -p esp -j ACCEPT',
        '-A a -s 10.1.0.0/16 -j RETURN',
        '-A a -s 11.0.0.0/8 -j DROP',
        '-A a -i eth0 -j ACCEPT',
        '-A a -j RETURN',
        '-A a -j DROP',
        '-A b -s 10.0.0.1/32',
      ]),
    ).toEqual([
      'enter 0',
      'list',
      '  src in 10.0.0.0-10.255.255.255: 0 on',
      '  src in 10.1.0.0-10.1.255.255: 6 to 4',
      '  inDevice is "eth0", src in 10.0.0.0-10.255.255.255: 8 accept',
      '  src in 10.0.0.0-10.255.255.255: 9 on',
      '  protocol in 17: 1 on',
      '  protocol in 17, src in 10.0.0.1: 11 on',
      '  protocol in 17: -1 to 8',
      '  protocol in 50: 2 accept',
      '  always: 3 drop',
    ]);
  });

  it('leave out what no packet can come to', () => {
    expect(
      lists([
        '-A INPUT -p tcp -j ACCEPT',
        '-A INPUT -p tcp -j ACCEPT',
        '-A INPUT -p tcp -j a',
        '-A INPUT -j b',
        '-A INPUT -p udp -j DROP',
        '-A a -s 10.0.0.1/32 -j DROP',
        '-A b -p tcp -j DROP',
        '-A b -j ACCEPT',
        '-A b -j DROP',
      ]),
    ).toEqual(
      [
        'enter 0',
        'list',
        '  protocol in 6: 0 accept',
        '  always: 3 on',
        '  always: 10 accept',
        '  always: 5 drop',
      ].slice(0, 5),
    );
  });

  it('keep a rule that an earlier one says already, where packets may have skipped that one', () => {
    expect(
      lists([
        '-A INPUT -j a',
        '-A INPUT -p tcp -j ACCEPT',
        '-A INPUT -p tcp -j ACCEPT',
        '-A a -s 10.0.0.1/32 -j RETURN',
        '-A a -p tcp -j ACCEPT',
      ]),
    ).toEqual([
      'enter 0',
      'list',
      '  always: 0 on',
      '  src in 10.0.0.1: 6 to 3',
      '  protocol in 6: 7 accept',
      '  protocol in 6: 1 accept',
      '  always: 3 drop',
    ]);
  });

  const CALLS = [
    '-A INPUT -p tcp -j a',
    '-A INPUT -p udp -g a',
    '-A INPUT -p esp -j a',
    '-A a -s 10.0.0.1/32 -j RETURN',
    '-A a -i eth0',
  ];

  it('give chains that are too large segments, one for each place they return to, with one list', () => {
    const { segments, entry } = hookLists('INPUT', CALLS, { budget: { ...BUDGET, flatten: 0 } });
    expect([`enter ${entry}`, ...segments.flatMap(printSegment)]).toEqual([
      'enter 0',
      'list call 4 next 1',
      '  protocol in 6: 0 call',
      'list call 6 next 2',
      '  protocol in 17: 1 call',
      'list call 7 next 3',
      '  protocol in 50: 2 call',
      'list',
      '  always: 3 drop',
      'list next 1 return 1',
      '  src in 10.0.0.1: 6 return',
      '  inDevice is "eth0": 7 on',
      'list',
      '  always: 3 drop',
      'list next 5 return 5',
      '  src in 10.0.0.1: 6 return',
      '  inDevice is "eth0": 7 on',
      'list next 3 return 3',
      '  src in 10.0.0.1: 6 return',
      '  inDevice is "eth0": 7 on',
    ]);
    const shared = segments.filter((segment) => 'list' in segment && segment.list.slots[0] === 6);
    expect(new Set(shared.map((segment) => 'list' in segment && segment.list)).size).toBe(1);
  });

  it('are longer than they should be where they would else be too many', () => {
    const budget = { ...DEFAULT_BUDGET, flatten: 0, segments: 6 };
    expect(lists(CALLS, { budget })).toEqual(lists(CALLS));
  });

  it('are walked through where they are entered in more ways than there may be segments', () => {
    const doubling = Array.from({ length: 40 }, (_, i) => [
      `-A c${i} -j c${i + 1}`,
      `-A c${i} -s 10.0.0.1 -j c${i + 1}`,
    ]);
    const rules = ['-A INPUT -j c0', ...doubling.flat(), '-A c40 -i eth0 -j RETURN', '-A c40 -p tcp -j DROP'];
    expect(hookLists('INPUT', rules).walked?.chains).toHaveLength(42);
    const options = { budget: { ...BUDGET, codeTests: Number.POSITIVE_INFINITY } };
    expect(() => hookLists('INPUT', rules, options)).toThrow(TooManySegmentsError);
    expect(hookLists('INPUT', rules.slice(0, 9).concat('-A c4 -p tcp')).segments).toHaveLength(1);
  });

  it('can be cut so that nothing is skipped', () => {
    const skipping = ['-A INPUT -j a', '-A INPUT -p udp -j RETURN', '-A INPUT -p tcp -g b', '-A INPUT -p esp -j DROP'];
    const returns = [
      '-A a -s 10.0.0.1/32 -j RETURN',
      '-A a -s 10.0.0.2/32 -j RETURN',
      '-A a -p esp -j DROP',
      '-A b -i eth0',
    ];
    const segments = [...hookLists('INPUT', [...skipping, ...returns]).segments];
    expect(cutSkips(segments, 0)).toBe(true);
    expect(segments.flatMap(printSegment)).toEqual([
      'list next 1',
      '  always: 0 on',
      '  src in 10.0.0.1: 7 to 4',
      '  src in 10.0.0.2: 8 to 4',
      '  protocol in 50: 9 drop',
      'list next 2',
      '  protocol in 17: 1 to 5',
      '  protocol in 6: 2 on',
      '  inDevice is "eth0", protocol in 6: 10 on',
      '  protocol in 6: -1 to 5',
      '  protocol in 50: 3 drop',
      'list',
      '  always: 4 drop',
    ]);
    expect(cutSkips(segments, 0)).toBe(false);
  });

  it('part packets by shape: drops are left in the odd list alone, once each', () => {
    expect(
      lists([
        '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
        '-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT',
        '-A INPUT -p udp -m udp --sport 53 -j ACCEPT',
        '-A INPUT -s 10.0.0.1/32 -j ACCEPT',
      ]),
    ).toEqual([
      'enter 2',
      'list',
      '  dport in 22, protocol in 6: 0 accept',
      '  dport in 80, protocol in 6: 1 accept',
      '  protocol in 17, sport in 53: 2 accept',
      '  src in 10.0.0.1: 3 accept',
      '  always: 4 drop',
      'list',
      '  fragment in 0-1, protocol in 6: -1 of 0 drop',
      '  fragment in 0, protocol in 17: -1 of 2 drop',
      '  src in 10.0.0.1: 3 accept',
      '  always: 4 drop',
      'shape: main 0, odd 1',
    ]);
  });

  it('leave what rules of IPv6 drop as malformed to the odd list', () => {
    const rules = [
      '-A INPUT -s fd00::1/128 -j ACCEPT',
      '-A INPUT -p tcp -j ACCEPT',
      '-A INPUT -p udp --dport 53 -j ACCEPT',
    ];
    const { segments, entry } = hookLists('INPUT', rules, {}, 'ipv6');
    expect([`enter ${entry}`, ...segments.flatMap(printSegment)]).toEqual([
      'enter 2',
      'list',
      '  src6 in fd00::1: 0 accept',
      '  protocol in 6: 1 accept',
      '  dport in 53, protocol in 17: 2 accept',
      '  always: 3 drop',
      'list',
      '  src6 in fd00::1: 0 accept',
      '  malformed in 1: -1 of 1 drop',
      '  protocol in 6: 1 accept',
      '  fragment in 0, protocol in 17, transportLength in 0-7: -1 of 2 drop',
      '  always: 3 drop',
      'shape: main 0, odd 1',
    ]);
  });

  it('let decisions stand alone that no table can be made of', () => {
    const { segments, entry } = hookLists('INPUT', [
      '-A INPUT -j a',
      '-A INPUT -p esp -j DROP',
      '-A a -p tcp -j RETURN',
      '-A a -s 10.0.0.0/240.240.240.240 -j ACCEPT',
      '-A a -p udp -j ACCEPT',
    ]);
    expect([`enter ${entry}`, ...segments.flatMap(printSegment)]).toEqual([
      'enter 0',
      'list call 3 next 1',
      '  always: 0 on',
      '  protocol in 6: 5 call',
      'list next 2',
      '  src & 0xf0f0f0f0 == 0x0: 6 accept',
      'list next 3',
      '  protocol in 17: 7 accept',
      'list',
      '  protocol in 50: 1 drop',
      '  always: 2 drop',
    ]);
  });

  it('leave packets undecided whose way depends on what a hook cannot see', () => {
    const rules = [
      '-A FORWARD -p tcp -j a',
      '-A FORWARD -p udp -o eth1',
      '-A FORWARD -j DROP',
      '-A a -s 10.0.0.1/32',
      '-A a -o eth0 -j DROP',
      '-A a -j DROP',
    ];
    const { segments } = hookLists('FORWARD', rules, { hidden: { FORWARD: ['outDevice'] } });
    expect(segments.flatMap(printSegment)).toEqual([
      'list',
      '  protocol in 6: 1 on',
      '  protocol in 6, src in 10.0.0.1: 6 on',
      '  protocol in 6: -1 of 7 undecided',
      '  protocol in 17: -1 of 2 undecided',
      '  always: 3 drop',
    ]);
  });
});

describe('chains', () => {
  it('follow chains that call thousands deep', () => {
    const deep = Array.from({ length: 5000 }, (_, i) => `-A c${i} -p tcp -j c${i + 1}`);
    const { segments } = hookLists('INPUT', ['-A INPUT -j c0', ...deep, '-A c5000 -j DROP']);
    expect('list' in segments[0]! && segments[0].list.length).toBe(5003);
  });
});
