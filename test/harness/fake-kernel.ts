// A kernel that only remembers: enough of one to run the engine without root, and to fail at any call.
//
// Pins are files that hold the number of their object, so several engines with one fake see each other's objects as
// several processes would. `failAt` makes the n-th call throw; with `dead` every call after it throws too, as if the
// process had been killed there and none of its clean-up had run.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EarlyFacts } from '../../src/base/early.ts';
import type { Family } from '../../src/base/family.ts';
import type { Features } from '../../src/base/features.ts';
import type { FilterChain } from '../../src/base/hooks.ts';
import type { KernelNames } from '../../src/base/names.ts';
import type { MapDefinition, Program } from '../../src/bpf/image.ts';
import { type Surroundings, WORDS } from '../../src/codegen/surroundings.ts';
import type { Descriptor, Device, Kernel, NamespaceIdentity } from '../../src/engine/kernel.ts';

/** Facts of no kernel in particular. */
export const FEATURES: Features = {
  release: '6.18.0',
  possibleCpus: 2,
  preemptRt: false,
  layout: {
    netfilterContext: { state: 0, skb: 8 },
    hookStateIn: 8,
    hookStateOut: 16,
    deviceName: 280,
    deviceAddress: 968,
    deviceNet: 1040,
    netAddressGeneration: 700,
    netAddressGeneration6: 1700,
    skbLen: 112,
    skbDataLen: 116,
    skbData: 200,
    xdpRxq: 32,
    rxqDevice: 0,
  },
  functions: {
    bpf_dynptr_from_skb: 101,
    bpf_dynptr_slice: 102,
    bpf_cast_to_kern_ctx: 103,
    bpf_rdonly_cast: 104,
    bpf_iter_num_new: 105,
    bpf_iter_num_next: 106,
    bpf_iter_num_destroy: 107,
  },
  connection: {
    ...{ skbConnection: 104, status: 128, timeout: 8, original: 32, reply: 88 },
    ...{ source: 0, sourcePort: 16, destination: 20, destinationPort: 36, protocol: 38 },
  },
  ticksPerSecond: 250,
  wordsType: 157,
};

/** The same of a kernel whose XDP programs may give early verdicts. */
export const EARLY_FEATURES: Features = {
  ...FEATURES,
  functions: { ...FEATURES.functions, bpf_xdp_ct_lookup: 108, bpf_ct_release: 109 },
  surroundings: {
    foreign: {},
    ...{ hookCount: 0, hookList: 8, hookFunction: 0, hookPriority: 36, hookKind: 33 },
    ...{ deviceTakers: [800], deviceListeners: [808], netListeners: [160], tcpLoose: 2500 },
    ...{ policies: [], policyDefaults: [] },
    deviceMerging: { features: 820, genericProgram: 828 },
    ipv4: { hooks: 1800, routes: 704, addresses: 700, more: [] },
    ipv6: {
      ...{ hooks: 1840, routes: 1704, addresses: 1700, more: [{ pointer: 1712, word: 16 }] },
      deviceOff: { pointer: 192, word: 680 },
    },
  },
};

type KernelObject =
  | { kind: 'map'; definition: MapDefinition; bytes: Uint8Array; slots: Map<number, number> }
  | { kind: 'program'; program: Program; maps: ReadonlyMap<string, Descriptor> }
  | { kind: 'hook link'; family: Family; hook: FilterChain; priority: number }
  | { kind: 'device link'; ifindex: number; mode: 'native' | 'generic'; program: Descriptor };

/** What came of work of which one call failed. */
interface Attempt {
  readonly call: string;
  /** It went through all the same: what fails behind a flip is a note. */
  readonly isDone: boolean;
  /** What was thrown is this failure, and none that came of it. */
  readonly isTold: boolean;
}

export class InjectedFailure extends Error {
  override readonly name = 'InjectedFailure';
  /** Which call it was, from 1. */
  readonly call: number;

  constructor(name: string, call: number) {
    super(`${name} (call ${call})`);
    this.call = call;
  }
}

