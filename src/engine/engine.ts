// The firewalls of one network namespace, for commands and the service alike.
//
// Of the two families IPv4 alone can be enforced; either can be kept (placement `none`), which touches nothing of the
// kernel but the namespace's lock.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { addCounters, type Counters, ZERO } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import type { EnforcingPlacement } from '../base/hooks.ts';
import type { Image } from '../codegen/compile.ts';
import type { DispatchPoint } from '../codegen/dispatcher.ts';
import { sequentialSlots, slotOwners } from '../graph/slots.ts';
import { VerifierError } from '../kernel/errors.ts';
import { countersOf, withCounters, zeroCounters } from '../ruleset/edit.ts';
import { printRuleset } from '../ruleset/print.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';
import { type Generation, Store } from '../store/store.ts';
import { compileRuleset, filterTable } from './compile.ts';
import { baseFor, matchSlots, readSlots, shownCounters } from './counters.ts';
import { chooseMode, unfitness } from './devices.ts';
import { finish, flip, mapReader, type StoredRequest } from './flip.ts';
import { Installation, InstallationError, removeInstallation } from './installation.ts';
import { carryCounters, keep, keptWarning, readKept, releasedWarning } from './kept.ts';
import type { Descriptor, Device, Kernel, NamespaceIdentity } from './kernel.ts';
import { type Directories, lockPath, pinDirectoryName, storePath } from './layout.ts';
import { adoptState, releaseUnused } from './namespaces.ts';
import { perChain, rulesBySlot, type StoredManifest, writtenCounters } from './slots.ts';
import { describeStatus } from './status.ts';
import { readStored, StoredTextError } from './stored-text.ts';
import { systemKernel } from './system-kernel.ts';
import type { ApplyRequest, ApplyResult, Current, Engine, Status, TableCounters, ZeroSelection } from './types.ts';

/** Opens the firewalls of the network namespace that the process is in. `kernel` is the running one unless a test says so. */
export function openEngine(directories: Directories, kernel: Kernel = systemKernel): Engine {
  return new NamespaceEngine(directories, kernel);
}

class NamespaceEngine implements Engine {
  private readonly directories: Directories;
  private readonly kernel: Kernel;
  private readonly identity: NamespaceIdentity;
  /** The directory of all pins, by the way that leads there from here. */
  private readonly root: string;
  /** Where this namespace's pins are. */
  private readonly pins: string;
  private openStore: Store | undefined;
  private openInstallation: Installation | undefined;
  private locked = false;

  constructor(directories: Directories, kernel: Kernel) {
    this.directories = directories;
    this.kernel = kernel;
    this.identity = kernel.namespace();
    const { path, isReady } = kernel.findPinDirectory(directories.run);
    this.root = path;
    if (isReady) releaseUnused(directories, kernel, this.root, this.identity);
    this.pins = join(this.root, pinDirectoryName(this.identity.cookie, this.identity.inode));
  }

  withLock<T>(seconds: number, work: () => T): T {
    const release = this.kernel.lock(lockPath(this.root, this.identity.cookie), seconds);
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
    const { placement } = request;
    return placement === 'none' ? this.keep(request) : this.enforce({ ...request, placement });
  }

  verify(request: ApplyRequest): ApplyResult {
    const { placement } = request;
    if (placement === 'none') return { ok: true, generation: 0, diagnostics: [], notes: [], warnings: [] };
    const enforced = { ...request, placement };
    const { notes } = this.chooseDevices(enforced);
    const compiled = this.compile(enforced);
    if (!compiled.ok) return compiled;
    const result = { ok: true as const, generation: 0, diagnostics: [], notes, warnings: [] };
    return this.withImage(enforced, compiled.image, () => result);
  }

  current(family: Family, ifLost: 'throw' | 'nothing' = 'throw'): Current | undefined {
    if (family === 'ipv4' && ifLost === 'nothing' && this.lost() !== undefined) return undefined;
    try {
      for (;;) {
        const found = this.enforcedNow(family) ?? this.keptNow(family);
        // What was kept may have been brought into force in between.
        if (found !== undefined || !this.isEnforced(family)) return found;
      }
    } catch (error) {
      if (error instanceof StoredTextError && ifLost === 'nothing') return undefined;
      throw error;
    }
  }

