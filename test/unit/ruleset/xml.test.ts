import { expect, test } from 'vitest';
import { rulesetXml } from '../../../src/ruleset/xml.ts';

const PLAIN = { combine: false, verbose: false };

/** XML of the rules of a chain INPUT, without what stands around them. */
function rules(lines: readonly string[], combine = false): string {
  const { xml, failure } = rulesetXml(`*t\n:INPUT ACCEPT [1:2]\n:user - [0:0]\n${lines.join('\n')}\nCOMMIT\n`, {
    ...PLAIN,
    combine,
  });
  expect(failure).toBeUndefined();
  return xml.replace(/^[\s\S]*byte-count="2" >\n/, '').replace(/ {4}<\/chain>[\s\S]*/, '');
}

test('tables, chains with and without rules, comments', () => {
  const text = '# a -- b\n*x\n:INPUT ACCEPT [1:2]\n:a<b - [3:4]\n-A INPUT\nCOMMIT\n';
  expect(rulesetXml(text, PLAIN)).toEqual({
    xml: `<iptables-rules version="1.0">
<!-- # a *- *- b -->
  <table name="x" >
    <chain name="INPUT" policy="ACCEPT" packet-count="1" byte-count="2" >
      <rule >
       <actions>
       </actions>

      </rule>

    </chain>
    <chain name="a&lt;b" packet-count="3" byte-count="4" />
  </table>
</iptables-rules>
`,
  });
});

test('conditions and actions', () => {
  const rule =
    '[5:6] -A INPUT ! -s 1.2.3.4 -m comment --comment "a <b> \\"c\\"" -m x ! --flag -m y -j LOG --log-prefix p';
  expect(rules([rule])).toBe(`      <rule packet-count="5" byte-count="6" >
       <conditions>
        <match >
          <s  invert="1">1.2.3.4</s>
        </match>
        <comment >
          <comment >&quot;a &lt;b&gt; &quot;c&quot;&quot;</comment>
        </comment>
        <x >
          <flag  invert="1" />
        </x>
        <y  />
       </conditions>
       <actions>
        <LOG >
          <log-prefix >p</log-prefix>
        </LOG>
       </actions>

      </rule>

`);
});

test.each([
  ['-j user', '<call >\n          <user />\n        </call>'],
  ['--goto user', '<goto >\n          <user />\n        </goto>'],
  ['-g other', '<other  />'],
  ['-j X', '<X  />'],
])('target %s', (words, element) => {
  expect(rules([`-A INPUT ${words}`])).toContain(`       <actions>\n        ${element}\n       </actions>`);
});

const LOG = '-A INPUT -s 1 -j LOG';
test.each([
  [true, LOG, '[1:2] -A INPUT -s 1 -j X'],
  [false, '-A INPUT -s 1 -j DROP', LOG],
  [false, '-A INPUT -s 1 -g user', LOG],
  [false, '-A INPUT -s 2 -j LOG', LOG],
  [false, '-A user -s 1 -j LOG', LOG],
  [false, '-A INPUT -j LOG', '-A INPUT -j X'],
  [false, LOG, '-A INPUT -s 1'],
])('combined: %s: %s, %s', (combined, first, second) => {
  expect(rules([first, second], true).includes('<!-- Combine action from next rule -->\n        <')).toBe(combined);
  expect(rules([first, second])).not.toContain('Combine');
});

test('verbose', () => {
  const { xml } = rulesetXml('*x\n\n#y\nCOMMIT\n', { ...PLAIN, verbose: true });
  expect(xml.split('\n').filter((line) => line.startsWith('<!--'))).toEqual([
    '<!-- line 1 *x -->',
    '<!-- #y -->',
    '<!-- line 4 COMMIT -->',
  ]);
});

test.each([
  ['-A INPUT\n', 'failed', 'line 1 failed', 1],
  ['*x\n', 'failed', 'COMMIT expected at line 2', 2],
  ['*x\n-X\n', 'failed', 'line 2 failed - no chain found', 2],
  ['*\n', 'misuse', 'iptables-xml: line 1 table name invalid', 1],
  ['*x\n:\n', 'misuse', 'iptables-xml: line 2 chain name invalid', 2],
  ['*x\n:a\n', 'misuse', 'iptables-xml: line 2 policy invalid', 2],
  ['*x\n[1:2 -A a\n', 'misuse', 'Bad line 2: need ]', 2],
  [`*x\n-A a ${'x'.repeat(1024)}\n`, 'misuse', 'Parameter too long!', 2],
  [`*x\n-A a${' x'.repeat(253)}\n`, 'misuse', 'Parser cannot handle more arguments', 2],
] as const)('%j', (text, kind, message, line) => {
  expect(rulesetXml(text, PLAIN).failure).toEqual({ kind, message, line });
});
