// The firewall of one network namespace, for commands and the service alike.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Counters, ZERO } from '../base/counters.ts';
import type { Image } from '../codegen/compile.ts';
import type { DispatchPoint } from '../codegen/dispatcher.ts';
import type { Manifest } from '../codegen/manifest.ts';
import type { Chain, Rule, Ruleset } from '../ruleset/model.ts';
import { parseRuleset } from '../ruleset/parse.ts';
import { printRuleset } from '../ruleset/print.ts';
import { type Generation, Store } from '../store/store.ts';
import { compileRuleset, filterTable } from './compile.ts';
import { baseFor, matchSlots, readSlots, shownCounters } from './counters.ts';
import { chooseMode } from './devices.ts';
import { finish, flip, mapReader, type StoredRequest } from './flip.ts';
import { Installation, InstallationError, removeInstallation } from './installation.ts';
import type { Descriptor, Device, Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, lockPath, storePath } from './layout.ts';
import { adoptState, releaseUnused } from './namespaces.ts';
import { describeStatus } from './status.ts';
import { systemKernel } from './system-kernel.ts';
import type { ApplyRequest, ApplyResult, Current, Engine, Status, ZeroSelection } from './types.ts';

/** Opens the firewall of the network namespace that the process is in. `kernel` is the running one unless a test says so. */
export function openEngine(directories: Directories, kernel: Kernel = systemKernel): Engine {
  return new NamespaceEngine(directories, kernel);
}

class NamespaceEngine implements Engine {
  private readonly directories: Directories;
  private readonly kernel: Kernel;
  private readonly identity: NamespaceIdentity;
  /** Where this namespace's pins are. */
  private readonly pins: string;
  private openStore: Store | undefined;
  private openInstallation: Installation | undefined;
  private locked = false;

  constructor(directories: Directories, kernel: Kernel) {
    this.directories = directories;
    this.kernel = kernel;
    this.identity = kernel.namespace();
    const root = kernel.openPinDirectory(directories.run);
    releaseUnused(directories, kernel, root, this.identity);
    this.pins = join(root, this.identity.cookie);
  }

  withLock<T>(seconds: number, work: () => T): T {
    const release = this.kernel.lock(lockPath(this.directories, this.identity.cookie), seconds);
    this.locked = true;
    try {
      return work();
    } finally {
      this.locked = false;
      release();
    }
  }

  apply(request: ApplyRequest): ApplyResult {
    this.requireLock();
    const devices = this.chooseDevices(request);
    const compiled = this.compile(request);
    if (!compiled.ok) return compiled;
    const { image } = compiled;
    return this.withImage(image, (programs, counterMaps) => {
      adoptState(this.directories, this.identity);
      const store = this.store(true)!;
      this.openInstallation ??= Installation.ensure(this.kernel, this.pins);
      const context = { kernel: this.kernel, store, installation: this.openInstallation };
      finish(context);
      const row = this.rowFor(request, image, store.generation(context.installation.generation));
      const generation = flip(context, { programs, counterMaps, devices: devices.chosen, row });
      return { ok: true, generation, diagnostics: [], notes: devices.notes };
    });
  }

  verify(request: ApplyRequest): ApplyResult {
    const { notes } = this.chooseDevices(request);
    const compiled = this.compile(request);
    if (!compiled.ok) return compiled;
    return this.withImage(compiled.image, () => ({ ok: true, generation: 0, diagnostics: [], notes }));
  }

  current(): Current | undefined {
    return this.inForce((row, shown) => {
      const { placement, devices, mode, allowInexact } = row.request as StoredRequest;
      const { ruleset } = parseRuleset(row.text, { file: row.sourceFile });
      return {
        generation: row.id,
        ruleset: withCounters(ruleset, perChain(row, shown)),
        placement,
        devices,
        mode,
        allowInexact,
      };
    });
  }

  counters(): ReadonlyMap<string, ChainCounters> {
    return this.inForce(perChain) ?? new Map();
  }