  counters(family: Family): TableCounters {
    const enforced =
      family === 'ipv4' ? this.inForce((row, shown) => perChain(row.manifest as StoredManifest, shown)) : undefined;
    if (enforced !== undefined) return enforced;
    const kept = this.store()?.kept(family);
    const filter = kept && readKept(kept, family).tables.find(({ name }) => name === ENFORCED_TABLE);
    return filter === undefined ? new Map() : countersOf(filter);
  }

  zero(family: Family, selection: ZeroSelection, shown?: TableCounters): readonly string[] {
    this.requireLock();
    const { table = ENFORCED_TABLE, chain, rule } = selection;
    if (this.isEnforced(family)) {
      if (table === ENFORCED_TABLE) this.zeroEnforced(selection, shown);
      return [];
    }
    const store = this.store();
    const kept = store?.kept(family);
    if (store === undefined || kept === undefined) return [];
    keep(store, zeroCounters(readKept(kept, family), table, chain, rule), kept.sourceFile);
    return [keptWarning(family)];
  }

  detach(): void {
    this.requireLock();
    this.takeDown();
    const store = this.store();
    for (const family of ['ipv4', 'ipv6'] as const) store?.forget(family);
  }

  status(): Status {
    const lost = this.lost();
    const [row, undecided] =
      (lost === undefined ? this.inForce((r, shown) => [r, shown.at(-1)!] as const) : undefined) ?? [];
    return describeStatus({
      kernel: this.kernel,
      directories: this.directories,
      identity: this.identity,
      pins: this.pins,
      installation: this.installation(),
      lost,
      row,
      undecided: undecided ?? ZERO,
      kept: (family) => (this.isEnforced(family) ? undefined : this.current(family)?.ruleset),
    });
  }

  close(): void {
    this.openInstallation?.close();
    this.openStore?.close();
  }

  private enforce(request: EnforceRequest): ApplyResult {
    const devices = this.chooseDevices(request);
    const compiled = this.compile(request);
    if (!compiled.ok) return compiled;
    const { image } = compiled;
    return this.withImage(request, image, (programs, counterMaps) => {
      const store = this.storeForChange();
      this.kernel.openPinDirectory(this.directories.run);
      this.openInstallation ??= Installation.ensure(this.kernel, this.pins);
      const context = { kernel: this.kernel, store, installation: this.openInstallation };
      finish(context);
      const ifindexes = devices.chosen.map(({ device }) => device.ifindex);
      const row = this.rowFor(request, ifindexes, image, store.generation(context.installation.generation));
      const { generation, unfinished } = flip(context, { programs, counterMaps, devices: devices.chosen, row });
      const notes = unfinished === undefined ? devices.notes : [...devices.notes, unfinished];
      return { ok: true, generation, diagnostics: [], notes, warnings: [] };
    });
  }

  private keep({ ruleset, source, counters, kept }: ApplyRequest): ApplyResult {
    const { family } = ruleset;
    const wasEnforced = this.isEnforced(family);
    const store = this.storeForChange();
    // Nothing counts at placement `none`: rules that were there have the counters that they were read with.
    const isExact = counters === 'ruleset' || (kept !== undefined && !wasEnforced);
    const before = isExact ? undefined : this.current(family, 'nothing')?.ruleset;
    const diagnostics = keep(store, before === undefined ? ruleset : carryCounters(before, ruleset, kept), source.file);
    if (diagnostics.length > 0) return { ok: false, diagnostics };
    if (wasEnforced) this.takeDown();
    const warnings = [wasEnforced ? releasedWarning(family) : keptWarning(family)];
    return { ok: true, generation: 0, diagnostics: [], notes: [], warnings };
  }

  /** Accepts everything again and takes all that is ours out of the kernel. */
  private takeDown(): void {
    removeInstallation(this.kernel, this.pins);
    this.openInstallation?.close();
    this.openInstallation = undefined;
    const store = this.store();
    for (const { id, state } of store?.generations() ?? []) if (state === 'prepared') store!.retire(id);
  }

  private compile(request: EnforceRequest) {
    const { placement, allowInexact, source, before } = request;
    const { kernel } = this;
    const facts = placement === 'xdp' ? kernel.hostFacts(true) : { localDestinations: [] };
    const options = { placement, allowInexact, features: kernel.features(), facts, file: source.file, before };
    return compileRuleset(request.ruleset, options);
  }

