import { describe, expect, it } from 'vitest';
import { type ExplainOptions, type Explanation, explainRuleset } from '../../../src/engine/explain.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';

function explain(rules: readonly string[], options: Partial<ExplainOptions> = {}): Explanation {
  const chains = [':INPUT DROP [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]', ':b - [0:0]'];
  const text = ['*filter', ...chains, ...rules, 'COMMIT', ''].join('\n');
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  const found = explainRuleset(ruleset, { placement: 'netfilter', file: 'test', ...options });
  if (!('hooks' in found)) throw new Error(found[0]!.message);
  return found;
}

const MANY = Array.from({ length: 30 }, (_, i) => `-A INPUT -s 10.0.0.${i}/32 -p tcp -m tcp --dport ${i} -j ACCEPT`);

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
    expect(explainRuleset(ruleset, { placement: 'netfilter', file: 'test' })).toMatchObject([
      { code: 'unsupported-option' },
    ]);
  });
});
