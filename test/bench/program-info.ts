// What the kernel says of a program or a map: /proc/PID/fdinfo of its descriptor.

import { readFileSync } from 'node:fs';

/** Bytes that a program or a map takes of the kernel's memory. */
export function kernelMemory(descriptor: number): number {
  return fdInfo(descriptor, 'memlock');
}

/** Instructions that the verifier went through, each as often as it came to it. */
export function processedInstructions(program: number): number {
  return fdInfo(program, 'verified_insns');
}

function fdInfo(descriptor: number, name: string): number {
  const found = new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'));
  if (found === null) throw new Error(`the kernel does not tell ${name}`);
  return Number(found[1]);
}
