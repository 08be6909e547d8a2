// Network namespaces: which one this is, what it is called, and whether anything still uses another.
//
// A namespace's cookie is never used twice during a boot; its inode is, as soon as the namespace is gone.

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCall } from './syscall.ts';

const NAMED = '/run/netns';
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOL_SOCKET = 1;
/** include/uapi/asm-generic/socket.h; kernel 5.14 */
const SO_NETNS_COOKIE = 71;
const CLONE_NEWNET = 0x40000000;

/** The cookie of the namespace that this thread is in, decimal. */
export function currentCookie(): string {
  const socket = systemCall('open a socket', 'socket', AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  try {
    const value = Buffer.alloc(8);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(8);
    const operation = "read the network namespace's cookie (needs kernel 5.14 or later)";
    systemCall(operation, 'getsockopt', socket, SOL_SOCKET, SO_NETNS_COOKIE, value, size);
    return value.readBigUInt64LE().toString();
  } finally {
    systemCall('close a socket', 'close', socket);
  }
}

/** The inode of the namespace that the process is in. */
export function currentInode(): string {
  return inodeOf('/proc/self/ns/net')!;
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Its name under /run/netns, `init` for the initial namespace, or `undefined`. */
export function nameOfCurrent(): string | undefined {
  const inode = currentInode();
  const named = namedNamespaces().find((name) => inodeOf(join(NAMED, name)) === inode);
  if (named !== undefined) return named;
  return isInitial(inode) ? 'init' : undefined;
}

/** The initial namespace is the one of process 1, or, where that cannot be read, of kernel thread 2. */
function isInitial(inode: string): boolean {
  return ['/proc/1/ns/net', '/proc/2/ns/net'].some((path) => inodeOf(path) === inode);
}

/**
 * Whether a process, a name, a mount or an open descriptor refers to the namespace. Looks at what is cheap first:
 * processes and names, then mounts, then all descriptors.
 */
export function isInUse(cookie: string, inode: string): boolean {
  for (const path of references()) {
    if (inodeOf(path) === inode && cookieOf(path) === cookie) return true;
  }
  return false;
}

/** Paths that may lead to a network namespace. */
function* references(): Generator<string> {
  for (const name of namedNamespaces()) yield join(NAMED, name);
  const processes = list('/proc').filter((name) => /^\d+$/.test(name));
  for (const id of processes) yield `/proc/${id}/ns/net`;
  for (const mount of namespaceMounts()) yield mount;
  for (const id of processes) {
    for (const descriptor of list(`/proc/${id}/fd`)) yield `/proc/${id}/fd/${descriptor}`;
  }
}

/** Mount points of namespaces, as container engines make them. */
function namespaceMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter((fields) => fields[3]?.startsWith('net:['))
    .map((fields) => fields[4]!);
}

function namedNamespaces(): string[] {
  return list(NAMED);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** The inode of a network namespace's file, or `undefined` where the path is none, or not to be read. */
function inodeOf(path: string): string | undefined {
  try {
    if (path.startsWith('/proc/')) return /^net:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return String(statSync(path).ino);
  } catch {
    return undefined;
  }
}

/** The cookie of the namespace behind a path, or `undefined` where it cannot be entered. */
function cookieOf(path: string): string | undefined {
  let target: number;
  try {
    target = openSync(path, 'r');
  } catch {
    return undefined;
  }
  const own = openSync('/proc/self/ns/net', 'r');
  try {
    systemCall('enter a network namespace', 'setns', target, CLONE_NEWNET);
    try {
      return currentCookie();
    } finally {
      systemCall('return to the own network namespace', 'setns', own, CLONE_NEWNET);
    }
  } finally {
    closeSync(target);
    closeSync(own);
  }
}
