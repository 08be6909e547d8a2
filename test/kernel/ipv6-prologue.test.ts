// The prologues for IPv6 in the kernel: what they make of hard header chains, beside the view that the interpreter has.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostFacts } from '../../src/base/features.ts';
import { FILTER_CHAINS, HOOK_NUMBER } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { Field } from '../../src/base/predicate.ts';
import { WIDE_MAXIMUM } from '../../src/base/wide-intervals.ts';
import { MOST_COUNTED } from '../../src/codegen/ipv6-chain.ts';
import { emitNetfilterIpv6Prologue } from '../../src/codegen/netfilter-ipv6.ts';
import { readAddressGeneration } from '../../src/engine/system-kernel.ts';
import { closeDescriptor, createMap, loadProgram, mapMemory, testRun, unmapMemory } from '../../src/kernel/bpf.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { fieldsOf } from '../harness/fields.ts';
import { chainLength, hasReadableOptions, ipv6Packet, randomChain, repeatedHeaders } from '../harness/ipv6-chains.ts';
import { framesProgram, WAY, withoutIterators } from '../harness/ipv6-frames.ts';
import { KEY_MAP, keyMap, keyProgram, readKey } from '../harness/key-program.ts';
import { buildFrame, ETHERTYPE } from '../harness/packet-builder.ts';

const FIELDS: readonly Field[] = [
  ...(['src6', 'dst6', 'protocol', 'fragment', 'transportLength', 'sport', 'dport', 'tcpFlags', 'malformed'] as const),
];
const HOOK_STATE = 56;
/** `struct xdp_md`: where the first buffer ends (kernel 6.18). */
const XDP_MD = { size: 24, dataEnd: 4 } as const;
const NFPROTO_IPV6 = 10;
const ETHERNET = { destination: new Uint8Array(6), source: new Uint8Array(6), etherType: ETHERTYPE.ipv6 };

const definition = keyMap(FIELDS);
const map = createMap(definition);
const memory = mapMemory(map, definition.valueSize);
const facts: HostFacts = {
  localDestinations: [],
  addressGeneration: readAddressGeneration('ipv6'),
  ipv6: { localDestinations: [{ low: 0n, high: WIDE_MAXIMUM }], ofDevices: [{ ifindex: 1, destination: 1n }] },
};

const PROLOGUES = {
  'netfilter, with iterators': () => keyProgram('netfilter', probeFeatures(), FIELDS, emitNetfilterIpv6Prologue),
  'xdp, with iterators': () => framesProgram(probeFeatures(), facts, FIELDS),
  'xdp, counted': () => framesProgram(withoutIterators(probeFeatures()), facts, FIELDS),
};
const names = Object.keys(PROLOGUES) as (keyof typeof PROLOGUES)[];

afterAll(() => {
  unmapMemory(memory);
  closeDescriptor(map);
});

describe.each(names)('%s', (name) => {
  let program: number;

  beforeAll(() => {
    program = loadProgram(PROLOGUES[name](), new Map([[KEY_MAP, map]]));
  });
  afterAll(() => closeDescriptor(program));

  /** What the kernel's run leaves in the key, beside the interpreter's view. */
  function expectRight(packet: HookPacket): void {
    const { hook, bytes } = packet;
    if (name === 'xdp, counted' && chainLength(bytes) > MOST_COUNTED) return;
    const frame = buildFrame(bytes, ETHERNET);
    if (name === 'netfilter, with iterators') {
      const state = Buffer.alloc(HOOK_STATE);
      state.writeUInt8(HOOK_NUMBER[hook], 0);
      state.writeUInt8(NFPROTO_IPV6, 1);
      expect(testRun(program, hook === 'OUTPUT' ? bytes : frame, state).result).toBe(1);
    } else {
      if (hook !== 'INPUT' || !hasReadableOptions(bytes)) return;
      expect(testRun(program, frame).result).toBe(WAY.input);
    }
    const key = readKey(memory, FIELDS);
    const values = fieldsOf(packet);
    const said: readonly string[] = values.malformed === 1 ? ['src6', 'dst6', 'malformed'] : FIELDS;
    for (const field of said) expect(`${field} ${key[field]}`).toBe(`${field} ${values[field as Field]}`);
    expect(key.length).toBe(bytes.length);
  }

  it('reads packets as the interpreter does', () => {
    for (let index = 0; index < 900; index++) {
      const hook = FILTER_CHAINS[index % 3]!;
      expectRight({ family: 'ipv6', hook, inDevice: '', outDevice: '', bytes: randomChain(seededChoice(16, index)) });
    }
  });

  it.each([0, 43, 44, 51, 60])('walks over many headers %i', (kind) => {
    const udp = Uint8Array.of(0x12, 0x34, 0, 53, 0, 8, 0, 0);
    const most = name === 'xdp, counted' ? MOST_COUNTED : 400;
    for (const count of [1, 2, 12, 13, 100, most]) {
      const bytes = ipv6Packet(kind, Buffer.concat([repeatedHeaders(kind, count, 17), udp]));
      expectRight({ family: 'ipv6', hook: 'INPUT', inDevice: '', outDevice: '', bytes });
    }
  });

  if (name === 'netfilter, with iterators') return;

  it.each([17, 0, 60])('reads headers %i in the first of several buffers, and no others', (kind) => {
    const headers = kind === 17 ? [] : [repeatedHeaders(kind, 3, 17)];
    const bytes = ipv6Packet(kind, Buffer.concat([...headers, Uint8Array.of(0, 7, 0, 53), new Uint8Array(60)]));
    const frame = buildFrame(bytes, ETHERNET);
    const upToFlags = 14 + 40 + 24 * headers.length + 14;
    const context = Buffer.alloc(XDP_MD.size);
    for (let linear = 14; linear <= frame.length; linear++) {
      context.writeUInt32LE(linear, XDP_MD.dataEnd);
      const expected = linear < upToFlags ? WAY.undecided : WAY.input;
      expect(testRun(program, frame, context).result, `${linear}`).toBe(expected);
    }
  });
});
