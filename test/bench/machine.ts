// Where a run is made, and of what.

import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import type { RunDocument } from './run-document.ts';

export function machine(): RunDocument['machine'] {
  return { cpu: cpus()[0]?.model ?? '?', cpus: cpus().length, kernel: release(), node: process.version };
}

/** The load average of the last minute. */
export function load(): number {
  return loadavg()[0]!;
}

/** What is measured: the commit, and a `+` where anything in the tree differs from it. */
export function commit(root: URL): string {
  const git = (...words: string[]): string => execFileSync('git', words, { cwd: root, encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
