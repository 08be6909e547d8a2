// A ruleset's program in the kernel, twice: as it would be attached, and as a loop over a pool; nothing is attached.
//
// The kernel shows a test run's XDP program the loopback device as the one a frame came in by, and a netfilter program
// as the one it goes out by.

import type { Address } from '../../src/base/address.ts';
import type { Family } from '../../src/base/family.ts';
import type { HostFacts } from '../../src/base/features.ts';
import { type EnforcingPlacement, HOOK_NUMBER } from '../../src/base/hooks.ts';
import { normalize } from '../../src/base/intervals.ts';
import { GROUP_ADDRESSES } from '../../src/base/ipv4.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { UnsupportedError } from '../../src/base/unsupported.ts';
import { encodeInstructions } from '../../src/bpf/encode.ts';
import type { Program, ProgramType } from '../../src/bpf/image.ts';
import type { Classification } from '../../src/classify/classification.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { passProgram } from '../../src/codegen/dispatcher.ts';
import { NETFILTER_ABI } from '../../src/codegen/netfilter.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import { type CompileOptions, compileRuleset } from '../../src/engine/compile.ts';
import { readSlots } from '../../src/engine/counters.ts';
import { readAddressGeneration } from '../../src/engine/system-kernel.ts';
import {
  attachXdp,
  closeDescriptor,
  createMap,
  loadProgram,
  mapMemory,
  setSlot,
  testRun,
  unmapMemory,
} from '../../src/kernel/bpf.ts';
import { bpf, COMMAND, pointer, tryLoad } from '../../src/kernel/bpf-call.ts';
import { KernelError, VerifierError } from '../../src/kernel/errors.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import type { Ruleset } from '../../src/ruleset/model.ts';
import { buildFrame, ETHERTYPE } from '../harness/packet-builder.ts';
import type { RulesetShape } from './classify-rulesets.ts';
import { loopDebug } from './loop-debug.ts';
import { type LoopProgram, loopMaps, loopProgram } from './loop-program.ts';
import { kernelMemory, processedInstructions } from './program-info.ts';

export const PLACEMENTS: readonly ProgramType[] = ['xdp', 'netfilter'];

/** What packets of a test run come in and go out by. */
export const DEVICES: Readonly<Record<ProgramType, Pick<HookPacket, 'inDevice' | 'outDevice'>>> = {
  xdp: { inDevice: 'lo', outDevice: '' },
  netfilter: { inDevice: '', outDevice: 'lo' },
};

/** ff00::/8, which every host takes for local. */
const GROUPS_6 = { low: 0xffn << 120n, high: (1n << 128n) - 1n };

/** A count of what a subject counted, by slot; the last is of packets that nobody could decide. */
export type SlotCounts = ReturnType<typeof readSlots>;

/** A device. */
export interface Place {
  readonly ifindex: number;
  readonly name: string;
}

export type CompiledForBench =
  | { readonly image: Image; readonly classification: Classification }
  | { readonly refused: string };

/** What the compiler is told: this kernel, and the host's address as the only local one. Of IPv4 plain JSON values. */
export function benchOptionsFor(
  placement: EnforcingPlacement,
  host: Address | undefined,
  family: Family = 'ipv4',
): CompileOptions {
  const facts: HostFacts = {
    addressGeneration: readAddressGeneration(family),
    localDestinations: normalize([
      ...GROUP_ADDRESSES,
      ...(typeof host === 'number' ? [{ low: host, high: host }] : []),
    ]),
    ...(family === 'ipv6' && {
      ipv6: {
        localDestinations: [...(typeof host === 'bigint' ? [{ low: host, high: host }] : []), GROUPS_6],
        ofDevices: [],
      },
    }),
  };
  const allowInexact = ['loopback', 'output', 'out-device'] as const;
  return { placement, allowInexact, features: probeFeatures(), facts, file: 'bench' };
}

