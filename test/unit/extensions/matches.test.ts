// Every match: what its options print as, what it refuses, and its two meanings on crafted packets, held against what
// the kernel does with them (xt_tcpudp.c, ip_tables.c).

import { describe, expect, test } from 'vitest';
import { Ipv4View } from '../../../src/base/packet.ts';
import { type Clause, evaluatePredicate, type FieldValues } from '../../../src/base/predicate.ts';
import type { MatchResult } from '../../../src/extensions/extension.ts';
import { findMatch } from '../../../src/extensions/registry.ts';
import type { Rule } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRule } from '../../../src/ruleset/print.ts';
import { NO_FIELDS } from '../../harness/fields.ts';
import { buildPacket, type PacketFields } from '../../harness/packet-builder.ts';

function parse(specification: string): Rule {
  const { ruleset, diagnostics } = parseRuleset(`*filter\n-A INPUT ${specification}\nCOMMIT\n`, { file: 'test' });
  expect(diagnostics).toEqual([]);
  return ruleset.tables[0]!.chains[0]!.rules[0]!;
}

function view(fields: Partial<PacketFields> & Pick<PacketFields, 'transport'>): Ipv4View {
  const bytes = buildPacket({ source: 0x0a000001, destination: 0x0a000002, ...fields });
  return new Ipv4View({ hook: 'INPUT', inDevice: 'eth0', outDevice: '', bytes });
}

/** The fields as a hook reads them: what a packet lacks is 0. */
function fieldsOf(packet: Ipv4View): FieldValues {
  const behind = packet.packet.bytes.subarray(packet.transportOffset);
  const byte = (i: number) => behind[i] ?? 0;
  return {
    ...NO_FIELDS,
    src: packet.source,
    dst: packet.destination,
    protocol: packet.protocol,
    fragment: packet.fragmentOffset,
    transportLength: behind.length,
    sport: byte(0) * 256 + byte(1),
    dport: byte(2) * 256 + byte(3),
    tcpFlags: byte(13),
    icmp: byte(0) * 256 + byte(1),
    inDevice: packet.packet.inDevice,
    outDevice: packet.packet.outDevice,
  };
}

function evaluateClauses(clauses: readonly Clause[], packet: Ipv4View): MatchResult {
  const fields = fieldsOf(packet);
  for (const { kind, predicate, negated } of clauses) {
    const holds = evaluatePredicate(predicate, fields) !== negated;
    if (kind === 'dropIf' && holds) return 'drop';
    if (kind === 'require' && !holds) return false;
  }
  return true;
}

/** What the matches of a rule say of a packet; both meanings must say the same. */
function verdict(specification: string, packet: Ipv4View): MatchResult {
  const results = parse(specification).matches.map(({ extension, data }): MatchResult => {
    const { clauses, matches } = findMatch(extension)!.meaning!;
    const reference = matches(data, packet);
    expect(evaluateClauses(clauses(data, 'ipv4'), packet)).toBe(reference);
    return reference;
  });
  return results.find((result) => result !== true) ?? true;
}

const SYN = 0x02;
const tcp = (sport: number, dport: number, flags = SYN) => view({ transport: { kind: 'tcp', sport, dport, flags } });
const udp = (sport: number, dport: number) => view({ transport: { kind: 'udp', sport, dport } });
const icmp = (type: number, code: number) => view({ transport: { kind: 'icmp', type, code } });
const later = (transport: PacketFields['transport'], fragmentOffset: number) =>
  view({ transport, fragmentOffset, payload: new Uint8Array(64) });
const cut = (transport: PacketFields['transport'], length: number) => view({ transport, cut: length });

