// What the engine needs of a kernel, as one interface: `src/kernel` is behind it, and the tests put a failing one in
// front of that to see that no step leaves half a ruleset.

import type { EarlyFacts } from '../base/early.ts';
import type { Family } from '../base/family.ts';
import type { Features, HostFacts } from '../base/features.ts';
import type { FilterChain } from '../base/hooks.ts';
import type { KernelNames } from '../base/names.ts';
import type { MapDefinition, Program } from '../bpf/image.ts';
import type { Surroundings } from '../codegen/surroundings.ts';
import type { Link } from '../kernel/rtnetlink.ts';

/** An open object of the kernel: a map, a program or a link. */
export type Descriptor = number;

/** A device as rtnetlink shows it. */
export type Device = Omit<Link, 'xdp'>;

export interface NamespaceIdentity {
  /** `SO_NETNS_COOKIE`, decimal. */
  readonly cookie: string;
  readonly inode: string;
  readonly bootId: string;
  /** Its name under /run/netns, or `init` for the initial one. */
  readonly name?: string;
}

/** All calls are synchronous and throw a typed error that says what failed. */
export interface Kernel {
  features(): Features;
  /** `guarded` adds the word that tells when they are out of date; reading it needs root. */
  hostFacts(guarded: boolean, family: Family): HostFacts;
  /** Who hooks into a family's packets, and the words that change with what early verdicts rest on. Needs root. */
  surroundings(family: Family): Surroundings;
  /** What is certain of a family's packets by their addresses; `undefined` where nothing is. */
  earlyFacts(family: Family): EarlyFacts | undefined;
  /** Whether the kernel's function of this name is at an address; not where that cannot be known. */
  isFunctionAt(address: bigint, name: string): boolean;
  devices(): readonly Device[];
  namespace(): NamespaceIdentity;
  /** Whether any process, name or mount still refers to a namespace other than by our pins. */
  isNamespaceInUse(cookie: string, inode: string): boolean;
  /** What rules can name of it. */
  readonly names: KernelNames;
  /**
   * Keeps connections of a family tracked until `releaseConntrack`, however other packet filters are emptied; throws where it
   * cannot. Whether something of ours does.
   */
  holdConntrack(family: Family): void;
  releaseConntrack(family: Family): void;
  isConntrackHeld(family: Family): boolean;
  /** Sentences about other packet filters in force in this namespace. */
  foreignFilters(): readonly string[];

  /** The directory for pins, by the path that leads there from here, and whether a bpffs is there. Changes nothing. */
  findPinDirectory(runDirectory: string): { readonly path: string; readonly isReady: boolean };
  /** Makes the bpffs ready and returns the directory under which pins may be made. */
  openPinDirectory(runDirectory: string): string;
  pin(object: Descriptor, path: string): void;
  /** Opens a pinned object, or `undefined` where there is none. */
  openPin(path: string): Descriptor | undefined;
  close(object: Descriptor): void;

  createMap(definition: MapDefinition): Descriptor;
  /** Bytes of a map's value. */
  valueSize(map: Descriptor): number;
  /** Writes the contents of a definition over the only value of a map that was made of one like it. */
  rewriteMap(map: Descriptor, definition: MapDefinition): void;
  loadProgram(program: Program, maps: ReadonlyMap<string, Descriptor>): Descriptor;
  /** The bytes of the only value of a memory-mapped array. Valid until `unmap`. */
  mapBytes(map: Descriptor, size: number): Uint8Array;
  unmap(bytes: Uint8Array): void;
  setSlot(array: Descriptor, index: number, program: Descriptor): void;
  /** The program in a slot, or `undefined` where it is empty. */
  openSlot(array: Descriptor, index: number): Descriptor | undefined;

  /** Attaches at a priority; `undefined` where another hook already has it. */
  attachHook(program: Descriptor, family: Family, hook: FilterChain, priority: number): Descriptor | undefined;
  attachDevice(program: Descriptor, device: Device, mode: 'native' | 'generic'): Descriptor;
  /** Puts another program behind the link of a device; each packet meets the one or the other. */
  updateDevice(link: Descriptor, program: Descriptor): void;
  /** The name of a link's program. */
  linkProgramName(link: Descriptor): string;
  hookLinkPriority(link: Descriptor): number;
  /** The device of an XDP link; `undefined` once it is gone. */
  deviceLinkIfindex(link: Descriptor): number | undefined;
  /** The modes in which XDP programs sit on devices, by ifindex of those that have one. */
  deviceModes(): ReadonlyMap<number, 'native' | 'generic'>;

  /** Returns once every packet that was in a program when it was called has left it. */
  waitForGracePeriod(): void;
  sleep(milliseconds: number): void;
  /** Takes an exclusive lock and returns its release; waits up to `seconds`, then throws `LockError`. */
  lock(path: string, seconds: number): () => void;
}
