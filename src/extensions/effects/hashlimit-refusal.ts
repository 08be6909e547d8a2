// What the kernel refuses of a hashlimit (net/netfilter/xt_hashlimit.c, checkentry).

import type { Refusal } from '../extension.ts';
import type { HashlimitData } from './hashlimit.ts';
import { PACKET_SCALE } from './hashlimit-rate.ts';
import { procNameRefusal } from './proc-name.ts';

/**
 * Credits for a microsecond at 250 ticks a second: what the largest power of two of which a day's worth fits in 64 bits
 * gives for each tick. It differs little with the ticks.
 */
const CREDITS = (250n << 39n) / PACKET_SCALE;

/** The least cost of a block of bytes that is not rounded to none; the same for 100, 250 and 1000 ticks. */
const BYTE_COST_LEAST = 2n;

/** A sentence, or undefined where there is nothing to refuse. `bits` are those of an address. */
export function hashlimitRefusal(data: HashlimitData, bits: number): string | Refusal | undefined {
  if (data.collect === 0 || data.expire === 0) return 'a time of the table is 0';
  if (data.sourcePrefix > bits || data.destinationPrefix > bits) return 'a mask is no prefix';
  const name = procNameRefusal(data.name);
  if (name !== undefined) return name;
  if (data.rateMatch) return data.cost === 0n || data.cost > 0xffffffffn ? 'the rate is out of range' : undefined;
  if (data.bytes) return data.cost < BYTE_COST_LEAST ? 'the rate is too high' : undefined;
  const all = credits(BigInt.asUintN(64, data.cost * data.burst));
  if (all >= credits(data.cost)) return undefined;
  return { message: 'so large a burst is too much for so slow a rate', reason: 'Numerical result out of range' };
}

/** A time in credits, in 64 bits as the kernel counts them. */
function credits(time: bigint): bigint {
  return BigInt.asUintN(64, time * CREDITS);
}
