// The records of a component: what its classes say of the tuples.
//
//   record:  bitmap: `words` × 64 bits      bit set: what the decisions of the bit ask of this component may hold here
//            ids: one a layer that keys need, the first always 0, for keys that leave the component out
//
// For a decision that stands alone "may hold" is "holds". A record is as long as all others of its component.

import type { Component } from '../components.ts';
import { roomOf, type TableRef } from '../tables.ts';
import { type Layers, NO_LAYER } from './tuples-layers.ts';
import type { BitRange, TuplePlan } from './tuples-plan.ts';

export interface Records {
  readonly content: Uint32Array;
  /** Bytes of a record. */
  readonly stride: number;
  readonly idSize: 2 | 4;
  /** Where a layer's id is: bytes from the first id. Those of the most layers fit into 8 bits. */
  readonly idOffset: Uint8Array;
}

/** Bytes behind the last record that code may read, as far as the verifier can tell: an id's offset is one byte. */
const SLACK = 256;

/** How many records there is room for: as code can read them all, whatever is in them, it need not know how many there are. */
export function recordRoom(records: TableRef, stride: number): number {
  return Math.floor((roomOf(records) - SLACK) / stride);
}

/** The records of component `c`. */
export function makeRecords(
  { classes, classCount, predicateCount, ofDecision }: Component,
  { of, count }: Layers,
  c: number,
  plan: TuplePlan,
  words: number,
): Records {
  const idSize = predicateCount <= 0xffff ? 2 : 4;
  const needed = neededLayers(ofDecision, of, count, c, plan);
  const idOffset = new Uint8Array(count + 1);
  let ids = needed.includes(1) ? 1 : 0;
  for (let layer = 1; layer <= count; layer++) {
    if (needed[layer] === 0) continue;
    idOffset[layer] = ids++ * idSize;
  }
  const halves = 2 * words;
  const stride = Math.ceil((8 * words + ids * idSize) / 8) * 8;
  const bitmaps = predicateBitmaps(ofDecision, predicateCount, halves, plan);
  const content = new Uint32Array((classCount * stride + SLACK) / 4);
  const narrow = new Uint16Array(content.buffer);
  const { offsets, items } = classes;
  // Half by half, so that one number is put together at a time.
  for (let half = 0; half < halves; half++) {
    const always = bitmaps[half]!;
    for (let each = 0, at = half; each < classCount; each++, at += stride / 4) {
      let bits = always;
      for (let i = offsets[each]!; i < offsets[each + 1]!; i++) bits |= bitmaps[items[i]! * halves + half]!;
      content[at] = bits;
    }
  }
  for (let each = 0; each < classCount; each++) {
    const at = each * stride + 4 * halves;
    for (let i = offsets[each]!; i < offsets[each + 1]!; i++) {
      const predicate = items[i]!;
      const layer = of[predicate]!;
      if (layer === NO_LAYER || needed[layer] === 0) continue;
      const place = at + idOffset[layer]!;
      if (idSize === 2) narrow[place >>> 1] = predicate;
      else content[place >>> 2] = predicate;
    }
  }
  return { content, stride, idSize, idOffset };
}

/** Per layer 1 where some tuple's key, or the check behind it, needs the id. */
function neededLayers(ofDecision: Int32Array, of: Uint8Array, count: number, c: number, plan: TuplePlan): Uint8Array {
  const needed = new Uint8Array(count + 1);
  const { bitOf, first, length, ending, goingOn } = plan;
  if (c === plan.checked) {
    needed[0] = 1;
    for (let decision = 0; decision < length; decision++) {
      const bit = bitOf[decision]!;
      if (isIn(ending.tuples, bit) || isIn(goingOn.tuples, bit)) needed[of[ofDecision[decision]!]!] = 1;
    }
    return needed;
  }
  // All decisions of a tuple ask the same layers.
  for (const { from, to } of [ending.tuples, goingOn.tuples]) {
    for (let bit = from; bit < to; bit++) needed[of[ofDecision[first[bit]!]!]!] = 1;
  }
  return needed;
}

export function isIn({ from, to }: BitRange, bit: number): boolean {
  return from <= bit && bit < to;
}

/** Per predicate the bits of the decisions that ask for it, `halves` × 32 bits; predicate 0's are set in every class. */
function predicateBitmaps(
  ofDecision: Int32Array,
  predicateCount: number,
  halves: number,
  { bitOf, length }: TuplePlan,
): Uint32Array {
  const bitmaps = new Uint32Array((predicateCount + 1) * halves);
  for (let decision = 0; decision < length; decision++) {
    const bit = bitOf[decision]!;
    if (bit >= 0) bitmaps[ofDecision[decision]! * halves + (bit >>> 5)]! |= 1 << (bit & 31);
  }
  return bitmaps;
}

/**
 * Per word how many bits of a range a packet's bitmap can have at most: the least, over all components, of what any of
 * their classes has.
 */
export function mostBits(
  records: readonly { readonly content: Uint32Array; readonly stride: number; readonly classCount: number }[],
  range: BitRange,
  words: number,
): number[] {
  const masks = rangeMask(range, words);
  const most = new Int32Array(words).fill(64);
  for (const { content, stride, classCount } of records) {
    for (let word = 0; word < words; word++) {
      const [low, high] = [masks[2 * word]!, masks[2 * word + 1]!];
      let largest = 0;
      if (low !== 0 || high !== 0) {
        for (let at = 2 * word, end = (classCount * stride) / 4; at < end; at += stride / 4) {
          largest = Math.max(largest, bitCount(content[at]! & low) + bitCount(content[at + 1]! & high));
        }
      }
      most[word] = Math.min(most[word]!, largest);
    }
  }
  return [...most];
}

/** The bits of a range, 32 a number. */
export function rangeMask({ from, to }: BitRange, words: number): Uint32Array {
  const mask = new Uint32Array(2 * words);
  for (let bit = from; bit < to; bit++) mask[bit >>> 5]! |= 1 << (bit & 31);
  return mask;
}

function bitCount(bits: number): number {
  let count = bits - ((bits >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  return Math.imul((count + (count >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