export function compileForBench(
  ruleset: Ruleset,
  placement: EnforcingPlacement,
  host: Address | undefined,
  more: Partial<CompileOptions> = {},
): CompiledForBench {
  const compiled = compileRuleset(ruleset, { ...benchOptionsFor(placement, host, ruleset.family), ...more });
  return compiled.ok ? compiled : { refused: compiled.diagnostics[0]!.message };
}

/** Test runs of one program, from its loading to `close`. */
export class SubjectPrograms {
  private readonly image: Image | undefined;
  private readonly program: Program;
  private readonly context: Uint8Array | undefined;
  private readonly family: Family;
  private readonly maps = new Map<string, number>();
  private readonly memory = new Map<string, Uint8Array>();
  private readonly whole: number;
  private loop:
    | { program: number; rounds: Uint8Array; packets: number; frame: number; maps: readonly number[] }
    | undefined;

  /** The program for packets of the chain; without an image, the empty program that accepts. Throws if refused. */
  constructor(placement: ProgramType, chain: RulesetShape['chain'], image?: Image, family: Family = 'ipv4') {
    const point = placement === 'xdp' ? 'XDP' : chain;
    this.image = image;
    this.family = family;
    this.program = image?.programs.find((each) => each.point === point)?.program ?? passProgram(placement);
    this.context = placement === 'xdp' ? undefined : hookState(HOOK_NUMBER[chain], family);
    try {
      for (const definition of image?.maps ?? []) {
        const map = createMap(definition);
        this.maps.set(definition.name, map);
        if (definition.mmapable && definition.readOnly !== true)
          this.memory.set(definition.name, mapMemory(map, definition.valueSize));
      }
      this.whole = loadProgram(this.program, this.maps);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get instructions(): number {
    return this.program.instructions.length;
  }

  /** Instructions that the verifier went through. */
  get processed(): number {
    return processedInstructions(this.whole);
  }

  /** Bytes of the kernel's memory: the program and its maps. */
  get kernelMemory(): number {
    return [this.whole, ...this.maps.values()].reduce((sum, descriptor) => sum + kernelMemory(descriptor), 0);
  }

  /** Milliseconds of putting the program into a dispatcher's slot: what a swap takes once all is loaded. */
  swap(): number {
    const slots = createMap({ name: 'slots', type: 'program-array', valueSize: 4, maxEntries: 1, mmapable: false });
    try {
      // The first makes the array one for programs of this kind.
      setSlot(slots, 0, this.whole);
      const begin = performance.now();
      setSlot(slots, 0, this.whole);
      return performance.now() - begin;
    } finally {
      closeDescriptor(slots);
    }
  }

  /** Writes bytes of a map's value. */
  write(map: string, offset: number, bytes: Uint8Array): void {
    this.memory.get(map)!.set(bytes, offset);
  }

  /** What the program says of a packet. */
  verdict(frame: Uint8Array): 'accept' | 'drop' {
    const { result } = testRun(this.whole, frame, this.context);
    return result === (this.context === undefined ? XDP_ABI : NETFILTER_ABI).accept ? 'accept' : 'drop';
  }

  /** Nanoseconds of one packet, whole ones: the mean of `repeat` runs, as the kernel tells it. */
  runSingle(frame: Uint8Array, repeat: number): number {
    return testRun(this.whole, frame, this.context, repeat).duration;
  }

  /** Does `work` while the program is attached to a device, where that is for frames. */
  keptAt<T>(place: Place, work: () => T): T {
    if (this.program.type !== 'xdp') return work();
    const link = attachXdp(this.whole, place, 'generic');
    try {
      return work();
    } finally {
      closeDescriptor(link);
    }
  }

  /** Makes the loop over a pool; what it was before is forgotten. */
  loadPool(pool: readonly Uint8Array[]): void {
    this.unloadPool();
    const definitions = loopMaps(pool);
    const frame = pool[0]!.length;
    const maps = new Map(this.maps);
    const own = [definitions.pool, definitions.rounds].map((definition) => {
      const map = createMap(definition);
      maps.set(definition.name, map);
      return map;
    });
    const rounds = mapMemory(maps.get(definitions.rounds.name)!, definitions.rounds.valueSize);
    try {
      this.loop = {
        program: loadLoop(loopProgram(this.program, pool.length, frame), maps),
        rounds,
        packets: pool.length,
        frame,
        maps: own,
      };
    } catch (error) {
      unmapMemory(rounds);
      for (const map of own) closeDescriptor(map);
      throw error;
    }
  }

  /** Nanoseconds of one packet: the mean over the pool. */
  runLoop(): number {
    const { program, rounds, packets, frame } = this.loop!;
    rounds.fill(0);
    const { duration } = testRun(program, emptyFrame(frame, this.family), this.context);
    const done = new DataView(rounds.buffer, rounds.byteOffset).getUint32(0, true);
    if (done !== packets) throw new Error(`the kernel ended the loop after ${done} of ${packets} packets`);
    return duration / packets;
  }

  /** What has been counted since the last call. */
  takeCounts(): SlotCounts {
    if (this.image === undefined) return [];
    const counts = readSlots(0, this.image.manifest, (_, map) => this.memory.get(map));
    for (const { map } of this.image.manifest.banks) this.memory.get(map)!.fill(0);
    return counts;
  }

  close(): void {
    this.unloadPool();
    for (const bytes of this.memory.values()) unmapMemory(bytes);
    for (const map of this.maps.values()) closeDescriptor(map);
    if (this.whole !== undefined) closeDescriptor(this.whole);
  }

  unloadPool(): void {
    if (this.loop === undefined) return;
    unmapMemory(this.loop.rounds);
    for (const descriptor of [this.loop.program, ...this.loop.maps]) closeDescriptor(descriptor);
    this.loop = undefined;
  }
}

/** A frame as the loopback device takes it. */
export function frameOf(packet: HookPacket): Uint8Array {
  const { bytes, family = 'ipv4' } = packet;
  const etherType = ETHERTYPE[family];
  return buildFrame(bytes, { destination: new Uint8Array(6), source: new Uint8Array(6), etherType });
}

/** What a test run is given that reads its packets elsewhere. */
function emptyFrame(size: number, family: Family): Uint8Array {
  const frame = new Uint8Array(size);
  new DataView(frame.buffer).setUint16(12, ETHERTYPE[family]);
  return frame;
}

/** The part of `struct nf_hook_state` that a test run takes: hook and protocol family. */
function hookState(hook: number, family: Family): Uint8Array {
  const NFPROTO = { ipv4: 2, ipv6: 10 };
  const state = new Uint8Array(56);
  state.set([hook, NFPROTO[family]]);
  return state;
}

/** Loads a loop, which has two functions and no source lines. */
function loadLoop(loop: LoopProgram, maps: ReadonlyMap<string, number>): number {
  const { name, type, instructions } = loop.program;
  const { btf, funcInfo } = loopDebug(loop);
  const types = bpf('load the types of a loop', COMMAND.btfLoad, (attr) => {
    pointer(attr, 0, btf);
    attr.writeUInt32LE(btf.length, 16);
  });
  try {
    const code = encodeInstructions(instructions, (map) => maps.get(map)!);
    const encoded = { name, type, code, debug: { btf: types, funcInfo, lineInfo: new Uint8Array() } };
    const result = tryLoad(encoded);
    if (result >= 0) return result;
    const log = Buffer.alloc(1 << 24);
    tryLoad(encoded, log);
    throw new VerifierError(name, -result, log.toString('utf8', 0, log.indexOf(0)));
  } finally {
    closeDescriptor(types);
  }
}

/** Why the kernel did not take a program; other errors are thrown on. */
export function refusalOf(error: unknown): string {
  if (error instanceof VerifierError && error.isTooLarge) return 'the verifier says that it is too large';
  if (error instanceof KernelError || error instanceof UnsupportedError) return error.message;
  throw error;
}
