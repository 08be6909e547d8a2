// `-m limit`: matches while packets come no faster than a rate. Kernel: net/netfilter/xt_limit.c.

import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { firstValue } from '../uses.ts';
import { integer } from '../values/integer.ts';
import { printExactRate, printRate, readRate } from '../values/rate.ts';

export interface LimitData {
  /** Time between two packets, in 1/10000 s (XT_LIMIT_SCALE). */
  readonly period: number;
  /** Packets that may come at once. */
  readonly burst: number;
}

const SCALE = 10_000;
const DEFAULT_PERIOD = (3600 * SCALE) / 3;
const DEFAULT_BURST = 5;

/** Credits that the kernel gives in a second: HZ times the largest power of two of which a day's worth fits in 32 bits. */
const CREDITS = 32_000n;

const rate: ValueType<number> = {
  placeholder: 'number[/second|minute|hour|day]',
  parse(text) {
    const read = readRate(text);
    const count = BigInt.asUintN(32, read?.count ?? 0n);
    if (read === undefined || count === 0n) throw new ValueError(`bad rate "${text}"'`);
    const period = BigInt(SCALE * read.seconds) / count;
    if (period === 0n) throw new ValueError(`Rate too fast "${text}"`);
    return Number(period);
  },
};

export const limit: MatchExtension<LimitData> = {
  kind: 'match',
  name: 'limit',
  about: 'matches up to so many packets in a time',
  options: [
    { name: '--limit', values: [rate], about: 'the rate; 3/hour where none is given' },
    { name: '--limit-burst', values: [integer(10_000)], about: 'how many may come at once; 5 where none is given' },
  ],

  build(options) {
    const period = firstValue<number>(options, '--limit') ?? DEFAULT_PERIOD;
    return { period, burst: firstValue<number>(options, '--limit-burst') ?? DEFAULT_BURST };
  },

  check({ period, burst }) {
    const all = credits(BigInt.asUintN(32, BigInt(period) * BigInt(burst)));
    if (burst > 0 && all >= credits(BigInt(period))) return undefined;
    const message = 'so many packets at once are too many for so slow a rate';
    return { message, reason: 'Numerical result out of range' };
  },

  print: ({ period, burst }) => [
    ...['--limit', printExactRate(BigInt(period), BigInt(SCALE)).text],
    ...(burst === DEFAULT_BURST ? [] : ['--limit-burst', `${burst}`]),
  ],

  list: ({ period, burst }) => `limit: avg ${printRate(BigInt(period), BigInt(SCALE)).text} burst ${burst}`,
};

/** A time in credits, in 32 bits as the kernel counts them; long times are rounded to seconds first. */
function credits(time: bigint): bigint {
  const scale = BigInt(SCALE);
  const isLong = time > 0xffffffffn / CREDITS;
  return BigInt.asUintN(32, isLong ? (time / scale) * CREDITS : (time * CREDITS) / scale);
}
