// bpf(2): maps, programs, links, pins. Descriptors are plain numbers; whoever gets one closes it.
//
// Attribute layouts are those of `union bpf_attr` (include/uapi/linux/bpf.h); offsets are in bytes.

import { buildProgramDebug } from '../bpf/btf.ts';
import { encodeInstructions } from '../bpf/encode.ts';
import type { MapDefinition, Program, ProgramType } from '../bpf/image.ts';
import { KernelError, VerifierError } from './errors.ts';
import { addressOf, cString, systemCall, trySystemCall, viewOf } from './syscall.ts';

const COMMAND = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  mapDelete: 3,
  programLoad: 5,
  pin: 6,
  getPin: 7,
  testRun: 10,
  programById: 13,
  objectInfo: 15,
  btfLoad: 18,
  linkCreate: 28,
} as const;

const MAP_TYPE = { array: 2, 'program-array': 3 } as const;
const PROGRAM_TYPE: Readonly<Record<ProgramType, number>> = { xdp: 6, netfilter: 32 };
/** BPF_XDP and BPF_NETFILTER of `enum bpf_attach_type`. */
const ATTACH_TYPE: Readonly<Record<ProgramType, number>> = { xdp: 37, netfilter: 45 };
const BPF_F_MMAPABLE = 1 << 10;
const NAME_PREFIX = 'ipb_';
const LICENSE = cString('Dual MIT/GPL');
const ATTR_SIZE = 160;

/** Runs one bpf command; `fill` writes the attributes. Returns the result or the negative errno. */
function tryBpf(command: number, fill: (attr: Buffer) => void): number {
  const attr = Buffer.alloc(ATTR_SIZE);
  fill(attr);
  return trySystemCall('bpf', command, attr, attr.length);
}

function bpf(operation: string, command: number, fill: (attr: Buffer) => void): number {
  const result = tryBpf(command, fill);
  if (result < 0) throw new KernelError(operation, -result);
  return result;
}

function pointer(attr: Buffer, offset: number, to: Uint8Array): void {
  attr.writeBigUInt64LE(addressOf(to), offset);
}

function objectName(name: string): Buffer {
  return Buffer.from(`${NAME_PREFIX}${name}`.slice(0, 15), 'latin1');
}

export function closeDescriptor(descriptor: number): void {
  systemCall('close a descriptor', 'close', descriptor);
}

export function createMap(definition: MapDefinition): number {
  const { name, type, valueSize, maxEntries, mmapable, contents } = definition;
  const map = bpf(`create map ${name}`, COMMAND.mapCreate, (attr) => {
    attr.writeUInt32LE(MAP_TYPE[type], 0);
    attr.writeUInt32LE(4, 4);
    attr.writeUInt32LE(valueSize, 8);
    attr.writeUInt32LE(maxEntries, 12);
    attr.writeUInt32LE(mmapable ? BPF_F_MMAPABLE : 0, 16);
    objectName(name).copy(attr, 28);
  });
  if (contents !== undefined && contents.length > 0) {
    const value = Buffer.alloc(valueSize);
    value.set(contents);
    try {
      updateElement(`fill map ${name}`, map, 0, value);
    } catch (error) {
      closeDescriptor(map);
      throw error;
    }
  }
  return map;
}

function updateElement(operation: string, map: number, index: number, value: Uint8Array): void {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  bpf(operation, COMMAND.mapUpdate, (attr) => {
    attr.writeUInt32LE(map, 0);
    pointer(attr, 8, key);
    pointer(attr, 16, value);
  });
}

/** Puts a program into a program array. */
export function setSlot(array: number, index: number, program: number): void {
  const value = Buffer.alloc(4);
  value.writeUInt32LE(program);
  updateElement(`fill program slot ${index}`, array, index, value);
}

