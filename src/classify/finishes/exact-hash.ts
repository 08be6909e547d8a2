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

  private fill(bits: number, multipliers: readonly Multiplier[][]): Uint32Array | undefined {
    const { size, words, keyWords } = this;
    const content = new Uint32Array(2 ** bits * size);
    const shift = 32 - bits;
    const [first, second] = multipliers as [Multiplier[], Multiplier[]];
    const moved = new Uint32Array(size);
    const spare = new Uint32Array(size);
    for (let entry = 0; entry < this.length; entry++) {
      const at = entry * size;
      const one = (hashTop(words, at, keyWords, first) >>> shift) * size;
      if (isFree(content, one, keyWords)) {
        copy(words, at, content, one, size);
        continue;
      }
      const two = (hashTop(words, at, keyWords, second) >>> shift) * size;
      if (sameKey(words, at, content, one, keyWords) || sameKey(words, at, content, two, keyWords)) continue;
      if (isFree(content, two, keyWords)) {
        copy(words, at, content, two, size);
        continue;
      }
      // The new entry takes the place of another, which goes to its other place, and so on.
      copy(words, at, moved, 0, size);
      let place = one;
      let moves = 0;
      for (; ; moves++) {
        if (moves === MOST_MOVES) return undefined;
        copy(content, place, spare, 0, size);
        copy(moved, 0, content, place, size);
        if (isFree(spare, 0, keyWords)) break;
        copy(spare, 0, moved, 0, size);
        const a = (hashTop(moved, 0, keyWords, first) >>> shift) * size;
        place = a === place ? (hashTop(moved, 0, keyWords, second) >>> shift) * size : a;
      }
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

/** The upper half of the hash of the key at `at`, as a signed number: larger ones would each be an object. */
function hashTop(words: Halves, at: number, keyWords: number, multipliers: readonly Multiplier[]): number {
  let mixed = upperProduct(words[at]!, words[at + 1]!, multipliers[0]!);
  if (keyWords === 2) mixed ^= upperProduct(words[at + 2]!, words[at + 3]!, multipliers[1]!);
  return mixed;
}

/** Bits 32–63 of the product of two 64-bit words. */
function upperProduct(low: number, high: number, [multiplierLow, multiplierHigh]: Multiplier): number {
  const a = low & 0xffff;
  const b = low >>> 16;
  const c = multiplierLow & 0xffff;
  const d = multiplierLow >>> 16;
  const middle = b * c + ((a * c) >>> 16);
  const carry = (((middle & 0xffff) + a * d) >>> 16) + (middle >>> 16);
  return (Math.imul(b, d) + carry + Math.imul(low, multiplierHigh) + Math.imul(high, multiplierLow)) | 0;
}

function isFree(words: Halves, at: number, keyWords: number): boolean {
  if (words[at] !== 0 || words[at + 1] !== 0) return false;
  return keyWords === 1 || (words[at + 2] === 0 && words[at + 3] === 0);
}

function sameKey(a: Halves, i: number, b: Halves, j: number, keyWords: number): boolean {
  for (let half = 0; half < 2 * keyWords; half++) if (a[i + half] !== b[j + half]) return false;
  return true;
}

function copy(from: Halves, i: number, to: Halves, j: number, size: number): void {
  for (let word = 0; word < size; word++) to[j + word] = from[i + word]!;
}
