// What the matches of connections mean: each rule's two meanings on every kind of connection, and what the kernel does in
// the cases that one would not expect (net/netfilter/xt_conntrack.c).

import { describe, expect, it } from 'vitest';
import type { PacketConnection, TrackedConnection } from '../../../src/base/connection.ts';
import { parseAddress6 } from '../../../src/base/ipv6.ts';
import { type HookPacket, viewOf } from '../../../src/base/packet.ts';
import { evaluatePredicate } from '../../../src/base/predicate.ts';
import { findMatch } from '../../../src/extensions/registry.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { buildIpv6Packet } from '../../harness/ipv6-builder.ts';
import { buildPacket } from '../../harness/packet-builder.ts';

const bytes = buildPacket({ source: 1, destination: 2, transport: { kind: 'udp', sport: 1, dport: 2 } });

const TRACKED: TrackedConnection = {
  ...{ state: 'ESTABLISHED', direction: 'ORIGINAL', status: ['SEEN_REPLY', 'CONFIRMED'], protocol: 17, expires: 30 },
  original: { source: 0x0a010203, destination: 0x0a000001, sourcePort: 5000, destinationPort: 53 },
  reply: { source: 0x0b000001, destination: 0x0a010203, sourcePort: 5353, destinationPort: 5000 },
};
const NEW: TrackedConnection = { ...TRACKED, state: 'NEW', status: [] };
const STATUSES: readonly TrackedConnection['status'][] = [
  [],
  ['CONFIRMED'],
  ['SEEN_REPLY', 'ASSURED', 'CONFIRMED'],
  ['EXPECTED', 'CONFIRMED'],
  ['CONFIRMED', 'SNAT'],
  ['CONFIRMED', 'DNAT'],
  ['SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'SNAT', 'DNAT'],
];
const CONNECTIONS: readonly (PacketConnection | undefined)[] = [
  undefined,
  'untracked',
  ...(['NEW', 'ESTABLISHED', 'RELATED'] as const).flatMap((state) =>
    (['ORIGINAL', 'REPLY'] as const).flatMap((direction) =>
      STATUSES.map((status) => ({ ...TRACKED, state, direction, status })),
    ),
  ),
  { ...TRACKED, protocol: 6, expires: 0 },
  { ...TRACKED, original: TRACKED.reply, reply: TRACKED.original, expires: 432000 },
];

function packetOf(connection: PacketConnection | undefined): HookPacket {
  const packet: HookPacket = { hook: 'INPUT', inDevice: 'eth0', outDevice: '', bytes };
  return connection === undefined ? packet : { ...packet, connection };
}

function meaningOf(words: string) {
  const { ruleset, diagnostics } = parseRuleset(`*filter\n-A INPUT ${words}\nCOMMIT\n`, { file: 'test' });
  expect(diagnostics).toEqual([]);
  const { extension, data } = ruleset.tables[0]!.chains[0]!.rules[0]!.matches[0]!;
  return { meaning: findMatch(extension)!.meaning!, data };
}

/** Whether a packet of the connection matches; both meanings must say the same. */
function matches(words: string, connection: PacketConnection | undefined, rule = meaningOf(words)): boolean {
  const { meaning, data } = rule;
  expect(meaning.unsupported?.(data)).toBe(undefined);
  const packet = packetOf(connection);
  const fields = fieldsOf(packet);
  const holds = meaning
    .clauses(data, 'ipv4')
    .every(({ predicate, negated }) => evaluatePredicate(predicate, fields) !== negated);
  const told = meaning.matches(data, viewOf(packet));
  expect([JSON.stringify(connection), holds]).toEqual([JSON.stringify(connection), told]);
  return holds;
}

const RULES = [
  '-m state --state NEW',
  '-m state --state RELATED,ESTABLISHED',
  '-m state ! --state INVALID,UNTRACKED',
  '-m conntrack --ctstate INVALID',
  '-m conntrack --ctstate UNTRACKED,NEW',
  '-m conntrack ! --ctstate ESTABLISHED',
  '-m conntrack --ctstate SNAT',
  '-m conntrack --ctstate NEW,DNAT',
  '-m conntrack ! --ctstate SNAT,DNAT',
  '-m conntrack --ctstate ESTABLISHED --ctdir REPLY --ctstatus ASSURED',
  '-m conntrack --ctstate INVALID,NEW --ctdir ORIGINAL ! --ctstatus CONFIRMED',
  '-m conntrack --ctdir ORIGINAL',
  '-m conntrack --ctdir REPLY',
  '-m conntrack --ctstatus NONE',
  '-m conntrack ! --ctstatus NONE',
  '-m conntrack --ctstatus EXPECTED,SEEN_REPLY',
  '-m conntrack ! --ctstatus ASSURED,CONFIRMED',
  '-m conntrack --ctproto udp',
  '-m conntrack ! --ctproto 17',
  '-m conntrack --ctorigsrc 10.1.2.99/24 --ctorigdst 10.0.0.1',
  '-m conntrack ! --ctorigsrc 10.0.0.0/8',
  '-m conntrack --ctreplsrc 11.0.0.0/8 ! --ctrepldst 10.1.2.3',
  '-m conntrack --ctorigsrc 0.0.0.0/0',
  '-m conntrack --ctorigsrcport 5000 --ctorigdstport 1:53',
  '-m conntrack ! --ctorigsrcport 5000:6000',
  '-m conntrack --ctreplsrcport 5353 ! --ctrepldstport 1:4999',
  '-m conntrack --ctorigsrcport 80:0',
  '-m conntrack ! --ctorigsrcport 80:0',
  '-m conntrack --ctexpire 30',
  '-m conntrack ! --ctexpire 1:100',
  '-m conntrack --ctexpire 0:4294967295',
  '-m conntrack --ctstate NEW,RELATED --ctproto udp --ctorigdstport 53',
  '-m conntrack ! --ctstate INVALID,UNTRACKED,NEW --ctproto udp',
];

it.each(RULES)('%s means the same twice', (words) => {
  const rule = meaningOf(words);
  for (const connection of CONNECTIONS) matches(words, connection, rule);
});

describe('a packet of no connection', () => {
  it.each([
    ['-m conntrack --ctproto udp', false],
    ['-m conntrack ! --ctproto udp', false],
    ['-m conntrack ! --ctstatus NONE', false],
    ['-m conntrack --ctdir ORIGINAL', false],
    ['-m conntrack --ctstate INVALID --ctproto udp', true],
    ['-m conntrack --ctstate INVALID,UNTRACKED --ctorigsrc 1.2.3.4 --ctdir REPLY', true],
    ['-m conntrack ! --ctstate NEW', true],
    ['-m conntrack ! --ctstate INVALID', false],
  ] as const)('%s: %s', (words, holds) => {
    expect(matches(words, undefined)).toBe(holds);
  });
});

describe('a packet of a connection', () => {
  it.each([
    ['-m conntrack --ctstatus NONE', NEW, false],
    ['-m conntrack ! --ctstatus NONE', NEW, true],
    ['-m conntrack --ctstate SNAT', { ...NEW, status: ['SNAT'] as const }, true],
    ['-m conntrack ! --ctstate NEW,SNAT', { ...TRACKED, status: ['SNAT'] as const }, false],
    ['-m conntrack --ctorigsrc 10.1.2.255/24', TRACKED, true],
    ['-m conntrack --ctorigsrcport 80:0', TRACKED, false],
  ] as const)('%s', (words, connection, holds) => {
    expect(matches(words, connection)).toBe(holds);
  });
});

const ENDS_6 = { source: parseAddress6('fd00::1')!, destination: parseAddress6('2001:db8::2')! };
const TRACKED_6: TrackedConnection = {
  ...TRACKED,
  original: { ...TRACKED.original, ...ENDS_6 },
  reply: { ...TRACKED.reply, source: ENDS_6.destination, destination: ENDS_6.source },
};

describe('a packet of an IPv6 connection', () => {
  it.each([
    ['--ctorigsrc fd00::1', true],
    ['--ctorigsrc fd00::2', false],
    ['--ctorigsrc fd00::ffff/64', true],
    ['! --ctorigsrc fd00::/127', false],
    ['--ctorigdst 2001:db8::/32 --ctreplsrc 2001:db8::2', true],
    ['--ctreplsrc fd00::1', false],
    ['--ctrepldst ::/0', true],
    ['! --ctrepldst ::/0', false],
    ['--ctrepldst fd00::/1', true],
  ] as const)('%s', (words, holds) => {
    const { ruleset } = parseRuleset(`*filter\n-A INPUT -m conntrack ${words}\nCOMMIT\n`, {
      file: 'test',
      family: 'ipv6',
    });
    const { extension, data } = ruleset.tables[0]!.chains[0]!.rules[0]!.matches[0]!;
    const meaning = findMatch(extension)!.meaning!;
    expect(meaning.unsupported?.(data)).toBe(undefined);
    const packet: HookPacket = {
      ...{ family: 'ipv6', hook: 'INPUT', inDevice: 'eth0', outDevice: '', connection: TRACKED_6 },
      bytes: buildIpv6Packet({ source: 1n, destination: 2n, transport: { kind: 'udp', sport: 1, dport: 2 } }),
    };
    const fields = fieldsOf(packet);
    const clauses = meaning.clauses(data, 'ipv6');
    expect(clauses.every(({ predicate, negated }) => evaluatePredicate(predicate, fields) !== negated)).toBe(holds);
    expect(meaning.matches(data, viewOf(packet))).toBe(holds);
  });
});

it.each([
  [
    '-m conntrack --ctstate INVALID,NEW --ctproto udp',
    '--ctproto, beside states of packets with and without a connection,',
  ],
  [
    '-m conntrack ! --ctstate NEW --ctorigsrc 1.2.3.4',
    '--ctorigsrc, beside states of packets with and without a connection,',
  ],
  ['-m conntrack ! --ctstate NEW --ctdir REPLY', undefined],
  ['-m conntrack --ctstate INVALID --ctproto udp', undefined],
])('%s cannot be said in clauses: %s', (words, option) => {
  const { meaning, data } = meaningOf(words);
  expect(meaning.unsupported?.(data)).toBe(option);
});
