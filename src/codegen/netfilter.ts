// The netfilter prologue: from `struct bpf_nf_ctx` to the packet key.
//
// `skb->data` is at the IPv4 header. Of nearly all packets the headers lie in the linear part, and the IPv4 header has
// no options: such headers are read where they are, through a pointer that `bpf_rdonly_cast` makes of their address, which
// takes no call. Loads through it may reach behind the packet's end; that harms nobody, and those bytes are not used. The
// others are read through a dynptr, whose three calls cost several times as much as a whole lookup.
//
// The kernel's stack has already thrown out malformed packets at INPUT and FORWARD; at OUTPUT iptables judges
// whatever a raw socket sends, and so do we: the header length is taken as it stands. Bytes are counted as `skb->len`.
// A device that a hook does not have is a null pointer; reading its name through BTF yields zeros, which is just
// the empty name that iptables compares with.
//
// Stack below the key, downwards: dynptr (16), slice buffer (24).

import { type Features, netfilterContextOf, requireFunction } from '../base/features.ts';
import type { Field, NumericField } from '../base/predicate.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R6, R8, R9, R10, type Register } from '../bpf/instruction.ts';
import { emitVerdict, type HookAbi } from './actions.ts';
import { emitConnection } from './connection.ts';
import { closeSlots, copyWide, KEY_OFFSET, loadField, storeField } from './key.ts';
import { asksPorts, asksTransport, emitTransportFields, TRANSPORT_HEADER } from './transport-fields.ts';

/** NF_DROP and NF_ACCEPT (include/uapi/linux/netfilter.h): all that a netfilter program may return. */
export const NETFILTER_ABI: HookAbi = { accept: 1, drop: 0, counting: 'atomic', undecided: 'drop' };

const DYNPTR = KEY_OFFSET - 16;
const BUFFER = DYNPTR - 24;
const IPV4_HEADER = 20;
const FRAGMENT_OFFSET = 0x1fff;
/** Of the field `transportLength`. */
export const MAXIMUM_LENGTH = 0xffff;

/** Emits the prologue. `fields` are those that something asks for. */
export function emitNetfilterPrologue(a: Assembler, features: Features, fields: ReadonlySet<Field>): void {
  const { layout } = features;
  const linear = a.label('headers are in the linear part');
  const elsewhere = a.label('headers are anywhere');
  const malformed = a.label('malformed');
  const done = a.label('key complete');

  emitConnection(a, features, fields);
  emitDeviceNames(a, features, fields);
  a.load(8, R9, R6, netfilterContextOf(features).skb);
  a.load(4, R8, R9, layout.skbLen).load(4, R1, R9, layout.skbDataLen);
  a.jump('lt', R8, IPV4_HEADER, malformed);
  a.jump('eq', R1, 0, linear);
  a.mov(R2, R8)
    .alu('sub', R2, R1)
    .jump('lt', R2, IPV4_HEADER + TRANSPORT_HEADER, elsewhere);
  a.bind(linear);
  emitLinearPart(a, features, fields, elsewhere);
  a.goto(done).bind(malformed);
  emitVerdict(a, NETFILTER_ABI, 'accept');
  a.bind(elsewhere);
  emitDynptr(a, features, fields, malformed);
  a.bind(done);
  closeSlots(a, fields);
}

/** Reads the linear part of the `sk_buff` at R9, or goes `elsewhere`. Clobbers all but R6–R8. */
function emitLinearPart(a: Assembler, features: Features, fields: ReadonlySet<Field>, elsewhere: Label): void {
  const { layout, wordsType } = features;
  const store = storeAsked(a, fields);
  a.load(8, R9, R9, layout.skbData).mov(R1, R9).mov(R2, wordsType);
  a.callKernel('bpf_rdonly_cast', requireFunction(features, 'bpf_rdonly_cast'));
  // The header is read in words of which the first byte is the lowest. R9: first the one that ends in the fragment
  // offset, then that. R4: bytes behind the header. R5: destination, and ports above it.
  a.load(8, R9, R0, 0).mov(R1, R9).alu('and', R1, 15);
  a.jump('ne', R1, IPV4_HEADER / 4, elsewhere);
  a.mov(R4, R8).alu('sub', R4, IPV4_HEADER);
  if (fields.has('transportLength')) {
    a.mov(R1, R4);
    emitAtMost(a, R1, MAXIMUM_LENGTH);
    store('transportLength', R1);
  }
  if (fields.has('fragment') || asksTransport(fields)) {
    a.alu('rsh', R9, 48).bigEndian(R9, 16).alu('and', R9, FRAGMENT_OFFSET);
    store('fragment', R9);
  }
  if (fields.has('src') || fields.has('protocol')) {
    a.load(8, R2, R0, 8).mov(R3, R2).alu('rsh', R3, 32).bigEndian(R3, 32).alu('rsh', R2, 8);
    store('src', R3);
    store('protocol', R2);
  }
  if (fields.has('dst') || asksPorts(fields)) {
    a.load(8, R5, R0, 16).mov(R3, R5).bigEndian(R3, 32);
    store('dst', R3);
  }
  if (!asksTransport(fields)) return;
  emitTransportFields(a, fields, {
    fragment: R9,
    require(size, missing) {
      a.jump('lt', R4, size, missing);
    },
    load(size, offset) {
      if (size === 1) a.load(1, R2, R0, IPV4_HEADER + offset);
      else a.mov(R2, R5).alu('rsh', R2, 32 + 8 * offset);
    },
  });
}

