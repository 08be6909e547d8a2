// Network namespaces: which one this is, what it is called, and whether anything still uses another.
//
// A namespace's cookie is never used twice during a boot; its inode is, as soon as the namespace is gone.

import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { UnsupportedError } from '../base/unsupported.ts';
import { errnoName, KernelError } from './errors.ts';
import { closeDescriptor, systemCall, trySystemCall } from './syscall.ts';

const NAMED = '/run/netns';
const AF_INET = 2;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
/** Such a socket receives nothing (raw(7)). */
const IPPROTO_RAW = 255;
const EPERM = 1;
const SOL_SOCKET = 1;
/** include/uapi/asm-generic/socket.h; kernel 5.14 */
const SO_NETNS_COOKIE = 71;
const CLONE_NEWNET = 0x40000000;
/** CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE, CAP_SYS_ADMIN: to read what /proc has of processes, to enter their namespaces. */
const TO_SEE_PROCESSES = (1n << 2n) | (1n << 19n) | (1n << 21n);

/**
 * The cookie of the namespace that this thread is in, decimal. Asked of a raw socket, as iptables opens one: who may not
 * see packets may not see the rules either.
 */
export function currentCookie(): string {
  const socket = trySystemCall('socket', AF_INET, SOCK_RAW_CLOEXEC, IPPROTO_RAW);
  if (socket === -EPERM)
    throw new KernelError('look at the rules', EPERM, 'Permission denied: run the command as root');
  if (socket < 0) throw new KernelError('open a socket', -socket);
  try {
    const cookie = socketCookie(socket);
    if (cookie === undefined) throw new UnsupportedError("the network namespace's cookie", '5.14', release());
    return cookie;
  } finally {
    closeDescriptor(socket);
  }
}

/** The cookie of a socket's namespace, or `undefined` where it does not tell. */
function socketCookie(socket: number): string | undefined {
  const value = Buffer.alloc(8);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(value.length);
  const result = trySystemCall('getsockopt', socket, SOL_SOCKET, SO_NETNS_COOKIE, value, size);
  return result < 0 ? undefined : value.readBigUInt64LE().toString();
}

/** The inode of the namespace that this thread is in. */
export function currentInode(): string {
  return inodeOf('/proc/thread-self/ns/net')!;
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
 * Whether a name, a process, a mount, an open descriptor or a socket refers to the namespace. What is cheap to look at
 * comes first; sockets, which show themselves by their cookie alone, last.
 */
export function isInUse(cookie: string, inode: string): boolean {
  if (!seesAllProcesses()) return true;
  for (const path of references(inode)) {
    if (inodeOf(path) === inode && cookieOf(path) === cookie) return true;
  }
  return hasSocket(cookie);
}

/** Inside a PID or user namespace, or with fewer capabilities, processes are out of sight: nothing can be called unused there. */
function seesAllProcesses(): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(fileText('/proc/thread-self/status'))?.[1] ?? '0';
  return (
    // The inodes of the initial ones: PROC_PID_INIT_INO, PROC_USER_INIT_INO, include/linux/proc_ns.h.
    linkTarget('/proc/self/ns/pid') === `pid:[${0xeffffffc}]` &&
    linkTarget('/proc/self/ns/user') === `user:[${0xeffffffd}]` &&
    (BigInt(`0x${effective}`) & TO_SEE_PROCESSES) === TO_SEE_PROCESSES
  );
}

/** Paths that may lead to the network namespace with an inode. */
function* references(inode: string): Generator<string> {
  for (const name of namedNamespaces()) yield join(NAMED, name);
  const processes = processIds();
  for (const id of processes) yield `/proc/${id}/ns/net`;
  yield* namespaceMounts(processes);
  for (const id of processes) {
    for (const thread of list(`/proc/${id}/task`)) yield `/proc/${id}/task/${thread}/ns/net`;
    for (const descriptor of list(`/proc/${id}/fdinfo`)) {
      // Files are not touched before they have the right number: to look at one may block.
      const info = fileText(`/proc/${id}/fdinfo/${descriptor}`);
      if (/^ino:\s+(\d+)$/m.exec(info)?.[1] === inode) yield `/proc/${id}/fd/${descriptor}`;
    }
  }
}

/** Mounts of namespaces, as container engines make them, in the mount namespace of every process. */
function* namespaceMounts(processes: readonly string[]): Generator<string> {
  const seen = new Set<string>();
  for (const id of processes) {
    const mountNamespace = linkTarget(`/proc/${id}/ns/mnt`);
    if (mountNamespace !== undefined && seen.has(mountNamespace)) continue;
    if (mountNamespace !== undefined) seen.add(mountNamespace);
    for (const line of fileText(`/proc/${id}/mountinfo`).split('\n')) {
      const [, , , root, mountPoint] = line.split(' ');
      if (root?.startsWith('net:[')) yield `/proc/${id}/root${mountPoint}`;
    }
  }
}

/** Whether some process has a socket of the namespace, though it may have left it or never have been in it. */
function hasSocket(cookie: string): boolean {
  return processIds().some((id) => {
    const sockets = list(`/proc/${id}/fd`).filter((fd) => linkTarget(`/proc/${id}/fd/${fd}`)?.startsWith('socket:['));
    if (sockets.length === 0) return false;
    const process = trySystemCall('pidfd_open', Number(id), 0, 0);
    if (process < 0) return false;
    try {
      return sockets.some((fd) => {
        const copy = trySystemCall('pidfd_getfd', process, Number(fd), 0);
        if (copy < 0) return false;
        try {
          return socketCookie(copy) === cookie;
        } finally {
          closeDescriptor(copy);
        }
      });
    } finally {
      closeDescriptor(process);
    }
  });
}

function processIds(): string[] {
  return list('/proc').filter((name) => /^\d+$/.test(name));
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
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

/** The inode of a namespace's file, or `undefined` where the path is none, or not to be read. */
function inodeOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return dev === statSync('/proc/thread-self/ns/net').dev ? String(ino) : undefined;
  } catch {
    return undefined;
  }
}

/** The cookie of the namespace behind a path, or `undefined` where it cannot be entered. */
function cookieOf(path: string): string | undefined {
  try {
    return inNamespace(path, currentCookie);
  } catch (error) {
    if (error instanceof KernelError || (error as NodeJS.ErrnoException).code !== undefined) return undefined;
    throw error;
  }
}

/** Runs `work` with the main thread in the network namespace of a path; synchronous work only. */
export function inNamespace<T>(path: string, work: () => T): T {
  const target = openSync(path, 'r');
  const own = openSync('/proc/thread-self/ns/net', 'r');
  try {
    systemCall(`enter the network namespace ${path}`, 'setns', target, CLONE_NEWNET);
    try {
      return work();
    } finally {
      returnTo(own);
    }
  } finally {
    closeSync(target);
    closeSync(own);
  }
}

/** Throws no `KernelError`: that a caller may take for a namespace that cannot be entered, and go on. */
function returnTo(own: number): void {
  const result = trySystemCall('setns', own, CLONE_NEWNET);
  if (result < 0) throw new Error(`cannot return to the own network namespace: ${errnoName(-result)}`);
}
