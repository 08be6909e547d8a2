// One bpf(2) call: its commands, its attributes, and the loading of a program as bytes.
//
// Attribute layouts are those of `union bpf_attr` (include/uapi/linux/bpf.h); offsets are in bytes.

import type { ProgramType } from '../bpf/image.ts';
import { KernelError } from './errors.ts';
import { addressOf, cString, trySystemCall } from './syscall.ts';

export const COMMAND = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  programLoad: 5,
  pin: 6,
  getPin: 7,
  testRun: 10,
  programById: 13,
  objectInfo: 15,
  btfLoad: 18,
  btfById: 19,
  btfNextId: 23,
  linkCreate: 28,
  linkUpdate: 29,
} as const;

const PROGRAM_TYPE: Readonly<Record<ProgramType, number>> = { xdp: 6, netfilter: 32 };
/** BPF_XDP and BPF_NETFILTER of `enum bpf_attach_type`. */
export const ATTACH_TYPE: Readonly<Record<ProgramType, number>> = { xdp: 37, netfilter: 45 };
/**
 * BPF_F_XDP_HAS_FRAGS for XDP (kernel 5.18): programs take frames of several buffers. A program array takes only programs
 * that are alike in this.
 */
const PROGRAM_FLAGS: Readonly<Record<ProgramType, number>> = { xdp: 1 << 5, netfilter: 0 };
/** What the names of all our objects begin with in the kernel. */
export const NAME_PREFIX = 'ipb_';
const ATTR_SIZE = 160;

/** Runs one bpf command; `fill` writes the attributes. Returns the result or the negative errno. */
export function tryBpf(command: number, fill: (attr: Buffer) => void): number {
  const attr = Buffer.alloc(ATTR_SIZE);
  fill(attr);
  return trySystemCall('bpf', command, attr, attr.length);
}

/** As `tryBpf`; throws `KernelError` saying what `operation` failed. */
export function bpf(operation: string, command: number, fill: (attr: Buffer) => void): number {
  const result = tryBpf(command, fill);
  if (result < 0) throw new KernelError(operation, -result);
  return result;
}

/** Writes the address of a buffer into the attributes. */
export function pointer(attr: Buffer, offset: number, to: Uint8Array): void {
  attr.writeBigUInt64LE(addressOf(to), offset);
}

/** The name that the kernel shows for one of our objects: at most 15 characters. */
export function objectName(name: string): Buffer {
  return Buffer.from(`${NAME_PREFIX}${name}`.slice(0, 15), 'latin1');
}

/** A program as the kernel takes it. */
export interface EncodedProgram {
  readonly name: string;
  readonly type: ProgramType;
  /** Of `struct bpf_insn`, 8 bytes each. */
  readonly code: Uint8Array;
  /** BTF object and records that say which function and source lines the instructions belong to. */
  readonly debug?: { readonly btf: number; readonly funcInfo: Uint8Array; readonly lineInfo: Uint8Array };
  /** Descriptors of the types of each of `modulesOf` its instructions. */
  readonly modules?: readonly number[];
}

const INSTRUCTION = 8;
const FUNC_INFO = 8;
const LINE_INFO = 16;

/** Loads a program; the verifier writes into `log` if one is given. Returns the descriptor or the negative errno. */
export function tryLoad({ name, type, code, debug, modules = [] }: EncodedProgram, log?: Buffer): number {
  const EAGAIN = 11;
  const descriptors = new Uint8Array(Int32Array.of(0, ...modules).buffer);
  for (let attempt = 1; ; attempt++) {
    const result = tryBpf(COMMAND.programLoad, (attr) => {
      attr.writeUInt32LE(PROGRAM_TYPE[type], 0);
      attr.writeUInt32LE(code.length / INSTRUCTION, 4);
      pointer(attr, 8, code);
      pointer(attr, 16, cString('Dual MIT/GPL'));
      if (log !== undefined) {
        attr.writeUInt32LE(1, 24);
        attr.writeUInt32LE(log.length, 28);
        pointer(attr, 32, log);
      }
      attr.writeUInt32LE(PROGRAM_FLAGS[type], 44);
      objectName(name).copy(attr, 48);
      attr.writeUInt32LE(ATTACH_TYPE[type], 68);
      if (modules.length > 0) pointer(attr, 120, descriptors);
      if (debug === undefined) return;
      attr.writeUInt32LE(debug.btf, 72);
      attr.writeUInt32LE(FUNC_INFO, 76);
      pointer(attr, 80, debug.funcInfo);
      attr.writeUInt32LE(debug.funcInfo.length / FUNC_INFO, 88);
      attr.writeUInt32LE(LINE_INFO, 92);
      pointer(attr, 96, debug.lineInfo);
      attr.writeUInt32LE(debug.lineInfo.length / LINE_INFO, 104);
    });
    // A signal in the middle of a long verification; a profiler's timer sends one every millisecond.
    if (result !== -EAGAIN || attempt === 50) return result;
  }
}
