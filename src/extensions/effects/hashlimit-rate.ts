// What hashlimit reads and prints: rates of packets or bytes, and bursts. Units of include/uapi/linux/netfilter/xt_hashlimit.h.

import { ValueError, type ValueType } from '../extension.ts';
import { readRate } from '../values/rate.ts';
import { atoi, atoll, scanNumber } from '../values/scan.ts';

/** Parts of a second in which the time between two packets is kept (XT_HASHLIMIT_SCALE_v2). */
export const PACKET_SCALE = 1_000_000n;
/** Bursts of packets. */
export const BURST_MOST = 1_000_000n;

const UINT32 = 0xffffffffn;
const UINT64 = (1n << 64n) - 1n;
/** Rates of bytes are kept in blocks of 16 (XT_HASHLIMIT_BYTE_SHIFT). */
const BLOCK_SHIFT = 4n;
/** Seconds for which an entry of a rate of bytes without a burst is kept. */
export const BYTE_SECONDS = 15;

export interface HashRate {
  readonly bytes: boolean;
  readonly cost: bigint;
  /** How long an entry of the table is kept. */
  readonly seconds: number;
}

export type Burst = bigint;

/** `10/min`, `512kb/s`; `option` is named in messages, however it was spelled. */
export function hashRate(option: string): ValueType<HashRate> {
  return {
    placeholder: 'number[/second|minute|hour|day]|number[k|m]b/s',
    parse(text) {
      const byBytes = readBytes(text);
      if (byBytes !== undefined) return byBytes;
      const rate = readRate(text);
      if (rate === undefined) throw new ValueError(`hashlimit: Bad value for "${option}" option: "${text}"`);
      const cost = (PACKET_SCALE * BigInt(rate.seconds)) / BigInt.asUintN(64, rate.count);
      if (cost === 0n) throw new ValueError(`Rate too fast "${text}"`);
      return { bytes: false, cost, seconds: rate.seconds };
    },
  };
}

function readBytes(text: string): HashRate | undefined {
  const unit = text.indexOf('b/s');
  const count = atoll(text);
  if (unit <= 0 || count === 0n) return undefined;
  const bytes = BigInt.asUintN(64, count * factor(text[unit - 1]));
  const blocks = BigInt.asUintN(32, bytes >> BLOCK_SHIFT);
  // One block more than 32 bits can count would divide by zero.
  if (blocks === UINT32) throw new ValueError(`Rate too high "${text}"`);
  return { bytes: true, cost: UINT32 / (blocks + 1n), seconds: BYTE_SECONDS };
}

function factor(unit: string | undefined): bigint {
  return unit === 'm' ? 1024n * 1024n : unit === 'k' ? 1024n : 1n;
}

/** Packets, or bytes with their unit: whatever else stands behind the number counts for nothing. */
export const burst: ValueType<Burst> = {
  placeholder: 'number[[k|m]b]',
  parse: readBurst,
};

function readBurst(text: string): Burst {
  const number = scanNumber(text, 1n, UINT64);
  if (number === undefined || (number.rest === '' && number.value > BURST_MOST)) {
    throw new ValueError(`bad value for option "--hashlimit-burst", or out of range (1-${BURST_MOST}).`);
  }
  return BigInt.asUintN(64, number.value * factor(number.rest[0]));
}

export const interval: ValueType<number> = {
  placeholder: 'seconds',
  parse(text) {
    const seconds = atoi(text);
    if (seconds > 0) return seconds;
    throw new ValueError(`hashlimit: Bad value for "--hashlimit-rate-interval" option: "${text}"`);
  },
};

/** The bytes a second that a cost stands for. */
export function bytesOfCost(cost: bigint): bigint {
  return BigInt.asUintN(64, ((cost === 0n ? UINT32 : UINT32 / cost) - 1n) << BLOCK_SHIFT);
}

function costOfBytes(bytes: bigint): bigint {
  return UINT32 / (BigInt.asUintN(32, bytes >> BLOCK_SHIFT) + 1n);
}

const UNITS: readonly (readonly [name: string, bytes: bigint])[] = [
  ['m', 1024n * 1024n],
  ['k', 1024n],
];

/** As iptables shows them: the rate in the largest unit that comes to the same cost, the burst in one that is not larger. */
export function showBytes(cost: bigint, burst: bigint): { readonly rate: string; readonly burst: string | undefined } {
  const bytes = bytesOfCost(cost);
  const exact = UNITS.find(([, unit]) => bytes >= unit && costOfBytes(bytes - (bytes % unit)) === cost);
  const all = BigInt.asUintN(64, bytes * burst);
  const rough = UNITS.find(([, unit]) => all >= unit);
  const show = (value: bigint, [name, unit]: readonly [string, bigint] = ['', 1n]) => `${value / unit}${name}b`;
  return { rate: `${show(bytes, exact)}/s`, burst: burst === 0n ? undefined : show(all, rough) };
}

/** Likewise, but a burst that would not read back as the same is told exactly, and no rate is 0. */
export function printBytes(cost: bigint, burst: bigint): { readonly rate: string; readonly burst: string | undefined } {
  const rate = bytesOfCost(cost);
  if (rate === 0n) return { rate: '1b/s', burst: undefined };
  const shown = showBytes(cost, burst);
  if (shown.burst === undefined || timesTheRate(readBurst(shown.burst), cost) === burst) return shown;
  const all = BigInt.asUintN(64, rate * burst);
  const [name, unit] = UNITS.find(([, bytes]) => all % bytes === 0n) ?? ['', 1n];
  return { ...shown, burst: `${all / unit}${name}b` };
}

/** How many times the rate a burst is, rounded up; counted in 32 bits. The rate is not 0. */
export function timesTheRate(burst: bigint, cost: bigint): bigint {
  const rate = bytesOfCost(cost);
  return BigInt.asUintN(32, BigInt.asUintN(32, burst) / rate + (burst % rate === 0n ? 0n : 1n));
}
