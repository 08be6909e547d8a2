// Writing to standard output and error without `process.stdout`: for a pipe that loads Node's sockets, which takes longer
// than most of what is printed took to make. A full disk is told like any other error of the system.

import { writeSync } from 'node:fs';

/**
 * Writes all of the text; waits where the reader is slow. A reader that has seen enough (`| head`) is no error, and the
 * command goes on. Throws as `writeSync` does.
 */
export function writeWhole(descriptor: number, text: string, encoding: 'utf8' | 'latin1' = 'utf8'): void {
  let rest = Buffer.from(text, encoding);
  try {
    while (rest.length > 0) rest = rest.subarray(waiting(() => writeSync(descriptor, rest)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}

/** Does a call again while it would have to wait: another process that shares the pipe or terminal has made it one that does not. */
export function waiting<T>(call: () => T): T {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
