// Waiting: for RCU, for a lock, for time.

import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectory } from '../base/directory.ts';
import { waitByMapUpdate } from './bpf.ts';
import { KernelError, type Lock, LockError } from './errors.ts';
import { trySystemCall } from './syscall.ts';

export function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/**
 * Returns once all BPF programs that ran when it was called have ended: `membarrier(MEMBARRIER_CMD_GLOBAL)` is
 * `synchronize_rcu()` (kernel/sched/membarrier.c). Kernels booted with `nohz_full` refuse it.
 */
export function waitForGracePeriod(): void {
  const MEMBARRIER_CMD_GLOBAL = 1;
  if (trySystemCall('membarrier', MEMBARRIER_CMD_GLOBAL, 0, 0) < 0) waitByMapUpdate();
}

const LOCK_EXCLUSIVE_NONBLOCKING = 2 | 4;
const EWOULDBLOCK = 11;
const EINTR = 4;

/**
 * Locks a file against other processes (flock(2): gone with the process) and returns the release. Tries for `seconds`,
 * then throws `LockError`.
 */
export function lockFile(path: string, seconds: number, lock: Lock = 'bpfilter'): () => void {
  makeDirectory(dirname(path), 0o755);
  const descriptor = openSync(path, 'a', 0o600);
  // Whatever becomes of the time of day.
  const end = process.uptime() + seconds;
  for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
    const result = trySystemCall('flock', descriptor, LOCK_EXCLUSIVE_NONBLOCKING);
    if (result >= 0) return () => closeSync(descriptor);
    if (result !== -EWOULDBLOCK && result !== -EINTR) {
      closeSync(descriptor);
      throw new KernelError(`lock ${path}`, -result);
    }
    const left = end - process.uptime();
    if (left <= 0) {
      closeSync(descriptor);
      throw new LockError(path, lock);
    }
    sleep(Math.min(pause, Math.max(1, left * 1000)));
  }
}