  /** Has the kernel make and verify an image's maps and programs, lends them to `work`, and closes them. */
  private withImage(
    request: EnforceRequest,
    image: Image,
    work: (programs: ReadonlyMap<DispatchPoint, Descriptor>, maps: ReadonlyMap<string, Descriptor>) => ApplyResult,
  ): ApplyResult {
    const maps = new Map<string, Descriptor>();
    const programs = new Map<DispatchPoint, Descriptor>();
    try {
      for (const definition of image.maps) maps.set(definition.name, this.kernel.createMap(definition));
      for (const { point, program } of image.programs) programs.set(point, this.kernel.loadProgram(program, maps));
      return work(programs, maps);
    } catch (error) {
      if (error instanceof VerifierError && error.isTooLarge) return tooLarge(error, request.source.file);
      throw error;
    } finally {
      for (const object of [...programs.values(), ...maps.values()]) this.kernel.close(object);
    }
  }

  /** The store's row of a new generation, with the counters it starts from. */
  private rowFor(request: EnforceRequest, ifindexes: readonly number[], image: Image, before: Generation | undefined) {
    const { ruleset, source, placement, devices, mode, allowInexact } = request;
    const slots = slotOwners(filterTable(ruleset), sequentialSlots(filterTable(ruleset)));
    const manifest: StoredManifest = { ...image.manifest, slots };
    const rules = rulesBySlot(ruleset, manifest);
    const isNew = (slot: number) => rules[slot] !== undefined && request.kept?.has(rules[slot]) === false;
    const stored: StoredRequest = { placement, devices, ifindexes, mode, allowInexact };
    const carry =
      request.counters === 'carry' && before !== undefined
        ? { from: before.id, slots: [...matchSlots((before.manifest as StoredManifest).slots, slots, isNew), -1] }
        : undefined;
    const written = writtenCounters(ruleset, manifest);
    const wanted = written.map((c, slot) => ((carry?.slots[slot] ?? -1) < 0 ? c : ZERO));
    return {
      sourceFile: source.file,
      sourceText: source.text,
      text: printRuleset(ruleset, { counters: false }),
      request: stored,
      manifest,
      counterBase: baseFor(new Array(slots.length + 1).fill(ZERO), wanted),
      ...(carry === undefined ? {} : { carry }),
    };
  }

  private chooseDevices(request: EnforceRequest): { chosen: ChosenDevice[]; notes: string[] } {
    if (request.placement !== 'xdp') return { chosen: [], notes: [] };
    const present = this.kernel.devices();
    const attached = this.installation()?.attachedDevices() ?? [];
    const choices = request.devices.map((name) => {
      const device = present.find((d) => d.name === name);
      if (device === undefined) throw new InstallationError(`there is no device ${name} in this network namespace`);
      const unfit = unfitness(device, present, request.mode);
      if (unfit !== undefined) throw new InstallationError(unfit);
      const isAttached = attached.some((link) => link.ifindex === device.ifindex && !link.gone);
      const obtained = isAttached ? this.kernel.deviceMode(device.ifindex) : undefined;
      if (obtained !== undefined && request.mode !== 'auto' && request.mode !== obtained) {
        throw new InstallationError(
          `${name} has ${obtained} XDP; another mode would leave it without rules for a moment: run \`bpfilter detach\` first`,
        );
      }
      const choice = obtained === undefined ? chooseMode(device, request.mode) : { mode: obtained, why: 'as before' };
      return { device, ...choice };
    });
    if (choices.length === 0)
      throw new InstallationError('placement xdp needs at least one device; name it with --device');
    return { chosen: choices, notes: choices.map(({ device, mode, why }) => `${device.name}: ${mode} XDP, ${why}`) };
  }

  private enforcedNow(family: Family): Current | undefined {
    if (family !== 'ipv4') return undefined;
    return this.inForce((row, shown) => {
      const { placement, ifindexes, mode, allowInexact } = row.request as StoredRequest;
      // By what they are called now, those that are still there.
      const devices = this.kernel.devices().flatMap(({ ifindex, name }) => (ifindexes.includes(ifindex) ? [name] : []));
      const stored = readStored(row.text, row.sourceFile, family);
      const ruleset = withCounters(stored, ENFORCED_TABLE, perChain(row.manifest as StoredManifest, shown));
      return { generation: row.id, ruleset, placement, devices, mode, allowInexact };
    });
  }

  private keptNow(family: Family): Current | undefined {
    const kept = this.store()?.kept(family);
    if (kept === undefined) return undefined;
    const ruleset = readKept(kept, family);
    return { generation: 0, ruleset, placement: 'none', devices: [], mode: 'auto', allowInexact: [] };
  }

