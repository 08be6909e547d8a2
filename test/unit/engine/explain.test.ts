import { describe, expect, it } from 'vitest';
import type { EarlyFacts } from '../../../src/base/early.ts';
import { type ExplainOptions, type Explanation, explainRuleset } from '../../../src/engine/explain.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { EARLY_FEATURES, FEATURES } from '../../harness/fake-kernel.ts';

function explain(rules: readonly string[], options: Partial<ExplainOptions> = {}): Explanation {
  const chains = [':INPUT DROP [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]', ':b - [0:0]'];
  const text = ['*filter', ...chains, ...rules, 'COMMIT', ''].join('\n');
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  const found = explainRuleset(ruleset, { placement: 'netfilter', file: 'test', features: () => FEATURES, ...options });
  if (!('hooks' in found)) throw new Error(found[0]!.message);
  return found;
}

const MANY = Array.from(
  { length: 30 },
  (_, i) => `-A INPUT -s 10.${i}.0.0/${16 + (i % 8)} -p tcp -m tcp --dport ${i} -j ACCEPT`,
);

describe('explainRuleset', () => {
  it('says how packets of each hook find their rules', () => {
    const { hooks, tableBytes, unmet } = explain([...MANY, '-A FORWARD -p tcp -j DROP']);
    expect(hooks.map(({ hook, rules, tests }) => ({ hook, rules, tests }))).toEqual([
      { hook: 'INPUT', rules: 30, tests: undefined },
      { hook: 'FORWARD', rules: 1, tests: 1 },
      { hook: 'OUTPUT', rules: 0, tests: 0 },
    ]);
    const [main, odd, shape] = hooks[0]!.segments;
    expect([main, odd, shape].map((segment) => segment!.decisions)).toEqual([31, 31, 0]);
    expect(main).toMatchObject({ segment: 0, hook: 'INPUT', finish: 'dense' });
    expect(main!.lookups.map(({ name }) => name)).toContain('src');
    expect(main!.bytes).toBeGreaterThan(0);
    expect(tableBytes).toBeGreaterThanOrEqual(main!.bytes);
    expect(unmet).toEqual([]);
    expect(explain(MANY, { finish: 'linear' }).hooks[0]!.segments[0]).toMatchObject({ finish: 'linear', loads: 0 });
  });

  it('names rules that no packet meets, in the order of the table, and what takes their packets', () => {
    const { unmet } = explain([
      '-A INPUT -p tcp -j a',
      '-A INPUT -p udp -j ACCEPT',
      '-A INPUT -p udp -s 10.0.0.1/32 -j DROP',
      '-A a -p udp -j DROP',
      '-A a -s 10.0.0.1/32 -j DROP',
      '-A a -s 10.0.0.1/32 -j DROP',
      '-A b -j DROP',
    ]);
    const udp = { rule: '-A INPUT -p udp -j ACCEPT', line: 8 };
    const source = { rule: '-A a -s 10.0.0.1/32 -j DROP', line: 11 };
    expect(unmet).toEqual([
      { kind: 'shadowed', rule: '-A INPUT -s 10.0.0.1/32 -p udp -j DROP', line: 9, by: udp },
      { kind: 'unreachable', rule: '-A a -p udp -j DROP', line: 10 },
      { kind: 'duplicate', rule: '-A a -s 10.0.0.1/32 -j DROP', line: 12, by: source },
      { kind: 'unreachable', rule: '-A b -j DROP', line: 13 },
    ]);
  });

  it('counts rules as met that leave packets undecided', () => {
    const rules = ['-A FORWARD -o eth0 -p tcp -j DROP', '-A FORWARD -p udp -j DROP'];
    expect(explain(rules, { placement: 'xdp' }).unmet).toEqual([]);
  });

  it('says what passes did to which rules of hooks that are asked test by test', () => {
    const { passes } = explain(['-A OUTPUT -d 10.0.0.1/32 -p tcp -j DROP', '-A OUTPUT -d 10.0.0.1/32 -p udp -j DROP']);
    expect(passes.map(({ pass, testsBefore, testsAfter }) => [pass, testsBefore, testsAfter])).toEqual([
      ['skip-known', 4, 3],
    ]);
    expect(passes[0]!.rules).toEqual([
      { rule: '-A OUTPUT -d 10.0.0.1/32 -p udp -j DROP', testsBefore: 2, testsAfter: 1 },
    ]);
    expect(explain(MANY).passes).toEqual([]);
  });

  it('refuses what cannot be compiled', () => {
    const { ruleset } = parseRuleset('*filter\n-A INPUT -p tcp -m ttl --ttl-eq 3 -j DROP\nCOMMIT\n', { file: 'test' });
    expect(explainRuleset(ruleset, { placement: 'netfilter', file: 'test', features: () => FEATURES })).toMatchObject([
      { code: 'unsupported-option' },
    ]);
  });
});