  zero({ chain, rule }: ZeroSelection): void {
    this.requireLock();
    const installation = this.installation();
    const store = this.store(false);
    if (installation === undefined || store === undefined) return;
    finish({ kernel: this.kernel, store, installation });
    const row = store.generation(installation.generation);
    if (row === undefined) return;
    const manifest = row.manifest as Manifest;
    const counted = readSlots(row.id, manifest, mapReader(installation));
    const base = counted.map((c, slot) => {
      const owner = manifest.slots[slot];
      const selected =
        chain === undefined ||
        (owner?.chain === chain && (rule === undefined || (owner.kind === 'rule' && owner.index === rule - 1)));
      return selected ? c : (row.counterBase[slot] ?? ZERO);
    });
    store.setCounterBase(row.id, base, { foldCarry: false });
  }

  detach(): void {
    this.requireLock();
    removeInstallation(this.kernel, this.pins);
    this.openInstallation?.close();
    this.openInstallation = undefined;
    const store = this.store(false);
    for (const { id, state } of store?.generations() ?? []) if (state === 'prepared') store!.retire(id);
  }

  status(): Status {
    return describeStatus({
      kernel: this.kernel,
      directories: this.directories,
      identity: this.identity,
      pins: this.pins,
      installation: this.installation(),
      row: this.inForce((row) => row),
      undecided: this.inForce((_, shown) => shown.at(-1)) ?? ZERO,
    });
  }

  close(): void {
    this.openInstallation?.close();
    this.openStore?.close();
  }

  private compile(request: ApplyRequest) {
    const { placement, allowInexact, source } = request;
    const { kernel } = this;
    const facts = placement === 'xdp' ? kernel.hostFacts() : { localDestinations: [] };
    const options = { placement, allowInexact, features: kernel.features(), facts, file: source.file };
    return compileRuleset(request.ruleset, options);
  }

  /** Has the kernel make and verify an image's maps and programs, lends them to `work`, and closes them. */
  private withImage<T>(
    image: Image,
    work: (programs: ReadonlyMap<DispatchPoint, Descriptor>, maps: ReadonlyMap<string, Descriptor>) => T,
  ): T {
    const maps = new Map<string, Descriptor>();
    const programs = new Map<DispatchPoint, Descriptor>();
    try {
      for (const definition of image.maps) maps.set(definition.name, this.kernel.createMap(definition));
      for (const { point, program } of image.programs) programs.set(point, this.kernel.loadProgram(program, maps));
      return work(programs, maps);
    } finally {
      for (const object of [...programs.values(), ...maps.values()]) this.kernel.close(object);
    }
  }

  /** The store's row of a new generation, with the counters it starts from. */
  private rowFor(request: ApplyRequest, image: Image, before: Generation | undefined) {
    const { ruleset, source, placement, devices, mode, allowInexact } = request;
    const { slots } = image.manifest;
    const rules = rulesBySlot(ruleset, image.manifest);
    const isNew = (slot: number) => rules[slot] !== undefined && request.kept?.has(rules[slot]) === false;
    const stored: StoredRequest = { placement, devices, mode, allowInexact };
    const carry =
      request.counters === 'carry' && before !== undefined
        ? { from: before.id, slots: [...matchSlots((before.manifest as Manifest).slots, slots, isNew), -1] }
        : undefined;
    const written = writtenCounters(ruleset, image.manifest);
    const wanted = written.map((c, slot) => ((carry?.slots[slot] ?? -1) < 0 ? c : ZERO));
    return {
      sourceFile: source.file,
      sourceText: source.text,
      text: printRuleset(ruleset, { counters: false }),
      request: stored,
      manifest: image.manifest,
      counterBase: baseFor(new Array(slots.length + 1).fill(ZERO), wanted),
      ...(carry === undefined ? {} : { carry }),
    };
  }

