// What a rule can name that lives in the kernel: sets, accounting objects, cgroups, pinned BPF objects. All are those of
// the current network namespace, or of the machine.

import { readFileSync, statSync } from 'node:fs';
import type { KernelNames } from '../base/names.ts';
import { COMMAND, pointer, tryBpf } from './bpf-call.ts';
import { outerMountNamespace } from './bpffs.ts';
import { KernelError } from './errors.ts';
import { attributes, dump, FAMILY, text } from './netlink.ts';
import { closeDescriptor, cString, systemCall, trySystemCall } from './syscall.ts';

/** Asks anew each time: objects come and go. */
export const kernelNames: KernelNames = { set: familyOfSet, accounting, cgroup, pinnedProgram };

// ----- sets: getsockopt(SO_IP_SET), include/uapi/linux/netfilter/ipset/ip_set.h -----

const AF_INET = 2;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const IPPROTO_RAW = 255;
const SOL_IP = 0;
const SO_IP_SET = 83;
const IP_SET_OP_VERSION = 0x100;
const IP_SET_OP_GET_FNAME = 8;
const IPSET_INVALID_ID = 0xffff;
/** With the final zero. */
const IPSET_MAXNAMELEN = 32;

/** `struct ip_set_req_get_set_family`: operation, version, family, then the name, which the answer's id replaces. */
const REQUEST = { operation: 0, version: 4, family: 8, name: 12, size: 12 + IPSET_MAXNAMELEN } as const;

/** NFPROTO_* of a set. */
const FAMILIES: Readonly<Record<number, 'ipv4' | 'ipv6' | 'any'>> = { 0: 'any', 2: 'ipv4', 10: 'ipv6' };

/** A kernel without sets has none. */
function familyOfSet(name: string): 'ipv4' | 'ipv6' | 'any' | undefined {
  const socket = systemCall('look up a set: open a socket', 'socket', AF_INET, SOCK_RAW_CLOEXEC, IPPROTO_RAW);
  try {
    const version = ask(socket, (request) => request.writeUInt32LE(IP_SET_OP_VERSION, REQUEST.operation), 8);
    const found =
      version &&
      ask(
        socket,
        (request) => {
          request.writeUInt32LE(IP_SET_OP_GET_FNAME, REQUEST.operation);
          version.copy(request, REQUEST.version, REQUEST.version, REQUEST.family);
          request.write(name, REQUEST.name, IPSET_MAXNAMELEN - 1, 'utf8');
        },
        REQUEST.size,
      );
    if (found === undefined || found.readUInt16LE(REQUEST.name) === IPSET_INVALID_ID) return undefined;
    return FAMILIES[found.readUInt32LE(REQUEST.family)];
  } finally {
    closeDescriptor(socket);
  }
}

function ask(socket: number, fill: (request: Buffer) => void, size: number): Buffer | undefined {
  const request = Buffer.alloc(size);
  fill(request);
  const length = Buffer.alloc(4);
  length.writeInt32LE(size);
  return trySystemCall('getsockopt', socket, SOL_IP, SO_IP_SET, request, length) < 0 ? undefined : request;
}

// ----- accounting objects: include/uapi/linux/netfilter/nfnetlink_acct.h -----

/** NFNL_SUBSYS_ACCT and NFNL_MSG_ACCT_GET. */
const ACCT_GET = (7 << 8) | 1;
const NFACCT_NAME = 1;
/** `struct nfgenmsg`. */
const NFGENMSG = 4;

/** A kernel without accounting has none. */
function accounting(name: string): boolean {
  try {
    const objects = dump('list accounting objects', FAMILY.netfilter, ACCT_GET, Buffer.alloc(NFGENMSG));
    return objects.some((message) => text(attributes(message, NFGENMSG).get(NFACCT_NAME)) === name);
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
}

// ----- paths -----

/** Where cgroup2 is not mounted nobody can tell, and the group may be there. */
function cgroup(path: string): boolean {
  // `ip netns exec` runs commands where nothing is mounted below /sys.
  const outer = outerMountNamespace();
  const root = cgroupRoot('self', '') ?? (outer && cgroupRoot(outer, `/proc/${outer}/root`));
  return root === undefined || (statSync(`${root}/${path}`, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

/** Where a process has cgroup2 mounted, by the path that leads there from here. */
function cgroupRoot(process: number | 'self', prefix: string): string | undefined {
  const mounts = readFileSync(`/proc/${process}/mountinfo`, 'utf8').split('\n');
  const mount = mounts.find((line) => / - cgroup2 /.test(line))?.split(' ')[4];
  const unescaped = mount?.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));
  return unescaped && `${prefix}${unescaped}`;
}

function pinnedProgram(path: string): boolean {
  const name = cString(path);
  const descriptor = tryBpf(COMMAND.getPin, (attr) => pointer(attr, 0, name));
  if (descriptor < 0) return false;
  closeDescriptor(descriptor);
  return true;
}
