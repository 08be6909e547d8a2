// What is ours in the kernel, in one network namespace: the word, the slots behind the dispatchers, the links, the maps.
//
// Everything is pinned, so it outlives the command. The pins are the only record of it: this file looks at them and
// changes them, and knows nothing of rulesets.
//
// Invariant: in every generation that the word has named, every point has a program in its slot: of a ruleset, or one
// that passes. So a dispatcher can be attached at any time, and meets either rules or "not used".

import { existsSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { ProgramType } from '../bpf/image.ts';
import {
  DISPATCH_POINTS,
  type DispatchPoint,
  dispatcherMaps,
  dispatcherProgram,
  passProgram,
  SLOT_MAPS,
  STATE,
  STATE_MAP,
  slotIndex,
} from '../codegen/dispatcher.ts';
import type { Descriptor, Device, Kernel } from './kernel.ts';
import { counterMapOfPin, counterPin } from './layout.ts';

/** Priorities tried for a netfilter hook, best first: just before the kernel's own filter table at 0. */
const PRIORITIES = [-1, -2, -3, -4, -5, -6, -7, -8, -9] as const;

/** The programs of a generation, by point; a point without one is not used. */
export type PointPrograms = ReadonlyMap<DispatchPoint, Descriptor>;

/** Something of ours that is not as it should be, or cannot be made so. */
export class InstallationError extends Error {
  override readonly name = 'InstallationError';
}

export class Installation {
  private readonly kernel: Kernel;
  private readonly directory: string;
  private readonly maps: ReadonlyMap<string, Descriptor>;
  private readonly state: Uint8Array;
  /** The programs of points that a generation does not use, once they were needed. */
  private readonly passing = new Map<ProgramType, Descriptor>();

  private constructor(kernel: Kernel, directory: string, maps: ReadonlyMap<string, Descriptor>) {
    this.kernel = kernel;
    this.directory = directory;
    this.maps = maps;
    this.state = kernel.mapBytes(maps.get(STATE_MAP)!, STATE.size);
  }

  /** Opens what is pinned in the directory, or `undefined` where nothing is. */
  static open(kernel: Kernel, directory: string): Installation | undefined {
    if (!existsSync(join(directory, STATE_MAP))) return undefined;
    const maps = new Map<string, Descriptor>();
    for (const { name } of dispatcherMaps()) {
      const map = kernel.openPin(join(directory, name));
      if (map === undefined) {
        for (const open of maps.values()) kernel.close(open);
        throw missingPin(join(directory, name));
      }
      maps.set(name, map);
    }
    return new Installation(kernel, directory, maps);
  }

  /** Opens what is pinned in the directory, or makes it. The state map is pinned last: it says that all are there. */
  static ensure(kernel: Kernel, directory: string): Installation {
    const present = Installation.open(kernel, directory);
    if (present !== undefined) return present;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (readdirSync(directory).some((pin) => pin.startsWith('link_'))) throw missingPin(join(directory, STATE_MAP));
    const maps = new Map<string, Descriptor>();
    const definitions = dispatcherMaps().sort((a, b) => Number(a.name === STATE_MAP) - Number(b.name === STATE_MAP));
    for (const definition of definitions) {
      const path = join(directory, definition.name);
      unlinkIfThere(path);
      const map = kernel.createMap(definition);
      kernel.pin(map, path);
      maps.set(definition.name, map);
    }
    return new Installation(kernel, directory, maps);
  }

  /** The generation in force; 0 where nothing is enforced. */
  get generation(): number {
    return new DataView(this.state.buffer, this.state.byteOffset).getUint32(STATE.generation, true);
  }

  /** The flip. */
  setGeneration(generation: number): void {
    storeGeneration(this.state, generation);
  }

  /** Packets dropped because a slot was empty. */
  get emptySlotDrops(): bigint {
    return new DataView(this.state.buffer, this.state.byteOffset).getBigUint64(STATE.emptySlotDrops, true);
  }

  /** Puts a generation's programs into the slots of its parity; points without one get a program that passes. */
  fillSlots(generation: number, programs: PointPrograms): void {
    for (const { point, type, pair } of DISPATCH_POINTS) {
      const program = programs.get(point) ?? this.passProgram(type);
      this.kernel.setSlot(this.maps.get(SLOT_MAPS[type])!, slotIndex(pair, generation), program);
    }
  }

  private passProgram(type: ProgramType): Descriptor {
    const known = this.passing.get(type);
    if (known !== undefined) return known;
    const loaded = this.kernel.loadProgram(passProgram(type), this.maps);
    this.passing.set(type, loaded);
    return loaded;
  }

  /** Lends `work` the programs in the slots of a generation's parity. */
  withSlots(generation: number, work: (programs: PointPrograms) => void): void {
    const programs = new Map<DispatchPoint, Descriptor>();
    try {
      for (const { point, type, pair } of DISPATCH_POINTS) {
        const program = this.kernel.openSlot(this.maps.get(SLOT_MAPS[type])!, slotIndex(pair, generation));
        if (program !== undefined) programs.set(point, program);
      }
      work(programs);
    } finally {
      for (const program of programs.values()) this.kernel.close(program);
    }
  }

  /** Attaches the dispatcher of a hook, unless it is attached. Returns whether it did. */
  attachHook(hook: FilterChain): boolean {
    const path = this.hookPin(hook);
    if (existsSync(path)) return false;
    const program = this.kernel.loadProgram(dispatcherProgram(hook), this.maps);
    try {
      for (const priority of PRIORITIES) {
        const link = this.kernel.attachHook(program, hook, priority);
        if (link === undefined) continue;
        this.pinAndClose(link, path);
        return true;
      }
    } finally {
      this.kernel.close(program);
    }
    throw new InstallationError(
      `${hook}: other hooks have all netfilter priorities from ${PRIORITIES[0]} to ${PRIORITIES.at(-1)}`,
    );
  }

  /** Attaches the XDP dispatcher to a device, unless it is attached. Returns whether it did. */
  attachDevice(device: Device, mode: 'native' | 'generic'): boolean {
    const path = this.devicePin(device.ifindex);
    if (existsSync(path)) {
      if (this.attachedDevices().some((d) => d.ifindex === device.ifindex)) return false;
      unlinkIfThere(path); // of an earlier device with this number
    }
    const program = this.kernel.loadProgram(dispatcherProgram('XDP'), this.maps);
    try {
      this.pinAndClose(this.kernel.attachDevice(program, device, mode), path);
      return true;
    } finally {
      this.kernel.close(program);
    }
  }

  detachHook(hook: FilterChain): void {
    unlinkIfThere(this.hookPin(hook));
  }

  detachDevice(ifindex: number): void {
    unlinkIfThere(this.devicePin(ifindex));
  }

  /** The hooks our dispatchers are attached to, with the priority obtained. */
  attachedHooks(): { hook: FilterChain; priority: number }[] {
    return FILTER_CHAINS.flatMap((hook) => {
      const link = this.kernel.openPin(this.hookPin(hook));
      if (link === undefined) return [];
      try {
        return [{ hook, priority: this.kernel.hookLinkPriority(link) }];
      } finally {
        this.kernel.close(link);
      }
    });
  }

  /** The devices with a link of ours; `gone` where the device has vanished under it. */
  attachedDevices(): { ifindex: number; gone: boolean }[] {
    return this.pins().flatMap((pin) => {
      const found = /^link_xdp_(\d+)$/.exec(pin);
      if (found === null) return [];
      const link = this.kernel.openPin(join(this.directory, pin));
      if (link === undefined) return [];
      try {
        return [{ ifindex: Number(found[1]), gone: this.kernel.deviceLinkIfindex(link) === undefined }];
      } finally {
        this.kernel.close(link);
      }
    });
  }

  pinCounters(counterMap: number, bank: string, map: Descriptor): void {
    this.kernel.pin(map, join(this.directory, counterPin(counterMap, bank)));
  }

  /** Opens a bank of a counter map, or `undefined` where its pin is gone. */
  openCounters(counterMap: number, bank: string): Descriptor | undefined {
    return this.kernel.openPin(join(this.directory, counterPin(counterMap, bank)));
  }

  /** A copy of the bytes of a counter map's bank, or `undefined` where its pin is gone. */
  readCounters(counterMap: number, bank: string, size: number): Uint8Array | undefined {
    const map = this.openCounters(counterMap, bank);
    if (map === undefined) return undefined;
    try {
      const bytes = this.kernel.mapBytes(map, size);
      const copy = bytes.slice();
      this.kernel.unmap(bytes);
      return copy;
    } finally {
      this.kernel.close(map);
    }
  }

  /** The pins of other counter maps. */
  pinsOfOthers(counterMap: number): string[] {
    return this.pins().filter((pin) => (counterMapOfPin(pin) ?? counterMap) !== counterMap);
  }

  unpinCounters(counterMap: number): void {
    for (const pin of this.pins()) if (counterMapOfPin(pin) === counterMap) unlinkIfThere(join(this.directory, pin));
  }

  /** Removes the pins of all counter maps but one. */
  keepOnly(counterMap: number): void {
    for (const pin of this.pinsOfOthers(counterMap)) unlinkIfThere(join(this.directory, pin));
  }

  close(): void {
    for (const program of this.passing.values()) this.kernel.close(program);
    this.passing.clear();
    this.kernel.unmap(this.state);
    for (const map of this.maps.values()) this.kernel.close(map);
  }

  private pins(): string[] {
    return readdirSync(this.directory);
  }

  private hookPin(hook: FilterChain): string {
    return join(this.directory, `link_${hook}`);
  }

  private devicePin(ifindex: number): string {
    return join(this.directory, `link_xdp_${ifindex}`);
  }

  private pinAndClose(link: Descriptor, path: string): void {
    try {
      this.kernel.pin(link, path);
    } finally {
      this.kernel.close(link);
    }
  }
}

/**
 * Accepts everything again, takes what is pinned in the directory out of the kernel, links first, and removes the
 * directory. Works on what is left of an installation, too.
 */
export function removeInstallation(kernel: Kernel, directory: string): void {
  if (!existsSync(directory)) return;
  const state = kernel.openPin(join(directory, STATE_MAP));
  if (state !== undefined) {
    const bytes = kernel.mapBytes(state, STATE.size);
    storeGeneration(bytes, 0);
    kernel.unmap(bytes);
    kernel.close(state);
  }
  const pins = readdirSync(directory);
  const links = pins.filter((pin) => pin.startsWith('link_'));
  for (const pin of [...links, ...pins.filter((p) => !links.includes(p))]) unlinkIfThere(join(directory, pin));
  try {
    rmdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function missingPin(path: string): InstallationError {
  return new InstallationError(
    `the pin ${path} is missing, so the rules in force cannot be replaced; ` +
      'run `bpfilter detach` and apply the ruleset again',
  );
}

/** One aligned 32-bit store. */
function storeGeneration(state: Uint8Array, generation: number): void {
  const words = new Int32Array(state.buffer, state.byteOffset, STATE.size / 4);
  Atomics.store(words, STATE.generation / 4, generation | 0);
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
