// Times as traffic control writes them (tc(8)): `250ms`, `1.5s`, `100us`.

import { scanFloat, toUnsigned32 } from './float.ts';

const UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({ '': 1, s: 1e6, sec: 1e6, secs: 1e6, ms: 1e3, msec: 1e3, msecs: 1e3, us: 1, usec: 1, usecs: 1 }),
);

/** A time in microseconds, which a number without a unit is as well; undefined for anything else. */
export function microseconds(text: string): number | undefined {
  const scanned = scanFloat(text);
  const unit = scanned && UNITS.get(scanned.rest.toLowerCase());
  return unit === undefined ? undefined : toUnsigned32(scanned!.value * unit);
}

/** `1.0s`, `250.0ms`, `3us`: one digit behind the point where the unit is not the smallest. */
export function showMicroseconds(time: number): string {
  if (time >= 1e6) return `${(time / 1e6).toFixed(1)}s`;
  return time >= 1e3 ? `${(time / 1e3).toFixed(1)}ms` : `${time}us`;
}
