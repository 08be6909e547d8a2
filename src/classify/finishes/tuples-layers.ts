// Layers: the predicates of a component, parted so that those of one layer exclude each other. A class then holds at most
// one predicate of a layer, and which one is a number that can be part of a key.
//
// A predicate takes the first layer that is free in all its classes, and those of few classes come first. Prefixes so
// come out by how much is nested in them, hosts all in the first layer; the other way round, by how deep they are nested
// themselves, packets met twice as many tuples in vain. One that finds no layer free is in none: it can be in no key, so
// its decisions stand alone.

import type { Component, NumberLists } from '../components.ts';

export interface Layers {
  /** Layer of each predicate, from 1; 0 for predicate 0; `NO_LAYER`. */
  readonly of: Uint8Array;
  /** The largest of them. */
  readonly count: number;
}

export const NO_LAYER = 0xff;

/** Layers that fit into one mask. */
const MOST_LAYERS = 62;

/** Layers that were made before, by the classes they are of: they depend on nothing else. */
const made = new WeakMap<NumberLists, Layers>();

/** The layers of a component. */
export function layersOf(component: Component): Layers {
  let layers = made.get(component.classes);
  if (layers === undefined) {
    layers = makeLayers(component);
    made.set(component.classes, layers);
  }
  return layers;
}

function makeLayers({ classes, classCount, predicateCount }: Component): Layers {
  const classesOf = invert(classes, classCount, predicateCount + 1);
  const of = new Uint8Array(predicateCount + 1);
  // Layers that a class has, as two masks of 31 bits.
  const low = new Int32Array(classCount);
  const high = new Int32Array(classCount);
  let count = 0;
  const order = byClassCount(classesOf, predicateCount);
  for (let n = 0; n < order.length; n++) {
    const predicate = order[n]!;
    const from = classesOf.offsets[predicate]!;
    const to = classesOf.offsets[predicate + 1]!;
    let usedLow = 0;
    let usedHigh = 0;
    for (let i = from; i < to; i++) {
      const each = classesOf.items[i]!;
      usedLow |= low[each]!;
      usedHigh |= high[each]!;
    }
    const layer = freeLayer(usedLow, usedHigh);
    if (layer > MOST_LAYERS) {
      of[predicate] = NO_LAYER;
      continue;
    }
    of[predicate] = layer;
    count = Math.max(count, layer);
    for (let i = from; i < to; i++) {
      const each = classesOf.items[i]!;
      if (layer <= 31) low[each]! |= 1 << (layer - 1);
      else high[each]! |= 1 << (layer - 32);
    }
  }
  return { of, count };
}

/** The first layer, from 1, whose bit is in neither mask. */
function freeLayer(low: number, high: number): number {
  const free = ~low & 0x7fffffff;
  if (free !== 0) return 32 - Math.clz32(free & -free);
  const freeHigh = ~high & 0x7fffffff;
  return freeHigh === 0 ? MOST_LAYERS + 1 : 63 - Math.clz32(freeHigh & -freeHigh);
}

/** Per item the lists that it is in, ascending. */
export function invert({ offsets, items }: NumberLists, lists: number, itemCount: number): NumberLists {
  const starts = new Int32Array(itemCount + 1);
  for (let i = 0; i < items.length; i++) starts[items[i]! + 1]!++;
  for (let item = 0; item < itemCount; item++) starts[item + 1]! += starts[item]!;
  const next = starts.slice();
  const inverted = new Int32Array(items.length);
  for (let list = 0; list < lists; list++) {
    for (let i = offsets[list]!; i < offsets[list + 1]!; i++) inverted[next[items[i]!]!++] = list;
  }
  return { offsets: starts, items: inverted };
}

/** Predicates, those of the fewest classes first, and of as many the smaller number first. */
function byClassCount({ offsets }: NumberLists, predicateCount: number): Int32Array {
  const sizeOf = (predicate: number): number => offsets[predicate + 1]! - offsets[predicate]!;
  let most = 0;
  for (let predicate = 1; predicate <= predicateCount; predicate++) most = Math.max(most, sizeOf(predicate));
  // Counting sort.
  const starts = new Int32Array(most + 2);
  for (let predicate = 1; predicate <= predicateCount; predicate++) starts[sizeOf(predicate) + 1]!++;
  for (let size = 0; size <= most; size++) starts[size + 1]! += starts[size]!;
  const sorted = new Int32Array(predicateCount);
  for (let predicate = 1; predicate <= predicateCount; predicate++) sorted[starts[sizeOf(predicate)]!++] = predicate;
  return sorted;
}
