// The firewalls of one network namespace, one for each family, for commands and the service alike.
//
// What is done for one family leaves the other as it is. Either can be kept (placement `none`), which touches nothing of
// the kernel but the namespace's lock.

import { type Counters, ZERO } from '../base/counters.ts';
import { FAMILIES, type Family } from '../base/family.ts';
import type { EnforcingPlacement, TableName } from '../base/hooks.ts';
import type { Image } from '../codegen/compile.ts';
import { GUARD_MAP, guardMap } from '../codegen/guards.ts';
import type { SlotPlan } from '../graph/slots.ts';
import { countersOf, withCounters, zeroCounters } from '../ruleset/edit.ts';
import type { Rule, Ruleset, Table } from '../ruleset/model.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';
import { StoreError } from '../store/errors.ts';
import { type CompileOptions, filterTable } from './compile.ts';
import { beginConntrack, conntrackWarnings, endConntrack, undoingConntrack } from './conntrack.ts';
import { planCounters } from './counter-plan.ts';
import { areFit, attachMissing, type ChosenDevices, chooseDevices, notesWithout, withoutEarly } from './devices.ts';
import { earlyNotes, type GroundOrWhy, groundDigest } from './early-ground.ts';
import { currentGround, syncGuards } from './early-sync.ts';
import { finish, flip, unfinished } from './flip.ts';
import { type CounterPlan, countersFor, type EnforceRequest, rowFor } from './generation-row.ts';
import { InForce } from './in-force.ts';
import { carryCounters, keep, keptWarning, readKept, releasedWarning } from './kept.ts';
import type { Descriptor, Kernel } from './kernel.ts';
import { KnownRules } from './known-rules.ts';
import { type Directories, lockPath } from './layout.ts';
import type { AttachedDevice } from './links.ts';
import { closeImage, type LoadedImage, LoadedImages, loadImage } from './loaded.ts';
import { NamespaceState } from './namespace-state.ts';
import { InstallationError } from './pins.ts';
import { perChain } from './slots.ts';
import { describeStatus, type FamilyFacts } from './status.ts';
import { checkLineBreaks, StoredTextError } from './stored-text.ts';
import { systemKernel } from './system-kernel.ts';
import type { ApplyRequest, ApplyResult, Current, Engine, Status, TableCounters, ZeroSelection } from './types.ts';
import { earlyOrNot, tooLarge } from './verifier-limits.ts';
import { zeroSlots } from './zero.ts';

/** Opens the firewalls of the network namespace that the process is in. `kernel` is the running one unless a test says so. */
export function openEngine(directories: Directories, kernel: Kernel = systemKernel, tuning: Tuning = {}): Engine {
  return new NamespaceEngine(directories, kernel, tuning);
}

/** What rulesets are compiled with, where that is not for the compiler to say: for tests. */
type Tuning = Pick<CompileOptions, 'budget' | 'finish'>;

class NamespaceEngine implements Engine {
  private readonly kernel: Kernel;
  private readonly tuning: Tuning;
  private readonly state: NamespaceState;
  private readonly loaded: Readonly<Record<Family, LoadedImages>>;
  private locked = false;
  private readonly known: Readonly<Record<Family, KnownRules>> = {
    ipv4: new KnownRules('ipv4'),
    ipv6: new KnownRules('ipv6'),
  };

  constructor(directories: Directories, kernel: Kernel, tuning: Tuning) {
    this.kernel = kernel;
    this.loaded = { ipv4: new LoadedImages(kernel), ipv6: new LoadedImages(kernel) };
    this.tuning = tuning;
    this.state = new NamespaceState(directories, kernel);
  }

  withLock<T>(seconds: number, work: () => T): T {
    const { root, identity } = this.state;
    const release = this.kernel.lock(lockPath(root, identity.cookie), seconds);
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
    const { chosen, notes } = this.chooseDevices(enforced);
    const early = this.earlyGround(enforced, chosen.length);
    return earlyOrNot(early, (found) => this.verifyOn(enforced, notes, found));
  }

