// What connection tracking knows of a packet, read by netfilter programs: from `skb->_nfct` into the packet key.
//
// The word is the address of the entry, `struct nf_conn`, with `enum ip_conntrack_info` in its low three bits
// (include/linux/skbuff.h): 0 where there is no entry, and 7 where the packet is untracked. The entry is read through
// pointers that `bpf_rdonly_cast` makes, which takes no call; its fields are those that the kernel's own match reads, in
// net/netfilter/xt_conntrack.c.

import { CLASS_SHIFT, classNumber, REPLY_BIT, STATUS_MASK } from '../base/connection-state.ts';
import { type ConnectionLayout, type Features, netfilterContextOf, requireFunction } from '../base/features.ts';
import { CONNECTION_FIELDS, type ConnectionField, type Field, type WideConnectionField } from '../base/predicate.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import type { Assembler } from '../bpf/assembler.ts';
import { R0, R1, R2, R6, R9, R10, type Size } from '../bpf/instruction.ts';
import { clearFields, loadField, storeField, WIDE_OFFSET } from './key.ts';

const INFO_MASK = 7;
const UNTRACKED = 7;

/** The class and direction of each `enum ip_conntrack_info`, a nibble each: ESTABLISHED, RELATED, NEW, and as answers. */
const CLASSES = (['ESTABLISHED', 'RELATED', 'NEW'] as const)
  .flatMap((name, info) => {
    const bits = BigInt(classNumber(name) * 2);
    return [bits << BigInt(4 * info), (bits | 1n) << BigInt(4 * (info + 3))];
  })
  .reduce((sum, bits) => sum | bits, 0n);
const NIBBLE_SHIFT = Math.log2(REPLY_BIT);

/** A member of `struct nf_conntrack_tuple`, in network order; addresses are unions of both families' in 16 bytes. */
interface TupleMember {
  readonly field: ConnectionField | WideConnectionField;
  readonly direction: 'original' | 'reply';
  readonly member: 'source' | 'sourcePort' | 'destination' | 'destinationPort' | 'protocol';
  readonly size: Size | 16;
}

const TUPLE_MEMBERS: readonly TupleMember[] = [
  { field: 'ctOrigSrc', direction: 'original', member: 'source', size: 4 },
  { field: 'ctOrigDst', direction: 'original', member: 'destination', size: 4 },
  { field: 'ctOrigSport', direction: 'original', member: 'sourcePort', size: 2 },
  { field: 'ctOrigDport', direction: 'original', member: 'destinationPort', size: 2 },
  { field: 'ctProtocol', direction: 'original', member: 'protocol', size: 1 },
  { field: 'ctReplySrc', direction: 'reply', member: 'source', size: 4 },
  { field: 'ctReplyDst', direction: 'reply', member: 'destination', size: 4 },
  { field: 'ctOrigSrc6', direction: 'original', member: 'source', size: 16 },
  { field: 'ctOrigDst6', direction: 'original', member: 'destination', size: 16 },
  { field: 'ctReplySrc6', direction: 'reply', member: 'source', size: 16 },
  { field: 'ctReplyDst6', direction: 'reply', member: 'destination', size: 16 },
  { field: 'ctReplySport', direction: 'reply', member: 'sourcePort', size: 2 },
  { field: 'ctReplyDport', direction: 'reply', member: 'destinationPort', size: 2 },
];

