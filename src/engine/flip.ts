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
// first; so when slots are filled no packet is in the programs that were in them, or on its way there.
//
// Where the points change (netfilter to xdp or back), one store cannot do: a packet that has passed XDP under the old
// generation may reach netfilter under the new. So there is a generation between, in which the old points have the old
// rules and the new points the new ones, and a packet needs both to accept. Once no packet of before can be on its way
// any more, the second flip leaves the new points alone.

import { type EnforcingPlacement, FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { DispatchPoint } from '../codegen/dispatcher.ts';
import type { CounterMap, Generation, NewGeneration, Store } from '../store/store.ts';
import { type MapReader, moveBase, shownCounters } from './counters.ts';
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
  readonly row: Omit<NewGeneration, 'id' | 'counterMap'>;
  /** The counter map in use that the rules go on counting in, with its new base if that changes; or a new one. */
  readonly counters:
    | { readonly kind: 'shared'; readonly id: number; readonly base?: BigInt64Array }
    | ({ readonly kind: 'new' } & Omit<CounterMap, 'id'>);
}

export interface FlipContext {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly installation: Installation;
}

export interface FlipResult {
  /** What the store has added to the row. */
  readonly row: Pick<Generation, 'id' | 'created' | 'counterMap'>;
  /** What went wrong once the new rules were in force, and is left for the next command. */
  readonly unfinished?: string;
}

/** Brings the plan into force. Throws where it cannot; then everything is as it was. */
export function flip(context: FlipContext, plan: FlipPlan): FlipResult {
  const { kernel, store, installation } = context;
  const before = installation.generation;
  const request = plan.row.request as StoredRequest;
  const old = before === 0 ? undefined : (store.generation(before)?.request as StoredRequest | undefined);
  // Without its row nobody knows where the old generation is enforced.
  const between = before !== 0 && old?.placement !== request.placement;

  const { first, row } = record(store, plan, before, between);
  const last = row.id;
  const attachedHooks: FilterChain[] = [];
  const attachedDevices: number[] = [];
  try {
    for (const [name, map] of plan.counterMaps) installation.pinCounters(last, name, map);
    fillFirst(installation, first, between ? before : 0, plan.programs);
    for (const hook of hooksOf(request.placement)) if (installation.attachHook(hook)) attachedHooks.push(hook);
    for (const { device, mode } of plan.devices) {
      if (installation.attachDevice(device, mode)) attachedDevices.push(device.ifindex);
    }
  } catch (error) {
    for (const hook of attachedHooks) installation.detachHook(hook);
    for (const ifindex of attachedDevices) installation.detachDevice(ifindex);
    installation.unpinCounters(last);
    for (const id of new Set([first, last])) store.discard(id);
    throw error;
  }
  installation.setGeneration(first);
  if (between) {
    try {
      leaveTransition(kernel, installation, last, plan.programs);
    } catch (error) {
      return { row, unfinished: unfinished(error) };
    }
  }
  return { row };
}

/** What to say of an error once new rules are in force. */
export function unfinished(error: unknown): string {
  return `the new rules are in force, but cleaning up after the old ones failed: ${(error as Error).message}`;
}

/** Writes the rows of a plan: of its generation, and of the one between two placements. */
function record(
  store: Store,
  { row, counters }: FlipPlan,
  before: number,
  between: boolean,
): { first: number; row: FlipResult['row'] } {
  return store.transaction(() => {
    const first = store.nextGenerationId(before);
    const last = between ? store.nextGenerationId(first) : first;
    const counterMap = counters.kind === 'shared' ? counters.id : last;
    if (between) {
      const request = { ...(row.request as StoredRequest), transitionTo: last };
      store.insertGeneration({ ...row, id: first, counterMap, request });
    }
    const created = store.insertGeneration({ ...row, id: last, counterMap });
    if (counters.kind === 'new') {
      const { kind: _, ...map } = counters;
      store.insertCounterMap({ ...map, id: last });
    } else if (counters.base !== undefined) {
      // Of slots that nobody has had yet: whoever reads the generation in force does not see them.
      store.setCounterBase(counters.id, counters.base, { foldCarry: false });
    }
    return { first, row: { id: last, created, counterMap } };
  });
}

