// The way into the kernel: libc's `syscall` through koffi, errors as typed values.
//
// koffi is loaded by the first use: what makes no system call (-V, --help, a mistake in the file) need not wait for it.

import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import { KernelError } from './errors.ts';

const require = createRequire(import.meta.url);

function loadNative() {
  const koffi = require('koffi') as typeof Koffi;
  /** The C library that the process already has. */
  const libc = koffi.load(null);
  return {
    koffi,
    call2: libc.func('long syscall(long number, intptr_t a, intptr_t b)'),
    call3: libc.func('long syscall(long number, intptr_t a, intptr_t b, intptr_t c)'),
    call6: libc.func(
      'long syscall(long number, intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f)',
    ),
  };
}

let loaded: ReturnType<typeof loadNative> | undefined;

function native(): ReturnType<typeof loadNative> {
  loaded ??= loadNative();
  return loaded;
}

/** System call numbers (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h). */
const NUMBERS = {
  x64: {
    bpf: 321,
    mmap: 9,
    munmap: 11,
    flock: 73,
    setns: 308,
    mount: 165,
    statfs: 137,
    membarrier: 324,
    socket: 41,
    bind: 49,
    getsockopt: 55,
    setsockopt: 54,
    pidfd_open: 434,
    pidfd_getfd: 438,
    sendto: 44,
    recvfrom: 45,
    close: 3,
    clock_getres: 229,
  },
  arm64: {
    bpf: 280,
    mmap: 222,
    munmap: 215,
    flock: 32,
    setns: 268,
    mount: 40,
    statfs: 43,
    membarrier: 283,
    socket: 198,
    bind: 200,
    getsockopt: 209,
    setsockopt: 208,
    pidfd_open: 434,
    pidfd_getfd: 438,
    sendto: 206,
    recvfrom: 207,
    close: 57,
    clock_getres: 114,
  },
} as const;

export type SystemCall = keyof (typeof NUMBERS)['x64'];

function numberOf(name: SystemCall): number {
  const numbers = NUMBERS[process.arch as keyof typeof NUMBERS];
  if (numbers === undefined) throw new Error(`bpfilter does not run on ${process.arch}`);
  return numbers[name];
}

/** Buffers whose address was asked for: the garbage collector must not take them before the kernel has used them. */
const held: Uint8Array[] = [];

/** Address of a buffer's first byte, good until the next system call has returned. */
export function addressOf(buffer: Uint8Array): bigint {
  held.push(buffer);
  return native().koffi.address(buffer) as bigint;
}

/** An `ArrayBuffer` over memory of the kernel's making. */
export function viewOf(address: number | bigint, size: number): ArrayBuffer {
  return native().koffi.view(address, size);
}

/** A NUL-terminated string for the kernel. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8');
}

type Argument = number | bigint | Uint8Array;

/** Makes a system call and returns its result, or the negative errno. */
export function trySystemCall(name: SystemCall, ...args: readonly Argument[]): number {
  const values = args.map((arg) => (arg instanceof Uint8Array ? addressOf(arg) : arg));
  const number = numberOf(name);
  const { koffi, call2, call3, call6 } = native();
  let result: number | bigint;
  if (values.length <= 2) result = call2(number, values[0] ?? 0, values[1] ?? 0);
  else if (values.length === 3) result = call3(number, ...values);
  else result = call6(number, ...values, ...new Array(6 - values.length).fill(0));
  const outcome = Number(result) === -1 ? -koffi.errno() : Number(result);
  held.length = 0;
  return outcome;
}

/** As `trySystemCall`; throws `KernelError` saying what `operation` failed. */
export function systemCall(operation: string, name: SystemCall, ...args: readonly Argument[]): number {
  const result = trySystemCall(name, ...args);
  if (result < 0) throw new KernelError(operation, -result);
  return result;
}

export function closeDescriptor(descriptor: number): void {
  systemCall('close a descriptor', 'close', descriptor);
}