/** Reads any packet, or goes to `malformed`. Clobbers all but R6–R8. */
function emitDynptr(a: Assembler, features: Features, fields: ReadonlySet<Field>, malformed: Label): void {
  const store = storeAsked(a, fields);
  const positive = a.label('transport length is positive');
  a.load(8, R1, R6, netfilterContextOf(features).skb).mov(R2, 0).mov(R3, R10).alu('add', R3, DYNPTR);
  a.callKernel('bpf_dynptr_from_skb', requireFunction(features, 'bpf_dynptr_from_skb'));
  emitSlice(a, features, IPV4_HEADER);
  a.jump('eq', R0, 0, malformed);

  a.load(4, R1, R0, 12).bigEndian(R1, 32);
  store('src', R1);
  a.load(4, R1, R0, 16).bigEndian(R1, 32);
  store('dst', R1);
  // R9: header length; R1: what follows it. Both this and the fragment offset are in the key whether asked for or not.
  a.load(1, R9, R0, 0).alu('and', R9, 15).alu('lsh', R9, 2);
  a.mov(R1, R8).alu('sub', R1, R9).jump('sge', R1, 0, positive).mov(R1, 0);
  a.bind(positive);
  emitAtMost(a, R1, MAXIMUM_LENGTH);
  storeField(a, 'transportLength', R1);
  a.load(2, R1, R0, 6).bigEndian(R1, 16).alu('and', R1, FRAGMENT_OFFSET);
  storeField(a, 'fragment', R1);
  a.load(1, R2, R0, 9);
  store('protocol', R2);
  if (!asksTransport(fields)) return;
  emitTransportFields(a, fields, {
    fragment: R1,
    require(size, missing) {
      loadField(a, R1, 'transportLength');
      a.jump('lt', R1, size, missing);
      emitSlice(a, features, size, true);
      a.jump('eq', R0, 0, missing);
    },
    load(size, offset) {
      a.load(size, R2, R0, offset);
    },
  });
}

/** Stores those fields that are asked for. */
export function storeAsked(a: Assembler, fields: ReadonlySet<Field>): (field: NumericField, value: Register) => void {
  return (field, value) => {
    if (fields.has(field)) storeField(a, field, value);
  };
}

export function emitAtMost(a: Assembler, value: Register, maximum: number): void {
  const bounded = a.label('length is bounded');
  a.jump('le', value, maximum, bounded).mov(value, maximum).bind(bounded);
}

/** R0 = address of `size` bytes at the packet's start, or at R9, or null where it ends before. Clobbers R1–R5. */
function emitSlice(a: Assembler, features: Features, size: number, atHeaderEnd = false): void {
  a.mov(R1, R10).alu('add', R1, DYNPTR);
  a.mov(R2, atHeaderEnd ? R9 : 0);
  a.mov(R3, R10).alu('add', R3, BUFFER);
  a.mov(R4, size);
  a.callKernel('bpf_dynptr_slice', requireFunction(features, 'bpf_dynptr_slice'));
}

/** Copies the names of those devices that are asked for into the key. Clobbers R4 and R5. */
export function emitDeviceNames(a: Assembler, features: Features, fields: ReadonlySet<Field>): void {
  const { layout } = features;
  for (const [field, offset] of [
    ['inDevice', layout.hookStateIn],
    ['outDevice', layout.hookStateOut],
  ] as const) {
    if (!fields.has(field)) continue;
    a.load(8, R4, R6, netfilterContextOf(features).state).load(8, R4, R4, offset);
    copyWide(a, field, layout.deviceName);
  }
}
