// What stands in front of a packet in a frame: the Ethernet header and tags.
//
// A frame with a VLAN's tag, or for another host's MAC address (`PACKET_OTHERHOST`), is none for iptables. Tags of VLAN 0
// carry a priority only: the stack takes them off, however many there are, and the packet is the device's own
// (`__netif_receive_skb_core`, net/core/dev.c). Two are skipped here; what has more is dropped as undecided.
//
// A frame may lie in several buffers (jumbo frames, TCP in one piece). Programs read the first, which `data_end` ends, and
// ask for the length of all where the packet is longer. Drivers put all headers into the first buffer; a frame whose
// headers lie behind it is undecided.

import { type Features, requireFunction } from '../base/features.ts';
import type { Field } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R6, R8, R9, R10, type Register } from '../bpf/instruction.ts';
import { copyWide, KEY_OFFSET } from './key.ts';

/** `struct xdp_md` */
export const DATA = 0;
export const DATA_END = 4;
export const INGRESS_IFINDEX = 12;

export const ETHERNET = 14;
/** ETH_P_IP as a little-endian load of the two bytes reads it. */
export const ETHERTYPE_IPV4 = 0x0008;
/** ETH_P_IPV6, likewise. */
export const ETHERTYPE_IPV6 = 0xdd86;
/** ETH_P_8021Q and ETH_P_8021AD, likewise. */
export const ETHERTYPES_VLAN = [0x0081, 0xa888] as const;
/** Of a tag: priority and VLAN id, then the next ethertype. */
export const VLAN_TAG = 4;
export const VLAN_ID = 0x0fff;
/** How many priority tags are skipped: one from a switch, one more where it tunnels those of its customers. */
const MAX_TAGS = 2;

/** Where frames go that are not read on. */
export interface FrameExits {
  readonly pass: Label;
  readonly undecided: Label;
  /** Frames whose first buffer is too short for what every packet has: `emitCutOff` sees to them. */
  readonly cutOff: Label;
}

const BPF_XDP_GET_BUFF_LEN = 188;
/** Where R2 and R3 are kept over the call. */
const [START, END] = [KEY_OFFSET - 8, KEY_OFFSET - 16];

/** R5 = bytes of the frame from R2 on, in all of its buffers. Keeps R2 and R3, clobbers R0, R1, R4 and 16 bytes of stack. */
export function emitRestOfFrame(a: Assembler): void {
  a.store(8, R10, START, R2).store(8, R10, END, R3);
  a.mov(R1, R6).call(BPF_XDP_GET_BUFF_LEN).mov(R5, R0);
  a.load(8, R2, R10, START).load(8, R3, R10, END);
  a.load(4, R1, R6, DATA).mov(R4, R2).alu('sub', R4, R1).alu('sub', R5, R4);
}

/** Goes on only with frames that have one buffer: they are as short as they look. Others have R8, their bytes. */
export function emitCutOff(a: Assembler, undecided: Label): void {
  a.mov(R1, R6).call(BPF_XDP_GET_BUFF_LEN);
  a.load(4, R2, R6, DATA).load(4, R3, R6, DATA_END).alu('sub', R3, R2);
  a.mov(R8, R0).alu('sub', R8, ETHERNET).jump('ne', R0, R3, undecided);
}

// ----- the device: kernel structures are read by plain loads where the verifier can be told what they are (6.2), else copied -----

/** Whether this kernel lets programs read its structures by plain loads. */
const canCast = ({ functions }: Features): boolean => functions.bpf_cast_to_kern_ctx !== undefined;

const BPF_PROBE_READ_KERNEL = 113;
/** Where copies go. */
const COPY = KEY_OFFSET - 16;

/** Copies up to 16 bytes of kernel memory to the stack. Clobbers R0–R5. */
function emitCopy(a: Assembler, size: number, from: Register, offset: number): void {
  a.mov(R3, from).alu('add', R3, offset).mov(R1, R10).alu('add', R1, COPY).mov(R2, size).call(BPF_PROBE_READ_KERNEL);
}

/** `dst` = the 8 bytes at an offset of a structure of the kernel. Clobbers R0–R5 where structures are copied. */
function emitWord(a: Assembler, features: Features, dst: Register, from: Register, offset: number): void {
  if (canCast(features)) a.load(8, dst, from, offset);
  else {
    emitCopy(a, 8, from, offset);
    a.load(8, dst, R10, COPY);
  }
}

/** Sets a register to the frame's `net_device`. Clobbers R0–R5. */
export function emitDevicePointer(a: Assembler, features: Features, device: Register): void {
  const { layout } = features;
  if (!canCast(features)) {
    // What programs are given as `xdp_md` is an `xdp_buff`.
    emitWord(a, features, device, R6, layout.xdpRxq);
    emitWord(a, features, device, device, layout.rxqDevice);
    return;
  }
  a.mov(R1, R6).callKernel('bpf_cast_to_kern_ctx', requireFunction(features, 'bpf_cast_to_kern_ctx'));
  a.load(8, device, R0, layout.xdpRxq).load(8, device, device, layout.rxqDevice);
}