  private chooseDevices(request: ApplyRequest): {
    chosen: { device: Device; mode: 'native' | 'generic' }[];
    notes: string[];
  } {
    if (request.placement !== 'xdp') return { chosen: [], notes: [] };
    const present = this.kernel.devices();
    const chosen: { device: Device; mode: 'native' | 'generic' }[] = [];
    const notes: string[] = [];
    for (const name of request.devices) {
      const device = present.find((d) => d.name === name);
      if (device === undefined) throw new InstallationError(`there is no device ${name} in this network namespace`);
      const master = present.find((d) => d.ifindex === device.master);
      if (device.loopback) throw new InstallationError(`${name} is the loopback device, which XDP does not serve`);
      if (device.master !== undefined) {
        const upper = master?.name ?? `device ${device.master}`;
        throw new InstallationError(`${name} belongs to ${upper}: iptables' -i names ${upper}, attach there`);
      }
      const { mode, why } = chooseMode(device, request.mode);
      chosen.push({ device, mode });
      notes.push(`${name}: ${mode} XDP, ${why}`);
    }
    if (chosen.length === 0)
      throw new InstallationError('placement xdp needs at least one device; name it with --device');
    return { chosen, notes };
  }

  /** Calls `work` with the generation in force and its counters of this moment. */
  private inForce<T>(work: (row: Generation, shown: readonly Counters[]) => T): T | undefined {
    const installation = this.installation();
    if (installation === undefined) return undefined;
    for (;;) {
      const word = installation.generation;
      const store = word === 0 ? undefined : this.store(false);
      if (store === undefined) return undefined;
      const named = store.generation(word);
      if (named === undefined) {
        throw new InstallationError(
          `the kernel enforces generation ${word}, of which ${store.path} knows nothing; apply the ruleset again`,
        );
      }
      const row = store.generation((named.request as StoredRequest).transitionTo ?? word) ?? named;
      const shown = shownCounters(row, mapReader(installation), (id) => store.generation(id));
      if (installation.generation === word) return work(row, shown);
    }
  }

  private installation(): Installation | undefined {
    this.openInstallation ??= Installation.open(this.kernel, this.pins);
    return this.openInstallation;
  }

  private store(create: boolean): Store | undefined {
    const path = storePath(this.directories, this.identity.bootId, this.identity.cookie);
    if (this.openStore === undefined && (create || existsSync(path))) this.openStore = Store.open(path);
    return this.openStore;
  }

  private requireLock(): void {
    if (!this.locked) throw new Error('engine: a change was asked for without the lock');
  }
}

interface ChainCounters {
  readonly policy?: Counters;
  readonly rules: readonly Counters[];
}

/** Sorts counters by chain; a chain's rules are in their order. */
function perChain(row: Generation, shown: readonly Counters[]): Map<string, ChainCounters> {
  const chains = new Map<string, { policy?: Counters; rules: Counters[] }>();
  for (const [slot, owner] of (row.manifest as Manifest).slots.entries()) {
    let chain = chains.get(owner.chain);
    if (chain === undefined) {
      chain = { rules: [] };
      chains.set(owner.chain, chain);
    }
    if (owner.kind === 'policy') chain.policy = shown[slot]!;
    else chain.rules[owner.index] = shown[slot]!;
  }
  return chains;
}

function withCounters(ruleset: Ruleset, counters: ReadonlyMap<string, ChainCounters>): Ruleset {
  const fill = (chain: Chain): Chain => {
    const found = counters.get(chain.name);
    if (found === undefined) return chain;
    return {
      ...chain,
      counters: found.policy ?? chain.counters,
      rules: chain.rules.map((rule, index) => ({ ...rule, counters: found.rules[index] ?? rule.counters })),
    };
  };
  const tables = ruleset.tables.map((table) =>
    table.name === 'filter' ? { ...table, chains: table.chains.map(fill) } : table,
  );
  return { ...ruleset, tables };
}

/** The rule that owns each slot; policies own theirs without one. */
function rulesBySlot(ruleset: Ruleset, { slots }: Manifest): (Rule | undefined)[] {
  const chains = new Map(filterTable(ruleset).chains.map((chain) => [chain.name, chain]));
  return slots.map((owner) => (owner.kind === 'rule' ? chains.get(owner.chain)?.rules[owner.index] : undefined));
}

/** The counters written in the ruleset, by slot. */
function writtenCounters(ruleset: Ruleset, manifest: Manifest): Counters[] {
  const chains = new Map(filterTable(ruleset).chains.map((chain) => [chain.name, chain]));
  const rules = rulesBySlot(ruleset, manifest);
  return manifest.slots.map((owner, slot) => (rules[slot] ?? chains.get(owner.chain))?.counters ?? ZERO);
}
