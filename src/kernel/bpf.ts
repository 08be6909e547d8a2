// bpf(2): maps, programs, links, pins. Descriptors are plain numbers; whoever gets one closes it.

import { constants } from 'node:os';
import type { Family } from '../base/family.ts';
import { buildProgramDebug } from '../bpf/btf.ts';
import { encodeInstructions, modulesOf } from '../bpf/encode.ts';
import type { MapDefinition, Program } from '../bpf/image.ts';
import {
  ATTACH_TYPE,
  bpf,
  COMMAND,
  type EncodedProgram,
  NAME_PREFIX,
  objectName,
  pointer,
  tryBpf,
  tryLoad,
} from './bpf-call.ts';
import { KernelError, VerifierError } from './errors.ts';
import { openModuleTypes } from './kernel-types.ts';
import { missingFeature } from './probes.ts';
import { addressOf, closeDescriptor, cString, systemCall, viewOf } from './syscall.ts';
import { type AttachMode, XDP_MODE_FLAG, xdpRefusal } from './xdp-refusal.ts';

export { closeDescriptor };

const MAP_TYPE = { array: 2, 'program-array': 3 } as const;
const BPF_F_RDONLY_PROG = 1 << 7;
const BPF_F_MMAPABLE = 1 << 10;
const { E2BIG, EBUSY, EEXIST, ENOENT, ENOSPC, EOPNOTSUPP } = constants.errno;

export function createMap(definition: MapDefinition): number {
  const { name, type, valueSize, maxEntries, mmapable, readOnly, contents } = definition;
  const map = bpf(`create map ${name}`, COMMAND.mapCreate, (attr) => {
    attr.writeUInt32LE(MAP_TYPE[type], 0);
    attr.writeUInt32LE(4, 4);
    attr.writeUInt32LE(valueSize, 8);
    attr.writeUInt32LE(maxEntries, 12);
    attr.writeUInt32LE((mmapable ? BPF_F_MMAPABLE : 0) | (readOnly === true ? BPF_F_RDONLY_PROG : 0), 16);
    objectName(name).copy(attr, 28);
  });
  if (contents !== undefined && contents.length > 0) {
    try {
      fill(map, definition, contents);
    } catch (error) {
      closeDescriptor(map);
      throw error;
    }
  }
  return map;
}

/** Writes new contents over the only value of a map; programs may read some of it before and some of it after. */
export function rewriteMap(map: number, { name, contents, valueSize }: MapDefinition): void {
  if (contents?.length !== valueSize) throw new Error(`map ${name} has a value of ${valueSize} bytes`);
  updateElement(`write map ${name}`, map, 0, contents);
}

/** Writes the values that are not all zero. */
function fill(map: number, { name, valueSize }: MapDefinition, contents: Uint8Array): void {
  for (let start = 0; start < contents.length; start += valueSize) {
    const part = contents.subarray(start, start + valueSize);
    if (valueSize < contents.length && part.every((byte) => byte === 0)) continue;
    const value = part.length === valueSize ? part : Buffer.concat([part, Buffer.alloc(valueSize - part.length)]);
    updateElement(`fill map ${name}`, map, start / valueSize, value);
  }
}

/** An unsigned 32-bit number as the kernel stores it. */
function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function updateElement(operation: string, map: number, index: number, value: Uint8Array): void {
  const key = word(index);
  bpf(operation, COMMAND.mapUpdate, (attr) => {
    attr.writeUInt32LE(map, 0);
    pointer(attr, 8, key);
    pointer(attr, 16, value);
  });
}

/**
 * Waits for an RCU grace period by putting a map into an array of maps: the kernel returns only after
 * `synchronize_rcu()`, so that no program sees the map that was there before (maybe_wait_bpf_programs,
 * kernel/bpf/syscall.c).
 */
export function waitByMapUpdate(): void {
  const inner = createMap({ name: 'grace_in', type: 'array', valueSize: 4, maxEntries: 1, mmapable: false });
  try {
    const outer = bpf('create an array of maps', COMMAND.mapCreate, (attr) => {
      const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
      attr.writeUInt32LE(BPF_MAP_TYPE_ARRAY_OF_MAPS, 0);
      attr.writeUInt32LE(4, 4);
      attr.writeUInt32LE(4, 8);
      attr.writeUInt32LE(1, 12);
      attr.writeUInt32LE(inner, 20);
      objectName('grace').copy(attr, 28);
    });
    try {
      updateElement('wait for an RCU grace period', outer, 0, word(inner));
    } finally {
      closeDescriptor(outer);
    }
  } finally {
    closeDescriptor(inner);
  }
}

