// A hash table of exact keys with two possible places for each key: cuckoo hashing (Pagh and Rodler, "Cuckoo Hashing",
// Journal of Algorithms 51, 2004).
//
//   entry:  key:64 [key:64]  then what belongs to it     16 or 32 bytes, 2^bits entries
//   places: the top `bits` bits of key × multiplier, for each of two odd multipliers; where a key has two words,
//           of the exclusive or of its two products
//
// An empty entry has key 0, which is no key. The multipliers come from a fixed series, so the same keys in the same order
// make the same table.

import { type TablePool, type TableRef, tableView } from '../tables.ts';

export interface ExactHash {
  readonly table: TableRef;
  /** 2^`bits` entries. */
  readonly bits: number;
  /** Bytes of an entry. */
  readonly entrySize: 16 | 32;
  /** 64-bit words of a key. */
  readonly keyWords: 1 | 2;
  /** For each of the two places, one multiplier a key word. */
  readonly multipliers: readonly [readonly bigint[], readonly bigint[]];
}

/** At most this part of the entries is used: both places of nearly all keys are then found in a few steps. */
const MOST_LOADED = 0.43;
const MOST_MOVES = 500;
const ATTEMPTS = 8;
const MOST_BITS = 26;

/** 64-bit words as pairs of 32-bit halves, lower half first. */
type Halves = Uint32Array;

/** A hash whose table is not yet in a pool. */
export interface PlacedEntries extends Omit<ExactHash, 'table'> {
  readonly content: Uint32Array;
}

/** Puts the table of a hash into a pool. */
export function putHash(name: string, { content, ...hash }: PlacedEntries, pool: TablePool): ExactHash {
  return { ...hash, table: pool.put(name, content) };
}

/** Keys and what belongs to them, to be made a table. */
export class HashEntries {
  /** Entries as in the table, in 32-bit halves of words, lower halves first. `next` may replace the array by a longer one. */
  words: Uint32Array;
  /** Halves of an entry. */
  readonly size: number;
  private readonly keyWords: 1 | 2;
  private length = 0;

  constructor(keyWords: 1 | 2, entrySize: 16 | 32, capacity: number) {
    this.keyWords = keyWords;
    this.size = entrySize / 4;
    this.words = new Uint32Array(capacity * this.size);
  }

  /** Where in `words` the next entry is to be written. Of entries with equal keys the first one counts. */
  next(): number {
    const at = this.length++ * this.size;
    if (at < this.words.length) return at;
    const longer = new Uint32Array(2 * this.words.length + this.size);
    longer.set(this.words);
    this.words = longer;
    return at;
  }

  /** Adds entries that are written to the beginning of `words`: as many as there is room for, or fewer. */
  take(count: number): void {
    this.length = count;
  }

