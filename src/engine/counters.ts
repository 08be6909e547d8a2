// Counters: what programs counted, less a base.
//
// Only programs write to counter maps, so a count is never lost to a race. Setting counters (`-Z`, `-c`, a restore)
// moves the base that readers subtract. A generation that replaces another counts into a map of its own; what the old
// one counted is carried over rule by rule. It can be read for good only once no packet is in the old programs any
// more; until then (`carry` of the stored row) a reader adds the old generation's values by itself.

import { addCounters, type Counters, subtractCounters, ZERO } from '../base/counters.ts';
import { areaSize, type Manifest, SLOT_SIZE } from '../codegen/manifest.ts';
import type { SlotOwner } from '../graph/graph.ts';
import type { Generation } from '../store/store.ts';

/** Gives the first `size` bytes of a generation's counter map, or `undefined` where the kernel no longer has it. */
export type MapReader = (generation: number, map: string, size: number) => Uint8Array | undefined;

/** Sums all CPUs' areas of all banks: one entry per slot, and a last one for undecided packets. */
export function readSlots(generation: number, manifest: Manifest, read: MapReader): Counters[] {
  const total: Counters[] = new Array(manifest.capacity + 1).fill(ZERO);
  const area = areaSize(manifest.capacity);
  for (const { map } of manifest.banks) {
    const value = read(generation, map, area * manifest.possibleCpus);
    if (value === undefined) continue;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (let cpu = 0; cpu < manifest.possibleCpus; cpu++) {
      for (const [slot, sum] of total.entries()) {
        const at = cpu * area + slot * SLOT_SIZE;
        const packets = view.getBigUint64(at, true);
        if (packets === 0n) continue;
        total[slot] = addCounters(sum, { packets, bytes: view.getBigUint64(at + 8, true) });
      }
    }
  }
  return total;
}

/** What a reader shows for each slot: counted, less base, plus what is still to be carried over. */
export function shownCounters(
  row: Generation,
  read: MapReader,
  lookUp: (generation: number) => Generation | undefined,
): Counters[] {
  const counted = readSlots(row.id, row.manifest as Manifest, read);
  const shown = counted.map((c, slot) => subtractCounters(c, row.counterBase[slot] ?? ZERO));
  const old = row.carry === undefined ? undefined : lookUp(row.carry.from);
  if (row.carry === undefined || old === undefined) return shown;
  const before = shownCounters(old, read, lookUp);
  return shown.map((c, slot) => {
    const from = row.carry!.slots[slot] ?? -1;
    return from < 0 ? c : addCounters(c, before[from]!);
  });
}

/** The base that makes a reader show `wanted` for slots that have counted `counted`. */
export function baseFor(counted: readonly Counters[], wanted: readonly Counters[]): Counters[] {
  return counted.map((c, slot) => subtractCounters(c, wanted[slot] ?? ZERO));
}

/**
 * For each slot of the new generation the slot of the same rule in the old one, or −1. A rule stays the same if its
 * chain and its text do; of several equal rules of a chain the first answers to the first, and so on. Slots that
 * `isNew` stay out of it.
 */
export function matchSlots(
  before: readonly SlotOwner[],
  after: readonly SlotOwner[],
  isNew: (slot: number) => boolean = () => false,
): number[] {
  const free = new Map<string, number[]>();
  for (const [slot, owner] of before.entries()) {
    const key = identity(owner);
    const slots = free.get(key);
    if (slots === undefined) free.set(key, [slot]);
    else slots.push(slot);
  }
  for (const slots of free.values()) slots.reverse();
  return after.map((owner, slot) => (isNew(slot) ? -1 : (free.get(identity(owner))?.pop() ?? -1)));
}

function identity(owner: SlotOwner): string {
  return owner.kind === 'policy' ? `policy ${owner.chain}` : `rule ${owner.chain} ${owner.text}`;
}