/** Puts a program into a program array. */
export function setSlot(array: number, index: number, program: number): void {
  updateElement(`fill program slot ${index}`, array, index, word(program));
}

/** Opens the program in a slot of a program array, or `undefined` where it is empty. */
export function openSlot(array: number, index: number): number | undefined {
  const key = word(index);
  const value = Buffer.alloc(4);
  const result = tryBpf(COMMAND.mapLookup, (attr) => {
    attr.writeUInt32LE(array, 0);
    pointer(attr, 8, key);
    pointer(attr, 16, value);
  });
  if (result === -ENOENT) return undefined;
  if (result < 0) throw new KernelError(`read program slot ${index}`, -result);
  return bpf('open a program', COMMAND.programById, (attr) => attr.writeUInt32LE(value.readUInt32LE(), 0));
}

/** Maps the value of a memory-mapped array of one entry into this process. */
export function mapMemory(map: number, size: number): Uint8Array {
  const PROT_READ_WRITE = 3;
  const MAP_SHARED = 1;
  const address = systemCall('map a BPF array into memory', 'mmap', 0, size, PROT_READ_WRITE, MAP_SHARED, map, 0);
  return new Uint8Array(viewOf(address, size));
}

/** Ends what `mapMemory` began; the bytes must not be touched afterwards. */
export function unmapMemory(bytes: Uint8Array): void {
  systemCall('unmap a BPF array', 'munmap', addressOf(bytes), bytes.length);
}

/**
 * Has the kernel verify and load a program. `maps` gives the descriptor of every map it names. Throws `VerifierError`
 * with the end of the log if the verifier refuses it, `UnsupportedError` if the kernel lacks something it needs.
 */
export function loadProgram(program: Program, maps: ReadonlyMap<string, number>): number {
  const { name, type, instructions } = program;
  const code = encodeInstructions(instructions, (map) => {
    const descriptor = maps.get(map);
    if (descriptor === undefined) throw new Error(`program ${name} names map ${map}, which is not given`);
    return descriptor;
  });
  const { btf, funcInfo, lineInfo } = buildProgramDebug(program);
  const modules: number[] = [];
  const debug = bpf(`load the debug information of ${name}`, COMMAND.btfLoad, (attr) => {
    pointer(attr, 0, btf);
    attr.writeUInt32LE(btf.length, 16);
  });
  try {
    for (const module of modulesOf(instructions)) modules.push(openModuleTypes(module));
    const encoded = { name, type, code, debug: { btf: debug, funcInfo, lineInfo }, modules };
    const result = tryLoad(encoded);
    if (result >= 0) return result;
    throw missingFeature(program) ?? refusal(encoded, -result);
  } finally {
    for (const descriptor of [debug, ...modules]) closeDescriptor(descriptor);
  }
}

/** Loads once more for the log. There is none where the kernel refuses a program before it verifies it. */
function refusal(program: EncodedProgram, errno: number): KernelError {
  // From 6.4 on the kernel keeps the log's end where the buffer is too small, before that its beginning.
  for (let size = 1 << 20; ; size *= 8) {
    const log = Buffer.alloc(size);
    const result = tryLoad(program, log);
    if (result >= 0) closeDescriptor(result);
    if (result === -ENOSPC && size < 1 << 26) continue;
    const text = log.toString('utf8', 0, Math.max(0, log.indexOf(0)));
    // Of more than a million instructions it looks at none.
    return text === '' && errno !== E2BIG
      ? new KernelError(`load program ${program.name}`, errno)
      : new VerifierError(program.name, errno, text);
  }
}

export function pin(object: number, path: string): void {
  const name = cString(path);
  bpf(`pin ${path}`, COMMAND.pin, (attr) => {
    pointer(attr, 0, name);
    attr.writeUInt32LE(object, 8);
  });
}

/** Opens a pinned object, or `undefined` where there is none. */
export function openPin(path: string): number | undefined {
  const name = cString(path);
  const result = tryBpf(COMMAND.getPin, (attr) => pointer(attr, 0, name));
  if (result === -ENOENT) return undefined;
  if (result < 0) throw new KernelError(`open the pin ${path}`, -result);
  return result;
}

/** `NFPROTO_IPV4` and `NFPROTO_IPV6` (include/uapi/linux/netfilter.h). */
const PROTOCOL: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 };

/**
 * Attaches a netfilter program to a hook of a family. Returns `undefined` where another hook has the priority (EBUSY,
 * net/netfilter/core.c).
 */
