// What of the language can be enforced: everything else is told, rule by rule, before anything is compiled.

import { describe, expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { compileRuleset } from '../../../src/engine/compile.ts';
import { checkEnforceable } from '../../../src/engine/enforceable.ts';
import { MATCHES, TARGETS } from '../../../src/extensions/registry.ts';
import type { Ruleset } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';

function parse(text: string, family: Family = 'ipv4'): Ruleset {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test.rules', family });
  expect(diagnostics).toEqual([]);
  return ruleset;
}

function findings(ruleset: Ruleset, before?: Ruleset): string[] {
  return checkEnforceable(ruleset, 'test.rules', before).map(
    ({ code, span, message }) => `${span.line}:${span.column} ${code} ${message}`,
  );
}

const EMPTY_NAT = '*nat\n:PREROUTING ACCEPT [3:180]\n:spare - [0:0]\nCOMMIT\n';

describe('checkEnforceable', () => {
  it('lets pass what has a meaning, and tables that decide nothing', () => {
    const text = `${EMPTY_NAT}*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n-A INPUT -p tcp -m tcp --syn -g a\n-A a -j RETURN\nCOMMIT\n`;
    expect(findings(parse(text))).toEqual([]);
  });

  it('tells all that has none, in the order of the file, each at its rule', () => {
    const rules = [
      '-A INPUT -j ACCEPT',
      '-A INPUT -f -j DROP',
      '-A INPUT ! -f -p tcp -m tcp --tcp-option 7 -j QUEUE',
      '  -A INPUT -p tcp -m tcp ! --tcp-option 3',
    ];
    expect(findings(parse(`*filter\n${rules.join('\n')}\nCOMMIT\n`))).toEqual([
      '3:1 unsupported-option bpfilter does not enforce the option -f yet: -A INPUT -f -j DROP',
      ...['the option -f', 'the option --tcp-option of the match tcp', 'the target QUEUE'].map(
        (what) =>
          `4:1 unsupported-option bpfilter does not enforce ${what} yet: ` +
          '-A INPUT -p tcp ! -f -m tcp --tcp-option 7 -j QUEUE',
      ),
      '5:3 unsupported-option bpfilter does not enforce the option --tcp-option of the match tcp yet: ' +
        '-A INPUT -p tcp -m tcp ! --tcp-option 3',
    ]);
  });

  it('says what to do instead', () => {
    const [found] = checkEnforceable(parse('*filter\n-A INPUT -f\nCOMMIT\n'), 'test.rules');
    expect(found).toMatchObject({ file: 'test.rules', hint: expect.stringMatching(/placement none/) });
  });

  it('refuses a table with rules or another policy, once, and whatever chain they are in', () => {
    const rules = '-A spare -j ACCEPT\n-A spare -j ACCEPT\n';
    const text = `${EMPTY_NAT.replace('COMMIT', `${rules}COMMIT`)}*mangle\n:INPUT DROP [0:0]\nCOMMIT\n*raw\nCOMMIT\n`;
    expect(findings(parse(text)).sort()).toEqual([
      expect.stringMatching(
        /^1:\d+ unsupported-table .*the table nat yet: it must hold no rules and accept everything/,
      ),
      expect.stringMatching(/^7:\d+ unsupported-table .*the table mangle yet/),
    ]);
  });

  it('has nothing against rules of IPv6', () => {
    expect(findings(parse('*filter\n-A INPUT -j ACCEPT\n-A INPUT -p tcp -j DROP\nCOMMIT\n', 'ipv6'))).toEqual([]);
  });

  it('does not take the lines of rules that were there for lines of the file', () => {
    const before = parse('*filter\n\n\n\n-A INPUT -f\nCOMMIT\n');
    const after = { ...before, tables: before.tables.map((table) => ({ ...table })) };
    expect(findings(after, before)).toEqual([
      '1:1 unsupported-option bpfilter does not enforce the option -f yet: the rule that is there, -A INPUT -f',
    ]);
  });

  it('does not take a table that was there for one of the file', () => {
    const before = parse('*filter\nCOMMIT\n\n\n*nat\n-A OUTPUT -j ACCEPT\nCOMMIT\n');
    expect(findings(before, before)).toEqual([
      expect.stringMatching(/^1:1 unsupported-table .*the table nat yet, which is there: it must hold no rules/),
    ]);
  });

  it('is asked before anything is compiled', () => {
    const options = { placement: 'netfilter', allowInexact: [], features: FEATURES, file: 'test.rules' } as const;
    const facts = { localDestinations: [] };
    const refused = compileRuleset(parse('*filter\n-A INPUT -j QUEUE\nCOMMIT\n'), { ...options, facts });
    expect(refused).toMatchObject({ ok: false, diagnostics: [{ code: 'unsupported-option' }] });
  });
});

it('an extension that can be enforced is one of those the document lists', () => {
  const names = (all: readonly { name: string; meaning?: unknown }[]) =>
    all.filter(({ meaning }) => meaning !== undefined).map(({ name }) => name);
  expect(names(MATCHES).sort()).toEqual(['comment', 'conntrack', 'icmp', 'icmp6', 'state', 'tcp', 'udp']);
  expect(names(TARGETS).sort()).toEqual(['ACCEPT', 'DROP', 'RETURN']);
});
