// How a new generation replaces the one in force.
//
//   1  the row is written               a crash from here on leaves a row that the kernel does not name: discarded
//   2  its counter maps are pinned
//   3  its programs fill the slots of the other parity
//   4  hooks and devices that are new are attached; the word still says the old generation, so they enforce that
//   5  the word is stored               the new rules are in force, on all hooks and devices at once
//   6  after a grace period the old generation's counters are carried over, and what only it needed is taken away
//
// Whatever fails before 5 is undone. What is interrupted after 5 is finished by the next command (`finish`).
//
// Where the points change (netfilter to xdp or back), one store cannot do: a packet that has passed XDP under the old
// generation may reach netfilter under the new. So there is a generation between, in which the old points have the old
// rules and the new points the new ones, and a packet needs both to accept. Once no packet of before can be on its way
// any more, the second flip leaves the new points alone.

import { subtractCounters, ZERO } from '../base/counters.ts';
import { type EnforcingPlacement, FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import type { DispatchPoint } from '../codegen/dispatcher.ts';
import type { Generation, Store } from '../store/store.ts';
import { type MapReader, shownCounters } from './counters.ts';
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
  readonly counterMaps: ReadonlyMap<string, Descriptor>;
  readonly devices: readonly { readonly device: Device; readonly mode: 'native' | 'generic' }[];
  readonly row: Omit<Generation, 'id' | 'created' | 'state'>;
}

export interface FlipContext {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly installation: Installation;
}

export interface FlipResult {
  readonly generation: number;
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

  const first = store.nextGenerationId(before);
  const last = between ? store.nextGenerationId(first) : first;
  const attachedHooks: FilterChain[] = [];
  const attachedDevices: number[] = [];
  try {
    store.transaction(() => {
      if (between) {
        const { carry: _, ...row } = plan.row;
        store.insertGeneration({ ...row, id: first, request: { ...request, transitionTo: last } });
      }
      store.insertGeneration({ ...plan.row, id: last });
    });
    for (const [name, map] of plan.counterMaps) installation.pinGenerationMap(last, name, map);
    fillFirst(installation, first, between ? before : 0, plan.programs);
    for (const hook of hooksOf(request.placement)) if (installation.attachHook(hook)) attachedHooks.push(hook);
    for (const { device, mode } of plan.devices) {
      if (installation.attachDevice(device, mode)) attachedDevices.push(device.ifindex);
    }
  } catch (error) {
    for (const hook of attachedHooks) installation.detachHook(hook);
    for (const ifindex of attachedDevices) installation.detachDevice(ifindex);
    installation.keepOnly(before);
    for (const id of new Set([first, last])) store.discard(id);
    throw error;
  }
  installation.setGeneration(first);
  try {
    if (between) leaveTransition(kernel, installation, last, plan.programs);
    finish(context);
    return { generation: last };
  } catch (error) {
    const unfinished = `the new rules are in force, but cleaning up after the old ones failed: ${(error as Error).message}`;
    return { generation: last, unfinished };
  }
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
  for (const { id, state } of store.generations()) {
    if (state === 'prepared' && (word === 0 || id > word)) store.discard(id);
  }
  if (installation.pinsOfOthers(word).length > 0 || row?.carry !== undefined) kernel.waitForGracePeriod();
  if (row !== undefined) carryOver(store, installation, row);
  installation.keepOnly(word);
  removeUnusedLinks(installation, request);
  store.transaction(() => {
    for (const { id, state } of store.generations()) if (id !== word && state === 'prepared') store.retire(id);
    store.prune(HISTORY, word);
    // What is enforced goes before what is kept; IPv4 alone is enforced.
    if (word !== 0) store.forget('ipv4');
  });
}

/** Adds the old generation's final counts to the base. Its programs must not run any more. */
function carryOver(store: Store, installation: Installation, row: Generation): void {
  if (row.carry === undefined) return;
  const old = store.generation(row.carry.from);
  if (old === undefined)
    throw new Error(`the store has no generation ${row.carry.from}, whose counters ${row.id} takes over`);
  const before = shownCounters(old, mapReader(installation), (id) => store.generation(id));
  const base = row.counterBase.map((b, slot) => {
    const from = row.carry!.slots[slot] ?? -1;
    return from < 0 ? b : subtractCounters(b, before[from] ?? ZERO);
  });
  store.setCounterBase(row.id, base, { foldCarry: true });
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
  return (generation, map, size) => installation.readGenerationMap(generation, map, size);
}

function hooksOf(placement: EnforcingPlacement): readonly FilterChain[] {
  return placement === 'netfilter' ? FILTER_CHAINS : [];
}

function pointsOf(placement: EnforcingPlacement): readonly DispatchPoint[] {
  return placement === 'netfilter' ? FILTER_CHAINS : ['XDP'];
}
