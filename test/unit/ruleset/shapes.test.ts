// The fast way to read rules must be the plain one, only faster: whatever a file holds, both give the same ruleset and
// the same findings.

import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import type { Ruleset } from '../../../src/ruleset/model.ts';
import { systemNames } from '../../../src/ruleset/names.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleLine } from '../../../src/ruleset/print.ts';
import { readLinesOf } from '../../../src/ruleset/read-lines.ts';
import { RuleShapes } from '../../../src/ruleset/shapes.ts';
import type { TextCase } from '../../differential/text-cases/text-case.ts';

// Nobody is asked for names of hosts.
const names = { ...systemNames(), hostAddresses: () => [] };

function bothWays(text: string, family: Family, counters: boolean): void {
  const options = { file: 'test', family, counters, names };
  const fast = parseRuleset(text, options);
  expect(fast).toEqual(parseRuleset(text, { ...options, plain: true }));
  linesKnown(fast.ruleset);
}

/** Of how many rules the line is known; each must be what is printed of the rule. */
function linesKnown({ family, tables }: Ruleset): number {
  let known = 0;
  for (const { name, rules } of tables.flatMap(({ chains }) => chains)) {
    const lines = readLinesOf(rules) ?? [];
    expect([0, rules.length]).toContain(lines.length);
    for (const [i, line] of lines.entries()) {
      if (line === undefined) continue;
      expect(line).toBe(printRuleLine(name, rules[i]!, family));
      known++;
    }
  }
  return known;
}

const number = fc.oneof(
  fc.integer({ min: 0, max: 70_000 }).map(String),
  fc.constantFrom('0', '010', '0x1f', '00', '5:6'),
);
const octet = fc.oneof(fc.integer({ min: 0, max: 260 }).map(String), fc.constantFrom('0', '01', ''));
const address = fc.oneof(
  fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')),
  fc.tuple(octet, octet, octet, octet, number).map(([a, b, c, d, n]) => `${a}.${b}.${c}.${d}/${Number(n) % 34}`),
  fc.constantFrom('10', '0.0.0.0/0', '1.2.3.4,5.6.7.8', '1.2.3.4/255.255.0.0', '"1.2.3.4"', '1.2.3.4/'),
);
const address6 = fc.oneof(
  fc.tuple(fc.nat(65535), fc.nat(140)).map(([n, length]) => `2001:db8::${n.toString(16)}/${length}`),
  fc.constantFrom('::1', '::/0', 'fe80::/10', '::ffff:1.2.3.4', '1:2', 'FE80::1', '::1/ffff::', '1::2::3'),
);
const quoted = fc.oneof(
  fc.string({ maxLength: 12 }).map((text) => `"${text.replace(/[\n\r\0]/g, '')}"`),
  fc.constantFrom('"a b"', '"a\\"b"', 'a"b c"', '"x"y', '"open', '"-j"', '"!"', `"${'x'.repeat(400)}"`),
);
const chain = fc.constantFrom('INPUT', 'c', 'd', 'nope', 'LOG', 'FORWARD', '5', '"c"', '-A');
const blank = fc.constantFrom(' ', ' ', ' ', '  ', '\t');

/** Words of a rule, of few kinds so that shapes come again. */
const piece = fc.oneof(
  fc.tuple(fc.constantFrom('-s', '-d', '! -s', '--src'), fc.oneof(address, address6)).map((words) => words.join(' ')),
  fc.tuple(fc.constantFrom('--dport', '--sport', '! --dport', '--tcp-option'), number).map((words) => words.join(' ')),
  fc.tuple(fc.constant('-m comment --comment'), fc.oneof(quoted, number)).map((words) => words.join(' ')),
  fc
    .tuple(fc.constantFrom('-j', '-g'), fc.oneof(chain, fc.constantFrom('ACCEPT', 'RETURN')))
    .map((words) => words.join(' ')),
  fc
    .tuple(
      fc.constantFrom('-i', '! -i', '-o'),
      fc.constantFrom('eth0', 'eth1', 'eth+', '+', 'a.b-c', '5', '-c', 'abcdefghijklmno', 'abcdefghijklmnop', '!'),
    )
    .map((words) => words.join(' ')),
  fc.constantFrom(
    '-p tcp',
    '-p udp',
    '-i eth0',
    '-o eth1',
    '-f',
    '-c 5 6',
    '--syn',
    '-p 6',
    '-p 47',
    '! -p 47',
    '--tcp-flags "SYN" "SYN"',
  ),
);

