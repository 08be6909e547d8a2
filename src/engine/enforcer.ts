// From a request to rules in force: devices, ground of early verdicts and counters are chosen, the ruleset is compiled,
// loaded, and flipped to. What one change has made, and the next may use again, is kept from one to the other.

import { FAMILIES, type Family } from '../base/family.ts';
import type { EnforcingPlacement } from '../base/hooks.ts';
import type { Image } from '../codegen/compile.ts';
import { GUARD_MAP, guardMap } from '../codegen/guards.ts';
import type { SlotPlan } from '../graph/slots.ts';
import { ENFORCED_TABLE } from '../ruleset/tables.ts';
import { type CompileOptions, type CompileResult, filterTable } from './compile.ts';
import { beginConntrack, conntrackWarnings, endConntrack, undoingConntrack } from './conntrack.ts';
import { planCounters } from './counter-plan.ts';
import { readBasis } from './current.ts';
import { type ChosenDevices, chooseDevices, notesWithout, withoutEarly } from './devices.ts';
import { type EarlyGround, earlyNotes, type GroundOrWhy, groundDigest } from './early-ground.ts';
import { beginEarly, currentGround } from './early-sync.ts';
import { type FlipContext, finish, flip } from './flip.ts';
import { type CounterPlan, countersFor, type EnforceRequest, rowFor } from './generation-row.ts';
import { InForce } from './in-force.ts';
import type { Descriptor, Kernel } from './kernel.ts';
import { KnownRules } from './known-rules.ts';
import type { AttachedDevice } from './links.ts';
import { closeImage, type LoadedImage, LoadedImages, loadImage } from './loaded.ts';
import type { NamespaceState } from './namespace-state.ts';
import { checkLineBreaks } from './stored-text.ts';
import type { ApplyResult } from './types.ts';
import { earlyOrNot, tooLarge } from './verifier-limits.ts';

/** What rulesets are compiled with, where that is not for the compiler to say: for tests. */
export type Tuning = Pick<CompileOptions, 'budget' | 'finish'>;

type Compiled = Extract<CompileResult, { ok: true }>;

export class Enforcer {
  private readonly kernel: Kernel;
  private readonly state: NamespaceState;
  private readonly tuning: Tuning;
  private readonly loaded: Readonly<Record<Family, LoadedImages>>;
  private readonly known: Readonly<Record<Family, KnownRules>>;

  constructor(state: NamespaceState, tuning: Tuning) {
    const { kernel } = state;
    this.kernel = kernel;
    this.state = state;
    this.tuning = tuning;
    this.loaded = { ipv4: new LoadedImages(kernel), ipv6: new LoadedImages(kernel) };
    this.known = { ipv4: new KnownRules('ipv4'), ipv6: new KnownRules('ipv6') };
  }

  /** Brings the ruleset into force, or leaves everything as it was and says why. */
  enforce(request: EnforceRequest): ApplyResult {
    const wanted = this.chooseDevices(request);
    return earlyOrNot(this.earlyGround(request, wanted), (early) => this.enforceOn(request, wanted, early));
  }

  /** Compiles the ruleset and has the kernel verify it; attaches nothing. */
  verify(request: EnforceRequest): ApplyResult {
    const wanted = this.chooseDevices(request);
    return earlyOrNot(this.earlyGround(request, wanted), (early) => this.verifyOn(request, wanted, early));
  }

  /** Accepts every packet of some families again and takes what is theirs out of the kernel. */
  release(families: readonly Family[]): void {
    this.state.release(families);
    this.forget(families);
    for (const family of families) endConntrack(this.kernel, family, undefined);
  }

  /** Closes the programs that later changes might have used. */
  forget(families: readonly Family[] = FAMILIES): void {
    for (const family of families) this.loaded[family].forget();
  }

