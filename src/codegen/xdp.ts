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
// Tags of VLAN 0 carry a priority only: the stack takes them off, however many there are, and the packet is the device's
// own (`__netif_receive_skb_core`, net/core/dev.c). Two are skipped here; what has more is dropped as undecided.
//
// Stack below the key:  R10-64 address of the transport header

import { type Features, type HostFacts, requireFunction } from '../base/features.ts';
import { normalize } from '../base/intervals.ts';
import { GROUP_ADDRESSES } from '../base/ipv4.ts';
import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R6, R8, R9, R10 } from '../bpf/instruction.ts';
import { emitVerdict, type HookAbi } from './actions.ts';
import { clearKey, copyDeviceName, KEY_OFFSET, loadField, storeField } from './key.ts';
import { emitTest } from './tests.ts';

/** XDP_PASS and XDP_DROP (include/uapi/linux/bpf.h). */
export const XDP_ABI: HookAbi = { accept: 2, drop: 1, atomic: false, undecided: 'drop' };

/** How XDP programs count on this kernel: where softirqs can be preempted, as netfilter programs do. */
export function xdpAbi({ preemptRt }: Features): HookAbi {
  return { ...XDP_ABI, atomic: preemptRt };
}

/** `struct xdp_md` */
const DATA = 0;
const DATA_END = 4;

const ETHERNET = 14;
/** ETH_P_IP as a little-endian load of the two bytes reads it. */
const ETHERTYPE_IPV4 = 0x0008;
/** ETH_P_8021Q and ETH_P_8021AD, likewise. */
const ETHERTYPES_VLAN = [0x0081, 0xa888] as const;
/** Of a tag: priority and VLAN id, then the next ethertype. */
const VLAN_TAG = 4;
const VLAN_ID = 0x0fff;
/** How many priority tags are skipped: one from a switch, one more where it tunnels those of its customers. */
const MAX_TAGS = 2;
const IPV4_HEADER = 20;
const TRANSPORT_POINTER = KEY_OFFSET - 8;
const GENERATION = TRANSPORT_POINTER - 8;
const TRANSPORT_HEADER = 14;
const PORTS = 4;

/** Where the prologue leads. */
export interface XdpWays {
  readonly input: Label;
  readonly forward: Label;
  readonly undecided: Label;
}

/** Emits the prologue, which goes on at one of the ways. `fields` are those that something asks for. */
export function emitXdpPrologue(
  a: Assembler,
  features: Features,
  facts: HostFacts,
  fields: ReadonlySet<Field>,
  { input, forward, undecided }: XdpWays,
): void {
  const pass = a.label('not for iptables');
  const keyDone = a.label('key complete');
  const local = a.label('local destination');
  const destinations = normalize(facts.localDestinations);
  if (destinations.length === 0) throw new Error('codegen: a host has local destinations');

  clearKey(a, fields);
  emitDevice(a, features, fields, pass, facts.addressGeneration !== undefined);
  emitTags(a, pass, undecided);
  emitIpHeader(a, pass);
  emitTransportHeader(a, keyDone);

  a.bind(keyDone);
  emitTest(a, { kind: 'in', field: 'src', set: GROUP_ADDRESSES }, pass);
  emitTest(a, { kind: 'in', field: 'dst', set: destinations }, local);
  if (facts.addressGeneration !== undefined) {
    // Addresses have changed since: what is none of those known may be this host's now. Those that are gone still lead to
    // INPUT, and the stack sees to them.
    a.load(4, R1, R10, GENERATION).mov32(R2, facts.addressGeneration).jump32('ne', R1, R2, undecided);
  }
  a.goto(forward);
  a.bind(local);
  loadField(a, R1, 'fragment');
  a.jump('eq', R1, 0, input);
  a.bind(pass);
  emitVerdict(a, XDP_ABI, 'accept');
}

/** Leaves frames for other MAC addresses, and fills in the device's name if asked for. Leaves R2 behind them, R3 data_end. */
function emitDevice(a: Assembler, features: Features, fields: ReadonlySet<Field>, pass: Label, guarded: boolean): void {
  const { layout } = features;
  const ours = a.label('our MAC address, or a group');
  a.mov(R1, R6).callKernel('bpf_cast_to_kern_ctx', requireFunction(features, 'bpf_cast_to_kern_ctx'));
  a.load(8, R4, R0, layout.xdpRxq).load(8, R4, R4, layout.rxqDevice);
  if (fields.has('inDevice')) copyDeviceName(a, 'inDevice', layout.deviceName);
  if (guarded) {
    a.load(8, R1, R4, layout.deviceNet).load(4, R1, R1, layout.netAddressGeneration);
    a.store(8, R10, GENERATION, R1);
  }
  a.load(8, R1, R4, layout.deviceAddress).mov(R2, features.wordPairType);
  a.callKernel('bpf_rdonly_cast', requireFunction(features, 'bpf_rdonly_cast'));
  a.load(8, R4, R0, 0);

  a.load(4, R2, R6, DATA).load(4, R3, R6, DATA_END);
  a.mov(R1, R2)
    .alu('add', R1, ETHERNET + IPV4_HEADER)
    .jump('gt', R1, R3, pass);
  // The lowest bit of the first byte marks a group address; the device's is 48 bits, what follows it is cut off.
  a.load(1, R1, R2, 0).jump('set', R1, 1, ours);
  a.load(4, R1, R2, 0).load(2, R5, R2, 4).alu('lsh', R5, 32).alu('or', R1, R5);
  a.alu('lsh', R4, 16).alu('rsh', R4, 16).jump('ne', R1, R4, pass);
  a.bind(ours).alu('add', R2, ETHERNET);
}