  private verifyOn(enforced: EnforceRequest, notes: readonly string[], early: GroundOrWhy | undefined): ApplyResult {
    const compiled = this.compile(enforced, undefined, early);
    if (!compiled.ok) return compiled;
    const allNotes = [...notes, ...earlyNotes(early, compiled.ground)];
    const result = { ok: true as const, generation: 0, diagnostics: [], notes: allNotes, warnings: [] };
    const guards = compiled.ground && this.kernel.createMap(guardMap());
    try {
      return this.withImage(enforced, compiled.image, new Map(), guards, undefined, () => result);
    } finally {
      if (guards !== undefined) this.kernel.close(guards);
    }
  }

  current(family: Family, ifLost: 'throw' | 'nothing' = 'throw'): Current | undefined {
    return this.look(family, ifLost, (found, shown) => {
      const ruleset = found.ruleset(this.state.store()!);
      return withCounters(ruleset, ENFORCED_TABLE, perChain(found.plan, shown()));
    });
  }

  basis(
    family: Family,
    ifLost: 'throw' | 'nothing' = 'throw',
    replaced: ReadonlySet<TableName> = new Set(),
  ): Current | undefined {
    return this.look(family, ifLost, (found) => found.outline(this.state.store()!, replaced), replaced);
  }

  /** What is there: `read` gives the ruleset of what is in force. */
  private look(
    family: Family,
    ifLost: 'throw' | 'nothing',
    read: (found: InForce, shown: () => readonly Counters[]) => Ruleset,
    replaced?: ReadonlySet<TableName>,
  ): Current | undefined {
    if (ifLost === 'nothing' && this.state.lost(family) !== undefined) return undefined;
    try {
      for (;;) {
        const found = this.enforcedNow(family, read) ?? this.keptNow(family, replaced);
        // What was kept may have been brought into force in between.
        if (found !== undefined || !this.state.isEnforced(family)) return found;
      }
    } catch (error) {
      if (error instanceof StoredTextError && ifLost === 'nothing') return undefined;
      throw error;
    }
  }

  counters(family: Family): TableCounters {
    const enforced = this.state.inForce(family, (found, shown) => perChain(found.plan, shown()));
    if (enforced !== undefined) return enforced;
    const kept = this.state.store()?.kept(family);
    const filter = kept && readKept(kept, family).tables.find(({ name }) => name === ENFORCED_TABLE);
    return filter === undefined ? new Map() : countersOf(filter);
  }

  zero(family: Family, selection: ZeroSelection, shown?: TableCounters): readonly string[] {
    this.requireLock();
    const { table = ENFORCED_TABLE, chain, rule } = selection;
    if (this.state.isEnforced(family)) {
      if (table === ENFORCED_TABLE) this.zeroEnforced(family, selection, shown);
      return [];
    }
    const store = this.state.store();
    const kept = store?.kept(family);
    if (store === undefined || kept === undefined) return [];
    keep(store, zeroCounters(readKept(kept, family), table, chain, rule), kept.sourceFile);
    return [keptWarning(family)];
  }

  detach(): readonly string[] {
    this.requireLock();
    this.releaseKernel(FAMILIES);
    try {
      const store = this.state.store();
      for (const family of FAMILIES) store?.forget(family);
      this.retirePrepared(FAMILIES);
      return [];
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return [`what the store has of the rules is still there: ${error.message}`, error.remedy];
    }
  }

  status(): Status {
    const { directories, identity, pins } = this.state;
    return describeStatus({
      kernel: this.kernel,
      directories,
      identity,
      pins,
      installation: this.state.installation(),
      families: { ipv4: this.factsOf('ipv4'), ipv6: this.factsOf('ipv6') },
    });
  }

  private factsOf(family: Family): FamilyFacts {
    const lost = this.state.lost(family);
    const [found, undecided] =
      (lost === undefined
        ? this.state.inForce(family, (each, shown) => [each, shown().at(-1)!] as const)
        : undefined) ?? [];
    const isKept = lost === undefined && !this.state.isEnforced(family);
    const kept = isKept ? this.basis(family)?.ruleset : undefined;
    return { lost, found, undecided: undecided ?? ZERO, kept };
  }

