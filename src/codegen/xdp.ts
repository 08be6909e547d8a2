// The XDP prologue: from a frame to the packet key, and to the chain that the stack would ask.
//
// A frame that iptables would never be shown is passed on uncounted, for the stack to do with as it always does: what
// is not IPv4, or has a VLAN's tag, or is for another host's MAC address (`PACKET_OTHERHOST`), or is thrown out by `ip_rcv_core`
// (net/ipv4/ip_input.c): version, header length, total length beyond the frame, header checksum; or comes from a group
// address, which no sysctl makes a source (`ip_route_input_slow`, net/ipv4/route.c). Other martians depend on routes and
// sysctls that XDP does not see: they are judged, and counted, before the stack throws them away. The packet ends where
// its total length says: Ethernet padding completes no header, and bytes are counted by it as iptables counts them.
// Later fragments to a local destination pass uncounted: iptables' INPUT is shown the reassembled packet, and without
// its first fragment, which is judged here, it never comes about.

import type { Features, HostFacts } from '../base/features.ts';
import { normalize } from '../base/intervals.ts';
import { GROUP_ADDRESSES } from '../base/ipv4.ts';
import type { Field, NumericField } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R8, R9, type Register } from '../bpf/instruction.ts';
import { emitVerdict, type HookAbi } from './actions.ts';
import { clearFields, closeSlots, storeField } from './key.ts';
import { emitMember } from './tests.ts';
import {
  asksPorts,
  asksTransport,
  emitTransportFields,
  FLAGS_OFFSET,
  frameTransport,
  PORTS,
  TRANSPORT_HEADER,
} from './transport-fields.ts';
import { SHAPE_FIELDS, WHOLE } from './whole-packets.ts';
import {
  ETHERNET,
  ETHERTYPE_IPV4,
  emitCutOff,
  emitDevice,
  emitDeviceName,
  emitDevicePointer,
  emitNetWord,
  emitOwnFrame,
  emitRestOfFrame,
  emitTags,
} from './xdp-frame.ts';

/** XDP_PASS and XDP_DROP (include/uapi/linux/bpf.h). */
export const XDP_ABI: HookAbi = { accept: 2, drop: 1, counting: 'plain', undecided: 'drop' };

/** How XDP programs count on this kernel: where softirqs can be preempted, as netfilter programs do. */
export function xdpAbi({ preemptRt }: Features): HookAbi {
  return { ...XDP_ABI, counting: preemptRt ? 'atomic' : 'plain' };
}

const IPV4_HEADER = 20;
/** Version 4, a header of 20 bytes. */
const PLAIN_HEADER = 0x45;

/** Where the prologue leads. */
export interface XdpWays {
  readonly input: Label;
  readonly forward: Label;
  readonly undecided: Label;
  /** Where whole packets of plain frames go, for which fields of the shape are not in the key: see `whole-packets.ts`. */
  readonly whole?: Readonly<Record<'input' | 'forward', Label>> | undefined;
}

/** Emits the prologue, which goes on at one of the ways. `fields` are those that something asks for. */
export function emitXdpPrologue(
  a: Assembler,
  features: Features,
  facts: HostFacts,
  fields: ReadonlySet<Field>,
  { input, forward, undecided, whole }: XdpWays,
): void {
  const pass = a.label('not for iptables');
  const other = a.label('not a plain frame');
  const local = a.label('local destination');
  if (facts.localDestinations.length === 0) throw new Error('codegen: a host has local destinations');

  clearFields(a, fields, ['state', 'outDevice']);
  if (whole === undefined) {
    emitPlainFrame(a, features, fields, other, pass);
    emitDestination(a, features, facts, DEVICE, input, undecided);
    a.goto(forward);
  } else {
    const toInput = a.label('plain, local destination');
    emitPlainFrame(a, features, new Set([...fields].filter((field) => !SHAPE_FIELDS.includes(field))), other, pass);
    emitDestination(a, features, facts, DEVICE, toInput, undecided);
    emitWhole(a, fields, whole.forward, forward);
    a.bind(toInput);
    emitWhole(a, fields, whole.input, input);
  }

  a.bind(other);
  const exits = { pass, undecided, cutOff: a.label('cut off') };
  emitDevice(a, features, fields, IPV4_HEADER, exits);
  emitTags(a, ETHERTYPE_IPV4, IPV4_HEADER, exits);
  emitIpHeader(a, pass, undecided);
  emitFields(a, fields, pass, undecided);
  emitDestination(a, features, facts, undefined, local, undecided);
  a.goto(forward);
  a.bind(exits.cutOff);
  emitCutOff(a, undecided);
  a.goto(pass);
  a.bind(local).jump('eq', FRAGMENT, 0, input);
  a.bind(pass);
  emitVerdict(a, XDP_ABI, 'accept');
}