export class FakeKernel implements Kernel {
  readonly objects: KernelObject[] = [];
  /** Families whose connections are tracked for us. */
  readonly held = new Set<Family>();
  /** How many descriptors are open, of all kinds. */
  open = 0;
  /** Names of all calls that change something, in order. */
  readonly calls: string[] = [];
  presentDevices: Device[] = [{ ifindex: 2, name: 'eth0', loopback: false, ethernet: true }];
  identity: NamespaceIdentity = { cookie: '7', inode: '4026531840', bootId: 'boot', name: 'init' };
  inUse = true;
  failAt = Number.POSITIVE_INFINITY;
  dead = false;

  knownFeatures: Features = FEATURES;

  features(): Features {
    return this.knownFeatures;
  }

  /** As the kernel's word. */
  addressGeneration = 5;

  hostFacts() {
    const local6 = 0x20010db8n << 96n;
    return {
      addressGeneration: this.addressGeneration,
      localDestinations: [{ low: 0x0a000001, high: 0x0a000001 }],
      ipv6: { localDestinations: [{ low: local6 + 1n, high: local6 + 1n }], ofDevices: [] },
    };
  }

  /** What early verdicts may rest on; by default nothing is certain. */
  hooks: Surroundings['hooks'] = { PREROUTING: [], INPUT: [], FORWARD: [], OUTPUT: [], POSTROUTING: [] };
  facts: EarlyFacts | undefined;

  surroundings(): Surroundings {
    return { words: new Uint8Array(WORDS.size).fill(this.addressGeneration), hooks: this.hooks };
  }

  isFunctionAt(): boolean {
    return false;
  }

  earlyFacts(family: Family): EarlyFacts | undefined {
    return this.facts?.family === family ? this.facts : undefined;
  }

  /** A kernel without any such objects. */
  readonly names: KernelNames = {
    set: () => undefined,
    accounting: () => false,
    cgroup: () => false,
    pinnedProgram: () => false,
  };

  devices(): readonly Device[] {
    return this.presentDevices;
  }

  namespace(): NamespaceIdentity {
    return this.identity;
  }

  isNamespaceInUse(): boolean {
    return this.inUse;
  }

  holdConntrack(family: Family): void {
    this.step('holdConntrack');
    this.held.add(family);
  }

  releaseConntrack(family: Family): void {
    this.step('releaseConntrack');
    this.held.delete(family);
  }

  isConntrackHeld(family: Family): boolean {
    return this.held.has(family);
  }

  foreignFilters(): readonly string[] {
    return [];
  }

  findPinDirectory(runDirectory: string) {
    const path = join(runDirectory, 'bpf');
    return { path, isReady: existsSync(path) };
  }

  openPinDirectory(runDirectory: string): string {
    const path = join(runDirectory, 'bpf');
    mkdirSync(path, { recursive: true });
    return path;
  }

  pin(object: Descriptor, path: string): void {
    this.step(`pin ${path.split('/').at(-1)}`);
    writeFileSync(path, String(object), { flag: 'wx' });
  }

  openPin(path: string): Descriptor | undefined {
    return existsSync(path) ? this.opened(Number(readFileSync(path, 'utf8'))) : undefined;
  }

  close(): void {
    this.open--;
  }

  createMap(definition: MapDefinition): Descriptor {
    this.step(`create ${definition.name}`);
    const bytes = new Uint8Array(definition.valueSize);
    bytes.set(definition.contents ?? []);
    return this.add({ kind: 'map', definition, bytes, slots: new Map() });
  }

  rewriteMap(map: Descriptor, { name, contents }: MapDefinition): void {
    this.step(`rewrite ${name}`);
    this.map(map).bytes.set(contents!);
  }

  loadProgram(program: Program, maps: ReadonlyMap<string, Descriptor>): Descriptor {
    this.step(`load ${program.name}`);
    return this.add({ kind: 'program', program, maps });
  }

  valueSize(map: Descriptor): number {
    return this.map(map).definition.valueSize;
  }

  mapBytes(map: Descriptor, size: number): Uint8Array {
    return this.map(map).bytes.subarray(0, size);
  }

