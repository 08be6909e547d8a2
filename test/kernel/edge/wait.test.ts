// Locks and grace periods.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitByMapUpdate } from '../../../src/kernel/bpf.ts';
import { LockError } from '../../../src/kernel/errors.ts';
import { lockFile, sleep, waitForGracePeriod } from '../../../src/kernel/wait.ts';

describe('a lock', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync('/run/ipb-edge-');
    path = join(directory, 'made', 'as needed.lock');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('has one holder; who waits in vain is told after the time given', () => {
    const release = lockFile(path, 0);
    const start = Date.now();
    expect(() => lockFile(path, 0.3)).toThrow(LockError);
    expect(Date.now() - start).toBeGreaterThanOrEqual(300);
    expect(() => lockFile(path, 0)).toThrow(LockError);
    release();
    lockFile(path, 0)();
  });

  it('is free as soon as its holder has died', async () => {
    lockFile(path, 0)();
    const holder = spawn('flock', ['--no-fork', path, 'sleep', '60']);
    const taken = () => {
      try {
        lockFile(path, 0)();
        return false;
      } catch {
        return true;
      }
    };
    while (!taken()) sleep(10);
    const ended = once(holder, 'exit');
    setTimeout(() => holder.kill('SIGKILL'), 50);
    await ended;
    lockFile(path, 1)();
  });
});

it.each([waitForGracePeriod, waitByMapUpdate])('$name comes back', (wait) => {
  expect(wait()).toBeUndefined();
});