/** Stores those of the fields that are about the packet's connection. Clobbers R0–R5 and R9. */
export function emitConnection(a: Assembler, features: Features, fields: ReadonlySet<Field>): void {
  const asked = CONNECTION_FIELDS.filter((field) => fields.has(field));
  if (asked.length === 0) return;
  const layout = requireConnection(features);
  const unknown = a.label('no connection');
  const stateKnown = a.label('state of no connection');
  const done = a.label('connection is read');
  a.load(8, R9, R6, netfilterContextOf(features).skb).load(8, R9, R9, layout.skbConnection);
  a.mov(R1, R9).alu('and', R1, ~INFO_MASK).jump('eq', R1, 0, unknown);
  if (fields.has('state')) emitState(a, features, layout);
  for (const direction of ['original', 'reply'] as const) emitTuple(a, features, fields, direction, layout);
  if (fields.has('ctExpires')) emitExpiry(a, features, layout);
  a.goto(done).bind(unknown);
  if (fields.has('state')) {
    a.mov(R1, classNumber('INVALID') << CLASS_SHIFT);
    a.jump('ne', R9, UNTRACKED, stateKnown).mov(R1, classNumber('UNTRACKED') << CLASS_SHIFT);
    a.bind(stateKnown);
    storeField(a, 'state', R1);
  }
  clearFields(
    a,
    fields,
    asked.filter((field) => field !== 'state'),
  );
  a.bind(done);
}

/** Where entries are; throws `UnsupportedError` where the kernel's types do not tell. */
function requireConnection({ connection, release }: Features): ConnectionLayout {
  if (connection !== undefined) return connection;
  throw new UnsupportedError("connection tracking (struct nf_conn in the kernel's BTF)", '6.4', release);
}

function emitState(a: Assembler, features: Features, { status }: ConnectionLayout): void {
  emitPointer(a, features, status);
  a.load(8, R0, R0, 0).alu('and', R0, STATUS_MASK);
  a.mov(R2, R9).alu('and', R2, INFO_MASK).alu('lsh', R2, 2);
  a.loadConstant(R1, CLASSES).alu('rsh', R1, R2).alu('and', R1, 15).alu('lsh', R1, NIBBLE_SHIFT).alu('or', R1, R0);
  storeField(a, 'state', R1);
}

function emitTuple(
  a: Assembler,
  features: Features,
  fields: ReadonlySet<Field>,
  tuple: TupleMember['direction'],
  layout: ConnectionLayout,
): void {
  const asked = TUPLE_MEMBERS.filter(({ field, direction }) => direction === tuple && fields.has(field));
  if (asked.length === 0) return;
  emitPointer(a, features, layout[tuple]);
  for (const { field, member, size } of asked) {
    if (size === 16) {
      copyAddress(a, field as WideConnectionField, layout[member]);
      continue;
    }
    a.load(size, R1, R0, layout[member]);
    if (size !== 1) a.bigEndian(R1, size === 2 ? 16 : 32);
    storeField(a, field as ConnectionField, R1);
  }
}

/** In words: the kernel's own are of four bytes, and not where eight could be read at once. Clobbers R1. */
function copyAddress(a: Assembler, field: WideConnectionField, offset: number): void {
  for (let at = 0; at < 16; at += 4) a.load(4, R1, R0, offset + at).store(4, R10, WIDE_OFFSET[field] + at, R1);
}

/** As `nf_ct_expires`, in seconds: what is overdue has none left. */
function emitExpiry(a: Assembler, features: Features, { timeout }: ConnectionLayout): void {
  const left = a.label('not overdue');
  emitPointer(a, features, timeout);
  a.load(4, R1, R0, 0);
  storeField(a, 'ctExpires', R1);
  a.call(118 /* bpf_jiffies64 */);
  loadField(a, R1, 'ctExpires');
  a.alu32('sub', R1, R0).jump32('sge', R1, 0, left).mov32(R1, 0);
  a.bind(left).alu32('div', R1, features.ticksPerSecond);
  storeField(a, 'ctExpires', R1);
}

/** R0 = address of a member of the entry that R9 names. Clobbers R1–R5. */
function emitPointer(a: Assembler, features: Features, offset: number): void {
  a.mov(R1, R9).alu('and', R1, ~INFO_MASK).alu('add', R1, offset).mov(R2, features.wordsType);
  a.callKernel('bpf_rdonly_cast', requireFunction(features, 'bpf_rdonly_cast'));
}
