// The kernel's type information, and that of its modules: read from /sys/kernel/btf, opened for programs by bpf(2).
//
// Connection tracking is a module on most distributions. It has its types and functions in BTF of its own, which goes on
// behind the kernel's, and only while it is loaded.

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { UnsupportedError } from '../base/unsupported.ts';
import { BtfReader } from '../bpf/btf-reader.ts';
import { COMMAND, pointer, tryBpf } from './bpf-call.ts';
import { KernelError } from './errors.ts';
import { FAMILY, NetlinkSocket } from './netlink.ts';
import { addressOf, closeDescriptor, trySystemCall, viewOf } from './syscall.ts';

const DIRECTORY = '/sys/kernel/btf';
export const CONNTRACK = 'nf_conntrack';

let kernel: BtfReader | undefined;
/** By name, those that were there when they were asked for. */
const modules = new Map<string, BtfReader>();
let isLoadTried = false;

/** The kernel's own types, read once in a process. Throws `UnsupportedError` where it tells none. */
export function kernelTypes(): BtfReader {
  kernel ??= readKernel();
  return kernel;
}

/** What connection tracking adds to them as a module, which is loaded for it; `undefined` where it is none. */
export function conntrackTypes(): BtfReader | undefined {
  const types = moduleTypes(CONNTRACK);
  if (types !== undefined || isLoadTried) return types;
  isLoadTried = true;
  loadConntrack();
  return moduleTypes(CONNTRACK);
}

/** What a module adds to them; `undefined` while it is not loaded, and where it is none. */
export function moduleTypes(name: string): BtfReader | undefined {
  const known = modules.get(name);
  if (known !== undefined) return known;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(`${DIRECTORY}/${name}`);
  } catch {
    return undefined;
  }
  const types = new BtfReader(bytes, kernelTypes());
  modules.set(name, types);
  return types;
}

/** Has the kernel load connection tracking where it is a module, as it does for all who ask for connections by netlink. */
function loadConntrack(): void {
  const [NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET_STATS] = [1, 5];
  try {
    const socket = new NetlinkSocket('load connection tracking', FAMILY.netfilter);
    try {
      socket.change((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET_STATS, Buffer.alloc(4));
    } finally {
      socket.close();
    }
  } catch (error) {
    // Whoever needs the types says that they are missing.
    if (!(error instanceof KernelError)) throw error;
  }
}

/** Opens the types of a module, for programs that call its functions. Throws `KernelError` while it is not loaded. */
export function openModuleTypes(name: string): number {
  const operation = `open the types of module ${name}`;
  for (let id = 0; ; ) {
    let answer: Buffer | undefined;
    const result = tryBpf(COMMAND.btfNextId, (attr) => {
      attr.writeUInt32LE(id, 0);
      answer = attr;
    });
    if (result < 0) throw new KernelError(operation, -result);
    id = answer!.readUInt32LE(4);
    const types = tryBpf(COMMAND.btfById, (attr) => attr.writeUInt32LE(id, 0));
    // It may be gone since.
    if (types < 0) continue;
    if (nameOfTypes(types) === name) return types;
    closeDescriptor(types);
  }
}

/** The name in `struct bpf_btf_info`: those of the kernel and its modules have one. */
function nameOfTypes(types: number): string {
  const [info, name] = [Buffer.alloc(32), Buffer.alloc(64)];
  info.writeBigUInt64LE(addressOf(name), 16);
  info.writeUInt32LE(name.length, 24);
  const result = tryBpf(COMMAND.objectInfo, (attr) => {
    attr.writeUInt32LE(types, 0);
    attr.writeUInt32LE(info.length, 4);
    pointer(attr, 8, info);
  });
  return result < 0 ? '' : name.toString('latin1', 0, name.indexOf(0));
}

function readKernel(): BtfReader {
  const file = `${DIRECTORY}/vmlinux`;
  let bytes: Uint8Array;
  try {
    bytes = mapFile(file) ?? readFileSync(file);
  } catch (error) {
    throw new UnsupportedError(
      `type information (CONFIG_DEBUG_INFO_BTF; ${file}: ${(error as Error).message})`,
      '5.8',
      release(),
    );
  }
  return new BtfReader(bytes);
}

/**
 * A file as memory, which nothing of it is read into. Undefined where the file cannot be mapped: kernels before 6.16 give
 * their types to `read` alone, in thousands of pages.
 */
function mapFile(path: string): Uint8Array | undefined {
  const PROT_READ = 1;
  const MAP_PRIVATE = 2;
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const address = trySystemCall('mmap', 0, size, PROT_READ, MAP_PRIVATE, file, 0);
    return address < 0 ? undefined : new Uint8Array(viewOf(address, size));
  } finally {
    closeSync(file);
  }
}