const rule = fc
  .tuple(
    fc.option(
      fc.tuple(number, number).map(([p, b]) => `[${p}:${b}] `),
      { nil: '' },
    ),
    fc.constantFrom('-A', '-A', '-A', '-I', '-D'),
    chain,
    fc.array(fc.tuple(blank, piece), { maxLength: 5 }),
  )
  .map(
    ([counters, command, name, pieces]) =>
      `${counters}${command} ${name}${pieces.map((each) => each.join('')).join('')}`,
  );

/** Files in which lines come again with other numbers, as in real ones. */
const file = fc
  .tuple(
    fc.array(rule, { minLength: 1, maxLength: 6 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(65_535)), { maxLength: 24 }),
  )
  .map(([rules, again]) => {
    const lines = again.map(([which, n]) => {
      const line = rules[which % rules.length]!;
      return line.replace(/\b\d+\b/, String(n)).replace(/\d+(?=\D*$)/, String(n & 255));
    });
    return `*filter\n:c - [0:0]\n:d - [0:0]\n:5 - [0:0]\n${[...rules, ...lines].join('\n')}\nCOMMIT\n*nat\n:LOG -\n${rules[0]}\nCOMMIT\n`;
  });

test('both ways agree', () => {
  fc.assert(fc.property(file, fc.constantFrom<Family>('ipv4', 'ipv6'), fc.boolean(), bothWays), {
    numRuns: 500,
    seed: 20,
  });
});

const ZEROS = '0'.repeat(1100);

test.each([
  ['a word that is too long', `-A c -m length --length 1:5\n-A c -m length --length ${ZEROS}:5`],
  ['an address that is too long', `-A c -m iprange --src-range ::1\n-A c -m iprange --src-range ::${ZEROS}1`],
  [
    'the mark of words left out',
    ['\u0001q" "x', 'y" "\u0001q']
      .map((text) => `-A c -m comment --comment "${text}"`.replace('" "', '" -m comment --comment "'))
      .map((line) => line.replace('"\u0001q"', '\u0001q'))
      .join('\n'),
  ],
  ['names of properties', '-A c -j __proto__\n-A c -j d\n-A constructor -s 1.1.1.1\n-A c -s 1.1.1.2'],
  ['a chain renamed', '-A c -j d\n-E d e\n-A c -j d\n-A c -j e\n-F\n-X e\n-A c -j e'],
])('both ways agree about %s', (_, rules) => {
  const text = `*filter\n:c - [0:0]\n:d - [0:0]\n${rules}\nCOMMIT\n`;
  for (const family of ['ipv4', 'ipv6'] as const) bothWays(text, family, true);
});

// Every option of every extension: each rule again with other numbers, quoted texts and addresses.
const CASES = new URL('../../differential/text-cases/', import.meta.url);
const caseFiles = readdirSync(CASES).filter((name) => name !== 'text-case.ts');