describe('print', () => {
  test.each([
    ['-p tcp --dport 22', '-p tcp -m tcp --dport 22'],
    ['-p tcp --destination-port 1: --source-port :9', '-p tcp -m tcp --sport 0:9 --dport 1:65535'],
    ['-p tcp ! --dport 5:5', '-p tcp -m tcp ! --dport 5'],
    ['-p tcp -m tcp --dport 0:65535', '-p tcp -m tcp'],
    ['-p tcp ! --dport 0:65535', '-p tcp -m tcp ! --dport 0:65535'],
    ['-p tcp --syn', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN'],
    ['-p tcp ! --syn', '-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN'],
    ['-p tcp --tcp-flags all none', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE'],
    ['-p tcp --tcp-flags NONE NONE', '-p tcp -m tcp'],
    ['-p tcp ! --tcp-flags NONE NONE', '-p tcp -m tcp ! --tcp-flags NONE NONE'],
    ['-p udp ! --sport 53 --dport 1:2', '-p udp -m udp ! --sport 53 --dport 1:2'],
    ['-p icmp --icmp-type echo-request', '-p icmp -m icmp --icmp-type 8'],
    ['-p icmp ! --icmp-type 3/1', '-p icmp -m icmp ! --icmp-type 3/1'],
    ['-p icmp --icmp-type port-unreach', '-p icmp -m icmp --icmp-type 3/3'],
    ['-p icmp --icmp-type 255/7', '-p icmp -m icmp --icmp-type any'],
    ['-m comment --comment plain_text-1', '-m comment --comment plain_text-1'],
    ['-m comment --comment "a \\"b\\" \'c\' \\\\"', '-m comment --comment "a \\"b\\" \\\'c\\\' \\\\"'],
    ['-m comment --comment ""', '-m comment --comment ""'],
    [`-m comment --comment ${'ü'.repeat(128)}`, `-m comment --comment "${'ü'.repeat(127)}"`],
  ])('%s', (specification, printed) => {
    expect(printRule(parse(specification), 'ipv4')).toBe(printed);
    expect(printRule(parse(printed), 'ipv4')).toBe(printed);
  });
});

describe('tcp', () => {
  test.each<[string, Ipv4View, MatchResult]>([
    ['--dport 22', tcp(1, 22), true],
    ['--dport 22', tcp(22, 23), false],
    ['--sport 22', tcp(22, 23), true],
    ['! --dport 22', tcp(1, 22), false],
    ['! --dport 22', tcp(1, 21), true],
    ['--dport 20:30', tcp(1, 20), true],
    ['--dport 20:30', tcp(1, 30), true],
    ['--dport 20:30', tcp(1, 31), false],
    ['! --dport 0:65535', tcp(1, 31), false],
    ['! --sport 1:2 --dport 5', tcp(3, 5), true],
    ['--syn', tcp(1, 1, 0x02), true],
    ['--syn', tcp(1, 1, 0x12), false],
    ['--syn', tcp(1, 1, 0xc2), true],
    ['! --syn', tcp(1, 1, 0x12), true],
    ['--tcp-flags SYN ACK', tcp(1, 1, 0x12), false],
    ['! --tcp-flags NONE NONE', tcp(1, 1), false],
  ])('%s', (options, packet, result) => {
    expect(verdict(`-p tcp ${options}`, packet)).toBe(result);
  });

  const transport = { kind: 'tcp', sport: 1, dport: 22, flags: SYN } as const;
  test.each<[string, Ipv4View, MatchResult]>([
    ['a fragment at offset 1 is dropped', later(transport, 1), 'drop'],
    ['a later fragment does not match', later(transport, 2), false],
    ['a cut header is dropped', cut(transport, 19), 'drop'],
    ['a bare header is enough', cut(transport, 20), true],
    ['a first fragment is looked at', view({ transport, moreFragments: true }), true],
    ['options in front of the header', view({ transport, options: new Uint8Array(8) }), true],
  ])('%s', (_, packet, result) => {
    expect(verdict('-p tcp -m tcp', packet)).toBe(result);
    expect(verdict('-p tcp --dport 22', packet)).toBe(result);
  });
});

describe('udp', () => {
  const transport = { kind: 'udp', sport: 53, dport: 1000 } as const;
  test.each<[string, Ipv4View, MatchResult]>([
    ['--sport 53', udp(53, 9), true],
    ['--sport 53', udp(9, 53), false],
    ['--dport 53', udp(9, 53), true],
    ['! --sport 53 ! --dport 53', udp(9, 9), true],
    ['! --sport 53 ! --dport 53', udp(9, 53), false],
    ['--sport 90:80', udp(85, 9), false],
    ['! --sport 90:80', udp(85, 9), true],
    ['--sport 65536', udp(0, 9), true],
    ['-m udp', later(transport, 1), false],
    ['-m udp', later(transport, 9), false],
    ['-m udp', cut(transport, 7), 'drop'],
    ['-m udp', cut(transport, 8), true],
  ])('%s', (options, packet, result) => {
    expect(verdict(`-p udp ${options}`, packet)).toBe(result);
  });
});

describe('icmp', () => {
  const transport = { kind: 'icmp', type: 8, code: 0 } as const;
  test.each<[string, Ipv4View, MatchResult]>([
    ['--icmp-type 8', icmp(8, 0), true],
    ['--icmp-type 8', icmp(8, 255), true],
    ['--icmp-type 8', icmp(9, 0), false],
    ['--icmp-type 8', icmp(7, 255), false],
    ['--icmp-type 3/4', icmp(3, 4), true],
    ['--icmp-type 3/4', icmp(3, 5), false],
    ['! --icmp-type 3/4', icmp(3, 5), true],
    ['! --icmp-type 3/4', icmp(3, 4), false],
    ['--icmp-type any', icmp(200, 200), true],
    ['! --icmp-type any', icmp(200, 200), false],
    ['--icmp-type any', later(transport, 1), false],
    ['--icmp-type any', cut(transport, 7), 'drop'],
    ['! --icmp-type any', cut(transport, 7), 'drop'],
    ['--icmp-type 8', cut(transport, 8), true],
  ])('%s', (options, packet, result) => {
    expect(verdict(`-p icmp ${options}`, packet)).toBe(result);
  });
});

test('comment matches everything', () => {
  expect(verdict('-m comment --comment x', cut({ kind: 'udp', sport: 1, dport: 1 }, 0))).toBe(true);
});