  warnings(family: Family): readonly string[] {
    return conntrackWarnings(this.kernel, family, this.state.found(family)?.manifest);
  }

  close(): void {
    for (const family of FAMILIES) this.loaded[family].forget();
    this.state.close();
  }

  settle(): readonly string[] {
    this.requireLock();
    const installation = this.state.installation();
    const store = this.state.store();
    if (installation === undefined || store === undefined) return [];
    const steps = FAMILIES.map((family) => () => finish({ kernel: this.kernel, store, installation, family }));
    return [...steps, () => store.sync()].flatMap((step) => {
      try {
        step();
        return [];
      } catch (error) {
        return [unfinished(error)];
      }
    });
  }

  sync(family: Family): readonly string[] {
    this.requireLock();
    const lost = this.state.lost(family);
    if (lost !== undefined) throw new InstallationError(lost);
    const found = this.state.found(family);
    const installation = this.state.installation();
    if (found?.request.placement !== 'exact' || installation === undefined) return [];
    const { early } = found.manifest;
    const { early: choice } = found.request;
    const isFit = areFit(found.request, this.kernel);
    if (early === undefined) {
      if (!isFit && found.request.ifindexes.length === 0) return [];
      const ground = currentGround(this.kernel, family, choice);
      if ('why' in ground) return earlyNotes(ground, undefined);
    } else if (!isFit) {
      const notes = attachMissing(found.request, family, this.kernel, installation.links);
      if (syncGuards({ kernel: this.kernel, installation, family }, early) === undefined) return notes;
    }
    const before = this.basis(family)!;
    // Devices that could not be served may be fit by now.
    const { generation: _, ...same } = before;
    const source = { file: found.sourceFile };
    const result = this.apply({ ...same, source, before, counters: 'kept' });
    return result.ok ? [...result.notes, ...result.warnings] : result.diagnostics.map(({ message }) => message);
  }

  private enforce(request: EnforceRequest): ApplyResult {
    const wanted = this.chooseDevices(request);
    const early = this.earlyGround(request, wanted.chosen.length);
    return earlyOrNot(early, (found) => this.enforceOn(request, wanted, found));
  }

  private enforceOn(request: EnforceRequest, wanted: ChosenDevices, early: GroundOrWhy | undefined): ApplyResult {
    const { family } = request.ruleset;
    const counting = this.planCounters(request, compiledPlacement(request, early));
    try {
      const compiled = this.compile(request, counting.plan, early);
      if (!compiled.ok) return compiled;
      const { image, ground } = compiled;
      const isIdle = request.placement === 'exact' && ground === undefined;
      const devices = isIdle ? withoutEarly(wanted, family, this.attachedDevices()) : wanted;
      const spare = this.loaded[family].usable(image, counting, this.namedByWord(family));
      // Last of all: whoever else asks for the installation while nothing is in force, opens it anew.
      const guards = ground && this.state.ensureInstallation().guardMap;
      return this.withImage(request, image, counting.shared, guards, spare, (loaded, counterMaps) => {
        const store = this.state.storeForChange();
        const context = { kernel: this.kernel, store, installation: this.state.ensureInstallation(), family };
        finish(context);
        const replaced = this.state.found(family);
        const before = replaced?.manifest;
        const warnings = conntrackWarnings(this.kernel, family, before);
        const refused = beginConntrack(this.kernel, family, image.manifest, request.source.file);
        if (refused !== undefined) return { ok: false, diagnostics: [refused] };
        const digest = ground && groundDigest(ground);
        const row = rowFor(request, devices, image, counting.plan, digest, (table) =>
          table.name === ENFORCED_TABLE ? this.known[family].texts.of(this.known[family].lines.of(table)) : undefined,
        );
        const counters = countersFor(request, image.manifest, counting, store);
        if (loaded === spare) this.loaded[family].refill(loaded, image);
        const { programs } = loaded;
        const flipped = undoingConntrack(this.kernel, family, before, () =>
          flip(context, { programs, counterMaps, devices: devices.chosen, row, counters }),
        );
        const made = { ...row, ...flipped.row };
        const inForce = new InForce(made, image.manifest, counting.plan, request.ruleset);
        this.state.remember(inForce);
        this.loaded[family].keep(loaded, image, inForce, replaced);
        // A packet may still be in the program of before, whose verdicts rest on what was there then.
        const isOther = digest !== undefined && before?.early !== undefined && before.early !== digest;
        if (isOther) this.kernel.waitForGracePeriod();
        const waiting = digest === undefined ? undefined : syncGuards(context, digest);
        const notes = [...notesWithout(devices, flipped.left), ...earlyNotes(early, ground, waiting)];
        if (flipped.unfinished !== undefined) notes.push(flipped.unfinished);
        const ended = endConntrack(this.kernel, family, image.manifest);
        return { ok: true, generation: made.id, diagnostics: [], notes, warnings: [...warnings, ...ended] };
      });
    } finally {
      for (const map of counting.shared.values()) this.kernel.close(map);
    }
  }

