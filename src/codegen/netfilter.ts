// The netfilter prologue: from `struct bpf_nf_ctx` to the packet key.
//
// `skb->data` is at the IPv4 header. Headers are read through a dynptr, which also reaches what is not in the linear
// part. The kernel's stack has already thrown out malformed packets at INPUT and FORWARD; at OUTPUT iptables judges
// whatever a raw socket sends, and so do we: the header length is taken as it stands. Bytes are counted as `skb->len`.
// A device that a hook does not have is a null pointer; reading its name through BTF yields zeros, which is just
// the empty name that iptables compares with.
//
// Stack below the key:  R10-72 dynptr (16)   R10-96 slice buffer (24)

import { type Features, requireFunction } from '../base/features.ts';
import type { DeviceField, Field } from '../base/predicate.ts';
import type { Assembler } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R6, R8, R9, R10 } from '../bpf/instruction.ts';
import { emitVerdict, type HookAbi } from './actions.ts';
import { clearFields, copyDeviceName, KEY_OFFSET, loadField, storeField } from './key.ts';

/** NF_DROP and NF_ACCEPT (include/uapi/linux/netfilter.h): all that a netfilter program may return. */
export const NETFILTER_ABI: HookAbi = { accept: 1, drop: 0, atomic: true, undecided: 'drop' };

const DYNPTR = KEY_OFFSET - 16;
const BUFFER = DYNPTR - 24;
const IPV4_HEADER = 20;
/** Up to and including the TCP flags. */
const TRANSPORT_HEADER = 14;
const PORTS = 4;

/** Emits the prologue. `fields` are those that some test asks for. */
export function emitNetfilterPrologue(a: Assembler, features: Features, fields: ReadonlySet<Field>): void {
  const { layout } = features;
  const malformed = a.label('malformed');
  const ports = a.label('ports only');
  const copyPorts = a.label('copy ports');
  const done = a.label('key complete');

  clearFields(a, new Set([...fields, 'sport', 'dport']), ['sport', 'dport', 'state', 'inDevice', 'outDevice']);
  a.load(8, R9, R6, layout.nfCtxSkb);
  a.load(4, R8, R9, layout.skbLen);
  a.mov(R1, R9).mov(R2, 0).mov(R3, R10).alu('add', R3, DYNPTR);
  a.callKernel('bpf_dynptr_from_skb', requireFunction(features, 'bpf_dynptr_from_skb'));
  emitSlice(a, features, IPV4_HEADER);
  a.jump('eq', R0, 0, malformed);

  a.load(4, R1, R0, 12).bigEndian(R1, 32);
  storeField(a, 'src', R1);
  a.load(4, R1, R0, 16).bigEndian(R1, 32);
  storeField(a, 'dst', R1);

  // R9: header length; R1: what follows it, between 0 and 65 535.
  a.load(1, R9, R0, 0).alu('and', R9, 15).alu('lsh', R9, 2);
  const positive = a.label('transport length is positive');
  const bounded = a.label('transport length is bounded');
  a.mov(R1, R8).alu('sub', R1, R9).jump('sge', R1, 0, positive).mov(R1, 0);
  a.bind(positive).jump('le', R1, 0xffff, bounded).mov(R1, 0xffff);
  a.bind(bounded);
  storeField(a, 'transportLength', R1);
  a.load(2, R2, R0, 6).bigEndian(R2, 16).alu('and', R2, 0x1fff);
  storeField(a, 'fragment', R2);
  a.load(1, R3, R0, 9);
  storeField(a, 'protocol', R3);
  storeField(a, 'tcpFlags', 0);

  for (const [field, offset] of [
    ['inDevice', layout.hookStateIn],
    ['outDevice', layout.hookStateOut],
  ] as const) {
    if (fields.has(field)) emitDeviceName(a, features, field, offset);
  }

  // Later fragments have no transport header.
  loadField(a, R2, 'fragment');
  a.jump('ne', R2, 0, done);
  loadField(a, R1, 'transportLength');
  a.jump('lt', R1, PORTS, done).jump('lt', R1, TRANSPORT_HEADER, ports);
  emitSlice(a, features, TRANSPORT_HEADER, true);
  a.jump('eq', R0, 0, done);
  a.load(1, R1, R0, 13);
  storeField(a, 'tcpFlags', R1);
  a.goto(copyPorts);
  a.bind(ports);
  emitSlice(a, features, PORTS, true);
  a.jump('eq', R0, 0, done);
  a.bind(copyPorts);
  a.load(2, R1, R0, 0).bigEndian(R1, 16);
  storeField(a, 'sport', R1);
  a.load(2, R1, R0, 2).bigEndian(R1, 16);
  storeField(a, 'dport', R1);
  a.goto(done);
  a.bind(malformed);
  emitVerdict(a, NETFILTER_ABI, 'accept');
  a.bind(done);
}

/** R0 = address of `size` bytes at the packet's start, or at R9, or null where it ends before. Clobbers R1–R5. */
function emitSlice(a: Assembler, features: Features, size: number, atHeaderEnd = false): void {
  a.mov(R1, R10).alu('add', R1, DYNPTR);
  a.mov(R2, atHeaderEnd ? R9 : 0);
  a.mov(R3, R10).alu('add', R3, BUFFER);
  a.mov(R4, size);
  a.callKernel('bpf_dynptr_slice', requireFunction(features, 'bpf_dynptr_slice'));
}

/** Copies a device's name into the key. Clobbers R4 and R5. */
function emitDeviceName(a: Assembler, { layout }: Features, field: DeviceField, offset: number): void {
  a.load(8, R4, R6, layout.nfCtxState).load(8, R4, R4, offset);
  copyDeviceName(a, field, layout.deviceName);
}
