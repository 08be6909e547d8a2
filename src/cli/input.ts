// Reading the standard input without `process.stdin`, as is written to the standard output.

import { fstatSync, readFileSync, readSync } from 'node:fs';
import { waiting } from './output.ts';

/** In bytes: what a pipe holds. */
const CHUNK = 65536;

/** Reads a descriptor to its end; waits where the writer is slow. Throws as `readSync` does. */
export function readWhole(descriptor: number): Buffer {
  if (fstatSync(descriptor).isFile()) return readFileSync(descriptor);
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const length = waiting(() => readSync(descriptor, chunk));
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(chunk.subarray(0, length));
  }
}
