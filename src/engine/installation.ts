// What is ours in the kernel, in one network namespace: the words, the slots behind the dispatchers, the links, the maps.
//
// Everything is pinned, so it outlives the command. The pins are the only record of it: this file looks at them and
// changes them, and knows nothing of rulesets. The families share the state map and the links of devices, and nothing
// else: whatever is done for one leaves the other as it is.
//
// Invariant: in every generation that a family's word has named, every point has a program in its slot: of a ruleset, or
// one that passes. So a dispatcher can be attached at any time, and meets either rules or "not used".
//
// Earlier versions made nothing for IPv6. What they have installed stays, and is completed by the next change: the word of
// IPv6 is 0 in their state map, its slots are made, and a device's dispatcher gives way to one of both families.

import { existsSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { FAMILIES, type Family } from '../base/family.ts';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { Program, ProgramType } from '../bpf/image.ts';
import {
  DISPATCH_POINTS,
  type DispatchPoint,
  dispatcherMaps,
  familiesOfDispatcher,
  netfilterDispatcher,
  passProgram,
  SLOT_MAPS,
  STATE,
  STATE_MAP,
  slotIndex,
  xdpDispatcher,
} from '../codegen/dispatcher.ts';
import type { Descriptor, Device, Kernel } from './kernel.ts';
import { counterMapOfPin, counterPin, deviceOfPin, devicePin, hookPin, isLinkPin } from './layout.ts';

/** Priorities tried for a netfilter hook, best first: just before the kernel's own filter table at 0. */
const PRIORITIES = [-1, -2, -3, -4, -5, -6, -7, -8, -9] as const;

/** The programs of a generation, by point; a point without one is not used. */
export type PointPrograms = ReadonlyMap<DispatchPoint, Descriptor>;

/** A device with a link of ours. */
export interface AttachedDevice {
  readonly ifindex: number;
  /** Whether the device has vanished under the link. */
  readonly gone: boolean;
  readonly families: readonly Family[];
}

/** Something of ours that is not as it should be, or cannot be made so. */
export class InstallationError extends Error {
  override readonly name = 'InstallationError';
}

export class Installation {
  private readonly kernel: Kernel;
  private readonly directory: string;
  /** Those of all dispatchers that were opened so far. */
  private readonly maps: Map<string, Descriptor>;
  private readonly state: Uint8Array;
  /** The programs of points that a generation does not use, once they were needed. */
  private readonly passing = new Map<ProgramType, Descriptor>();

  private constructor(kernel: Kernel, directory: string, state: Descriptor) {
    this.kernel = kernel;
    this.directory = directory;
    this.maps = new Map([[STATE_MAP, state]]);
    this.state = kernel.mapBytes(state, STATE.size);
  }

  /** Opens what is pinned in the directory, or `undefined` where nothing is. */
  static open(kernel: Kernel, directory: string): Installation | undefined {
    if (!existsSync(join(directory, STATE_MAP))) return undefined;
    const state = kernel.openPin(join(directory, STATE_MAP));
    if (state === undefined) throw missingPin(join(directory, STATE_MAP));
    const installation = new Installation(kernel, directory, state);
    try {
      for (const family of FAMILIES) {
        if (installation.generation(family) !== 0) for (const name of slotMaps(family)) installation.map(name);
      }
    } catch (error) {
      installation.close();
      throw error;
    }
    return installation;
  }

  /** Makes what is to be pinned in an empty directory. The state map is pinned last: it says that all are there. */
  static create(kernel: Kernel, directory: string): Installation {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (readdirSync(directory).some(isLinkPin)) throw missingPin(join(directory, STATE_MAP));
    let state: Descriptor | undefined;
    for (const definition of dispatcherMaps()) {
      const path = join(directory, definition.name);
      unlinkIfThere(path);
      const map = kernel.createMap(definition);
      kernel.pin(map, path);
      if (definition.name === STATE_MAP) state = map;
      else kernel.close(map);
    }
    return new Installation(kernel, directory, state!);
  }

  /** Makes the slots of a family that an earlier version has not made. */
  complete(): void {
    for (const definition of dispatcherMaps()) {
      const { name } = definition;
      const path = join(this.directory, name);
      if (this.maps.has(name) || existsSync(path)) continue;
      const family = FAMILIES.find((each) => slotMaps(each).includes(name));
      if (family === undefined || this.isAttached(family)) throw missingPin(path);
      const map = this.kernel.createMap(definition);
      this.maps.set(name, map);
      this.kernel.pin(map, path);
    }
  }

  /** Whether any dispatcher is there that knows the family's slots. */
  private isAttached(family: Family): boolean {
    return (
      this.generation(family) !== 0 ||
      FILTER_CHAINS.some((hook) => existsSync(this.path(hookPin(family, hook)))) ||
      this.attachedDevices().some(({ families }) => families.includes(family))
    );
  }

  /** The generation of a family in force; 0 where nothing is enforced. */
  generation(family: Family): number {
    return this.view.getUint32(STATE.generation[family], true);
  }

  /** Whether no family has rules in force. */
  get isIdle(): boolean {
    return FAMILIES.every((family) => this.generation(family) === 0);
  }

  /** The flip. */
  setGeneration(family: Family, generation: number): void {
    storeGeneration(this.state, family, generation);
  }

  /** Packets of a family dropped because a slot was empty. */
  emptySlotDrops(family: Family): bigint {
    return this.view.getBigUint64(STATE.emptySlotDrops[family], true);
  }

  private get view(): DataView {
    return new DataView(this.state.buffer, this.state.byteOffset);
  }

  /** Puts a generation's programs into the slots of its parity; points without one get a program that passes. */
  fillSlots(family: Family, generation: number, programs: PointPrograms): void {
    for (const { point, type, pair } of DISPATCH_POINTS) {
      const program = programs.get(point) ?? this.passProgram(type);
      this.kernel.setSlot(this.map(SLOT_MAPS[family][type]), slotIndex(pair, generation), program);
    }
  }

  /** An open map of all dispatchers. */
  private map(name: string): Descriptor {
    const known = this.maps.get(name);
    if (known !== undefined) return known;
    const path = this.path(name);
    const opened = this.kernel.openPin(path);
    if (opened === undefined) throw missingPin(path);
    this.maps.set(name, opened);
    return opened;
  }

  private passProgram(type: ProgramType): Descriptor {
    const known = this.passing.get(type);
    if (known !== undefined) return known;
    const loaded = this.kernel.loadProgram(passProgram(type), new Map());
    this.passing.set(type, loaded);
    return loaded;
  }

  /** Lends `work` the programs in the slots of a generation's parity. */
  withSlots(family: Family, generation: number, work: (programs: PointPrograms) => void): void {
    const programs = new Map<DispatchPoint, Descriptor>();
    try {
      for (const { point, type, pair } of DISPATCH_POINTS) {
        const program = this.kernel.openSlot(this.map(SLOT_MAPS[family][type]), slotIndex(pair, generation));
        if (program !== undefined) programs.set(point, program);
      }
      work(programs);
    } finally {
      for (const program of programs.values()) this.kernel.close(program);
    }
  }

  /** Attaches the dispatcher of a hook, unless it is attached. Returns whether it did. */
  attachHook(family: Family, hook: FilterChain): boolean {
    const path = this.path(hookPin(family, hook));
    if (existsSync(path)) return false;
    const program = this.loadDispatcher(netfilterDispatcher(family, hook), [family]);
    try {
      for (const priority of PRIORITIES) {
        const link = this.kernel.attachHook(program, family, hook, priority);
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

  /**
   * Has a device's dispatcher serve a family, too, or attaches one that does; unless it does already. Returns whether it was
   * done.
   */
  attachDevice(family: Family, device: Device, mode: 'native' | 'generic'): boolean {
    const path = this.path(devicePin(device.ifindex));
    const attached = this.attachedDevices().find((d) => d.ifindex === device.ifindex && !d.gone);
    if (attached?.families.includes(family)) return false;
    if (attached !== undefined) {
      this.serve(device.ifindex, [...attached.families, family]);
      return true;
    }
    unlinkIfThere(path); // of an earlier device with this number
    const program = this.loadDispatcher(xdpDispatcher([family]), [family]);
    try {
      this.pinAndClose(this.kernel.attachDevice(program, device, mode), path);
      return true;
    } finally {
      this.kernel.close(program);
    }
  }

  detachHook(family: Family, hook: FilterChain): void {
    unlinkIfThere(this.path(hookPin(family, hook)));
  }

  /** Has a device's dispatcher serve a family no longer; one that serves none goes. */
  detachDevice(family: Family, ifindex: number): void {
    const attached = this.attachedDevices().find((d) => d.ifindex === ifindex);
    const others = attached?.families.filter((each) => each !== family) ?? [];
    if (attached === undefined || attached.gone || others.length === 0) unlinkIfThere(this.path(devicePin(ifindex)));
    else if (others.length < attached.families.length) this.serve(ifindex, others);
  }

  /** Puts the dispatcher of some families behind the link of a device. */
  private serve(ifindex: number, families: readonly Family[]): void {
    const path = this.path(devicePin(ifindex));
    const program = this.loadDispatcher(xdpDispatcher(families), families);
    try {
      const link = this.kernel.openPin(path);
      if (link === undefined) throw missingPin(path);
      try {
        this.kernel.updateDevice(link, program);
      } finally {
        this.kernel.close(link);
      }
    } finally {
      this.kernel.close(program);
    }
  }

  private loadDispatcher(program: Program, families: readonly Family[]): Descriptor {
    const names = [STATE_MAP, ...families.map((family) => SLOT_MAPS[family][program.type])];
    return this.kernel.loadProgram(program, new Map(names.map((name) => [name, this.map(name)])));
  }

  /** The hooks that a family's dispatchers are attached to, with the priority obtained. */
  attachedHooks(family: Family): { hook: FilterChain; priority: number }[] {
    return FILTER_CHAINS.flatMap((hook) => {
      const link = this.kernel.openPin(this.path(hookPin(family, hook)));
      if (link === undefined) return [];
      try {
        return [{ hook, priority: this.kernel.hookLinkPriority(link) }];
      } finally {
        this.kernel.close(link);
      }
    });
  }

  /** The devices with a link of ours, and whom it serves. */
  attachedDevices(): AttachedDevice[] {
    return this.pins().flatMap((pin) => {
      const ifindex = deviceOfPin(pin);
      const link = ifindex === undefined ? undefined : this.kernel.openPin(this.path(pin));
      if (ifindex === undefined || link === undefined) return [];
      try {
        const gone = this.kernel.deviceLinkIfindex(link) === undefined;
        return [{ ifindex, gone, families: familiesOfDispatcher(this.kernel.linkProgramName(link)) }];
      } finally {
        this.kernel.close(link);
      }
    });
  }

  pinCounters(family: Family, counterMap: number, bank: string, map: Descriptor): void {
    this.kernel.pin(map, this.path(counterPin(family, counterMap, bank)));
  }

  /** Opens a bank of a counter map, or `undefined` where its pin is gone. */
  openCounters(family: Family, counterMap: number, bank: string): Descriptor | undefined {
    return this.kernel.openPin(this.path(counterPin(family, counterMap, bank)));
  }

  /** A copy of the bytes of a counter map's bank, or `undefined` where its pin is gone. */
  readCounters(family: Family, counterMap: number, bank: string, size: number): Uint8Array | undefined {
    const map = this.openCounters(family, counterMap, bank);
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

  /** The pins of other counter maps of a family. */
  pinsOfOthers(family: Family, counterMap: number): string[] {
    return this.pins().filter((pin) => (counterMapOfPin(family, pin) ?? counterMap) !== counterMap);
  }

  unpinCounters(family: Family, counterMap: number): void {
    for (const pin of this.pins()) if (counterMapOfPin(family, pin) === counterMap) unlinkIfThere(this.path(pin));
  }

  /** Removes the pins of all counter maps of a family but one. */
  keepOnly(family: Family, counterMap: number): void {
    for (const pin of this.pinsOfOthers(family, counterMap)) unlinkIfThere(this.path(pin));
  }

  /** Accepts every packet of a family again, and takes what is its own out of the kernel. */
  release(family: Family): void {
    this.setGeneration(family, 0);
    for (const hook of FILTER_CHAINS) this.detachHook(family, hook);
    for (const { ifindex, families } of this.attachedDevices()) {
      if (families.includes(family)) this.detachDevice(family, ifindex);
    }
    for (const parity of [0, 1]) this.fillSlots(family, parity, new Map());
    this.keepOnly(family, 0);
  }

  close(): void {
    for (const program of this.passing.values()) this.kernel.close(program);
    this.passing.clear();
    this.kernel.unmap(this.state);
    for (const map of this.maps.values()) this.kernel.close(map);
    this.maps.clear();
  }

  private pins(): string[] {
    return readdirSync(this.directory);
  }

  private path(pin: string): string {
    return join(this.directory, pin);
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
    for (const family of FAMILIES) storeGeneration(bytes, family, 0);
    kernel.unmap(bytes);
    kernel.close(state);
  }
  const pins = readdirSync(directory);
  const links = pins.filter(isLinkPin);
  for (const pin of [...links, ...pins.filter((p) => !links.includes(p))]) unlinkIfThere(join(directory, pin));
  try {
    rmdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function slotMaps(family: Family): string[] {
  return Object.values(SLOT_MAPS[family]);
}

function missingPin(path: string): InstallationError {
  return new InstallationError(
    `the pin ${path} is missing, so the rules in force cannot be replaced; ` +
      'run `bpfilter detach` and apply the ruleset again',
  );
}

/** One aligned 32-bit store. */
function storeGeneration(state: Uint8Array, family: Family, generation: number): void {
  const words = new Int32Array(state.buffer, state.byteOffset, STATE.size / 4);
  Atomics.store(words, STATE.generation[family] / 4, generation | 0);
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
