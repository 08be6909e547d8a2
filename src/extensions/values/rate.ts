// Rates of packets as limit and hashlimit read and print them: `5/min`, kept as the time between two packets.

import { atoll } from './scan.ts';

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86400],
];

export interface Rate {
  /** Not 0. */
  readonly count: bigint;
  /** What the unit is long. */
  readonly seconds: number;
}

/** A count, with `/` and the beginning of a unit or per second without; undefined for anything else. */
export function readRate(text: string): Rate | undefined {
  const slash = text.indexOf('/');
  const unit = text.slice(slash + 1).toLowerCase();
  const seconds = slash < 0 ? 1 : UNITS.find(([name]) => unit !== '' && name.startsWith(unit))?.[1];
  const count = atoll(text);
  return seconds === undefined || count === 0n ? undefined : { count, seconds };
}

/** Names and lengths of the units in which rates are printed. */
const PRINTED: readonly (readonly [name: string, seconds: bigint])[] = [
  ['day', 86400n],
  ['hour', 3600n],
  ['min', 60n],
  ['sec', 1n],
];

export interface PrintedRate {
  readonly text: string;
  /** What the unit is long. */
  readonly seconds: bigint;
}

/** One packet per `period`, which counts `scale` to a second, in the shortest unit that loses little: as iptables does. */
export function printRate(period: bigint, scale: bigint): PrintedRate {
  if (period === 0n) return { text: 'inf', seconds: 0n };
  const tooShort = PRINTED.findIndex(([, seconds], i) => {
    const unit = seconds * scale;
    return i > 0 && (period > unit || unit / period < unit % period);
  });
  const [name, seconds] = PRINTED.at(tooShort < 0 ? -1 : tooShort - 1)!;
  return { text: `${(seconds * scale) / period}/${name}`, seconds };
}

/** Likewise, but a rate that would read back as another one is told for a day. */
export function printExactRate(period: bigint, scale: bigint): PrintedRate {
  const usual = printRate(period, scale);
  if (period === 0n) return usual;
  const unit = usual.seconds * scale;
  if (unit / (unit / period) === period) return usual;
  const [name, seconds] = PRINTED[0]!;
  return { text: `${(seconds * scale) / period}/${name}`, seconds };
}
