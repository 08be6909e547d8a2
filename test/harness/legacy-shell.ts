// A shell in a network namespace of its own, in which a script asks the machine's iptables-legacy about many cases. Needs
// root. Each has its own lock file, so that several run at a time.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Family } from '../../src/base/family.ts';

/** The command for a family; `-restore` and `-save` go behind it. */
export function legacyProgram(family: Family): string {
  return family === 'ipv6' ? 'ip6tables-legacy' : 'iptables-legacy';
}

/** Lends `work` a folder for a script, its input and its answers. */
export async function inScriptFolder<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'ipb-legacy-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs a script in the folder, for so many milliseconds at most. Throws where it did not come to its end. */
export function runLegacyScript(directory: string, script: string, patience: number): Promise<void> {
  writeFileSync(join(directory, 'script'), `${script}\necho done\n`);
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', ['-n', 'sh', 'script'], {
      cwd: directory,
      env: { ...process.env, XTABLES_LOCKFILE: join(directory, 'lock'), LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), patience);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (output.endsWith('done\n')) resolve();
      else reject(new Error(`the oracle's shell ended with ${code}: ${errors}`));
    });
  });
}