test.each(caseFiles)('both ways agree about rules like those of %s', async (name) => {
  const { cases } = (await import(new URL(name, CASES).href)) as { cases: readonly TextCase[] };
  for (const { family, table, chain, rule: first } of cases) {
    const others = ['0', '1', '7', '15', '255', '256', '65536', '4294967296'].flatMap((number) => [
      first.replace(/\d+/, number),
      first.replace(/\d+(?=\D*$)/, number),
      first.replaceAll(/\b\d+\b/g, number),
      first.replaceAll(/"[^"]*"/g, `"${number}"`),
    ]);
    const texts = ['""', '"!"', '"-j"', '"a b"', `"${'x'.repeat(299)}"`].map((text) => first.replace(/"[^"]*"/, text));
    const lines = [first, ...others, ...texts, first].map((each) => `-A ${chain} ${each}\n`);
    bothWays(`*${table}\n:c - [0:0]\n${lines.join('')}COMMIT\n`, family, true);
  }
});

test.each([
  ['addresses', (i: number) => `-A c -s 10.0.${i >> 8}.${i & 255} -j DROP`],
  [
    'ports and comments',
    (i: number) => `[${i}:7] -A c -p tcp -m tcp --dport ${i} -m comment --comment "rule ${i}" -j d`,
  ],
  ['devices', (i: number) => `-A c -i eth${i} ! -o ppp${i % 7}+ -j DROP`],
  ['chains', (i: number) => `-A chain${i % 40} ! -d 10.0.0.${i & 255}/31 -g chain${(i + 1) % 40}x`],
])('lines that differ in %s are read the fast way', (_, line) => {
  const chains = Array.from({ length: 40 }, (_each, i) => `:chain${i} -\n:chain${i}x -\n`).join('');
  const rules = Array.from({ length: 300 }, (_each, i) => line(i));
  const text = `*filter\n:c -\n:d -\n${chains}${rules.join('\n')}\nCOMMIT\n`;
  let fast = 0;
  const instantiate = RuleShapes.prototype.instantiate;
  RuleShapes.prototype.instantiate = function count(...args) {
    const made = instantiate.apply(this, args);
    if (made !== undefined) fast++;
    return made;
  };
  try {
    expect(parseRuleset(text, { file: 'test', counters: false }).diagnostics).toEqual([]);
  } finally {
    RuleShapes.prototype.instantiate = instantiate;
  }
  expect(fast).toBe(299);
  bothWays(text.replaceAll(':c -\n:d -', ':c - [0:0]\n:d - [0:0]'), 'ipv4', true);
});

test('lines are known of rules as iptables-save prints them', () => {
  const lines = Array.from({ length: 100 }, (_, i) => [
    `-A c -s 10.0.${i}.0/24 -i eth${i} -j DROP`,
    `[5:${i}] -A c -p tcp -m tcp --sport 1024:65535 --dport ${i + 1} -j ACCEPT`,
    `-A c -p udp -m udp --dport ${i + 1} -m comment --comment "rule ${i}" -j d`,
    // Printed in other ways: bits of the host, no length of a prefix, an option by its long name, a text without quotes.
    `-A c -s 10.0.${i}.1/24 -j DROP`,
    `-A c -s 10.0.${i}.1 -j DROP`,
    `-A c --source 10.0.${i}.1/32 -j DROP`,
    `-A c -m comment --comment "${i}"`,
  ]).flat();
  const text = `*filter\n:c - [0:0]\n:d - [0:0]\n${lines.join('\n')}\nCOMMIT\n`;
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  // The first of each kind was read by the grammar.
  expect(linesKnown(ruleset)).toBe(3 * 99);
  // They stay with their rules when others come and go.
  const change = '*filter\n-I c 3 -s 1.2.3.4/32 -j DROP\n-D c 1\n-A c -s 1.2.3.5/32 -j DROP\nCOMMIT\n';
  const after = parseRuleset(change, { file: 'test', existing: ruleset, noflush: true });
  expect(after.diagnostics).toEqual([]);
  expect(linesKnown(after.ruleset)).toBe(3 * 99);
});

test('lines that differ in addresses alone are read by the grammar once, whatever number their protocol is', () => {
  const lines = (protocol: string) =>
    ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((a) => `-A INPUT -s ${a}/32 -p ${protocol} -j DROP`);
  const text = ['*filter', ...['47', '50', 'tcp'].flatMap(lines), 'COMMIT', ''].join('\n');
  const learn = vi.spyOn(RuleShapes.prototype, 'learn');
  try {
    bothWays(text, 'ipv4', true);
    const once = learn.mock.calls.map(([line]) => line).slice(0, 3);
    expect(once).toEqual(['47', '50', 'tcp'].map((protocol) => lines(protocol)[0]));
  } finally {
    learn.mockRestore();
  }
});
