// Vectors: what decisions ask, each a conjunction of conditions, equal ones numbered once.
//
// A large ruleset has one or two for each rule. So there is no object for a vector: it is a number, and what belongs to it
// stands in columns.

import type { Condition } from './decision-list.ts';
import { withRoom } from './room.ts';

/** What one decision asks, by number: from 0 on, which asks nothing. All its conditions must hold. */
export type Vector = number;

/** The vector that asks nothing. */
export const ALWAYS: Vector = 0;

/** Conditions know the place of their field in the order of all, and what they are in the fields of a vector. */
export interface NumberedCondition extends Condition {
  readonly place: number;
  readonly bits: number;
}

export class Vectors {
  private readonly all: (readonly Condition[])[] = [];
  private bits = new Int32Array(1024);
  private hashes = new Int32Array(1024);
  /** Number of a vector + 1 by hash of its ids, 0 where free; at most half full. */
  private places = new Int32Array(2048);

  constructor() {
    this.number([]);
  }

  /** How many there are. */
  get count(): number {
    return this.all.length;
  }

  /** At most one for each field, in the order of fields. */
  conditions(vector: Vector): readonly Condition[] {
    return this.all[vector]!;
  }

  /** The `bits` of all its conditions. */
  fields(vector: Vector): number {
    return this.bits[vector]!;
  }

  /** The vector of conditions in the order of their fields, a new one if it was not there; keeps the array. */
  number(sorted: readonly Condition[]): Vector {
    const hash = hashOf(sorted);
    const place = this.place(sorted, hash);
    const known = this.places[place]!;
    if (known !== 0) return known - 1;
    let fields = 0;
    for (let i = 0; i < sorted.length; i++) fields |= (sorted as readonly NumberedCondition[])[i]!.bits;
    const vector = this.all.push(sorted) - 1;
    this.bits[vector] = fields;
    this.hashes[vector] = hash;
    this.places[place] = vector + 1;
    if (this.all.length === this.hashes.length) this.grow();
    return vector;
  }

  /** The vector of conditions in the order of their fields, if it is there. */
  find(sorted: readonly Condition[]): Vector | undefined {
    const known = this.places[this.place(sorted, hashOf(sorted))]!;
    return known === 0 ? undefined : known - 1;
  }

  /** Where the vector of sorted conditions is, or the free place where it belongs. */
  private place(sorted: readonly Condition[], hash: number): number {
    const mask = this.places.length - 1;
    let place = hash & mask;
    for (let number = this.places[place]!; number !== 0; number = this.places[place]!) {
      if (this.hashes[number - 1] === hash && isEqual(this.all[number - 1]!, sorted)) return place;
      place = (place + 1) & mask;
    }
    return place;
  }

  private grow(): void {
    this.bits = withRoom(this.bits, this.all.length + 1);
    this.hashes = withRoom(this.hashes, this.all.length + 1);
    this.places = new Int32Array(2 * this.hashes.length);
    const mask = this.places.length - 1;
    for (let number = 0; number < this.all.length; number++) {
      let place = this.hashes[number]! & mask;
      while (this.places[place] !== 0) place = (place + 1) & mask;
      this.places[place] = number + 1;
    }
  }
}

/** In the order of their fields: not of their ids, which depend on what the compiler has met before. */
export function inOrder(conditions: readonly Condition[]): readonly Condition[] {
  const numbered = conditions as readonly NumberedCondition[];
  for (let i = 1; i < numbered.length; i++) {
    if (numbered[i - 1]!.place > numbered[i]!.place) return [...numbered].sort((a, b) => a.place - b.place);
  }
  return numbered;
}

function hashOf(sorted: readonly Condition[]): number {
  let hash = sorted.length;
  for (let i = 0; i < sorted.length; i++) hash = Math.imul(hash ^ sorted[i]!.id, 0x9e3779b1) ^ (hash >>> 15);
  return hash ^ (hash >>> 16);
}

function isEqual(a: readonly Condition[], b: readonly Condition[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
