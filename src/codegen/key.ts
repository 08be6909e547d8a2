// The packet key, and the machine contract that every emitter of this folder keeps.
//
//   R6   the program's context, from entry on
//   R7   start of this CPU's counter area, from the end of the prologue on
//   R8   bytes to count for this packet, from the end of the prologue on
//   R9   free in prologues, scratch for tables and finishes after them
//   R0–R5 scratch; nothing is kept in them from one test or action to the next
//
// The key lies at the top of the stack. Every field is reloaded for every test: a register compared with one constant
// after another would teach the verifier a new value each time, and verification would grow with the square of the
// rules. For the same reason numbers are written in pieces smaller than a stack slot, the piece at the slot's start
// first: the verifier then keeps "some bytes" for the slot instead of the register that was stored. Fields that nobody
// asks for are not written.
//
//   R10-184 ctReplyDst6:128 ctReplySrc6:128 ctOrigDst6:128     network order; prologues have this place until then
//   R10-120 ctExpires:32  ctProtocol:8  zero:24                what connection tracking knows
//   R10-112 ctOrigSrc:32  ctOrigDst:32                         host order
//   R10-104 ctReplySrc:32 ctReplyDst:32                        of IPv6: ctOrigSrc6:128 in place of all four
//   R10-96  ctOrigSport:16 ctOrigDport:16 ctReplySport:16 ctReplyDport:16
//   R10-88  src6:128                                           network order
//   R10-72  dst6:128
//   R10-56  src:32        dst:32                               host order
//   R10-48  length:32     fragment:16   protocol:8  tcpFlags:8
//   R10-40  sport:16      dport:16      state:16 malformed:8 forwardable:8  icmp is where sport is
//   R10-32  inDevice:128                                       as in net_device.name
//   R10-16  outDevice:128

import type { DeviceField, Field, NumericField, WideField } from '../base/predicate.ts';
import type { Assembler, Operand } from '../bpf/assembler.ts';
import { R4, R5, R10, type Register, type Size } from '../bpf/instruction.ts';

interface Place {
  /** Bytes relative to R10. */
  readonly offset: number;
  readonly size: Size;
}

const PLACES: Readonly<Record<NumericField, Place>> = {
  src: { offset: -56, size: 4 },
  dst: { offset: -52, size: 4 },
  transportLength: { offset: -48, size: 4 },
  fragment: { offset: -44, size: 2 },
  protocol: { offset: -42, size: 1 },
  tcpFlags: { offset: -41, size: 1 },
  sport: { offset: -40, size: 2 },
  icmp: { offset: -40, size: 2 },
  dport: { offset: -38, size: 2 },
  state: { offset: -36, size: 2 },
  malformed: { offset: -34, size: 1 },
  forwardable: { offset: -33, size: 1 },
  ctOrigSport: { offset: -96, size: 2 },
  ctOrigDport: { offset: -94, size: 2 },
  ctReplySport: { offset: -92, size: 2 },
  ctReplyDport: { offset: -90, size: 2 },
  ctReplySrc: { offset: -104, size: 4 },
  ctReplyDst: { offset: -100, size: 4 },
  ctOrigSrc: { offset: -112, size: 4 },
  ctOrigDst: { offset: -108, size: 4 },
  ctExpires: { offset: -120, size: 4 },
  ctProtocol: { offset: -116, size: 1 },
};

/** Where the fields of 16 bytes are, relative to R10. */
export const WIDE_OFFSET: Readonly<Record<WideField | DeviceField, number>> = {
  src6: -88,
  dst6: -72,
  ctOrigSrc6: -112,
  ctOrigDst6: -152,
  ctReplySrc6: -168,
  ctReplyDst6: -184,
  inDevice: -32,
  outDevice: -16,
};

/** The stack below this offset is free for prologues. */
export const KEY_OFFSET = -120;

/** Stores a field's value. `src` before `dst`, `transportLength` before its neighbours, `sport` before `dport`. */
export function storeField(a: Assembler, field: NumericField, value: Operand): void {
  const { offset, size } = PLACES[field];
  a.store(size, R10, offset, value);
}

/** Loads a field's value into a register, zero-extended. */
export function loadField(a: Assembler, dst: Register, field: NumericField): void {
  const { offset, size } = PLACES[field];
  a.load(size, dst, R10, offset);
}

/** Loads the `size` bytes behind the lowest `from` bytes of a field's value, zero-extended. */
export function loadPiece(a: Assembler, dst: Register, field: NumericField, from: number, size: 1 | 2): void {
  a.load(size, dst, R10, PLACES[field].offset + from);
}

/** What a field's value is below, for all that the verifier knows. */
export function fieldRange(field: NumericField): number {
  return 256 ** PLACES[field].size;
}

/** Fills those of the fields with zero that are asked for: fields that a hook does not have, or not always. */
export function clearFields(a: Assembler, asked: ReadonlySet<Field>, fields: readonly Field[]): void {
  for (const field of fields) {
    if (!asked.has(field)) continue;
    if (isWide(field)) {
      for (let word = 0; word < 4; word++) a.store(4, R10, WIDE_OFFSET[field] + 4 * word, 0);
    } else {
      storeField(a, field, 0);
    }
  }
}

/** Fields at the start of a stack slot, each with those behind it in the slot. */
const SLOTS: readonly (readonly [first: readonly NumericField[], behind: readonly NumericField[], last: number])[] = [
  [['src'], ['dst'], -49],
  [['transportLength'], ['fragment', 'protocol', 'tcpFlags'], -41],
  [['sport', 'icmp'], ['dport', 'state', 'malformed', 'forwardable'], -33],
  [['ctExpires'], ['ctProtocol'], -113],
  [['ctOrigSrc'], ['ctOrigDst'], -105],
  [['ctReplySrc'], ['ctReplyDst'], -97],
  [['ctOrigSport'], ['ctOrigDport', 'ctReplySport', 'ctReplyDport'], -89],
];

/** Writes behind those fields at the start of a stack slot that nothing else asked for is written behind. */
export function closeSlots(a: Assembler, asked: ReadonlySet<Field>): void {
  for (const [first, behind, last] of SLOTS) {
    const isAsked = (field: Field) => asked.has(field);
    if (first.some(isAsked) && !behind.some(isAsked)) a.store(1, R10, last, 0);
  }
}

/** Whether a field has 16 bytes. */
export function isWide(field: Field): field is WideField | DeviceField {
  return field in WIDE_OFFSET;
}

/** Copies the 16 bytes at `offset` from R4 into the key: an address, or the name of a `net_device`. Clobbers R5. */
export function copyWide(a: Assembler, field: WideField | DeviceField, offset: number): void {
  for (const at of [0, 8]) a.load(8, R5, R4, offset + at).store(8, R10, WIDE_OFFSET[field] + at, R5);
}