/**
 * Goes to `local` for a destination that is one of this host's, and to `undecided` where its addresses are no longer
 * those that the rules were compiled for: what is none of those known may be this host's now. Those that are gone still
 * lead to INPUT, and the stack sees to them. The `net_device` is in `device`, if it is known. Clobbers R0–R4.
 */
function emitDestination(
  a: Assembler,
  features: Features,
  { localDestinations, addressGeneration }: HostFacts,
  device: Register | undefined,
  local: Label,
  undecided: Label,
): void {
  emitMember(a, DST, normalize(localDestinations), local);
  if (addressGeneration === undefined) return;
  if (device === undefined) emitDevicePointer(a, features, R4);
  emitNetWord(a, features, device ?? R4, features.layout.netAddressGeneration);
  a.jump32('ne', R1, addressGeneration, undecided);
}

/** Goes to `whole`, or with the fields of the shape to `shorter`. Clobbers R1. */
function emitWhole(a: Assembler, fields: ReadonlySet<Field>, whole: Label, shorter: Label): void {
  a.jump('ge', R8, IPV4_HEADER + WHOLE, whole);
  if (fields.has('transportLength')) {
    a.mov(R1, R8).alu('sub', R1, IPV4_HEADER);
    storeField(a, 'transportLength', R1);
  }
  if (fields.has('fragment')) storeField(a, 'fragment', 0);
  a.goto(shorter);
}

/** Where the `net_device` stays while plain frames are read. */
const DEVICE = R9;

/**
 * Reads the frames that nearly all are: to our own MAC address, without tags, options and fragments, and with all of the
 * headers that something asks for. All others go to `other`, to be read once more from the start, and those whose checksum
 * or source is wrong to `pass`. Leaves R8 total length, DST and DEVICE.
 *
 * What a packet costs are the instructions it passes. So everything has its place in the frame, the words of the IPv4
 * header are loaded once, and no jump is taken.
 */
export function emitPlainFrame(
  a: Assembler,
  features: Features,
  fields: ReadonlySet<Field>,
  other: Label,
  pass: Label,
): void {
  const size = IPV4_HEADER + (fields.has('tcpFlags') ? TRANSPORT_HEADER : asksPorts(fields) ? PORTS : 0);
  const store = (field: NumericField, value: Register | number) => {
    if (fields.has(field)) storeField(a, field, value);
  };
  emitDevicePointer(a, features, DEVICE);
  if (fields.has('inDevice')) emitDeviceName(a, features, DEVICE);
  emitOwnFrame(a, features, DEVICE, size, other);
  // The ethertype and the byte of version and header length; what follows them is shifted out.
  a.load(4, R1, R2, ETHERNET - 2).alu32('lsh', R1, 8);
  a.jump32('ne', R1, (PLAIN_HEADER << 24) | (ETHERTYPE_IPV4 << 8), other);
  const word = (at: number) => ETHERNET + 4 * at;
  a.load(2, R8, R2, ETHERNET + 2)
    .bigEndian(R8, 16)
    .jump('lt', R8, size, other);
  a.mov(R1, R3).alu('sub', R1, R2).alu('sub', R1, ETHERNET).jump('gt', R8, R1, other);
  a.load(4, R0, R2, word(0)).load(4, R1, R2, word(1)).jump32('set', R1, FRAGMENT_OFFSET, other);
  a.alu('add', R0, R1).load(4, R3, R2, word(2)).alu('add', R0, R3);
  a.load(4, SRC, R2, word(3)).alu('add', R0, SRC).load(4, DST, R2, word(4)).alu('add', R0, DST);
  emitChecksumTest(a, pass);
  a.bigEndian(SRC, 32).bigEndian(DST, 32);
  store('src', SRC);
  store('dst', DST);
  if (fields.has('transportLength')) {
    a.mov(R1, R8).alu('sub', R1, IPV4_HEADER);
    store('transportLength', R1);
  }
  store('fragment', 0);
  if (fields.has('protocol')) {
    a.alu('rsh', R3, 8);
    store('protocol', R3);
  }
  if (fields.has('tcpFlags')) {
    a.load(1, R1, R2, ETHERNET + IPV4_HEADER + FLAGS_OFFSET);
    store('tcpFlags', R1);
  }
  const [asksFirst, asksSecond] = [fields.has('sport') || fields.has('icmp'), fields.has('dport')];
  if (asksFirst && asksSecond) {
    a.load(4, R1, R2, word(5)).bigEndian(R1, 32).mov(R3, R1).alu('rsh', R3, 16);
    storeField(a, 'sport', R3);
    storeField(a, 'dport', R1);
  } else if (asksFirst || asksSecond) {
    a.load(2, R1, R2, word(5) + (asksFirst ? 0 : 2)).bigEndian(R1, 16);
    storeField(a, asksFirst ? 'sport' : 'dport', R1);
  }
  closeSlots(a, fields);
  // Group addresses and the few behind them, which are hardly anybody's.
  a.jump32('ge', SRC, GROUP_ADDRESSES[0]!.low, other);
}