  /** Which counters the rules of a request will have: where they can, those that they have now. */
  private planCounters(request: EnforceRequest, placement: EnforcingPlacement): CounterPlan {
    const { family } = request.ruleset;
    const found = request.counters === 'ruleset' ? undefined : this.state.found(family);
    const before = found && (request.before ?? this.basis(family, 'nothing'));
    const had = found && before && { found, before, installation: this.state.installation() };
    return planCounters(this.kernel, { ...request, placement }, this.known[family].lines, had);
  }

  private keep({ ruleset, source, counters, before: madeFrom }: ApplyRequest): ApplyResult {
    const { family } = ruleset;
    const wasEnforced = this.state.isEnforced(family);
    const store = this.state.storeForChange();
    const kept = counters === 'kept' ? new Set(madeFrom?.ruleset.tables.flatMap(rulesOf)) : undefined;
    // Nothing counts at placement `none`: rules that were there have the counters that they were read with.
    const isExact = counters === 'ruleset' || (kept !== undefined && !wasEnforced);
    const before = isExact ? undefined : this.current(family, 'nothing')?.ruleset;
    const diagnostics = keep(store, before === undefined ? ruleset : carryCounters(before, ruleset, kept), source.file);
    if (diagnostics.length > 0) return { ok: false, diagnostics };
    if (wasEnforced) {
      this.releaseKernel([family]);
      this.retirePrepared([family]);
    }
    const warnings = [wasEnforced ? releasedWarning(family) : keptWarning(family)];
    return { ok: true, generation: 0, diagnostics: [], notes: [], warnings };
  }

  /** Accepts every packet of some families again and takes what is theirs out of the kernel. */
  private releaseKernel(families: readonly Family[]): void {
    this.state.release(families);
    for (const family of families) this.loaded[family].forget();
    for (const family of families) endConntrack(this.kernel, family, undefined);
  }

  /** Notes that no generation of some families is in force any more. */
  private retirePrepared(families: readonly Family[]): void {
    const store = this.state.store();
    for (const { id, family, state } of store?.generations() ?? []) {
      if (state === 'prepared' && families.includes(family)) store!.retire(id);
    }
  }

  /** What early verdicts of a request may rest on; `undefined` where it asks for none, or no device is to give them. */
  private earlyGround(
    { placement, early, ruleset: { family } }: EnforceRequest,
    devices: number,
  ): GroundOrWhy | undefined {
    return placement === 'exact' && devices > 0 ? currentGround(this.kernel, family, early) : undefined;
  }

  private compile(request: EnforceRequest, plan?: SlotPlan, early?: GroundOrWhy) {
    const { allowInexact, source, before } = request;
    const placement = compiledPlacement(request, early);
    const { kernel } = this;
    const known = this.known[request.ruleset.family];
    known.lines.of(filterTable(request.ruleset));
    const broken = known.sawLineBreak ? checkLineBreaks(request.ruleset, source.file) : [];
    if (broken.length > 0) return { ok: false as const, diagnostics: broken };
    const facts = placement === 'xdp' ? kernel.hostFacts(true, request.ruleset.family) : { localDestinations: [] };
    const options = { ...this.tuning, placement, allowInexact, features: kernel.features(), facts, file: source.file };
    const ground = early === undefined || 'why' in early ? undefined : early;
    const more = { before: before?.ruleset, early: ground, strict: request.early === 'strict', ...(plan && { plan }) };
    return known.compiler.compile(request.ruleset, { ...options, ...more });
  }