/**
 * Skips the tags of VLAN 0 at R2, which has an IPv4 header's length of frame behind it, and leaves frames of other
 * VLANs, and what is not IPv4. Leaves R2 packet start, R3 data_end; in undecided frames R8, the bytes behind the last
 * tag that was skipped.
 */
function emitTags(a: Assembler, pass: Label, undecided: Label): void {
  const ipv4 = a.label('IPv4');
  a.load(2, R1, R2, -2);
  for (let skipped = 0; ; skipped++) {
    const tag = a.label('VLAN tag');
    a.jump('eq', R1, ETHERTYPE_IPV4, ipv4);
    for (const etherType of ETHERTYPES_VLAN) a.jump('eq', R1, etherType, tag);
    a.goto(pass).bind(tag);
    a.load(2, R1, R2, 0).bigEndian(R1, 16).alu('and', R1, VLAN_ID).jump('ne', R1, 0, pass);
    if (skipped === MAX_TAGS) break;
    a.load(2, R4, R2, 2).alu('add', R2, VLAN_TAG);
    a.mov(R1, R2).alu('add', R1, IPV4_HEADER).jump('gt', R1, R3, pass).mov(R1, R4);
  }
  a.mov(R8, R3).alu('sub', R8, R2).goto(undecided);
  a.bind(ipv4);
}

/** Checks the header at R2 as the stack does and stores its fields. Leaves R2 as it was, R9 transport length. */
function emitIpHeader(a: Assembler, pass: Label): void {
  a.mov(R5, R3).alu('sub', R5, R2); // R5: bytes of the frame behind its link header
  a.load(1, R1, R2, 0).mov(R9, R1).alu('rsh', R1, 4).jump('ne', R1, 4, pass);
  a.alu('and', R9, 15).alu('lsh', R9, 2).jump('lt', R9, IPV4_HEADER, pass);
  a.mov(R4, R2).alu('add', R4, R9).jump('gt', R4, R3, pass);
  a.store(8, R10, TRANSPORT_POINTER, R4);
  a.load(2, R8, R2, 2).bigEndian(R8, 16);
  // Length 0 is one too large for the field: of TCP in one piece, as long as the buffer (`iph_totlen`, linux/ip.h).
  const sized = a.label('total length is known');
  a.jump('ne', R8, 0, sized).mov(R8, R5).bind(sized);
  a.jump('lt', R8, R9, pass).jump('gt', R8, R5, pass);
  emitChecksum(a, pass);

  a.load(4, R1, R2, 12).bigEndian(R1, 32);
  storeField(a, 'src', R1);
  a.load(4, R1, R2, 16).bigEndian(R1, 32);
  storeField(a, 'dst', R1);
  a.mov(R1, R8).alu('sub', R1, R9).mov(R9, R1);
  storeField(a, 'transportLength', R9);
  a.load(2, R1, R2, 6).bigEndian(R1, 16).alu('and', R1, 0x1fff);
  storeField(a, 'fragment', R1);
  a.load(1, R1, R2, 9);
  storeField(a, 'protocol', R1);
  storeField(a, 'tcpFlags', 0);
}

/**
 * Sums the header of R9 bytes at R2 as RFC 1071 says; the result must be all ones. The sum is over 32-bit words in any
 * byte order, folded down to 16 bits. Clobbers R0, R1, R4, R5.
 */
function emitChecksum(a: Assembler, pass: Label): void {
  const summed = a.label('header is summed');
  a.load(4, R0, R2, 0);
  for (let offset = 4; offset < 20; offset += 4) a.load(4, R1, R2, offset).alu('add', R0, R1);
  for (let offset = 20; offset < 60; offset += 4) {
    a.jump('le', R9, offset, summed);
    a.mov(R1, R2)
      .alu('add', R1, offset + 4)
      .jump('gt', R1, R3, pass);
    a.load(4, R1, R2, offset).alu('add', R0, R1);
  }
  a.bind(summed);
  a.mov(R1, R0).alu('rsh', R1, 32).mov32(R0, R0).alu('add', R0, R1);
  for (let fold = 0; fold < 3; fold++) a.mov(R1, R0).alu('rsh', R1, 16).alu('and', R0, 0xffff).alu('add', R0, R1);
  a.jump('ne', R0, 0xffff, pass);
}

/** Stores ports and flags where the packet has them. */
function emitTransportHeader(a: Assembler, done: Label): void {
  a.load(8, R2, R10, TRANSPORT_POINTER);
  loadField(a, R1, 'fragment');
  a.jump('ne', R1, 0, done).jump('lt', R9, PORTS, done);
  a.mov(R1, R2).alu('add', R1, PORTS).jump('gt', R1, R3, done);
  a.load(2, R1, R2, 0).bigEndian(R1, 16);
  storeField(a, 'sport', R1);
  a.load(2, R1, R2, 2).bigEndian(R1, 16);
  storeField(a, 'dport', R1);
  a.jump('lt', R9, TRANSPORT_HEADER, done);
  a.mov(R1, R2).alu('add', R1, TRANSPORT_HEADER).jump('gt', R1, R3, done);
  a.load(1, R1, R2, 13);
  storeField(a, 'tcpFlags', R1);
}
