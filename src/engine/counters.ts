// Counters: what programs counted, less a base.
//
// Only programs write to counter maps, so a count is never lost to a race. Setting counters (`-Z`, `-c`, a restore)
// moves the base that readers subtract. A generation that was edited into another shares its counter map with it: a rule
// that stays has the same slot in both, so that nothing has to be carried over, and slots of rules that go are given
// to nobody while the map lasts. A generation with a map of its own takes over what the old one counted, rule by rule.
// That can be read for good only once no packet is in the old programs any more; until then (`carry` of the stored map) a
// reader adds the old map's values by itself.
//
// Counters are 64 bits wide, and so is the arithmetic: what overflows wraps around, as in the kernel.

import { addCounters, type Counters, ZERO } from '../base/counters.ts';
import { HEAD_SIZE, HELD, type Manifest, SLOT_SIZE, slotsSize } from '../codegen/manifest.ts';
import type { CounterMap } from '../store/store.ts';

/** What must be known of a counter map to read it. */
export type CounterLayout = Pick<Manifest, 'capacity' | 'possibleCpus' | 'heads' | 'banks'>;

/** Copies a counter map's bank, areas of so many bytes, or gives `undefined` where the kernel no longer has it. */
export type MapReader = (counterMap: number, bank: string, area: number, areas: number) => Uint8Array | undefined;

/**
 * Copies areas of counters that programs write to meanwhile. Where a head changed, the packet that it held may be missing
 * from the copy, so it is made once more; a few times, as it is no more than that packet, and counted a moment later.
 */
export function copyAreas(live: Uint8Array, area: number, areas: number): Uint8Array {
  const heads = () => Array.from({ length: areas }, (_, cpu) => live.slice(cpu * area, cpu * area + HEAD_SIZE));
  let before = heads();
  for (let tries = 0; ; tries++) {
    const copy = live.slice(0, areas * area);
    const after = heads();
    for (const [cpu, head] of after.entries()) copy.set(head, cpu * area);
    if (tries === COPIES || after.every((head, cpu) => Buffer.compare(head, before[cpu]!) === 0)) return copy;
    before = after;
  }
}

const COPIES = 4;

/**
 * Sums all CPUs' areas of all banks: one entry per slot, and a last one for undecided packets. Early drops, which the bank
 * of XDP has last where there are two, are not among them.
 */
export function readSlots(counterMap: number, layout: CounterLayout, read: MapReader): Counters[] {
  const { capacity, possibleCpus, heads, banks } = layout;
  const total: Counters[] = new Array(capacity + 1).fill(ZERO);
  const first = heads ? HEAD_SIZE : 0;
  const area = first + slotsSize(capacity);
  for (const { type, map } of banks) {
    const isEarly = banks.length > 1 && type === 'xdp';
    const value = read(counterMap, map, area, possibleCpus);
    if (value === undefined) continue;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (let cpu = 0; cpu < possibleCpus; cpu++) {
      for (let slot = 0; slot < total.length - (isEarly ? 1 : 0); slot++) {
        const at = cpu * area + first + slot * SLOT_SIZE;
        // Most slots of many have counted nothing; as two numbers that is seen without making a bigint.
        if (view.getUint32(at, true) === 0 && view.getUint32(at + 4, true) === 0) continue;
        const more = { packets: view.getBigUint64(at, true), bytes: view.getBigUint64(at + 8, true) };
        total[slot] = addCounters(total[slot]!, more);
      }
      const place = heads ? Number(view.getBigUint64(cpu * area + HELD.place, true)) : 0;
      if (place === 0) continue;
      const held = { packets: 1n, bytes: view.getBigUint64(cpu * area + HELD.bytes, true) };
      const slot = (place - HEAD_SIZE) / SLOT_SIZE;
      total[slot] = addCounters(total[slot]!, held);
    }
  }
  return total;
}

/** The packets that were dropped early since the counter map was made. */
export function readEarlyDrops(counterMap: number, layout: CounterLayout, read: MapReader): Counters {
  const { capacity, banks } = layout;
  const early = banks.length > 1 ? banks.filter(({ type }) => type === 'xdp') : [];
  return readSlots(counterMap, { ...layout, banks: early }, read)[capacity]!;
}

/** What a reader shows for each slot: counted, less base, plus what is still to be carried over. */
export function shownCounters(
  map: CounterMap,
  read: MapReader,
  lookUp: (counterMap: number) => CounterMap | undefined,
): Counters[] {
  const counted = readSlots(map.id, map.layout as CounterLayout, read);
  const words = new Int32Array(map.base.buffer, map.base.byteOffset, 2 * map.base.length);
  const isZero = (slot: number) =>
    (words[4 * slot]! | words[4 * slot + 1]! | words[4 * slot + 2]! | words[4 * slot + 3]!) === 0;
  const shown = counted.map((c, slot) => (isZero(slot) ? c : lessBase(c, map.base, slot)));
  const old = map.carry === undefined ? undefined : lookUp(map.carry.from);
  if (map.carry === undefined || old === undefined) return shown;
  const before = shownCounters(old, read, lookUp);
  return shown.map((c, slot) => {
    const from = map.carry!.slots[slot] ?? -1;
    return from < 0 ? c : addCounters(c, before[from]!);
  });
}

function lessBase(counted: Counters, base: BigInt64Array, slot: number): Counters {
  const packets = counted.packets - base[2 * slot]!;
  const bytes = counted.bytes - base[2 * slot + 1]!;
  return { packets: BigInt.asUintN(64, packets), bytes: BigInt.asUintN(64, bytes) };
}

/** A base for so many slots, and one more: a reader shows what was counted. */
export function emptyBase(capacity: number): BigInt64Array {
  return new BigInt64Array(2 * (capacity + 1));
}

/** Makes a reader show `wanted` for a slot that has counted `counted`. Returns whether that changes the base. */
export function setBase(base: BigInt64Array, slot: number, counted: Counters, wanted: Counters): boolean {
  const packets = BigInt.asIntN(64, counted.packets - wanted.packets);
  const bytes = BigInt.asIntN(64, counted.bytes - wanted.bytes);
  if (base[2 * slot] === packets && base[2 * slot + 1] === bytes) return false;
  base[2 * slot] = packets;
  base[2 * slot + 1] = bytes;
  return true;
}

/** Makes a reader show so much more, or with a negative sign less, for a slot. */
export function moveBase(base: BigInt64Array, slot: number, { packets, bytes }: Counters, sign: 1n | -1n): void {
  base[2 * slot] = BigInt.asIntN(64, base[2 * slot]! - sign * packets);
  base[2 * slot + 1] = BigInt.asIntN(64, base[2 * slot + 1]! - sign * bytes);
}