/**
 * Leaves R2 = data and R3 = data_end of a frame to the address of its `net_device` alone, with `size` bytes behind its
 * Ethernet header; others go to `other`. Clobbers R0–R5.
 */
export function emitOwnFrame(a: Assembler, features: Features, device: Register, size: number, other: Label): void {
  emitAddressed(a, features, device, size, other);
  // Both addresses are 48 bits; what follows them is shifted out.
  a.load(8, R1, R2, 0).alu('xor', R1, R4).alu('lsh', R1, 16).jump('ne', R1, 0, other);
}

/** Fills in the name of a `net_device`. Keeps R6–R9 alone. */
export function emitDeviceName(a: Assembler, features: Features, device: Register): void {
  const { deviceName } = features.layout;
  if (canCast(features)) {
    if (device !== R4) a.mov(R4, device);
    copyWide(a, 'inDevice', deviceName);
    return;
  }
  emitCopy(a, 16, device, deviceName);
  copyWide(a.mov(R4, R10), 'inDevice', COPY);
}

/** R1 = a word of 32 bits of the namespace of a `net_device`. Keeps R6–R9 alone. */
export function emitNetWord(a: Assembler, features: Features, device: Register, offset: number): void {
  emitWord(a, features, R4, device, features.layout.deviceNet);
  if (canCast(features)) a.load(4, R1, R4, offset);
  else {
    emitCopy(a, 4, R4, offset);
    a.load(4, R1, R10, COPY);
  }
}

/**
 * Leaves R2 = data, R3 = data_end of a frame with `size` bytes behind its Ethernet header, and R4 = the bytes where the MAC
 * address of a `net_device` is; others go to `short`. Clobbers R0–R5.
 */
function emitAddressed(a: Assembler, features: Features, device: Register, size: number, short: Label): void {
  emitWord(a, features, R4, device, features.layout.deviceAddress);
  a.load(4, R2, R6, DATA).load(4, R3, R6, DATA_END);
  a.mov(R1, R2)
    .alu('add', R1, ETHERNET + size)
    .jump('gt', R1, R3, short);
}

/**
 * Leaves frames for other MAC addresses, and those with less than an IP header behind them, and fills in the device's name
 * if asked for. Leaves R2 behind the addresses and the ethertype, R3 data_end.
 */
export function emitDevice(
  a: Assembler,
  features: Features,
  fields: ReadonlySet<Field>,
  header: number,
  { pass, cutOff }: FrameExits,
): void {
  const ours = a.label('our MAC address, or a group');
  const device = canCast(features) ? R4 : R9;
  emitDevicePointer(a, features, device);
  if (fields.has('inDevice')) emitDeviceName(a, features, device);
  emitAddressed(a, features, device, header, cutOff);
  // Both are 48 bits; what follows them is shifted out. The lowest bit of the first byte marks a group address.
  a.load(8, R1, R2, 0).alu('xor', R4, R1).alu('lsh', R4, 16).jump('eq', R4, 0, ours);
  a.alu('and', R1, 1).jump('eq', R1, 0, pass);
  a.bind(ours).alu('add', R2, ETHERNET);
}

/**
 * Skips the tags of VLAN 0 at R2, which has an IP header's length of frame behind it, and leaves frames of other VLANs, and
 * of other ethertypes. Leaves R2 packet start, R3 data_end; in undecided frames R8, the bytes behind the last tag that
 * was skipped.
 */
export function emitTags(a: Assembler, etherType: number, header: number, exits: FrameExits): void {
  const { pass, undecided, cutOff } = exits;
  const found = a.label('packet');
  a.load(2, R1, R2, -2);
  for (let skipped = 0; ; skipped++) {
    const tag = a.label('VLAN tag');
    a.jump('eq', R1, etherType, found);
    for (const vlan of ETHERTYPES_VLAN) a.jump('eq', R1, vlan, tag);
    a.goto(pass).bind(tag);
    a.load(2, R1, R2, 0).bigEndian(R1, 16).alu('and', R1, VLAN_ID).jump('ne', R1, 0, pass);
    if (skipped === MAX_TAGS) break;
    a.load(2, R4, R2, 2).alu('add', R2, VLAN_TAG);
    a.mov(R1, R2).alu('add', R1, header).jump('gt', R1, R3, cutOff).mov(R1, R4);
  }
  a.mov(R8, R3).alu('sub', R8, R2).goto(undecided);
  a.bind(found);
}
