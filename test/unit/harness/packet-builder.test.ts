import { expect, it } from 'vitest';
import { Ipv4View } from '../../../src/base/packet.ts';
import { buildFrame, buildPacket, fragmentPacket, internetChecksum } from '../../harness/packet-builder.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const ends = { source: 0x0a000001, destination: 0x0a000002 };

it('gives the checksum of the example in RFC 1071', () => {
  expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(0x220d);
});

it('builds a SYN byte by byte', () => {
  const bytes = buildPacket({ ...ends, transport: { kind: 'tcp', sport: 1234, dport: 22, flags: 2 } });
  expect(hex(bytes.subarray(0, 20))).toBe('450000280000000040' + '0666ce' + '0a0000010a000002');
  expect(hex(bytes.subarray(20, 36))).toBe('04d2001600000000000000005002ffff');
  const pseudo = Uint8Array.of(10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, 20);
  expect(internetChecksum(pseudo, bytes.subarray(20))).toBe(0);
});

it('puts transport headers behind options, and cuts them', () => {
  const options = new Uint8Array(8).fill(1);
  const bytes = buildPacket({ ...ends, transport: { kind: 'udp', sport: 1, dport: 2 }, options, cut: 3 });
  const view = new Ipv4View({ hook: 'INPUT', inDevice: 'eth0', outDevice: '', bytes });
  expect([bytes.length, view.transportOffset, view.protocol]).toEqual([31, 28, 17]);
  expect(internetChecksum(bytes.subarray(0, 28))).toBe(0);
  expect(hex(bytes.subarray(28))).toBe('000100');
  expect(new DataView(bytes.buffer).getUint16(2)).toBe(31);
});

it('leaves the transport header out of later fragments', () => {
  const fields = { ...ends, transport: { kind: 'tcp', sport: 1, dport: 2, flags: 2 }, fragmentOffset: 5 } as const;
  expect(buildPacket({ ...fields, payload: Uint8Array.of(7, 8) }).subarray(20)).toEqual(Uint8Array.of(7, 8));
});

it('splits a packet into fragments that together are the packet', () => {
  const payload = Uint8Array.from({ length: 30 }, (_, i) => i);
  const whole = buildPacket({ ...ends, transport: { kind: 'icmp', type: 8, code: 0 }, payload, id: 7 });
  const fragments = fragmentPacket(whole, 16);
  const heads = fragments.map((bytes) => new DataView(bytes.buffer).getUint16(6));
  expect(heads).toEqual([0x2000, 0x2002, 0x0004]);
  expect(fragments.map((bytes) => internetChecksum(bytes.subarray(0, 20)))).toEqual([0, 0, 0]);
  expect(Buffer.concat(fragments.map((bytes) => bytes.subarray(20)))).toEqual(Buffer.from(whole.subarray(20)));
});

it('wraps a packet in a frame with a trailer', () => {
  const frame = buildFrame(Uint8Array.of(1, 2), {
    destination: new Uint8Array(6).fill(0xaa),
    source: new Uint8Array(6).fill(0xbb),
    trailer: Uint8Array.of(9),
  });
  expect(hex(frame)).toBe('aaaaaaaaaaaabbbbbbbbbbbb0800010209');
});
