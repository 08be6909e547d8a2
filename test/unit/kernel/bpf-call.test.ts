// What is done where a signal interrupts the verifier: the kernel then says EAGAIN, and knows nothing of the program.

import { constants } from 'node:os';
import { beforeEach, expect, it, vi } from 'vitest';
import { tryLoad } from '../../../src/kernel/bpf-call.ts';

const kernel = vi.hoisted(() => ({
  calls: 0,
  answer: (_call: number): number => 0,
  attr: Buffer.alloc(0) as Buffer,
  /** Buffers by address. */
  given: [] as Uint8Array[],
}));

vi.mock(import('../../../src/kernel/syscall.ts'), async (importOriginal) => ({
  ...(await importOriginal()),
  addressOf: (buffer: Uint8Array) => BigInt(kernel.given.push(buffer) - 1),
  trySystemCall: (_name, ...args) => {
    kernel.attr = args[1] as Buffer;
    return kernel.answer(++kernel.calls);
  },
}));

const { EAGAIN, EACCES } = constants.errno;
const PROGRAM = { name: 'any', type: 'xdp', code: new Uint8Array(16) } as const;

beforeEach(() => {
  kernel.calls = 0;
  // Nothing is at address 0.
  kernel.given = [new Uint8Array()];
});

it('loads a program again until no signal comes in between', () => {
  kernel.answer = (call) => (call < 10 ? -EAGAIN : 7);
  expect(tryLoad(PROGRAM)).toBe(7);
  expect(kernel.calls).toBe(10);
});

it('loads no program again that the verifier refuses', () => {
  kernel.answer = () => -EACCES;
  expect(tryLoad(PROGRAM)).toBe(-EACCES);
  expect(kernel.calls).toBe(1);
});

it('gives up where signals never end', () => {
  kernel.answer = () => -EAGAIN;
  expect(tryLoad(PROGRAM)).toBe(-EAGAIN);
  expect(kernel.calls).toBeLessThanOrEqual(100);
});

it('gives the types of modules, of which the first is at place 1', () => {
  kernel.answer = () => 7;
  tryLoad({ ...PROGRAM, modules: [5, 9] });
  const FD_ARRAY = 120;
  const descriptors = kernel.given[Number(kernel.attr.readBigUInt64LE(FD_ARRAY))]!;
  expect([...new Int32Array(descriptors.buffer)]).toEqual([0, 5, 9]);
  tryLoad(PROGRAM);
  expect(kernel.attr.readBigUInt64LE(FD_ARRAY)).toBe(0n);
});
