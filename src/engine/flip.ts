// How a new generation replaces the one in force.
//
//   1  the row is written               a crash from here on leaves a row that the kernel does not name: discarded
//   2  its counter maps are pinned, if it has some of its own
//   3  its programs fill the slots of the other parity
//   4  hooks and devices that are new are attached; the word still says the old generation, so they enforce that
//   5  the word is stored               the new rules are in force, on all hooks and devices at once
//   6  after a grace period the counts of a map of before are carried over, and what only the old generation needed is
//      taken away (`finish`)
//
// Whatever fails before 5 is undone. 6 need not follow at once: the rules are in force. Whoever changes something does it
// first; so when slots are filled no packet is in the programs that were in them, or on its way there. The row is seen by
// others from 1 on, and on disk once 6 is done: a power cut in between takes the rules in the kernel, too.
//
// A family's ruleset is replaced without the other's: words, slots, hooks, counter maps and rows are its own, and of a device
// that both use, only the dispatcher changes.
//
// Where the points change (netfilter to xdp or back), one store cannot do: a packet that has passed XDP under the old
// generation may reach netfilter under the new. So there is a generation between, in which the old points have the old
// rules and the new points the new ones, and a packet needs both to accept. Once no packet of before can be on its way
// any more, the second flip leaves the new points alone.

