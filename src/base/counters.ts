// Hit counters: packets and bytes, 64 bits each.

export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export const ZERO: Counters = { packets: 0n, bytes: 0n };

export function addCounters(a: Counters, b: Counters): Counters {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}

export function subtractCounters(a: Counters, b: Counters): Counters {
  return { packets: a.packets - b.packets, bytes: a.bytes - b.bytes };
}