  unmap(): void {}

  setSlot(array: Descriptor, index: number, program: Descriptor): void {
    this.step(`slot ${this.map(array).definition.name} ${index}`);
    this.map(array).slots.set(index, program);
  }

  openSlot(array: Descriptor, index: number): Descriptor | undefined {
    return this.opened(this.map(array).slots.get(index));
  }

  attachHook(_program: Descriptor, family: Family, hook: FilterChain, priority: number): Descriptor | undefined {
    this.step(`attach ${family} ${hook}`);
    return this.add({ kind: 'hook link', family, hook, priority });
  }

  attachDevice(program: Descriptor, { ifindex }: Device, mode: 'native' | 'generic'): Descriptor {
    this.step(`attach device ${ifindex}`);
    return this.add({ kind: 'device link', ifindex, mode, program });
  }

  updateDevice(link: Descriptor, program: Descriptor): void {
    const object = this.objects[link]!;
    if (object.kind !== 'device link') throw new Error(`${link} is no device link`);
    this.step(`update device ${object.ifindex}`);
    object.program = program;
  }

  linkProgramName(link: Descriptor): string {
    const object = this.objects[link]!;
    if (object.kind !== 'device link') throw new Error(`${link} is no device link`);
    const program = this.objects[object.program]!;
    return program.kind === 'program' ? program.program.name : '';
  }

  hookLinkPriority(link: Descriptor): number {
    const object = this.objects[link]!;
    if (object.kind !== 'hook link') throw new Error(`${link} is no hook link`);
    return object.priority;
  }

  deviceLinkIfindex(link: Descriptor): number | undefined {
    const object = this.objects[link]!;
    if (object.kind !== 'device link') throw new Error(`${link} is no device link`);
    return this.presentDevices.some((d) => d.ifindex === object.ifindex) ? object.ifindex : undefined;
  }

  deviceModes(): ReadonlyMap<number, 'native' | 'generic'> {
    const modes = new Map<number, 'native' | 'generic'>();
    for (const object of this.objects) {
      if (object.kind === 'device link' && !modes.has(object.ifindex)) modes.set(object.ifindex, object.mode);
    }
    return modes;
  }

  waitForGracePeriod(): void {
    this.step('grace period');
  }

  sleep(): void {}

  lock(): () => void {
    return () => {};
  }

  /** Does `work` with its n-th call failing; with `dead`, whatever it asks for behind that fails, too. `undefined`: it makes fewer calls. */
  failing(step: number, work: () => unknown, dead = false): Attempt | undefined {
    this.failAt = this.calls.length + step;
    this.dead = dead;
    let isDone = false;
    let isTold = false;
    try {
      work();
      isDone = true;
    } catch (error) {
      if (!(error instanceof InjectedFailure)) throw error;
      isTold = error.call === this.failAt;
    }
    const call = this.calls[this.failAt - 1];
    this.failAt = Number.POSITIVE_INFINITY;
    this.dead = false;
    return call === undefined ? undefined : { call, isDone, isTold };
  }

  /** Does `work` with its first call failing, with its second, and so on, until none is left to fail. */
  *failingAtEachCall(work: () => unknown, dead = false): Generator<Attempt, void> {
    for (let step = 1; ; step++) {
      const attempt = this.failing(step, work, dead);
      if (attempt === undefined) return;
      yield attempt;
    }
  }

  map(object: Descriptor): Extract<KernelObject, { kind: 'map' }> {
    const found = this.objects[object];
    if (found?.kind !== 'map') throw new Error(`${object} is no map`);
    return found;
  }

  private add(object: KernelObject): Descriptor {
    this.objects.push(object);
    return this.opened(this.objects.length - 1);
  }

  private opened<T extends Descriptor | undefined>(descriptor: T): T {
    if (descriptor !== undefined) this.open++;
    return descriptor;
  }

  private step(name: string): void {
    this.calls.push(name);
    const count = this.calls.length;
    if (count === this.failAt || (this.dead && count > this.failAt)) throw new InjectedFailure(name, count);
  }
}
