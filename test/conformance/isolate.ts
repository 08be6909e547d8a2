// Runs a command in a new network namespace, with run and state directories of its own, and leaves nothing behind.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Subject } from './multi.ts';

/** Below /run: the place of pins must be one that is not private to a mount namespace. */
const PARENT = '/run';
const PREFIX = 'ipb-conformance';

export interface Finished {
  /** Undefined if a signal ended it, as when it took too long. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Job {
  readonly command: readonly string[];
  readonly workingDirectory: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const TIME_LIMIT_MS = 600_000;

/** A directory for this run, readable by all: one of the tests runs commands as `nobody`. */
export function makeRunDirectory(): string {
  for (const name of readdirSync(PARENT)) {
    const maker = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (maker !== undefined && !existsSync(`/proc/${maker}`)) removeRunDirectory(join(PARENT, name));
  }
  return openDirectory(join(PARENT, `${PREFIX}-${process.pid}-`));
}

export function removeRunDirectory(directory: string): void {
  for (const name of readdirSync(directory)) removeJobDirectory(join(directory, name));
  rmSync(directory, { recursive: true, force: true });
}

/** Runs a job with the subject's directory first in PATH. `parent` is from `makeRunDirectory`. */
export async function runIsolated(subject: Subject, parent: string, job: Job): Promise<Finished> {
  const directory = openDirectory(join(parent, 'job-'));
  try {
    const configuration = join(directory, 'config.json');
    writeFileSync(configuration, '{}');
    const scratch = join(directory, 'tmp');
    mkdirSync(scratch);
    return await run(['unshare', '-n', ...job.command], job.workingDirectory, {
      ...process.env,
      PATH: `${subject.directory}:${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`,
      TMPDIR: scratch,
      BPFILTER_CONFIG: configuration,
      BPFILTER_RUN_DIR: join(directory, 'run'),
      BPFILTER_STATE_DIR: join(directory, 'state'),
      BPFILTER_PLACEMENT: 'none',
      ...job.environment,
    });
  } finally {
    removeJobDirectory(directory);
  }
}

/** Calls `work` on every item, several at a time; results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  workers: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}

function run(
  [command, ...words]: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const output = { stdout: '', stderr: '' };
    // A process group of its own, so that a time limit ends what the command started, too.
    const child = spawn(command!, words, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), TIME_LIMIT_MS);
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
      });
    }
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? undefined, ...output });
    });
  });
}

function openDirectory(prefix: string): string {
  const directory = mkdtempSync(prefix);
  chmodSync(directory, 0o755);
  return directory;
}

function removeJobDirectory(directory: string): void {
  const pins = join(directory, 'run', 'bpf');
  if (existsSync(pins)) spawnSync('umount', [pins]);
  rmSync(directory, { recursive: true, force: true });
}
