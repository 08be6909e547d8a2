// Looks a packet up in a pruned-tuple finish, as generated code does.

import { tableView } from '../tables.ts';
import { type ExactHash, lookUpHash } from './exact-hash.ts';
import { DESCRIPTOR_SIZE, placeOfBit, type TuplePart, type TuplesFinish } from './tuples.ts';

export interface TuplesResult {
  /** The outcome word. */
  readonly word: number;
  /** Number of the decision that ends, 0x7fffffff for the end of the list. */
  readonly number: number;
  /** Slots of the decisions before it that go on, in their order. */
  readonly counted: readonly number[];
  /** How many hash tables were asked. */
  readonly probes: number;
}

/** What happens to a packet with these classes; `late` finds the class of the component that is found late. */
export function lookUpTuples(
  finish: TuplesFinish,
  classes: readonly number[],
  late: () => number,
  tables: Uint8Array,
): TuplesResult {
  return new Walk(finish, tables).run(classes, late);
}

class Walk {
  private readonly finish: TuplesFinish;
  private readonly tables: Uint8Array;
  /** Where the packet's record of each component is, from the start of its table. */
  private readonly places: number[];
  private readonly bitmap: bigint[];
  private probes = 0;

  constructor(finish: TuplesFinish, tables: Uint8Array) {
    this.finish = finish;
    this.tables = tables;
    this.places = finish.components.map(() => 0);
    this.bitmap = Array.from({ length: finish.words }, () => ~0n);
  }

  run(classes: readonly number[], late: () => number): TuplesResult {
    const { components, ending, goingOn, otherwise, late: lateOne } = this.finish;
    for (const [c, { variable }] of components.entries())
      if (c !== lateOne?.component) this.meet(c, classes[variable]!);
    if (lateOne?.masks.some((mask, w) => (mask & this.bitmap[w]!) !== 0n)) this.meet(lateOne.component, late());

    let best = { ...otherwise };
    const alone = this.bits(ending.alone.masks).next().value;
    if (alone !== undefined) best = this.descriptor(alone);
    for (const bit of this.bits(ending.tuples.masks)) {
      if (this.descriptor(bit).number > best.number) break;
      for (const hit of this.probe(ending, bit)) {
        if (hit.number < best.number) best = hit;
        break;
      }
    }
    const counted: { word: number; number: number }[] = [];
    for (const bit of this.bits(goingOn.alone.masks)) {
      const found = this.descriptor(bit);
      if (found.number > best.number) break;
      counted.push(found);
    }
    for (const bit of this.bits(goingOn.tuples.masks)) {
      if (this.descriptor(bit).number > best.number) break;
      for (const hit of this.probe(goingOn, bit)) if (hit.number < best.number) counted.push(hit);
    }
    counted.sort((a, b) => a.number - b.number);
    return { ...best, counted: counted.map(({ word }) => word), probes: this.probes };
  }

  /** Takes in the class of a component. */
  private meet(c: number, found: number): void {
    const { classCount, stride, records, name } = this.finish.components[c]!;
    if (!(found < classCount)) throw new Error(`tuples: ${name} has no class ${found}`);
    this.places[c] = found * stride;
    const view = tableView(this.tables, records);
    for (const w of this.bitmap.keys()) this.bitmap[w]! &= view.getBigUint64(found * stride + 8 * w, true);
  }

  /** The bits under the masks that are left, lowest first. */
  private *bits(masks: readonly bigint[]): Generator<number, undefined> {
    for (const [w, mask] of masks.entries()) {
      const left = this.bitmap[w]! & mask;
      for (let bit = 0; bit < 64; bit++) if (((left >> BigInt(bit)) & 1n) === 1n) yield 64 * w + bit;
    }
  }

  private placeOf(bit: number): number {
    return ((bit >> 6) * 64 + placeOfBit(bit & 63)) * DESCRIPTOR_SIZE;
  }

  private descriptor(bit: number): { word: number; number: number } {
    const view = tableView(this.tables, this.finish.descriptors);
    return { word: view.getUint32(this.placeOf(bit), true), number: view.getUint32(this.placeOf(bit) + 4, true) };
  }

  /** The entries that the packet meets in a tuple. */
  private *probe(part: TuplePart, bit: number): Generator<{ word: number; number: number }> {
    this.probes++;
    const { components, descriptors, checked } = this.finish;
    const descriptor = tableView(this.tables, descriptors);
    const isGoingOn = part === this.finish.goingOn;
    let key = isGoingOn ? BigInt(this.descriptor(bit).word) : checked === undefined ? 0n : 1n;
    for (const [c, { shift }] of components.entries()) {
      if (shift === undefined) continue;
      key |= BigInt(this.id(c, descriptor.getUint8(this.placeOf(bit) + 8 + c))) << BigInt(shift);
    }
    const hash = part.hash as ExactHash;
    let at = lookUpHash(hash, [key], this.tables);
    if (at === undefined) return;
    let view = tableView(this.tables, hash.table);
    if (checked === undefined) {
      yield { word: view.getUint32(at + 8, true), number: view.getUint32(at + 12, true) };
      return;
    }
    for (;;) {
      if (this.id(checked, view.getUint8(at + 24)) === view.getUint32(at + 16, true))
        yield { word: view.getUint32(at + 8, true), number: view.getUint32(at + 12, true) };
      const next = view.getUint32(at + 20, true);
      if (next === 0) return;
      view = tableView(this.tables, part.chains!.table);
      at = 32 * (next - 1);
    }
  }

  /** The predicate that the packet's record of a component has at `offset`, behind the bitmap. */
  private id(c: number, offset: number): number {
    const { records, idSize } = this.finish.components[c]!;
    const view = tableView(this.tables, records);
    const at = this.places[c]! + 8 * this.finish.words + offset;
    return idSize === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
  }
}
