// What matches say of IPv6 packets, each by both of its meanings, held against what ip6tables-legacy does.

import { expect, test } from 'vitest';
import { viewOf } from '../../../src/base/packet.ts';
import { evaluatePredicate } from '../../../src/base/predicate.ts';
import type { MatchResult } from '../../../src/extensions/extension.ts';
import { findMatch } from '../../../src/extensions/registry.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { parsePacket } from '../../harness/packet-notation.ts';

/** What the rule's one match says of a packet between two hosts. */
function verdict(specification: string, words: string): MatchResult {
  const text = `*filter\n-A INPUT ${specification}\nCOMMIT\n`;
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test', family: 'ipv6' });
  expect(diagnostics).toEqual([]);
  const [protocol, ports, ...rest] = words.split(' ');
  const end = (address: string, port: string | undefined) => (port === undefined ? address : `[${address}]:${port}`);
  const [sport, dport] = ports === '-' ? [] : ports!.split('>');
  const packet = parsePacket(
    `INPUT in=eth0 ${protocol} ${end('2001:db8::1', sport)} > ${end('2001:db8::2', dport)} ${rest.join(' ')}`.trim(),
  );
  const { extension, data } = ruleset.tables[0]!.chains[0]!.rules[0]!.matches[0]!;
  const meaning = findMatch(extension, 'ipv6')!.meaning!;
  const fields = fieldsOf(packet);
  let compiled: MatchResult = true;
  for (const { kind, predicate, negated } of meaning.clauses(data, 'ipv6')) {
    const holds = evaluatePredicate(predicate, fields) !== negated;
    if (compiled === true && kind === 'dropIf' && holds) compiled = 'drop';
    if (compiled === true && kind === 'require' && !holds) compiled = false;
  }
  const found = meaning.matches(data, viewOf(packet));
  expect(compiled).toBe(found);
  return found;
}

test.each<[string, string, MatchResult]>([
  ['-p tcp --dport 22', 'tcp 1>22', true],
  ['-p tcp --dport 22', 'tcp 1>22 via=hop,rt,dst:3,ah:4,frag+', true],
  ['-p tcp --dport 22', 'tcp 1>23 via=hop', false],
  ['-p tcp --dport 22', 'tcp 1>22 cut=19', 'drop'],
  ['-p tcp --dport 22', 'tcp 1>22 via=dst cut=27', 'drop'],
  ['-p tcp --dport 22', 'tcp 1>22 via=dst cut=28', true],
  ['-p tcp --dport 22', '6 - via=frag:1 payload=40', false],
  ['-p tcp --dport 22', '6 - via=frag:2 payload=40', false],
  ['-p udp --dport 53', 'udp 1>53 via=frag', true],
  ['-p udp --dport 53', 'udp 1>53 cut=7', 'drop'],
  ['-p udp --dport 53', '17 - via=frag:1+ payload=40', false],
  ['-p icmpv6 --icmpv6-type 128', 'icmp6 - type=128 code=7', true],
  ['-p icmpv6 --icmpv6-type 128', 'icmp6 - type=129', false],
  ['-p icmpv6 --icmpv6-type 128/0', 'icmp6 - type=128 code=7', false],
  ['-p icmpv6 --icmpv6-type 1/1:4', 'icmp6 - type=1 code=4', true],
  ['-p icmpv6 --icmpv6-type 1/1:4', 'icmp6 - type=1 code=5', false],
  ['-p icmpv6 --icmpv6-type 1/4:1', 'icmp6 - type=1 code=2', false],
  ['-p icmpv6 ! --icmpv6-type 1/4:1', 'icmp6 - type=1 code=2', true],
  ['-p icmpv6 --icmpv6-type 255', 'icmp6 - type=128', false],
  ['-p icmpv6 --icmpv6-type 255', 'icmp6 - type=255 code=9', true],
  ['-p icmpv6 ! --icmpv6-type echo-request', 'icmp6 - type=128', false],
  ['-p icmpv6 ! --icmpv6-type echo-request', 'icmp6 - type=1 code=1', true],
  ['-p icmpv6 --icmpv6-type 128', 'icmp6 - type=128 cut=7', 'drop'],
  ['-p icmpv6 --icmpv6-type 128', '58 - via=frag:1 payload=40', false],
])('%s of %s: %s', (specification, words, expected) => {
  expect(verdict(specification, words)).toBe(expected);
});
