// A predicate as code: a few compares and a jump. Clobbers R1–R3.

import type { Interval } from '../base/intervals.ts';
import type { DeviceField, Predicate, WideField } from '../base/predicate.ts';
import { addressBytes, deviceBytes } from '../base/wide-bytes.ts';
import type { WideInterval, WideIntervalSet } from '../base/wide-intervals.ts';
import type { Assembler, Label } from '../bpf/assembler.ts';
import { R1, R2, R3, R10, type Register } from '../bpf/instruction.ts';
import { loadField, WIDE_OFFSET } from './key.ts';

/** Jumps to `yes` if the predicate holds, and falls through if not. */
export function emitTest(a: Assembler, predicate: Predicate, yes: Label): void {
  switch (predicate.kind) {
    case 'in':
      loadField(a, R1, predicate.field);
      emitMember(a, R1, predicate.set, yes);
      return;
    case 'masked':
      loadField(a, R1, predicate.field);
      a.alu32('and', R1, predicate.mask).jump32('eq', R1, predicate.value, yes);
      return;
    case 'wide':
      loadWide(a, predicate.field);
      emitWideMember(a, predicate.set, yes);
      return;
    case 'maskedWide':
      emitBytes(a, predicate.field, addressBytes(predicate.value), addressBytes(predicate.mask), yes);
      return;
    case 'device': {
      const { bytes, mask } = deviceBytes(predicate);
      emitBytes(a, predicate.field, bytes, mask, yes);
      return;
    }
  }
}

/** Jumps to `no` unless the predicate holds, which one compare must tell: returns false, and emits nothing, where it cannot. */
export function emitContrary(a: Assembler, predicate: Predicate, no: Label): boolean {
  if (predicate.kind === 'masked') {
    loadField(a, R1, predicate.field);
    a.alu32('and', R1, predicate.mask).jump32('ne', R1, predicate.value, no);
    return true;
  }
  const [only, ...others] = predicate.kind === 'in' ? predicate.set : [];
  if (predicate.kind !== 'in' || only === undefined || others.length > 0) return false;
  loadField(a, R1, predicate.field);
  const { low, high } = only;
  if (low === high) {
    a.jump32('ne', R1, low, no);
  } else {
    if (low > 0) a.alu32('sub', R1, low);
    a.jump32('gt', R1, high - low, no);
  }
  return true;
}

/**
 * Jumps to `yes` if the lower half of a register lies in one of the sorted intervals: bisected, so that long sets cost
 * their logarithm. Clobbers R2, which must not be the register.
 */
export function emitMember(a: Assembler, value: Register, set: readonly Interval[], yes: Label): void {
  if (set.length > 4) {
    const middle = set.length >> 1;
    const upper = a.label('upper half');
    const no = a.label('not a member');
    a.jump32('ge', value, set[middle]!.low, upper);
    emitMember(a, value, set.slice(0, middle), yes);
    a.goto(no).bind(upper);
    emitMember(a, value, set.slice(middle), yes);
    a.bind(no);
    return;
  }
  for (const { low, high } of set) {
    if (low === high) {
      a.jump32('eq', value, low, yes);
    } else if (low === 0) {
      a.jump32('le', value, high, yes);
    } else {
      // One unsigned compare: below `low` the difference wraps to a large number.
      a.mov32(R2, value)
        .alu32('sub', R2, low)
        .jump32('le', R2, high - low, yes);
    }
  }
}

/** Loads an address of the key: its upper half into R1, its lower half into R2. */
export function loadWide(a: Assembler, field: WideField): void {
  const at = WIDE_OFFSET[field];
  a.load(8, R1, R10, at)
    .bigEndian(R1, 64)
    .load(8, R2, R10, at + 8)
    .bigEndian(R2, 64);
}

/**
 * Jumps to `yes` if the address whose halves are in R1 and R2 lies in one of the intervals: bisected, as `emitMember`. The
 * upper halves decide but where they are equal. Clobbers R3.
 */
export function emitWideMember(a: Assembler, set: WideIntervalSet, yes: Label): void {
  if (set.length > 4) {
    const middle = set.length >> 1;
    const [upper, lower, no] = [a.label('upper half'), a.label('lower half'), a.label('not a member')];
    const { low } = set[middle]!;
    a.loadConstant(R3, low >> 64n)
      .jump('gt', R1, R3, upper)
      .jump('lt', R1, R3, lower);
    a.loadConstant(R3, low).jump('ge', R2, R3, upper).bind(lower);
    emitWideMember(a, set.slice(0, middle), yes);
    a.goto(no).bind(upper);
    emitWideMember(a, set.slice(middle), yes);
    a.bind(no);
    return;
  }
  for (const interval of set) emitWideInterval(a, interval, yes);
}

/** Compares with one interval; single addresses, and prefixes of up to 64 bits, take fewer compares than others. */
function emitWideInterval(a: Assembler, { low, high }: WideInterval, yes: Label): void {
  const no = a.label('not in this interval');
  const hasWholeHalves = BigInt.asUintN(64, low) === 0n && BigInt.asUintN(64, ~high) === 0n;
  a.loadConstant(R3, low >> 64n);
  if (hasWholeHalves && low >> 64n === high >> 64n) {
    a.jump('eq', R1, R3, yes);
  } else if (hasWholeHalves) {
    a.jump('lt', R1, R3, no);
    a.loadConstant(R3, high >> 64n).jump('le', R1, R3, yes);
  } else if (low === high) {
    a.jump('ne', R1, R3, no);
    a.loadConstant(R3, low).jump('eq', R2, R3, yes);
  } else {
    const atLeast = a.label('not below');
    a.jump('lt', R1, R3, no).jump('gt', R1, R3, atLeast);
    a.loadConstant(R3, low).jump('lt', R2, R3, no);
    a.bind(atLeast);
    a.loadConstant(R3, high >> 64n)
      .jump('gt', R1, R3, no)
      .jump('lt', R1, R3, yes);
    a.loadConstant(R3, high).jump('le', R2, R3, yes);
  }
  a.bind(no);
}

/** Jumps to `yes` if a field's bytes under the mask are these. All differences are collected before the one jump. */
function emitBytes(
  a: Assembler,
  field: WideField | DeviceField,
  bytes: Uint8Array,
  mask: Uint8Array,
  yes: Label,
): void {
  const words = new BigUint64Array(bytes.buffer);
  const masks = new BigUint64Array(mask.buffer);
  a.mov(R1, 0);
  for (const [index, word] of words.entries()) {
    if (masks[index] === 0n) continue;
    a.load(8, R2, R10, WIDE_OFFSET[field] + 8 * index);
    a.loadConstant(R3, word).alu('xor', R2, R3);
    if (masks[index] !== 0xffffffffffffffffn) a.loadConstant(R3, masks[index]!).alu('and', R2, R3);
    a.alu('or', R1, R2);
  }
  a.jump('eq', R1, 0, yes);
}
