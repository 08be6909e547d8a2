// Writing to standard output and error without `process.stdout`: for a pipe that loads Node's sockets, which takes longer
// than most of what is printed took to make. A full disk is told like any other error of the system.

import { writeSync } from 'node:fs';

/**
 * Writes all of the text; waits where the reader is slow. A reader that has seen enough (`| head`) is no error, and the
 * command goes on. Throws as `writeSync` does.
 */
export function writeWhole(descriptor: number, text: string, encoding: 'utf8' | 'latin1' = 'utf8'): void {
  let rest = Buffer.from(text, encoding);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') throw error;
      // Another process that shares the pipe or terminal has made it one that does not wait.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
