import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Ipv4View } from '../../../src/base/packet.ts';
import { formatCase, parseCase, parsePackets, unmet } from '../../harness/case-file.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';
import { formatPacket, parsePacket } from '../../harness/packet-notation.ts';
import { EVERYTHING, EVERYTHING6, type Vocabulary } from '../../harness/random-rules.ts';

it.each([
  'INPUT in=eth0 tcp 10.0.0.1:1234 > 10.0.0.2:22 syn',
  'FORWARD in=eth0 out=eth1 icmp 10.0.0.1 > 10.9.0.2 type=8 code=0 payload=56',
  'OUTPUT out=lo udp 127.0.0.1:5000 > 127.0.0.1:53 payload=20 options=4 df',
  'INPUT in=eth0 47 10.0.0.1 > 10.0.0.2 payload=8',
  'INPUT in=eth0 tcp 10.0.0.1 > 10.0.0.2 payload=100 frag=185 more ttl=3 id=9 tos=16',
  'INPUT in=eth0 tcp 10.0.0.1:1 > 10.0.0.2:2 cut=19',
  'INPUT in=eth0 tcp [2001:db8::1]:1234 > [2001:db8::2]:22 syn',
  'FORWARD in=eth0 out=eth1 icmp6 2001:db8::1 > ff02::1 type=135 code=0 payload=16 ttl=255',
  'OUTPUT out=lo udp [::1]:53 > [::1]:53 via=hop,rt:2,dst:20,ah:4,frag+ payload=64 tos=8',
  'INPUT in=eth0 17 2001:db8::1 > 2001:db8::2 via=dst,frag:185 payload=64',
  'INPUT in=eth0 tcp [2001:db8::1]:1 > [2001:db8::2]:2 via=dst cut=27',
  'INPUT in=eth0 59 2001:db8::1 > 2001:db8::2',
])('prints what it read: %s', (line) => {
  expect(formatPacket(parsePacket(line))).toBe(line);
});

it('reads a line into the packet that it says', () => {
  const packet = parsePacket('FORWARD in=a out=b tcp 10.0.0.1:1234 > 10.0.0.2:22 syn ack payload=3');
  const view = new Ipv4View(packet);
  expect([packet.hook, packet.inDevice, packet.outDevice]).toEqual(['FORWARD', 'a', 'b']);
  expect([view.source, view.destination, view.protocol, view.length]).toEqual([0x0a000001, 0x0a000002, 6, 43]);
  const header = view.transport(20)!;
  expect([header.getUint16(0), header.getUint16(2), header.getUint8(13)]).toEqual([1234, 22, 0x12]);
});

it.each([
  ['PREROUTING in=a tcp 1.1.1.1:1 > 2.2.2.2:2', 'no such hook'],
  ['INPUT tcp 1.1.1.1:1 > 2.2.2.2:2', 'in=DEVICE expected'],
  ['INPUT in=a tcp 1.1.1.1 > 2.2.2.2:2', 'tcp needs two ports'],
  ['INPUT in=a tcp 1.1.1.256:1 > 2.2.2.2:2', 'no such address'],
  ['INPUT in=a gre 1.1.1.1 > 2.2.2.2', 'no such protocol'],
  ['INPUT in=a udp 1.1.1.1:1 2.2.2.2:2', 'SOURCE > DESTINATION'],
  ['INPUT in=a udp 1.1.1.1:1 > 2.2.2.2:2 size=3', 'no such word: size=3'],
  ['INPUT in=a udp ::1 > [::2]:2', 'udp needs two ports'],
  ['INPUT in=a udp [::1]:1 > [::g]:2', 'no such address'],
  ['INPUT in=a gre ::1 > ::2', 'no such protocol'],
  ['INPUT in=a 6 ::1 > ::2 via=esp', 'no such extension header: esp'],
])('refuses %s', (line, message) => {
  expect(() => parsePacket(line)).toThrow(message);
});

it.each<[string, Vocabulary]>([
  ['IPv4', EVERYTHING],
  ['IPv6', EVERYTHING6],
])('keeps every random packet and ruleset, byte for byte: %s', (_, vocabulary) => {
  fc.assert(
    fc.property(scenarios({ vocabulary, packets: 50 }), (scenario) => {
      const packets = scenario.packets.map((packet) => ({ packet, line: 0 }));
      const made = { title: 'random', rules: rulesetText(scenario), packets, counters: new Map() };
      const read = parseCase(formatCase(made), 'random.case');
      expect(read.rules).toBe(made.rules);
      expect(read.packets.map(({ packet }) => packet)).toEqual(scenario.packets);
    }),
    { numRuns: 20, seed: 20 },
  );
});

const CASE = `Two chains.
-- rules --
*filter
:INPUT ACCEPT [0:0]
COMMIT
-- packets --
INPUT in=eth0 tcp 10.0.0.1:1234 > 10.0.0.2:22 syn -> drop rule web:3 counts INPUT:1 web:3
INPUT in=eth0 47 10.0.0.1 > 10.0.0.2 -> accept policy INPUT counts INPUT:policy
INPUT in=eth0 tcp 10.0.0.1:1 > 10.0.0.2:2 cut=4 -> drop uncounted
-- counters --
INPUT:1 1 40
INPUT:policy 1 20
`;

it('prints the case that it read', () => {
  expect(formatCase(parseCase(CASE, 'two.case'))).toBe(CASE);
});

it('reads expectations and skips comments', () => {
  const [only] = parsePackets('# a comment\n\nOUTPUT out=lo 47 1.1.1.1 > 1.1.1.2 -> drop\n', 'x.packets');
  expect(only).toMatchObject({ expected: { verdict: 'drop' }, line: 3 });
});

it.each([
  ['-> reject', 'x.packets:2: accept or drop expected'],
  ['-> drop rule INPUT', 'x.packets:2: CHAIN:NUMBER'],
  ['-> drop rule INPUT:0', 'x.packets:2: CHAIN:NUMBER'],
  ['-> drop loudly', 'x.packets:2: not understood: loudly'],
])('says where an expectation is wrong: %s', (expectation, message) => {
  expect(() => parsePackets(`#\nOUTPUT out=lo 47 1.1.1.1 > 1.1.1.2 ${expectation}`, 'x.packets')).toThrow(message);
});

it('compares only what an expectation says', () => {
  const counted = [{ chain: 'INPUT', rule: 0 }];
  const outcome = { verdict: 'drop', counted, hotdrop: false } as const;
  expect(unmet({ verdict: 'drop' }, outcome)).toEqual([]);
  expect(unmet({ verdict: 'drop', decided: { chain: 'INPUT', rule: 0 }, counts: counted }, outcome)).toEqual([]);
  expect(unmet({ verdict: 'accept' }, outcome)).toEqual(['verdict: expected accept, found drop']);
  expect(unmet({ verdict: 'drop', decided: { chain: 'INPUT', rule: 'policy' } }, outcome)).toEqual([
    'decided by: expected policy INPUT, found rule INPUT:1',
  ]);
  expect(unmet({ verdict: 'drop', decided: 'uncounted' }, { ...outcome, hotdrop: true })).toEqual([]);
});
