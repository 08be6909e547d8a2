// Where a run is made, and of what.

import { execFileSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import type { RunDocument } from './run-document.ts';

export function machine(): RunDocument['machine'] {
  return { cpu: cpus()[0]?.model ?? '?', cpus: cpus().length, kernel: release(), node: process.version };
}

/** How many CPUs are busy, on average over some seconds from now: a load average would still tell of what has ended. */
export function load(): number {
  const used = (): number =>
    cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
  const [begin, before] = [performance.now(), used()];
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000 * LOAD_SECONDS);
  return (used() - before) / (performance.now() - begin);
}

const LOAD_SECONDS = 5;

/** What is measured: the commit, and a `+` where anything in the tree differs from it. */
export function commit(root: URL): string {
  const git = (...words: string[]): string => execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