  private zeroEnforced({ chain, rule }: ZeroSelection, shown: TableCounters | undefined): void {
    const installation = this.installation();
    const store = this.store();
    if (installation === undefined || store === undefined) return;
    finish({ kernel: this.kernel, store, installation });
    const row = store.generation(installation.generation);
    if (row === undefined) return;
    const manifest = row.manifest as StoredManifest;
    const counted = readSlots(row.id, manifest, mapReader(installation));
    const base = counted.map((c, slot) => {
      const before = row.counterBase[slot] ?? ZERO;
      const owner = manifest.slots[slot];
      const selected =
        chain === undefined ||
        (owner?.chain === chain && (rule === undefined || (owner.kind === 'rule' && owner.index === rule - 1)));
      if (!selected) return before;
      if (shown === undefined || owner === undefined) return c;
      const { policy, rules = [] } = shown.get(owner.chain) ?? {};
      return addCounters(before, (owner.kind === 'policy' ? policy : rules[owner.index]) ?? ZERO);
    });
    store.setCounterBase(row.id, base, { foldCarry: false });
  }

  /** Calls `work` with the generation in force and its counters of this moment. */
  private inForce<T>(work: (row: Generation, shown: readonly Counters[]) => T): T | undefined {
    const installation = this.installation();
    if (installation === undefined) return undefined;
    for (;;) {
      const word = installation.generation;
      if (word === 0) return undefined;
      const store = this.store();
      const named = store?.generation(word);
      if (store === undefined || named === undefined) {
        throw new InstallationError(this.lost() ?? 'the rules in force changed while they were read');
      }
      const row = store.generation((named.request as StoredRequest).transitionTo ?? word) ?? named;
      const shown = shownCounters(row, mapReader(installation), (id) => store.generation(id));
      // A writer may have carried counters over while they were read.
      const isSame = store.generation(row.id)?.carry === undefined || row.carry !== undefined;
      const wasWhole = row.carry === undefined || store.generation(row.id)?.carry !== undefined;
      if (installation.generation === word && isSame && wasWhole) return work(row, shown);
    }
  }

  /** What to say where the kernel enforces rules that the store knows nothing of. */
  private lost(): string | undefined {
    const word = this.installation()?.generation ?? 0;
    if (word === 0 || this.store()?.generation(word) !== undefined) return undefined;
    return (
      `the kernel enforces generation ${word}, of which the state directory ${this.directories.state} knows nothing; ` +
      'apply the ruleset again'
    );
  }

  private installation(): Installation | undefined {
    this.openInstallation ??= Installation.open(this.kernel, this.pins);
    return this.openInstallation;
  }

  /** Whether the kernel judges packets of the family by rules of ours. */
  private isEnforced(family: Family): boolean {
    return family === 'ipv4' && (this.installation()?.generation ?? 0) !== 0;
  }

  /** The store of this namespace, if it has one. */
  private store(): Store | undefined {
    const path = storePath(this.directories, this.identity.bootId, this.identity.cookie);
    // Not `existsSync`: it says of a directory that may not be read that nothing is there.
    if (this.openStore === undefined && statSync(path, { throwIfNoEntry: false })) this.openStore = Store.open(path);
    return this.openStore;
  }

  private storeForChange(): Store {
    const { directories, kernel, root, identity } = this;
    this.openStore = adoptState({ directories, kernel, root, identity }, this.openStore);
    return this.openStore;
  }

  private requireLock(): void {
    if (!this.locked) throw new Error('engine: a change was asked for without the lock');
  }
}

/** The verifier's limits as a diagnostic, at the rule that it had come to. */
function tooLarge({ rule, program }: VerifierError, file: string): ApplyResult {
  const line = Number(/:(\d+)(?::\d+)?$/.exec(rule ?? '')?.[1] ?? 1);
  const diagnostic = {
    code: 'too-large' as const,
    file,
    span: { line, column: 1, length: 1 },
    message: `the kernel's verifier follows at most 8192 open branches, and got as far as this rule in ${program}`,
    hint: 'let a packet meet fewer rules in a row: put rules that share an address or a port into chains of their own',
  };
  return { ok: false, diagnostics: [diagnostic] };
}

type EnforceRequest = ApplyRequest & { readonly placement: EnforcingPlacement };

interface ChosenDevice {
  readonly device: Device;
  readonly mode: 'native' | 'generic';
}