/** Of the second word of a header, as it is loaded. */
const FRAGMENT_OFFSET = 0xff1f0000;

/**
 * Checks the header at R2 as the stack does; what of it is behind the first buffer leads to `behind`. Leaves R2 and R3, R8
 * total length, R9 header length.
 */
export function emitIpHeader(a: Assembler, pass: Label, behind: Label): void {
  const plain = a.label('header without options');
  const [longer, given, known] = [
    a.label('longer than the buffer'),
    a.label('given'),
    a.label('total length is known'),
  ];
  a.load(1, R1, R2, 0).mov(R9, IPV4_HEADER).jump('eq', R1, PLAIN_HEADER, plain);
  a.mov(R9, R1).alu('rsh', R1, 4).jump('ne', R1, 4, pass);
  a.alu('and', R9, 15).alu('lsh', R9, 2).jump('lt', R9, IPV4_HEADER, pass);
  a.bind(plain);
  a.mov(R5, R3).alu('sub', R5, R2); // R5: bytes of the frame behind its link header
  a.load(2, R8, R2, 2).bigEndian(R8, 16);
  a.jump('eq', R8, 0, longer).jump('le', R8, R5, known).bind(longer);
  emitRestOfFrame(a);
  // Length 0 is one too large for the field: of TCP in one piece, as long as the frame (`iph_totlen`, linux/ip.h).
  a.jump('ne', R8, 0, given).mov(R8, R5).bind(given).jump('gt', R8, R5, pass);
  a.bind(known).jump('lt', R8, R9, pass);
  emitChecksum(a, pass, behind);
}

/** Sums the header of R9 bytes at R2 in words of 32 bits, in any byte order, and tests the sum. Clobbers R0, R1. */
function emitChecksum(a: Assembler, pass: Label, behind: Label): void {
  const summed = a.label('header is summed');
  a.load(4, R0, R2, 0);
  for (let offset = 4; offset < 20; offset += 4) a.load(4, R1, R2, offset).alu('add', R0, R1);
  for (let offset = 20; offset < 60; offset += 4) {
    a.jump('le', R9, offset, summed);
    a.mov(R1, R2)
      .alu('add', R1, offset + 4)
      .jump('gt', R1, R3, behind);
    a.load(4, R1, R2, offset).alu('add', R0, R1);
  }
  emitChecksumTest(a.bind(summed), pass);
}

/**
 * Tests the sum of a header in R0, of 15 words at most. Folded down to 16 bits (RFC 1071) it must be all ones: it is a
 * multiple of 0xffff, and not zero, as the version is not. A multiple of an odd number is what becomes no larger than the
 * largest quotient, of 2^64, when it is multiplied by the number's inverse modulo 2^64. It becomes its own quotient then,
 * which has 20 bits; all others become larger than 2^48. Clobbers R0, R1.
 */
function emitChecksumTest(a: Assembler, pass: Label): void {
  a.loadConstant(R1, INVERSE_OF_FFFF).alu('mul', R0, R1);
  a.jump('gt', R0, 1 << 20, pass);
}

/** 0xffff times this is 1 modulo 2^64. */
const INVERSE_OF_FFFF = (1n << 64n) - 0x1000100010001n;

/** Where the addresses and the fragment offset stay until the prologue ends. */
const SRC = R4;
const DST = R5;
const FRAGMENT = R9;

/**
 * Stores the fields asked for of the header of R9 bytes at R2, and of the one behind it; where that is behind the first buffer,
 * goes to `behind`. Leaves DST and FRAGMENT.
 */
export function emitFields(a: Assembler, fields: ReadonlySet<Field>, pass: Label, behind: Label): void {
  const store = (field: NumericField, value: Register | number) => {
    if (fields.has(field)) storeField(a, field, value);
  };
  a.load(4, SRC, R2, 12).bigEndian(SRC, 32);
  store('src', SRC);
  a.load(4, DST, R2, 16).bigEndian(DST, 32);
  store('dst', DST);
  // R0: transport header, R1: its length with what follows it.
  a.mov(R0, R2).alu('add', R0, R9).mov(R1, R8).alu('sub', R1, R9);
  store('transportLength', R1);
  a.load(2, FRAGMENT, R2, 6).bigEndian(FRAGMENT, 16).alu('and', FRAGMENT, 0x1fff);
  store('fragment', FRAGMENT);
  if (fields.has('protocol')) {
    a.load(1, R2, R2, 9);
    store('protocol', R2);
  }
  if (asksTransport(fields)) {
    emitTransportFields(a, fields, frameTransport(a, FRAGMENT, behind));
  }
  closeSlots(a, fields);
  emitSource(a, pass);
}

/** Leaves packets that come from a group address. Clobbers R2. */
function emitSource(a: Assembler, pass: Label): void {
  const single = a.label('address of one host');
  a.jump32('lt', SRC, GROUP_ADDRESSES[0]!.low, single);
  emitMember(a, SRC, GROUP_ADDRESSES, pass);
  a.bind(single);
}
