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
// IPv6 is 0 in their state map, its slots are made, and a device's dispatcher gives way to one of both families. Their XDP
// programs took frames of one buffer only, and the kernel lets them share no slots with others: where one is attached to a
// device, nothing can be replaced; where none is, the slots are made anew. The words that their early verdicts compare were
// others: their programs keep that map, which nobody writes any more, and the next change pins a new one.

import { existsSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../base/directory.ts';
import { FAMILIES, type Family } from '../base/family.ts';
import type { MapDefinition, Program, ProgramType } from '../bpf/image.ts';
import {
  DISPATCH_POINTS,
  type DispatchPoint,
  dispatcherMaps,
  FORMER_XDP_SLOTS,
  passProgram,
  SLOT_MAPS,
  STATE,
  STATE_MAP,
  slotIndex,
} from '../codegen/dispatcher.ts';
import { FORMER_GUARD_MAP, GUARD_MAP, GUARDS, guardMap } from '../codegen/guards.ts';
import { WORDS } from '../codegen/surroundings.ts';
import { copyAreas } from './counters.ts';
import type { Descriptor, Kernel } from './kernel.ts';
import { counterMapOfPin, counterPin, isLinkPin } from './layout.ts';
import { Links } from './links.ts';
import { InstallationError, missingPin, unlinkIfThere } from './pins.ts';

/** The programs of a generation, by point; a point without one is not used. */
export type PointPrograms = ReadonlyMap<DispatchPoint, Descriptor>;

export class Installation {
  readonly links: Links;
  private readonly kernel: Kernel;
  private readonly directory: string;
  /** Those of all dispatchers that were opened so far. */
  private readonly maps: Map<string, Descriptor>;
  private state: Uint8Array;
  /** The pin of the state map, by which another is told from it. */
  private readonly pin: string | undefined;
  private isClosed = false;
  private openGuards: Uint8Array | undefined;
  /** The programs of points that a generation does not use, once they were needed. */
  private readonly passing = new Map<ProgramType, Descriptor>();

  private constructor(kernel: Kernel, directory: string, state: Descriptor, pin: string | undefined) {
    this.kernel = kernel;
    this.directory = directory;
    this.pin = pin;
    this.maps = new Map([[STATE_MAP, state]]);
    this.state = kernel.mapBytes(state, STATE.size);
    this.links = new Links(kernel, directory, (program, families) => this.loadDispatcher(program, families));
  }

  /** Opens what is pinned in the directory, or `undefined` where nothing is. */
  static open(kernel: Kernel, directory: string): Installation | undefined {
    // The pin first: one that takes its place before the map is open is another then.
    const pin = pinOf(directory);
    const state = pin === undefined ? undefined : kernel.openPin(join(directory, STATE_MAP));
    if (state === undefined) {
      requireNoLink(directory);
      return undefined;
    }
    const installation = Installation.of(kernel, directory, state, pin);
    try {
      for (const family of FAMILIES) {
        if (installation.generation(family) === 0) continue;
        for (const name of slotMaps(family)) if (!installation.isFormer(family, name)) installation.map(name);
      }
    } catch (error) {
      installation.close();
      throw error;
    }
    return installation;
  }

  /** Makes what is to be pinned in an empty directory. The state map is pinned last: it says that all are there. */
  static create(kernel: Kernel, directory: string): Installation {
    makeDirectory(directory, 0o700);
    requireNoLink(directory);
    let state: Descriptor | undefined;
    for (const definition of dispatcherMaps()) {
      const path = join(directory, definition.name);
      unlinkIfThere(path);
      const map = createPinned(kernel, definition, path);
      if (definition.name === STATE_MAP) state = map;
      else kernel.close(map);
    }
    return Installation.of(kernel, directory, state!, pinOf(directory));
  }

  /** Takes over the open state map. */
  private static of(kernel: Kernel, directory: string, state: Descriptor, pin: string | undefined): Installation {
    try {
      return new Installation(kernel, directory, state, pin);
    } catch (error) {
      kernel.close(state);
      throw error;
    }
  }

  /** Makes the slots that an earlier version has not made. Throws where they cannot take the place of others. */
  complete(): void {
    for (const definition of dispatcherMaps()) {
      const { name } = definition;
      const path = join(this.directory, name);
      if (this.maps.has(name)) continue;
      if (name === GUARD_MAP && this.openGuardMap() === undefined) unlinkIfThere(path);
      if (existsSync(path)) continue;
      const family = FAMILIES.find((each) => slotMaps(each).includes(name));
      const isFormer = family !== undefined && this.isFormer(family, name);
      if (isFormer) this.requireNoDevice();
      else if (name !== GUARD_MAP && (family === undefined || this.isAttached(family))) throw missingPin(path);
      const parities = isFormer ? [0, 1] : [];
      const prepare = (map: Descriptor) => {
        for (const parity of parities) this.kernel.setSlot(map, parity, this.passProgram('xdp'));
      };
      // Known only once it is pinned: whoever comes next finds what programs use.
      this.maps.set(name, createPinned(this.kernel, definition, path, prepare));
      if (isFormer) unlinkIfThere(this.path(FORMER_XDP_SLOTS[family]));
      if (name === GUARD_MAP) unlinkIfThere(this.path(FORMER_GUARD_MAP));
    }
  }

  /** Whether there are slots of an earlier version in place of these. */
  private isFormer(family: Family, name: string): boolean {
    const isXdp = name === SLOT_MAPS[family].xdp;
    return isXdp && !existsSync(this.path(name)) && existsSync(this.path(FORMER_XDP_SLOTS[family]));
  }

  private requireNoDevice(): void {
    if (this.links.attachedDevices().every(({ gone }) => gone)) return;
    throw new InstallationError(
      'the XDP programs in force are of an earlier version, so the rules in force cannot be replaced; ' +
        'run `bpfilter detach` and apply the ruleset again',
    );
  }

  /** Whether any dispatcher is there that knows the family's slots. */
  private isAttached(family: Family): boolean {
    return (
      this.generation(family) !== 0 ||
      this.links.attachedHooks(family).length > 0 ||
      this.links.attachedDevices().some(({ families }) => families.includes(family))
    );
  }

  /** The generation of a family in force; 0 where nothing is enforced. */
  generation(family: Family): number {
    return this.view.getUint32(STATE.generation[family], true);
  }

  /** Whether another process may have taken everything away, and begun anew: it does so where nothing is in force. */
  get isReplaced(): boolean {
    return FAMILIES.every((family) => this.generation(family) === 0) && pinOf(this.directory) !== this.pin;
  }

  /** The flip. */
  setGeneration(family: Family, generation: number): void {
    this.requireOpen();
    storeGeneration(this.state, family, generation);
  }

  /**
   * The words that early verdicts of a family compare, to be read and written; `undefined` where there are none, or an earlier
   * version's.
   */
  guards(family: Family): Uint8Array | undefined {
    const map = this.openGuardMap();
    if (map === undefined) return undefined;
    this.openGuards ??= this.kernel.mapBytes(map, guardMap().valueSize);
    return this.openGuards.subarray(GUARDS[family], GUARDS[family] + WORDS.size);
  }

  private openGuardMap(): Descriptor | undefined {
    this.requireOpen();
    const known = this.maps.get(GUARD_MAP);
    if (known !== undefined) return known;
    const opened = this.kernel.openPin(this.path(GUARD_MAP));
    if (opened === undefined) return undefined;
    if (this.kernel.valueSize(opened) !== guardMap().valueSize) {
      this.kernel.close(opened);
      return undefined;
    }
    this.maps.set(GUARD_MAP, opened);
    return opened;
  }

  /** The map that early programs compare words with. */
  get guardMap(): Descriptor {
    return this.map(GUARD_MAP);
  }

  /** Packets of a family dropped because a slot was empty. */
  emptySlotDrops(family: Family): bigint {
    return this.view.getBigUint64(STATE.emptySlotDrops[family], true);
  }

  private get view(): DataView {
    return new DataView(this.state.buffer, this.state.byteOffset);
  }

  /**
   * Puts a generation's programs into the slots of its parity; points without one get a program that passes, if the kernel
   * has programs of their type.
   */
  fillSlots(family: Family, generation: number, programs: PointPrograms): void {
    const hasNetfilter = this.kernel.features().layout.netfilterContext !== undefined;
    for (const { point, type, pair } of DISPATCH_POINTS) {
      if (type === 'netfilter' && !hasNetfilter) continue;
      const program = programs.get(point) ?? this.passProgram(type);
      this.kernel.setSlot(this.map(SLOT_MAPS[family][type]), slotIndex(pair, generation), program);
    }
  }

  private loadDispatcher(program: Program, families: readonly Family[]): Descriptor {
    const names = [STATE_MAP, ...families.map((family) => SLOT_MAPS[family][program.type])];
    return this.kernel.loadProgram(program, new Map(names.map((name) => [name, this.map(name)])));
  }

  /** An open map of all dispatchers. */
  private map(name: string): Descriptor {
    this.requireOpen();
    const known = this.maps.get(name);
    if (known !== undefined) return known;
    const path = this.path(name);
    const opened = this.kernel.openPin(path);
    if (opened === undefined) throw missingPin(path);
    this.maps.set(name, opened);
    return opened;
  }

  private passProgram(type: ProgramType): Descriptor {
    this.requireOpen();
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

  pinCounters(family: Family, counterMap: number, bank: string, map: Descriptor): void {
    this.kernel.pin(map, this.path(counterPin(family, counterMap, bank)));
  }

  /** Opens a bank of a counter map, or `undefined` where its pin is gone. */
  openCounters(family: Family, counterMap: number, bank: string): Descriptor | undefined {
    return this.kernel.openPin(this.path(counterPin(family, counterMap, bank)));
  }

  /** A copy of a counter map's bank, areas of so many bytes, or `undefined` where its pin is gone. */
  readCounters(family: Family, counterMap: number, bank: string, area: number, areas: number): Uint8Array | undefined {
    const map = this.openCounters(family, counterMap, bank);
    if (map === undefined) return undefined;
    try {
      const bytes = this.kernel.mapBytes(map, area * areas);
      try {
        return copyAreas(bytes, area, areas);
      } finally {
        this.kernel.unmap(bytes);
      }
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
    this.links.detachAll(family);
    for (const parity of [0, 1]) this.fillSlots(family, parity, new Map());
    this.keepOnly(family, 0);
  }

  /** Nothing is in force for whoever still has it, and nothing can be changed by it. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { state, openGuards } = this;
    // The memory is gone, and something else may be at its place at once.
    this.state = new Uint8Array(STATE.size);
    this.openGuards = undefined;
    for (const program of this.passing.values()) this.kernel.close(program);
    this.passing.clear();
    this.kernel.unmap(state);
    if (openGuards !== undefined) this.kernel.unmap(openGuards);
    for (const map of this.maps.values()) this.kernel.close(map);
    this.maps.clear();
  }

  private requireOpen(): void {
    if (this.isClosed) throw new Error('engine: an installation is used that is closed');
  }

  private pins(): string[] {
    return readdirSync(this.directory);
  }

  private path(pin: string): string {
    return join(this.directory, pin);
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

/** Makes a map, has it prepared, and pins it; a map that could not be pinned is nowhere. */
function createPinned(
  kernel: Kernel,
  definition: MapDefinition,
  path: string,
  prepare: (map: Descriptor) => void = () => {},
): Descriptor {
  const map = kernel.createMap(definition);
  try {
    prepare(map);
    kernel.pin(map, path);
    return map;
  } catch (error) {
    kernel.close(map);
    throw error;
  }
}

/** Links without the state map go on enforcing what nobody can read or replace. */
function requireNoLink(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).some(isLinkPin)) throw missingPin(join(directory, STATE_MAP));
}

/** What a state map's pin is known by; `undefined` where there is none. */
function pinOf(directory: string): string | undefined {
  const file = statSync(join(directory, STATE_MAP), { bigint: true, throwIfNoEntry: false });
  return file && `${file.ino} ${file.mtimeNs}`;
}

function slotMaps(family: Family): string[] {
  return Object.values(SLOT_MAPS[family]);
}

/** One aligned 32-bit store. */
function storeGeneration(state: Uint8Array, family: Family, generation: number): void {
  const words = new Int32Array(state.buffer, state.byteOffset, STATE.size / 4);
  Atomics.store(words, STATE.generation[family] / 4, generation | 0);
}