describe('what is dropped before netfilter', () => {
  const early = (rules: readonly string[], options: Partial<ExplainOptions> = {}) =>
    explain(rules, { placement: 'exact', features: () => EARLY_FEATURES, ...options }).early!;
  /** Each rule, without its chain and state, with `early` or why not. */
  const places = (rules: readonly string[], options?: Partial<ExplainOptions>) =>
    early(rules, options).rules.map(({ rule, late = 'early' }) => [rule.replace(/^the policy of /, '-P '), late]);

  it('is said of each rule and policy, and why not of the others', () => {
    const found = places([
      '-A INPUT -i lo -j ACCEPT',
      '-A INPUT -s 127.0.0.0/8 -j DROP',
      '-A INPUT -p tcp -j a',
      '-A INPUT -p udp',
      '-A FORWARD -s 10.0.0.0/8 -o eth1 -j DROP',
      '-A FORWARD -s 10.0.0.0/8 -j DROP',
      '-A FORWARD -i eth7 -p tcp -j DROP',
      '-A FORWARD -i lo -j DROP',
      '-A FORWARD -p udp -m comment --comment counts',
      '-A OUTPUT -p tcp -j DROP',
      '-A a -s 10.0.0.1/32 -j ACCEPT',
      '-A a -s 10.0.0.2/32 -j RETURN',
      '-A b -j DROP',
    ]);
    expect(found).toEqual([
      ['-A INPUT -i lo -j ACCEPT', 'accept'],
      ['-A INPUT -s 127.0.0.0/8 -j DROP', 'address'],
      ['-A INPUT -p tcp -j a', 'early'],
      ['-A INPUT -p udp', 'early'],
      ['-P INPUT', 'early'],
      ['-A FORWARD -s 10.0.0.0/8 -o eth1 -j DROP', 'out-device'],
      ['-A FORWARD -s 10.0.0.0/8 -j DROP', 'behind'],
      ['-A FORWARD -i eth7 -p tcp -j DROP', 'early'],
      ['-A FORWARD -i lo -j DROP', 'in-device'],
      ['-A FORWARD -p udp -m comment --comment counts', 'open'],
      ['-P FORWARD', 'accept'],
      ['-A OUTPUT -p tcp -j DROP', 'output'],
      ['-P OUTPUT', 'output'],
      ['-A a -s 10.0.0.1/32 -j ACCEPT', 'accept'],
      ['-A a -s 10.0.0.2/32 -j RETURN', 'early'],
      ['-A b -j DROP', 'unmet'],
    ]);
  });

  it('is by state only where XDP can look it up, else nothing is', () => {
    const rules = [
      '-A INPUT -p tcp -m tcp --dport 22 -j DROP',
      '-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      '-A INPUT -m conntrack --ctstate INVALID -j DROP',
      '-A INPUT -m conntrack --ctorigsrc 10.0.0.1 -j a',
      '-A INPUT -p udp -j DROP',
      '-A a -j DROP',
    ];
    const known = early(rules.toSpliced(3, 1));
    expect(known.tracked).toBe(true);
    expect(known.rules.filter(({ asksState }) => asksState).map(({ line }) => line)).toEqual([9]);
    const asks = early(rules).rules.find(({ line }) => line === 10)!;
    expect(asks.late).toBe('connection');
    const call = { line: 10, rule: '-A INPUT -m conntrack --ctorigsrc 10.0.0.1 -j a' };
    expect(early(rules).rules.filter(({ late }) => late === 'behind')).toMatchObject([
      { line: 11 },
      { rule: 'the policy of INPUT' },
      { line: 12, by: call },
    ]);
    const { functions } = FEATURES;
    const blind = early(rules, { features: () => ({ ...EARLY_FEATURES, functions }) });
    expect(blind.none).toMatch(/does not let XDP look them up/);
    expect(new Set(blind.rules.map(({ late }) => late))).toEqual(new Set(['ground', 'output']));
    expect(early(['-A INPUT -p udp -j DROP'], { features: () => ({ ...EARLY_FEATURES, functions }) }).none).toBe(
      undefined,
    );
  });

  it('is nothing without ground, and in a chain without any; something for rules of IPv6', () => {
    const rules = ['-A INPUT -p tcp -j DROP', '-A FORWARD -p tcp -j DROP', '-A OUTPUT -p tcp -j DROP'];
    const none = early(rules, { ground: { why: 'of the weather' } });
    expect(none).toMatchObject({ none: 'of the weather', isHere: true, segments: [], tableBytes: 0 });
    expect(none.rules.map(({ late }) => late)).toEqual(['ground', 'ground', 'ground', 'ground', 'output', 'output']);
    const facts: EarlyFacts = {
      family: 'ipv4',
      local: [{ low: 0x0a000001, high: 0x0a000001 }],
      routed: [{ low: 0x0c000000, high: 0x0cffffff }],
      devices: [{ name: 'eth0', sources: [{ low: 0x0b000000, high: 0x0bffffff }], forwards: false }],
    };
    const ground = { facts, tracked: false, unexpected: true };
    const found = early([...rules, '-A INPUT -i eth1 -p udp -j DROP'], { ground });
    expect(found.rules.map(({ late }) => late)).toEqual([
      ...[undefined, 'in-device', undefined, 'ground', 'ground', 'output', 'output'],
    ]);
    const { ruleset } = parseRuleset('*filter\n:INPUT DROP\nCOMMIT\n', { file: 'test', family: 'ipv6' });
    const six = explainRuleset(ruleset, { placement: 'exact', file: 'test', features: () => EARLY_FEATURES });
    expect((six as Explanation).early!.rules.map(({ chain, late }) => [chain, late])).toEqual([
      ['INPUT', undefined],
      ['FORWARD', 'accept'],
      ['OUTPUT', 'output'],
    ]);
  });

  it('is not where packets go back by the device that they came in by, as their sender is told first', () => {
    const net = (a: number) => [{ low: a << 24, high: (a << 24) | 0xffffff }];
    const devices = [
      { name: 'eth0', sources: net(11), forwards: true, back: net(11) },
      { name: 'eth1', sources: net(12), forwards: false },
    ];
    const facts: EarlyFacts = { family: 'ipv4', local: [], routed: [...net(11), ...net(12)], devices };
    const rules = ['-A FORWARD -d 11.0.0.0/8 -j DROP', '-A FORWARD -d 12.0.0.0/8 -j DROP'];
    const found = early(rules, { ground: { facts, tracked: false, unexpected: true } });
    expect(found.rules.filter(({ chain }) => chain === 'FORWARD').map(({ late }) => late)).toEqual([
      ...['address', undefined, 'accept'],
    ]);
  });

  it('is less where strict drops are asked for, and nothing where they are off', () => {
    const rules = ['-A INPUT -m conntrack --ctstate INVALID -j DROP', '-A INPUT -p udp -j DROP'];
    const late = (choice: ExplainOptions['early']) =>
      early(rules, { early: choice }).rules.flatMap(({ chain, late: why }) => (chain === 'INPUT' ? [why] : []));
    expect(late('fast')).toEqual([undefined, undefined, undefined]);
    expect(late('strict')).toEqual([undefined, 'behind', 'behind']);
    expect(late('off')).toEqual(['ground', 'ground', 'ground']);
    const { deviceMerging: _, ...others } = EARLY_FEATURES.surroundings!;
    const features = () => ({ ...EARLY_FEATURES, surroundings: others });
    expect(early(rules, { early: 'strict', features }).none).toMatch(/put packets together/);
    expect(early(rules, { features }).none).toBe(undefined);
  });

  it('says of each hook where it is judged', () => {
    const at = (placement: ExplainOptions['placement']) =>
      explain([], { placement, features: () => EARLY_FEATURES }).hooks.map((hook) => hook.at);
    expect(at('exact')).toEqual([['xdp', 'netfilter'], ['netfilter'], ['netfilter']]);
    expect(at('netfilter')).toEqual([['netfilter'], ['netfilter'], ['netfilter']]);
    expect(at('xdp')).toEqual([['xdp'], ['xdp'], []]);
  });
});