/** Opens the program in a slot of a program array, or `undefined` where it is empty. */
export function openSlot(array: number, index: number): number | undefined {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  const value = Buffer.alloc(4);
  const result = tryBpf(COMMAND.mapLookup, (attr) => {
    attr.writeUInt32LE(array, 0);
    pointer(attr, 8, key);
    pointer(attr, 16, value);
  });
  if (result === -2 /* ENOENT */) return undefined;
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
 * with the end of the log if the verifier refuses it.
 */
export function loadProgram(program: Program, maps: ReadonlyMap<string, number>): number {
  const { btf, funcInfo, lineInfo } = buildProgramDebug(program);
  const debug = bpf(`load the debug information of ${program.name}`, COMMAND.btfLoad, (attr) => {
    pointer(attr, 0, btf);
    attr.writeUInt32LE(btf.length, 16);
  });
  try {
    const code = encodeInstructions(program.instructions, (name) => {
      const map = maps.get(name);
      if (map === undefined) throw new Error(`program ${program.name} names map ${name}, which is not given`);
      return map;
    });
    const load = (log: Buffer | undefined): number =>
      tryBpf(COMMAND.programLoad, (attr) => {
        attr.writeUInt32LE(PROGRAM_TYPE[program.type], 0);
        attr.writeUInt32LE(program.instructions.length, 4);
        pointer(attr, 8, code);
        pointer(attr, 16, LICENSE);
        if (log !== undefined) {
          attr.writeUInt32LE(1, 24);
          attr.writeUInt32LE(log.length, 28);
          pointer(attr, 32, log);
        }
        objectName(program.name).copy(attr, 48);
        attr.writeUInt32LE(ATTACH_TYPE[program.type], 68);
        attr.writeUInt32LE(debug, 72);
        attr.writeUInt32LE(FUNC_INFO_SIZE, 76);
        pointer(attr, 80, funcInfo);
        attr.writeUInt32LE(funcInfo.length / FUNC_INFO_SIZE, 88);
        attr.writeUInt32LE(LINE_INFO_SIZE, 92);
        pointer(attr, 96, lineInfo);
        attr.writeUInt32LE(lineInfo.length / LINE_INFO_SIZE, 104);
      });
    const descriptor = load(undefined);
    if (descriptor >= 0) return descriptor;
    throw new VerifierError(program.name, -descriptor, verifierLog(load));
  } finally {
    closeDescriptor(debug);
  }
}

const FUNC_INFO_SIZE = 8;
const LINE_INFO_SIZE = 16;

/** Loads once more for the log, with a buffer that grows until the log fits. */
function verifierLog(load: (log: Buffer) => number): string {
  const ENOSPC = 28;
  for (let size = 1 << 20; ; size *= 8) {
    const log = Buffer.alloc(size);
    if (load(log) !== -ENOSPC || size > 1 << 28) return log.toString('utf8', 0, log.indexOf(0));
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
  if (result === -2 /* ENOENT */) return undefined;
  if (result < 0) throw new KernelError(`open the pin ${path}`, -result);
  return result;
}

/**
 * Attaches a netfilter program to an IPv4 hook. Returns `undefined` where another hook has the priority (EBUSY,
 * net/netfilter/core.c).
 */
export function attachNetfilter(program: number, hook: number, priority: number): number | undefined {
  const NFPROTO_IPV4 = 2;
  const result = tryBpf(COMMAND.linkCreate, (attr) => {
    attr.writeUInt32LE(program, 0);
    attr.writeUInt32LE(ATTACH_TYPE.netfilter, 8);
    attr.writeUInt32LE(NFPROTO_IPV4, 16);
    attr.writeUInt32LE(hook, 20);
    attr.writeInt32LE(priority, 24);
  });
  if (result === -16 /* EBUSY */) return undefined;
  if (result < 0) throw new KernelError(`attach to netfilter hook ${hook}`, -result, netfilterHint(-result));
  return result;
}

function netfilterHint(errno: number): string | undefined {
  return errno === 22 || errno === 95 ? 'netfilter programs need kernel 6.4 or later' : undefined;
}

/** XDP_FLAGS_SKB_MODE and XDP_FLAGS_DRV_MODE (include/uapi/linux/if_link.h). */
const XDP_FLAGS = { generic: 2, native: 4 } as const;

export function attachXdp(program: number, ifindex: number, mode: 'native' | 'generic'): number {
  const result = tryBpf(COMMAND.linkCreate, (attr) => {
    attr.writeUInt32LE(program, 0);
    attr.writeUInt32LE(ifindex, 4);
    attr.writeUInt32LE(ATTACH_TYPE.xdp, 8);
    attr.writeUInt32LE(XDP_FLAGS[mode], 12);
  });
  if (result < 0) throw new KernelError(`attach ${mode} XDP to device ${ifindex}`, -result, XDP_HINTS[-result]);
  return result;
}

const XDP_HINTS: Readonly<Record<number, string>> = {
  16: 'another XDP program is attached to the device; it is left in place',
  17: 'another XDP program is attached to the device or to one above it; it is left in place',
  22: "the device's driver does not take this program",
  95: 'the driver of the device has no native XDP; generic XDP is asked for with --mode generic',
};

/** Information about a link (`struct bpf_link_info`). */
function linkInfo(link: number): Buffer {
  const info = Buffer.alloc(128);
  bpf('read a link', COMMAND.objectInfo, (attr) => {
    attr.writeUInt32LE(link, 0);
    attr.writeUInt32LE(info.length, 4);
    pointer(attr, 8, info);
  });
  return info;
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