/** Fills the slots of a generation with its programs, and those of `between`'s points that it does not have itself. */
function fillFirst(installation: Installation, generation: number, between: number, programs: PointPrograms): void {
  if (between === 0) {
    installation.fillSlots(generation, programs);
    return;
  }
  installation.withSlots(between, (old) => installation.fillSlots(generation, new Map([...old, ...programs])));
}

/** The second flip of a change of placement. */
function leaveTransition(kernel: Kernel, installation: Installation, last: number, programs: PointPrograms): void {
  kernel.waitForGracePeriod();
  kernel.sleep(TRANSIT_MILLISECONDS);
  installation.fillSlots(last, programs);
  installation.setGeneration(last);
}

/**
 * Brings kernel and store into agreement, whatever an earlier command left undone: ends a change of placement, carries
 * counters over, discards rows that never came into force, and removes links and maps that nothing needs.
 */
export function finish({ kernel, store, installation }: FlipContext): void {
  const word = installation.generation;
  const row = word === 0 ? undefined : store.generation(word);
  if (word !== 0 && row === undefined) return; // the store is lost: what the kernel enforces must stay as it is
  const request = row?.request as StoredRequest | undefined;
  if (request?.transitionTo !== undefined) {
    const points = pointsOf(request.placement);
    installation.withSlots(word, (slots) => {
      const programs = new Map([...slots].filter(([point]) => points.includes(point)));
      leaveTransition(kernel, installation, request.transitionTo!, programs);
    });
    finish({ kernel, store, installation });
    return;
  }
  const counterMap = row?.counterMap ?? word;
  const others = store.generations().filter(({ id, state }) => id !== word && state === 'prepared');
  const isCarrying = row !== undefined && store.isCarrying(counterMap);
  const replaced = others.filter(({ id }) => word !== 0 && id < word);
  const stalePins = installation.pinsOfOthers(counterMap);
  if (others.length === 0 && !isCarrying && stalePins.length === 0) return;
  for (const { id } of others) if (word === 0 || id > word) store.discard(id);
  if (replaced.length > 0 || isCarrying || stalePins.length > 0) kernel.waitForGracePeriod();
  if (isCarrying) carryOver(store, installation, counterMap);
  installation.keepOnly(counterMap);
  removeUnusedLinks(installation, request);
  store.transaction(() => {
    for (const { id } of replaced) store.retire(id);
    store.prune(HISTORY, word);
    // What is enforced goes before what is kept; IPv4 alone is enforced.
    if (word !== 0) store.forget('ipv4');
  });
}

/** Adds the old map's final counts to the base. No program that writes to it may run any more. */
function carryOver(store: Store, installation: Installation, counterMap: number): void {
  const { base, carry } = store.counterMap(counterMap)!;
  const old = store.counterMap(carry!.from);
  if (old === undefined)
    throw new Error(`the store has no counter map ${carry!.from}, whose counts ${counterMap} takes over`);
  const before = shownCounters(old, mapReader(installation), (id) => store.counterMap(id));
  for (const [slot, from] of carry!.slots.entries()) if (from >= 0) moveBase(base, slot, before[from]!, 1n);
  store.setCounterBase(counterMap, base, { foldCarry: true });
}

function removeUnusedLinks(installation: Installation, request: StoredRequest | undefined): void {
  const hooks = request === undefined ? [] : hooksOf(request.placement);
  for (const { hook } of installation.attachedHooks()) if (!hooks.includes(hook)) installation.detachHook(hook);
  const wanted = request?.placement === 'xdp' ? request.ifindexes : [];
  for (const { ifindex, gone } of installation.attachedDevices()) {
    if (gone || !wanted.includes(ifindex)) installation.detachDevice(ifindex);
  }
}

/** Reads counter maps through an installation's pins. */
export function mapReader(installation: Installation): MapReader {
  return (counterMap, bank, size) => installation.readCounters(counterMap, bank, size);
}

function hooksOf(placement: EnforcingPlacement): readonly FilterChain[] {
  return placement === 'netfilter' ? FILTER_CHAINS : [];
}

function pointsOf(placement: EnforcingPlacement): readonly DispatchPoint[] {
  return placement === 'netfilter' ? FILTER_CHAINS : ['XDP'];
}
