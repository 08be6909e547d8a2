import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../../src/base/features.ts';
import { parseAddress6 } from '../../../src/base/ipv6.ts';
import type { Field } from '../../../src/base/predicate.ts';
import { runXdp } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { MOST_COUNTED } from '../../../src/codegen/ipv6-chain.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { fieldsOf } from '../../harness/fields.ts';
import {
  chainLength,
  hasReadableOptions,
  ipv6Packet,
  randomChain,
  repeatedHeaders,
} from '../../harness/ipv6-chains.ts';
import { framesProgram, WAY, withoutIterators } from '../../harness/ipv6-frames.ts';
import { KEY_MAP, keyMap, readKey } from '../../harness/key-program.ts';
import { buildFrame, ETHERTYPE } from '../../harness/packet-builder.ts';
import { mapValue } from '../../harness/vm-runner.ts';

const FIELDS: readonly Field[] = [
  ...(['src6', 'dst6', 'inDevice', 'outDevice', 'protocol', 'fragment', 'transportLength'] as const),
  ...(['sport', 'dport', 'tcpFlags', 'malformed'] as const),
];
const GENERATION = 7;
const address = (text: string) => parseAddress6(text)!;
const one = (text: string) => ({ low: address(text), high: address(text) });

const FACTS: HostFacts = {
  localDestinations: [],
  addressGeneration: GENERATION,
  ipv6: {
    localDestinations: [
      ...['2001:db8::1', '2001:db8:1::1', '2001:db8:2::1', '2001:db8:2::3', '2001:db9::1'].map(one),
      { low: address('ff00::'), high: address('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff') },
    ],
    ofDevices: [
      { ifindex: 2, destination: address('fe80::2') },
      { ifindex: 3, destination: address('fe80::3') },
    ],
  },
};
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const OTHER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 9);

interface Arrival {
  readonly destination?: Uint8Array;
  readonly etherType?: number;
  readonly trailer?: Uint8Array;
  readonly ifindex?: number;
  readonly addressGeneration?: number;
  /** Bytes in the frame's first buffer, all if absent. */
  readonly linear?: number;
}

/** As kernels before 6.4 have them. */
const WITHOUT_ITERATORS = withoutIterators(FEATURES);

/** Shows packets to the prologue for these fields. */
function reader(fields: readonly Field[] = FIELDS, features = FEATURES) {
  const program = prepare(framesProgram(features, FACTS, fields));
  const value = mapValue(keyMap(fields));
  const maps = new Map([[KEY_MAP, value]]);
  return (bytes: Uint8Array, arrival: Arrival = {}) => {
    const { destination = MAC, etherType = ETHERTYPE.ipv6, trailer = new Uint8Array() } = arrival;
    const { ifindex = 2, addressGeneration = GENERATION } = arrival;
    const frame = buildFrame(bytes, { destination, source: OTHER_MAC, etherType, trailer });
    const device = { ifindex, name: 'eth0', mac: MAC, addressGeneration };
    const linear = arrival.linear ?? frame.length;
    const way = runXdp(program, { features: FEATURES, maps, frame, device, linear });
    return { way, key: way === WAY.input ? readKey(value, fields) : undefined };
  };
}

/** A UDP packet between these addresses. */
function udp(source: string, destination: string): Uint8Array {
  const packet = ipv6Packet(17, Uint8Array.of(0x12, 0x34, 0, 53, 0, 8, 0, 0));
  const data = new DataView(packet.buffer, packet.byteOffset);
  for (const [at, text] of [[8, source] as const, [24, destination] as const]) {
    data.setBigUint64(at, address(text) >> 64n);
    data.setBigUint64(at + 8, BigInt.asUintN(64, address(text)));
  }
  return packet;
}

const GLOBAL = '2001:db8::2';