export function attachNetfilter(program: number, family: Family, hook: number, priority: number): number | undefined {
  const result = tryBpf(COMMAND.linkCreate, (attr) => {
    attr.writeUInt32LE(program, 0);
    attr.writeUInt32LE(ATTACH_TYPE.netfilter, 8);
    attr.writeUInt32LE(PROTOCOL[family], 16);
    attr.writeUInt32LE(hook, 20);
    attr.writeInt32LE(priority, 24);
  });
  if (result === -EBUSY) return undefined;
  if (result < 0) throw new KernelError(`attach to netfilter hook ${hook} of ${family}`, -result);
  return result;
}

/** Attaches an XDP program to a device of this namespace; a program already there is left in place. */
export function attachXdp(
  program: number,
  { ifindex, name }: { readonly ifindex: number; readonly name: string },
  mode: AttachMode,
): number {
  const result = tryBpf(COMMAND.linkCreate, (attr) => {
    attr.writeUInt32LE(program, 0);
    attr.writeUInt32LE(ifindex, 4);
    attr.writeUInt32LE(ATTACH_TYPE.xdp, 8);
    attr.writeUInt32LE(XDP_MODE_FLAG[mode], 12);
  });
  if (result >= 0) return result;
  const operation = `attach ${mode} XDP to ${name}`;
  if (result === -EBUSY || result === -EEXIST) throw new KernelError(operation, -result, XDP_OCCUPIED);
  const refusal = xdpRefusal(program, ifindex, mode);
  const advice = result === -EOPNOTSUPP ? 'generic XDP is asked for with --mode generic' : undefined;
  const hints = [refusal, advice].filter((hint) => hint !== undefined);
  throw new KernelError(operation, -result, hints.length === 0 ? undefined : hints.join('; '));
}

const XDP_OCCUPIED = 'another XDP program is attached to the device or to one above it; it is left in place';

/** Puts another program behind an XDP link: each packet meets the one or the other. */
export function updateXdp(link: number, program: number): void {
  bpf('replace the program of an XDP link', COMMAND.linkUpdate, (attr) => {
    attr.writeUInt32LE(link, 0);
    attr.writeUInt32LE(program, 4);
  });
}

/** The name of a link's program, without what all of ours begin with. */
export function linkProgramName(link: number): string {
  const id = linkInfo(link).readUInt32LE(8);
  const program = bpf('open a program', COMMAND.programById, (attr) => attr.writeUInt32LE(id, 0));
  try {
    const info = objectInfo('read a program', program);
    return info.toString('latin1', 64, info.indexOf(0, 64)).slice(NAME_PREFIX.length);
  } finally {
    closeDescriptor(program);
  }
}

/** Information about a link (`struct bpf_link_info`). */
function linkInfo(link: number): Buffer {
  return objectInfo('read a link', link);
}

function objectInfo(operation: string, object: number): Buffer {
  const info = Buffer.alloc(128);
  bpf(operation, COMMAND.objectInfo, (attr) => {
    attr.writeUInt32LE(object, 0);
    attr.writeUInt32LE(info.length, 4);
    pointer(attr, 8, info);
  });
  return info;
}

/** Bytes of a value of a map (`struct bpf_map_info`). */
export function mapValueSize(map: number): number {
  return objectInfo('read a map', map).readUInt32LE(12);
}

/** The priority of a netfilter link. */
export function netfilterPriority(link: number): number {
  return linkInfo(link).readInt32LE(24);
}

/** The device of an XDP link, 0 once it is gone. */
export function xdpLinkDevice(link: number): number {
  return linkInfo(link).readUInt32LE(16);
}

export interface TestRun {
  readonly result: number;
  /** Nanoseconds per run, by the kernel's clock. */
  readonly duration: number;
}

/** Runs a program on a packet. `context` is what `ctx_in` takes for its type. */
export function testRun(program: number, packet: Uint8Array, context?: Uint8Array, repeat = 1): TestRun {
  let run: Buffer = Buffer.alloc(0);
  bpf('run a program on a test packet', COMMAND.testRun, (attr) => {
    attr.writeUInt32LE(program, 0);
    attr.writeUInt32LE(packet.length, 8);
    pointer(attr, 16, packet);
    attr.writeUInt32LE(repeat, 32);
    if (context !== undefined) {
      attr.writeUInt32LE(context.length, 40);
      pointer(attr, 48, context);
    }
    run = attr;
  });
  return { result: run.readUInt32LE(4), duration: run.readUInt32LE(36) };
}