  private verifyOn(request: EnforceRequest, wanted: ChosenDevices, early: GroundOrWhy | undefined): ApplyResult {
    const compiled = this.compile(request, undefined, early);
    if (!compiled.ok) return compiled;
    const notes = [...wanted.notes, ...earlyNotes(early, compiled.ground)];
    const guards = compiled.ground && this.kernel.createMap(guardMap());
    try {
      const verified: ApplyResult = { ok: true, generation: 0, diagnostics: [], notes, warnings: [] };
      return this.withImage(request, compiled.image, new Map(), guards, undefined, () => verified);
    } finally {
      if (guards !== undefined) this.kernel.close(guards);
    }
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
      const guards = ground && this.state.ensureInstallation().guardMap;
      return this.withImage(request, image, counting.shared, guards, spare, (loaded, counterMaps) =>
        this.bringIntoForce(request, compiled, {
          counting,
          devices,
          early,
          loaded,
          counterMaps,
          isSpare: loaded === spare,
        }),
      );
    } finally {
      for (const map of counting.shared.values()) this.kernel.close(map);
    }
  }

  /** The flip, with what must be done right before and behind it. */
  private bringIntoForce(request: EnforceRequest, { image, ground }: Compiled, ready: Ready): ApplyResult {
    const { kernel, state } = this;
    const { counting, devices, early, loaded, counterMaps, isSpare } = ready;
    const { family } = request.ruleset;
    const context: FlipContext = {
      ...{ kernel, family },
      ...{ store: state.storeForChange(), installation: state.ensureInstallation() },
    };
    finish(context);
    const replaced = state.found(family);
    const before = replaced?.manifest;
    const warnings = conntrackWarnings(kernel, family, before);
    const refused = beginConntrack(kernel, family, image.manifest, request.source.file);
    if (refused !== undefined) return { ok: false, diagnostics: [refused] };
    const digest = ground && groundDigest(ground);
    const { row, flipped } = undoingConntrack(kernel, family, before, () => {
      const { lines } = this.known[family];
      const row = rowFor(request, devices, image, counting.plan, digest, (table) =>
        table.name === ENFORCED_TABLE ? lines.of(table) : undefined,
      );
      const counters = countersFor(request, image.manifest, counting, context.store);
      if (isSpare) this.loaded[family].refill(loaded, image);
      const plan = { programs: loaded.programs, counterMaps, devices: devices.chosen, row, counters };
      return { row, flipped: flip(context, plan) };
    });
    const inForce = new InForce({ ...row, ...flipped.row }, image.manifest, counting.plan, request.ruleset);
    state.remember(inForce);
    this.loaded[family].keep(loaded, image, inForce, replaced);
    // From here on nothing throws: the rules are in force.
    const waiting = digest === undefined ? undefined : beginEarly(context, digest, before?.early);
    const notes = [...notesWithout(devices, flipped.left), ...earlyNotes(early, ground, waiting)];
    if (flipped.unfinished !== undefined) notes.push(flipped.unfinished);
    const ended = endConntrack(kernel, family, image.manifest);
    return { ok: true, generation: inForce.id, diagnostics: [], notes, warnings: [...warnings, ...ended] };
  }

  /** Which counters the rules of a request will have: where they can, those that they have now. */
  private planCounters(request: EnforceRequest, placement: EnforcingPlacement): CounterPlan {
    const { family } = request.ruleset;
    const found = request.counters === 'ruleset' ? undefined : this.state.found(family);
    const before = found && (request.before ?? readBasis(this.state, family, 'nothing'));
    const had = found && before && { found, before, installation: this.state.installation() };
    return planCounters(this.kernel, { ...request, placement }, this.known[family].lines, had);
  }

  private compile(request: EnforceRequest, plan?: SlotPlan, early?: GroundOrWhy): CompileResult {
    const { allowInexact, source, before, ruleset } = request;
    const { family } = ruleset;
    const { kernel } = this;
    const known = this.known[family];
    known.lines.of(filterTable(ruleset));
    const broken = known.sawLineBreak ? checkLineBreaks(ruleset, source.file) : [];
    if (broken.length > 0) return { ok: false, diagnostics: broken };
    const placement = compiledPlacement(request, early);
    const facts = placement === 'xdp' ? kernel.hostFacts(true, family) : { localDestinations: [] };
    return known.compiler.compile(ruleset, {
      ...this.tuning,
      ...{ placement, allowInexact, features: kernel.features(), facts, file: source.file },
      ...{ before: before?.ruleset, early: groundOf(early), strict: request.early === 'strict' },
      ...(plan && { plan }),
    });
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

  /** What early verdicts of a request may rest on; `undefined` where it asks for none, or no device is to give them. */
  private earlyGround(
    { placement, early, ruleset: { family } }: EnforceRequest,
    { chosen }: ChosenDevices,
  ): GroundOrWhy | undefined {
    return placement === 'exact' && chosen.length > 0 ? currentGround(this.kernel, family, early) : undefined;
  }
}

/** What is there for a flip, besides what was compiled. */
interface Ready {
  readonly counting: CounterPlan;
  readonly devices: ChosenDevices;
  /** What was found that early verdicts may rest on. */
  readonly early: GroundOrWhy | undefined;
  readonly loaded: LoadedImage;
  /** Maps that count for the first time. */
  readonly counterMaps: ReadonlyMap<string, Descriptor>;
  /** Whether the programs are those of an earlier generation, with its tables. */
  readonly isSpare: boolean;
}

function groundOf(early: GroundOrWhy | undefined): EarlyGround | undefined {
  return early === undefined || 'why' in early ? undefined : early;
}

/** What rules are compiled for: without ground for early verdicts, placement `exact` is netfilter alone. */
function compiledPlacement({ placement }: EnforceRequest, early: GroundOrWhy | undefined): EnforcingPlacement {
  return placement === 'exact' && groundOf(early) === undefined ? 'netfilter' : placement;
}
