// The bpffs that pins live in, also from inside a private mount namespace.
//
// `ip netns exec` runs a command in a mount namespace of its own: what it mounts there is gone with it. Paths under
// /proc/PID/root lead into the mount namespace of that process, so pins are made through the outermost ancestor that
// has another one.

import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectory } from '../base/directory.ts';
import { KernelError } from './errors.ts';
import { cString, systemCall } from './syscall.ts';
import { lockFile } from './wait.ts';

/** BPF_FS_MAGIC (include/uapi/linux/magic.h) */
const BPF_FS_MAGIC = 0xcafe4a11;

/** No place for pins can be had; nothing was changed. */
export class PinDirectoryError extends Error {
  override readonly name = 'PinDirectoryError';
}

/** The path by which `runDirectory`/bpf is reached from here, and whether a bpffs is mounted there. */
export function findPinDirectory(runDirectory: string): { path: string; isReady: boolean } {
  const path = pathFromHere(outerMountNamespace(), join(runDirectory, 'bpf'));
  return { path, isReady: isBpffs(path) };
}

/** Mounts a bpffs at `runDirectory`/bpf where there is none, and returns the path by which it is reached from here. */
export function openPinDirectory(runDirectory: string): string {
  const outer = outerMountNamespace();
  const directory = join(runDirectory, 'bpf');
  const path = pathFromHere(outer, directory);
  makeDirectory(path, 0o700);
  if (isBpffs(path)) return path;
  // Of two first commands one waits: a second mount would hide the pins of the first.
  const release = lockFile(join(dirname(path), 'mount.lock'), Number.POSITIVE_INFINITY);
  try {
    if (isBpffs(path)) return path;
    if (outer === undefined) mountHere(directory);
    else mountThrough(outer, directory);
  } finally {
    release();
  }
  if (!isBpffs(path)) throw new PinDirectoryError(`${directory} is still no bpffs after it was mounted`);
  return path;
}

function pathFromHere(outer: number | undefined, directory: string): string {
  return outer === undefined ? directory : join(`/proc/${outer}/root`, directory);
}

function mountHere(directory: string): void {
  const type = cString('bpf');
  systemCall(`mount a bpffs at ${directory}`, 'mount', type, cString(directory), type, 0, 0);
}

function mountThrough(pid: number, directory: string): void {
  const args = [`--mount=/proc/${pid}/ns/mnt`, 'mount', '-t', 'bpf', 'bpf', directory];
  // Loaded here: it brings Node's sockets with it, milliseconds that hardly any command needs.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { status, stderr, error } = spawnSync('nsenter', args, { encoding: 'utf8' });
  if (status === 0) return;
  throw new PinDirectoryError(
    `this command runs in a private mount namespace, and no bpffs could be mounted at ${directory} outside of it: ` +
      `${error?.message ?? stderr.trim()}; run \`mount -t bpf bpf ${directory}\` outside first`,
  );
}

function isBpffs(path: string): boolean {
  if (!existsSync(path)) return false;
  const buffer = Buffer.alloc(256);
  try {
    systemCall(`look at ${path}`, 'statfs', cString(path), buffer);
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
  return buffer.readUInt32LE(0) === BPF_FS_MAGIC;
}

/** The topmost ancestor whose mount namespace is readable and not this process's; `undefined` where there is none. */
export function outerMountNamespace(): number | undefined {
  const own = readlinkSync('/proc/self/ns/mnt');
  let outer: number | undefined;
  for (let id = parentOf('self'); id > 0; id = parentOf(id)) {
    try {
      outer = readlinkSync(`/proc/${id}/ns/mnt`) === own ? undefined : id;
    } catch {
      break; // an ancestor that may not be looked at ends the search
    }
  }
  return outer;
}

function parentOf(id: number | 'self'): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? 0);
}