import { FAMILIES, type Family } from '../base/family.ts';
import { type EarlyChoice, type EnforcingPlacement, FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { DispatchPoint } from '../codegen/dispatcher.ts';
import type { CounterMap, Generation, NewGeneration, Store } from '../store/store.ts';
import { type MapReader, moveBase, shownCounters } from './counters.ts';
import type { LeftDevice } from './devices.ts';
import type { Installation, PointPrograms } from './installation.ts';
import type { Descriptor, Device, Kernel } from './kernel.ts';

/** How long a packet may be under way between XDP and netfilter (a backlog queue), in milliseconds. */
const TRANSIT_MILLISECONDS = 100;

/** Generations whose text is kept. */
const HISTORY = 16;

/** How a generation was asked for, as the store keeps it. */
export interface StoredRequest {
  readonly placement: EnforcingPlacement;
  /** As they were called when the rules were applied. */
  readonly devices: readonly string[];
  /** Of the devices: a device keeps its rules when it is renamed. */
  readonly ifindexes: readonly number[];
  /** Which early verdicts were asked for: `fast` if absent. */
  readonly early?: EarlyChoice;
  /** Devices that were asked for and have no program, at placement `exact`. */
  readonly leftOut?: readonly string[];
  readonly mode: 'auto' | 'native' | 'generic';
  readonly allowInexact: readonly ('loopback' | 'output' | 'out-device')[];
  /** Of a generation between two placements: the one it leads to. */
  readonly transitionTo?: number;
}

export interface FlipPlan {
  readonly programs: PointPrograms;
  /** Maps that count for the first time, by bank. */
  readonly counterMaps: ReadonlyMap<string, Descriptor>;
  readonly devices: readonly { readonly device: Device; readonly mode: 'native' | 'generic' }[];
  readonly row: Omit<NewGeneration, 'id' | 'family' | 'counterMap'>;
  /** The counter map in use that the rules go on counting in, with its new base if that changes; or a new one. */
  readonly counters:
    | { readonly kind: 'shared'; readonly id: number; readonly base?: BigInt64Array }
    | ({ readonly kind: 'new' } & Omit<CounterMap, 'id' | 'family'>);
}

export interface FlipContext {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly installation: Installation;
  /** Whose rules change. */
  readonly family: Family;
}

export interface FlipResult {
  /** What the store has added to the row. */
  readonly row: Pick<Generation, 'id' | 'family' | 'created' | 'counterMap'>;
  /** At placement `exact`: devices that the kernel attaches no program to. */
  readonly left: readonly LeftDevice[];
  /** What went wrong once the new rules were in force, and is left for the next command. */
  readonly unfinished?: string;
}

/** Brings the plan into force. Throws where it cannot; then everything is as it was. */
export function flip(context: FlipContext, plan: FlipPlan): FlipResult {
  const { store, installation, family } = context;
  const before = installation.generation(family);
  const request = plan.row.request as StoredRequest;
  const old = before === 0 ? undefined : (store.generation(before)?.request as StoredRequest | undefined);
  // Without its row nobody knows where the old generation is enforced.
  const between = before !== 0 && (old === undefined || sideOf(old.placement) !== sideOf(request.placement));

  const { first, row } = record(context, plan, before, between);
  const last = row.id;
  const attachedHooks: FilterChain[] = [];
  const attachedDevices: number[] = [];
  const left: LeftDevice[] = [];
  try {
    for (const [name, map] of plan.counterMaps) installation.pinCounters(family, last, name, map);
    fillFirst(context, first, between ? before : 0, plan.programs);
    for (const hook of hooksOf(request.placement))
      if (installation.links.attachHook(family, hook)) attachedHooks.push(hook);
    for (const { device, mode } of plan.devices) {
      try {
        if (installation.links.attachDevice(family, device, mode)) attachedDevices.push(device.ifindex);
      } catch (error) {
        // What is not decided early there, netfilter decides.
        if (request.placement !== 'exact') throw error;
        left.push({ name: device.name, why: (error as Error).message });
      }
    }
  } catch (error) {
    takeBack([
      ...attachedHooks.map((hook) => () => installation.links.detachHook(family, hook)),
      ...attachedDevices.map((ifindex) => () => installation.links.detachDevice(family, ifindex)),
      () => installation.unpinCounters(family, last),
      ...[...new Set([first, last])].map((id) => () => store.discard(id)),
    ]);
    throw error;
  }
  installation.setGeneration(family, first);
  if (between) {
    try {
      leaveTransition(context, last, plan.programs);
    } catch (error) {
      return { row, left, unfinished: unfinished(error) };
    }
  }
  return { row, left };
}

/**
 * Takes each step, whether or not others fail: what stopped the change is what has to be told, and what is left over
 * the next change removes.
 */
function takeBack(steps: readonly (() => void)[]): void {
  for (const step of steps) {
    try {
      step();
    } catch {
      // As said above.
    }
  }
}

/** What to say of an error once new rules are in force. */
export function unfinished(error: unknown): string {
  return `the new rules are in force, but cleaning up after the old ones failed: ${(error as Error).message}`;
}

/** Writes the rows of a plan: of its generation, and of the one between two placements. */
function record(
  { store, installation, family }: FlipContext,
  { row, counters }: FlipPlan,
  before: number,
  between: boolean,
): { first: number; row: FlipResult['row'] } {
  return store.unsyncedTransaction(() => {
    const inForce = FAMILIES.map((each) => installation.generation(each));
    const first = store.nextGenerationId(before, inForce);
    const last = between ? store.nextGenerationId(first, inForce) : first;
    const counterMap = counters.kind === 'shared' ? counters.id : last;
    if (between) {
      const request = { ...(row.request as StoredRequest), transitionTo: last };
      store.insertGeneration({ ...row, id: first, family, counterMap, request });
    }
    const created = store.insertGeneration({ ...row, id: last, family, counterMap });
    if (counters.kind === 'new') {
      const { kind: _, ...map } = counters;
      store.insertCounterMap({ ...map, id: last, family });
    } else if (counters.base !== undefined) {
      // Of slots that nobody has had yet: whoever reads the generation in force does not see them.
      store.setCounterBase(counters.id, counters.base, { foldCarry: false });
    }
    return { first, row: { id: last, family, created, counterMap } };
  });
}

/** Fills the slots of a generation with its programs, and those of `between`'s points that it does not have itself. */
function fillFirst(
  { installation, family }: FlipContext,
  generation: number,
  between: number,
  programs: PointPrograms,
): void {
  if (between === 0) {
    installation.fillSlots(family, generation, programs);
    return;
  }
  installation.withSlots(family, between, (old) =>
    installation.fillSlots(family, generation, new Map([...old, ...programs])),
  );
}

/** The second flip of a change of placement. */
function leaveTransition({ kernel, installation, family }: FlipContext, last: number, programs: PointPrograms): void {
  kernel.waitForGracePeriod();
  kernel.sleep(TRANSIT_MILLISECONDS);
  installation.fillSlots(family, last, programs);
  installation.setGeneration(family, last);
}

/**
 * Brings kernel and store into agreement on a family, whatever an earlier command left undone: ends a change of placement,
 * carries counters over, discards rows that never came into force, and removes links and maps that nothing needs.
 */
export function finish(context: FlipContext): void {
  const { kernel, store, installation, family } = context;
  const word = installation.generation(family);
  const row = word === 0 ? undefined : store.generation(word);
  if (word !== 0 && row === undefined) return; // the store is lost: what the kernel enforces must stay as it is
  const request = row?.request as StoredRequest | undefined;
  if (request?.transitionTo !== undefined) {
    const points = pointsOf(request.placement);
    installation.withSlots(family, word, (slots) => {
      const programs = new Map([...slots].filter(([point]) => points.includes(point)));
      leaveTransition(context, request.transitionTo!, programs);
    });
    finish(context);
    return;
  }
  const counterMap = row?.counterMap ?? word;
  const others = store
    .generations()
    .filter((each) => each.family === family && each.id !== word && each.state === 'prepared');
  const isCarrying = row !== undefined && store.isCarrying(counterMap);
  const replaced = others.filter(({ id }) => word !== 0 && id < word);
  const stalePins = installation.pinsOfOthers(family, counterMap);
  if (others.length === 0 && !isCarrying && stalePins.length === 0) return;
  for (const { id } of others) if (word === 0 || id > word) store.discard(id);
  if (replaced.length > 0 || isCarrying || stalePins.length > 0) kernel.waitForGracePeriod();
  if (isCarrying) carryOver(context, counterMap);
  installation.keepOnly(family, counterMap);
  removeUnusedLinks(context, request);
  store.transaction(() => {
    for (const { id } of replaced) store.retire(id);
    store.prune(family, HISTORY, word);
    // What is enforced goes before what is kept.
    if (word !== 0) store.forget(family);
  });
}

/** Adds the old map's final counts to the base. No program that writes to it may run any more. */
function carryOver({ store, installation, family }: FlipContext, counterMap: number): void {
  const { base, carry } = store.counterMap(counterMap)!;
  const old = store.counterMap(carry!.from);
  if (old === undefined)
    throw new Error(`the store has no counter map ${carry!.from}, whose counts ${counterMap} takes over`);
  const before = shownCounters(old, mapReader(installation, family), (id) => store.counterMap(id));
  for (const [slot, from] of carry!.slots.entries()) if (from >= 0) moveBase(base, slot, before[from]!, 1n);
  store.setCounterBase(counterMap, base, { foldCarry: true });
}

function removeUnusedLinks({ installation, family }: FlipContext, request: StoredRequest | undefined): void {
  const hooks = request === undefined ? [] : hooksOf(request.placement);
  for (const { hook } of installation.links.attachedHooks(family)) {
    if (!hooks.includes(hook)) installation.links.detachHook(family, hook);
  }
  const wanted = request === undefined || request.placement === 'netfilter' ? [] : request.ifindexes;
  for (const { ifindex, gone } of installation.links.attachedDevices()) {
    if (gone || !wanted.includes(ifindex)) installation.links.detachDevice(family, ifindex);
  }
}

/** Reads counter maps of a family through an installation's pins. */
export function mapReader(installation: Installation, family: Family): MapReader {
  return (counterMap, bank, area, areas) => installation.readCounters(family, counterMap, bank, area, areas);
}

function hooksOf(placement: EnforcingPlacement): readonly FilterChain[] {
  return placement === 'xdp' ? [] : FILTER_CHAINS;
}

function pointsOf(placement: EnforcingPlacement): readonly DispatchPoint[] {
  return placement === 'xdp' ? ['XDP'] : placement === 'netfilter' ? FILTER_CHAINS : [...FILTER_CHAINS, 'XDP'];
}

/** Where packets get the verdict that the others wait for: early drops are netfilter's own, made sooner. */
function sideOf(placement: EnforcingPlacement): 'netfilter' | 'xdp' {
  return placement === 'xdp' ? 'xdp' : 'netfilter';
}