  /** Lends `work` what an image becomes in the kernel, and closes what no later generation may use. */
  private withImage(
    request: EnforceRequest,
    image: Image,
    shared: ReadonlyMap<string, Descriptor>,
    guards: Descriptor | undefined,
    spare: LoadedImage | undefined,
    work: (loaded: LoadedImage, counters: ReadonlyMap<string, Descriptor>) => ApplyResult,
  ): ApplyResult {
    const known = guards === undefined ? shared : new Map([...shared, [GUARD_MAP, guards]]);
    let loaded = spare;
    try {
      loaded ??= loadImage(this.kernel, image, known);
      const banks = new Set(image.manifest.banks.map(({ map }) => map));
      const fresh = [...loaded.maps].filter(([name]) => banks.has(name) && !shared.has(name));
      return work(loaded, new Map(fresh));
    } catch (error) {
      return tooLarge(error, request.source.file);
    } finally {
      const { family } = request.ruleset;
      if (loaded !== undefined && !this.loaded[family].has(loaded)) closeImage(this.kernel, loaded);
    }
  }

  /** The generation that the word of a family names, if the store knows it. */
  private namedByWord(family: Family): InForce | undefined {
    const found = this.state.found(family);
    return found?.id === this.state.installation()?.generation(family) ? found : undefined;
  }

  private chooseDevices(request: EnforceRequest): ChosenDevices {
    return chooseDevices(request, this.kernel, this.attachedDevices());
  }

  private attachedDevices(): readonly AttachedDevice[] {
    return this.state.installation()?.links.attachedDevices() ?? [];
  }

  private enforcedNow(
    family: Family,
    read: (found: InForce, shown: () => readonly Counters[]) => Ruleset,
  ): Current | undefined {
    return this.state.inForce(family, (found, shown) => {
      const { placement, ifindexes, leftOut = [], mode, early, allowInexact } = found.request;
      // By what they are called now, those that are still there.
      const present = ifindexes.length === 0 ? [] : this.kernel.devices();
      const served = present.flatMap(({ ifindex, name }) => (ifindexes.includes(ifindex) ? [name] : []));
      const where = { placement, devices: [...served, ...leftOut], mode, early, allowInexact };
      return { generation: found.id, ruleset: read(found, shown), ...where };
    });
  }

  private keptNow(family: Family, replaced?: ReadonlySet<TableName>): Current | undefined {
    const kept = this.state.store()?.kept(family);
    if (kept === undefined) return undefined;
    const ruleset = readKept(kept, family, replaced);
    return { generation: 0, ruleset, placement: 'none', devices: [], mode: 'auto', allowInexact: [] };
  }

  private zeroEnforced(family: Family, selection: ZeroSelection, shown: TableCounters | undefined): void {
    const installation = this.state.installation();
    const store = this.state.store();
    if (installation === undefined || store === undefined) return;
    finish({ kernel: this.kernel, store, installation, family });
    const found = this.state.found(family);
    if (found !== undefined) zeroSlots(store, installation, found, selection, shown);
  }

  private requireLock(): void {
    if (!this.locked) throw new Error('engine: a change was asked for without the lock');
  }
}

/** What rules are compiled for: without ground for early verdicts, placement `exact` is netfilter alone. */
function compiledPlacement({ placement }: EnforceRequest, early: GroundOrWhy | undefined): EnforcingPlacement {
  return placement === 'exact' && (early === undefined || 'why' in early) ? 'netfilter' : placement;
}

function rulesOf({ chains }: Table): readonly Rule[] {
  return chains.flatMap(({ rules }) => rules);
}