describe('the XDP prologue for IPv6', () => {
  const sets = [FIELDS, ...FIELDS.map((field) => [field, 'malformed'] as const)].map((fields) => ({
    fields: [...new Set(fields)],
    name: fields.length === 2 ? fields[0] : 'all',
    features: FEATURES,
  }));

  it.each([...sets, { ...sets[0]!, name: 'all, without iterators', features: WITHOUT_ITERATORS }])(
    'reads packets as ip6tables does: $name',
    ({ fields, features }) => {
      const read = reader(fields, features);
      for (let index = 0; index < (fields.length <= 2 ? 60 : 800); index++) {
        const bytes = randomChain(seededChoice(7, index));
        const { way, key } = read(bytes);
        if (features === WITHOUT_ITERATORS && chainLength(bytes) > MOST_COUNTED) continue;
        expect(way).toBe(hasReadableOptions(bytes) ? WAY.input : WAY.pass);
        if (way === WAY.pass) continue;
        const values = fieldsOf({ family: 'ipv6', hook: 'INPUT', inDevice: 'eth0', outDevice: '', bytes });
        const said = fields.filter((field) => values.malformed === 0 || ['src6', 'dst6', 'malformed'].includes(field));
        for (const field of said) expect(`${index} ${field} ${key![field]}`).toBe(`${index} ${field} ${values[field]}`);
        expect(key!['length']).toBe(bytes.length);
      }
    },
  );

  it.each([0, 43, 44, 51, 60])('walks over any number of headers %i', (kind) => {
    const read = reader();
    for (const count of [1, 2, 13, 100, 8000]) {
      const bytes = ipv6Packet(kind, Buffer.concat([repeatedHeaders(kind, count, 17), Uint8Array.of(0, 7, 0, 53)]));
      expect(read(bytes).key).toMatchObject({ protocol: 17, sport: 7, dport: 53, malformed: 0 });
    }
  });

  it('without iterators, more headers than are counted are undecided', () => {
    const read = reader(FIELDS, WITHOUT_ITERATORS);
    for (const count of [1, 12, MOST_COUNTED, MOST_COUNTED + 1, 8000]) {
      const bytes = ipv6Packet(60, Buffer.concat([repeatedHeaders(60, count, 17), Uint8Array.of(0, 7, 0, 53)]));
      const { way, key } = read(bytes);
      expect(way).toBe(count > MOST_COUNTED ? WAY.undecided : WAY.input);
      if (way === WAY.input) expect(key).toMatchObject({ protocol: 17, sport: 7, dport: 53, malformed: 0 });
    }
  });

  it.each([0, 43, 44, 51, 60, 17])('reads headers %i in the first of several buffers, and no others', (kind) => {
    const read = reader();
    const headers = kind === 17 ? [] : [repeatedHeaders(kind, 3, 17)];
    const bytes = ipv6Packet(kind, Buffer.concat([...headers, Uint8Array.of(0, 7, 0, 53), new Uint8Array(60)]));
    const whole = read(bytes);
    expect(whole).toMatchObject({ way: WAY.input, key: { protocol: 17, sport: 7, dport: 53, length: bytes.length } });
    const upToFlags = 14 + 40 + 24 * headers.length + 14;
    for (let linear = 14; linear < 14 + bytes.length; linear++) {
      const { way, key } = read(bytes, { linear });
      expect(way, `${linear}`).toBe(linear < upToFlags ? WAY.undecided : WAY.input);
      if (way === WAY.input) expect(key).toEqual(whole.key);
    }
    if (kind !== 0) return;
    bytes.fill(0, 4, 6);
    expect(read(bytes, { linear: upToFlags })).toEqual(whole);
  });

  it.each([
    ['2001:db8::1', WAY.input],
    ['2001:db8:2::3', WAY.input],
    ['2001:db8:2::2', WAY.forward],
    ['2001:db8::', WAY.forward],
    ['2001:dba::1', WAY.forward],
    ['ff02::1', WAY.input],
    ['ff12::1', WAY.input],
    ['ff00::1', WAY.pass],
    ['ff11::1', WAY.pass],
    ['::1', WAY.pass],
    ['::2', WAY.forward],
    ['fe80::2', WAY.input],
    ['fe80::3', WAY.pass],
    ['fe80::4', WAY.pass],
    ['fec0::4', WAY.forward],
  ])('goes where the stack would deliver: to %s', (destination, way) => {
    expect(reader()(udp(GLOBAL, destination)).way).toBe(way);
  });

  it('a link-local address is local at its own device', () => {
    expect(reader()(udp('fe80::9', 'fe80::3'), { ifindex: 3 }).way).toBe(WAY.input);
    expect(reader()(udp('fe80::9', 'fe80::2'), { ifindex: 3 }).way).toBe(WAY.pass);
  });

  it('nothing is taken for another host’s once addresses have changed', () => {
    const changed = { addressGeneration: GENERATION + 1 };
    expect(reader()(udp(GLOBAL, '2001:db8::1'), changed).way).toBe(WAY.input);
    expect(reader()(udp(GLOBAL, '2001:dba::1'), changed).way).toBe(WAY.undecided);
    expect(reader()(udp(GLOBAL, 'fe80::4'), changed).way).toBe(WAY.undecided);
  });

  it.each([
    ['ff02::1', WAY.pass],
    ['::1', WAY.pass],
    ['::', WAY.input],
    ['::2', WAY.input],
    ['fe80::1', WAY.input],
  ])('from %s', (source, way) => {
    expect(reader()(udp(source, '2001:db8::1')).way).toBe(way);
  });

  it('leaves what the stack throws out, or is for others', () => {
    const packet = udp(GLOBAL, '2001:db8::1');
    const with_ = (at: number, byte: number) => Uint8Array.from(packet, (old, index) => (index === at ? byte : old));
    const read = reader();
    expect(read(packet).way).toBe(WAY.input);
    expect(read(with_(0, 0x40)).way).toBe(WAY.pass);
    expect(read(with_(0, 0x6f)).way).toBe(WAY.input);
    expect(read(with_(5, 9)).way).toBe(WAY.pass);
    expect(read(packet.subarray(0, 39)).way).toBe(WAY.pass);
    expect(read(packet, { etherType: ETHERTYPE.ipv4 }).way).toBe(WAY.pass);
    expect(read(packet, { destination: OTHER_MAC }).way).toBe(WAY.pass);
    expect(read(packet, { destination: Uint8Array.of(0x33, 0x33, 0, 0, 0, 1) }).way).toBe(WAY.input);
  });

  it('ends packets where their payload length says, or with the frame behind hop-by-hop options', () => {
    const trailer = new Uint8Array(20).fill(0x55);
    const short = udp(GLOBAL, '2001:db8::1').subarray(0, 43);
    new DataView(short.buffer, short.byteOffset).setUint16(4, 3);
    expect(reader()(short, { trailer }).key).toMatchObject({ sport: 0, transportLength: 3, length: 43 });
    const options = ipv6Packet(0, repeatedHeaders(0, 1, 17));
    options.set([0, 0], 4);
    expect(reader()(options, { trailer }).key).toMatchObject({ protocol: 17, sport: 0x5555, length: 68 });
  });

  it.each([
    [0, WAY.input],
    [1, WAY.input],
    [2, WAY.input],
    [3, WAY.undecided],
  ])('%i tags of VLAN 0', (count, way) => {
    const tags = Array.from({ length: count }, () => [0x81, 0, 0x20, 0]).flat();
    const bytes = Buffer.concat([Uint8Array.from([...tags, 0x86, 0xdd].slice(2)), udp(GLOBAL, '2001:db8::1')]);
    const frame = count === 0 ? { bytes: udp(GLOBAL, '2001:db8::1'), type: ETHERTYPE.ipv6 } : { bytes, type: 0x8100 };
    expect(reader()(frame.bytes, { etherType: frame.type }).way).toBe(way);
  });
});