  /** The table's content, and what code needs to look into it. */
  place(): PlacedEntries {
    let bits = 1;
    while (this.length > MOST_LOADED * 2 ** bits) bits++;
    // One attempt nearly always suffices, and two of a size always have; a larger table is the way out.
    for (; bits <= MOST_BITS; bits++) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const multipliers = multipliersOf(attempt, this.keyWords);
        const content = this.fill(bits, multipliers);
        if (content !== undefined) {
          const halves = (place: number): bigint[] => multipliers[place]!.map(([low, high]) => wordOf(low, high));
          const { keyWords } = this;
          const entrySize = (4 * this.size) as 16 | 32;
          return { content, bits, entrySize, keyWords, multipliers: [halves(0), halves(1)] };
        }
      }
    }
    throw new Error(`exact hash: ${this.length} keys find no places`);
  }

  /**
   * Entries are moved by their numbers, and written to the table once each has its place. Nothing where one finds none.
   */
  private fill(bits: number, multipliers: readonly Multiplier[][]): Uint32Array | undefined {
    const { length } = this;
    const ones = this.hashes(multipliers[0]!);
    const twos = this.hashes(multipliers[1]!);
    const shift = 32 - bits;
    /** Number of an entry + 1, 0 where free. */
    const places = new Int32Array(2 ** bits);
    for (let entry = 0; entry < length; entry++) {
      const one = ones[entry]! >>> shift;
      const there = places[one]!;
      if (there === 0) {
        places[one] = entry + 1;
        continue;
      }
      const two = twos[entry]! >>> shift;
      const other = places[two]!;
      if (this.haveSameKey(entry, there - 1) || (other !== 0 && this.haveSameKey(entry, other - 1))) continue;
      if (other === 0) {
        places[two] = entry + 1;
        continue;
      }
      // The new entry takes the place of another, which goes to its other place, and so on.
      let moved = entry + 1;
      let place = one;
      for (let moves = 0; ; moves++) {
        if (moves === MOST_MOVES) return undefined;
        const before = places[place]!;
        places[place] = moved;
        if (before === 0) break;
        moved = before;
        const first = ones[moved - 1]! >>> shift;
        place = first === place ? twos[moved - 1]! >>> shift : first;
      }
    }
    return this.content(places);
  }

  /** The upper halves of the hashes of all keys, as signed numbers. */
  private hashes(multipliers: readonly Multiplier[]): Int32Array {
    const hashes = new Int32Array(this.length);
    for (const [word, [low, high]] of multipliers.entries())
      mixProducts(this.words, this.size, 2 * word, low, high, hashes);
    return hashes;
  }

  private haveSameKey(a: number, b: number): boolean {
    const { words, size, keyWords } = this;
    for (let half = 0; half < 2 * keyWords; half++) if (words[a * size + half] !== words[b * size + half]) return false;
    return true;
  }

  /** The table with entries at their places. */
  private content(places: Int32Array): Uint32Array {
    const { words, size } = this;
    const content = new Uint32Array(places.length * size);
    for (let place = 0; place < places.length; place++) {
      const entry = places[place]! - 1;
      if (entry < 0) continue;
      for (let half = 0; half < size; half++) content[place * size + half] = words[entry * size + half]!;
    }
    return content;
  }
}

/** Where a key may be: bytes from the start of the table. */
function hashPlaces({ bits, multipliers, entrySize }: ExactHash, key: readonly bigint[]): readonly number[] {
  return multipliers.map((each) => {
    const product = each.reduce((mixed, multiplier, word) => mixed ^ BigInt.asUintN(64, key[word]! * multiplier), 0n);
    return Number(product >> BigInt(64 - bits)) * entrySize;
  });
}

/** Byte offset of the key's entry in the table, or `undefined`: as generated code finds it. */
export function lookUpHash(hash: ExactHash, key: readonly bigint[], tables: Uint8Array): number | undefined {
  const view = tableView(tables, hash.table);
  return hashPlaces(hash, key).find((place) =>
    key.every((word, index) => view.getBigUint64(place + 8 * index, true) === word),
  );
}

type Multiplier = readonly [low: number, high: number];

/** Odd multipliers of an attempt, by place and key word: outputs of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
function multipliersOf(attempt: number, keyWords: number): Multiplier[][] {
  let state = BigInt.asUintN(64, 0x9e3779b97f4a7c15n * BigInt(1 + attempt * 4));
  const next = (): Multiplier => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let mixed = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    mixed = (mixed ^ (mixed >> 31n)) | 1n;
    return [Number(mixed & 0xffffffffn), Number(mixed >> 32n)];
  };
  return [0, 1].map(() => Array.from({ length: keyWords }, next));
}

function wordOf(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Mixes into hashes the upper halves of the products of a word of each key, which begins at half `at` of its entry. */
function mixProducts(words: Halves, size: number, at: number, low: number, high: number, hashes: Int32Array): void {
  for (let entry = 0; entry < hashes.length; entry++) {
    hashes[entry]! ^= upperProduct(words[entry * size + at]!, words[entry * size + at + 1]!, low, high);
  }
}

/** Bits 32–63 of the product of two 64-bit words. */
function upperProduct(low: number, high: number, multiplierLow: number, multiplierHigh: number): number {
  const a = low & 0xffff;
  const b = low >>> 16;
  const c = multiplierLow & 0xffff;
  const d = multiplierLow >>> 16;
  const middle = b * c + ((a * c) >>> 16);
  const carry = (((middle & 0xffff) + a * d) >>> 16) + (middle >>> 16);
  return (Math.imul(b, d) + carry + Math.imul(low, multiplierHigh) + Math.imul(high, multiplierLow)) | 0;
}
