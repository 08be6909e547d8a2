import { expect, it, test } from 'vitest';
import { Ipv6View } from '../../../src/base/packet.ts';
import { buildIpv6Packet, type Ipv6Fields } from '../../harness/ipv6-builder.ts';
import { internetChecksum } from '../../harness/packet-builder.ts';

const FIELDS: Ipv6Fields = {
  source: 0x20010db8_00000000_00000000_00000001n,
  destination: 0x20010db8_00000000_00000000_00000002n,
  transport: { kind: 'udp', sport: 53, dport: 1234 },
};

const view = (fields: Partial<Ipv6Fields>): Ipv6View =>
  new Ipv6View({ hook: 'INPUT', inDevice: '', outDevice: '', bytes: buildIpv6Packet({ ...FIELDS, ...fields }) });

it('fills in the header', () => {
  const { packet, source, destination, protocol, length } = view({ payload: new Uint8Array(3), trafficClass: 0xab });
  expect([source, destination, protocol, length]).toEqual([FIELDS.source, FIELDS.destination, 17, 51]);
  expect([...packet.bytes.subarray(0, 8)]).toEqual([0x6a, 0xb0, 0, 0, 0, 11, 17, 64]);
});

test.each<[string, Partial<Ipv6Fields>]>([
  ['UDP', {}],
  ['TCP', { transport: { kind: 'tcp', sport: 1, dport: 2, flags: 2 } }],
  ['ICMPv6', { transport: { kind: 'icmp', type: 128, code: 0 }, payload: Uint8Array.of(1, 2, 3) }],
])('gives %s a good checksum', (_, fields) => {
  const { packet, protocol } = view(fields);
  const segment = packet.bytes.subarray(40);
  const tail = Uint8Array.of(0, 0, 0, segment.length, 0, 0, 0, protocol);
  expect(internetChecksum(packet.bytes.subarray(8, 40), tail, segment)).toBe(0);
});

it('chains headers, and ends a later fragment behind its header', () => {
  const whole = view({
    headers: [
      { kind: 'hop', units: 0 },
      { kind: 'ah', units: 1 },
      { kind: 'dst', units: 2 },
    ],
  });
  expect([whole.protocol, whole.transportOffset, whole.transport(4)?.getUint16(2)]).toEqual([17, 84, 1234]);
  const later = view({ headers: [{ kind: 'frag', offset: 9, more: true }], payload: new Uint8Array(16) });
  expect([later.protocol, later.fragmentOffset, later.length]).toEqual([17, 9, 64]);
  expect(view({ headers: [{ kind: 'hop', units: 0 }], cut: 1 }).malformed).toBe(true);
});
