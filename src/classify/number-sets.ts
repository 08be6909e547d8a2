// Sets of numbers, equal ones once, numbered from 0 in the order in which they came: the classes of a component.

import type { NumberLists } from './components.ts';

export class NumberSets {
  private items: Int32Array<ArrayBuffer>;
  private offsets: Int32Array<ArrayBuffer>;
  private hashes: Int32Array<ArrayBuffer>;
  /** Number + 1 by hash, 0 where free; at most half full. */
  private slots: Int32Array<ArrayBuffer>;
  private used = 0;

  /** For about so many sets; more have room too. */
  constructor(expected = 60) {
    const room = 2 ** Math.ceil(Math.log2(expected + 2));
    this.items = new Int32Array(4 * room);
    this.offsets = new Int32Array(room);
    this.hashes = new Int32Array(room);
    this.slots = new Int32Array(2 * room);
  }

  get count(): number {
    return this.used;
  }

  /** Numbers in all sets together. */
  get total(): number {
    return this.offsets[this.used]!;
  }

  /** The number of the set of the first `length` elements, which ascend. */
  number(elements: Int32Array, length: number): number {
    const mask = this.slots.length - 1;
    const hash = hashOf(elements, length);
    let place = hash & mask;
    for (let found = this.slots[place]!; found !== 0; found = this.slots[place]!) {
      if (this.hashes[found - 1] === hash && this.equals(found - 1, elements, length)) return found - 1;
      place = (place + 1) & mask;
    }
    if (this.used + 2 > this.offsets.length) {
      this.grow();
      return this.number(elements, length);
    }
    const start = this.offsets[this.used]!;
    if (start + length > this.items.length) this.items = extended(this.items, Math.max(start + length, start * 2));
    for (let i = 0; i < length; i++) this.items[start + i] = elements[i]!;
    this.hashes[this.used] = hash;
    this.slots[place] = ++this.used;
    this.offsets[this.used] = start + length;
    return this.used - 1;
  }

  /** All sets; nothing may be added any more. */
  finish(): NumberLists {
    return { offsets: this.offsets.subarray(0, this.used + 1), items: this.items.subarray(0, this.total) };
  }

  private equals(set: number, elements: Int32Array, length: number): boolean {
    const start = this.offsets[set]!;
    if (this.offsets[set + 1]! - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.items[start + i] !== elements[i]) return false;
    return true;
  }

  private grow(): void {
    this.offsets = extended(this.offsets, this.offsets.length * 2);
    this.hashes = extended(this.hashes, this.hashes.length * 2);
    this.slots = new Int32Array(this.slots.length * 2);
    const mask = this.slots.length - 1;
    for (let i = 0; i < this.used; i++) {
      let place = this.hashes[i]! & mask;
      while (this.slots[place] !== 0) place = (place + 1) & mask;
      this.slots[place] = i + 1;
    }
  }
}

function extended(array: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(length);
  longer.set(array);
  return longer;
}

function hashOf(elements: Int32Array, length: number): number {
  let hash = length;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ elements[i]!, 0x9e3779b1) ^ (hash >>> 13);
  return hash ^ (hash >>> 16);
}
