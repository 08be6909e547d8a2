// Pairs of 32-bit integers, equal ones numbered once, from 0 in the order in which they came: the hash-consing of the
// builders, without an object or a string for each.

export class IntPairs {
  private firsts: Int32Array;
  private seconds: Int32Array;
  /** Number + 1 by hash, 0 where free; at most half full. */
  private slots: Int32Array;
  private used = 0;

  /** For about so many pairs; more have room too. */
  constructor(expected = 60) {
    const room = 2 ** Math.ceil(Math.log2(expected + 2));
    this.firsts = new Int32Array(room);
    this.seconds = new Int32Array(room);
    this.slots = new Int32Array(2 * room);
  }

  get count(): number {
    return this.used;
  }

  /** The number of a pair, a new one if it was not there. */
  number(first: number, second: number): number {
    const mask = this.slots.length - 1;
    let place = hashPair(first, second) & mask;
    for (let found = this.slots[place]!; found !== 0; found = this.slots[place]!) {
      if (this.firsts[found - 1] === first && this.seconds[found - 1] === second) return found - 1;
      place = (place + 1) & mask;
    }
    if (this.used === this.firsts.length) {
      this.grow();
      return this.number(first, second);
    }
    this.firsts[this.used] = first;
    this.seconds[this.used] = second;
    this.slots[place] = ++this.used;
    return this.used - 1;
  }

  first(number: number): number {
    return this.firsts[number]!;
  }

  second(number: number): number {
    return this.seconds[number]!;
  }

  private grow(): void {
    const size = this.firsts.length * 2;
    const { firsts, seconds } = this;
    this.firsts = new Int32Array(size);
    this.firsts.set(firsts);
    this.seconds = new Int32Array(size);
    this.seconds.set(seconds);
    this.slots = new Int32Array(size * 2);
    const mask = this.slots.length - 1;
    for (let i = 0; i < this.used; i++) {
      let place = hashPair(firsts[i]!, seconds[i]!) & mask;
      while (this.slots[place] !== 0) place = (place + 1) & mask;
      this.slots[place] = i + 1;
    }
  }
}

function hashPair(first: number, second: number): number {
  const hash = Math.imul(Math.imul(first, 0x9e3779b1) ^ second, 0x85ebca6b);
  return hash ^ (hash >>> 15);
}
