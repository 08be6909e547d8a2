// What was made of the same things before: classes of fields, combinations, indexes. A compiler that lives on keeps one
// of these, so that a change of a ruleset redoes only what it touches.
//
// Things are known by what they are made of: objects that are the same object, and equal numbers. What neither this
// classification nor the last one asked for is forgotten.

import { KnownLists } from './action-lists.ts';
import type { DecisionList } from './decision-list.ts';
import { KnownConditions, type ListColumns, listColumns } from './list-columns.ts';

interface Entry {
  readonly kind: string;
  readonly objects: readonly object[];
  readonly numbers: readonly (Int32Array | Uint32Array)[];
  readonly value: unknown;
  lastUsed: number;
}

interface OfList {
  readonly list: DecisionList;
  readonly by: readonly unknown[];
  readonly value: unknown;
}

export class ClassifyCache {
  private readonly entries = new Map<number, Entry[]>();
  private generation = 0;
  /** The conditions of all lists so far. */
  readonly conditions = new KnownConditions();
  /** The action lists of one counter so far. */
  readonly lists = new KnownLists();
  private columns = new Map<string, ListColumns>();
  private columnsBefore: ReadonlyMap<string, ListColumns> = new Map();
  /** What was made of whole lists, by their places. */
  private ofLists = new Map<string, OfList>();
  private ofListsBefore: ReadonlyMap<string, OfList> = new Map();

  /** Begins a classification. */
  begin(): void {
    for (const [hash, entries] of this.entries) {
      const kept = entries.filter(({ lastUsed }) => lastUsed === this.generation);
      if (kept.length === 0) this.entries.delete(hash);
      else if (kept.length < entries.length) this.entries.set(hash, kept);
    }
    this.generation++;
    this.columnsBefore = this.columns;
    this.columns = new Map();
    this.ofListsBefore = this.ofLists;
    this.ofLists = new Map();
  }

  /** The columns of a list; of the list that the last classification had at this place, as much as is the same is taken. */
  columnsOf(place: string, list: DecisionList): ListColumns {
    for (const known of this.columns.values()) if (known.conditions === list.conditions) return known;
    const made = listColumns(list, this.conditions, this.columnsBefore.get(place));
    this.columns.set(place, made);
    return made;
  }

  /** What `make` gives for a list, or gave for an equal one of the last classification, with the same `by`. */
  rememberList<T>(place: string, list: DecisionList, by: readonly unknown[], make: () => T): T {
    const before = this.placeBefore(place, list, by);
    const value = before === undefined ? make() : (this.ofListsBefore.get(before)!.value as T);
    this.ofLists.set(place, { list, by, value });
    // The next one may be made of its columns.
    const columns = before === undefined ? undefined : this.columnsBefore.get(before);
    if (columns !== undefined && !this.columns.has(place)) this.columns.set(place, columns);
    return value;
  }

  /** Where the last classification had an equal list; mostly lists stay at their places. */
  private placeBefore(place: string, list: DecisionList, by: readonly unknown[]): string | undefined {
    const isSame = (each: OfList | undefined) =>
      each?.by.every((one, i) => one === by[i]) === true && areAlike(each.list, list);
    if (isSame(this.ofListsBefore.get(place))) return place;
    for (const [name, each] of this.ofListsBefore) if (isSame(each)) return name;
    return undefined;
  }

  /** What `make` gives, or gave for the same. Neither the numbers nor the result may change any more. */
  remember<T>(
    kind: string,
    objects: readonly object[],
    numbers: readonly (Int32Array | Uint32Array)[],
    make: () => T,
  ): T {
    const hash = hashOf(kind, numbers);
    const entries = this.entries.get(hash) ?? [];
    const known = entries.find((entry) => isFor(entry, kind, objects, numbers));
    if (known !== undefined) {
      known.lastUsed = this.generation;
      return known.value as T;
    }
    const value = make();
    this.entries.set(hash, [...entries, { kind, objects, numbers, value, lastUsed: this.generation }]);
    return value;
  }
}

/** Whether lists do the same, whoever the decisions are made for. */
export function areAlike(a: DecisionList, b: DecisionList): boolean {
  if (!(a.length === b.length && areEqual(a.slots, b.slots) && areEqual(a.then, b.then))) return false;
  const [own, others] = [a.conditions, b.conditions];
  for (let i = 0; i < own.length; i++) if (own[i] !== others[i]) return false;
  return true;
}

function isFor(entry: Entry, kind: string, objects: readonly object[], numbers: Entry['numbers']): boolean {
  return (
    entry.kind === kind &&
    entry.objects.length === objects.length &&
    entry.objects.every((object, i) => object === objects[i]) &&
    entry.numbers.length === numbers.length &&
    entry.numbers.every((array, i) => areEqual(array, numbers[i]!))
  );
}

function areEqual(a: Int32Array | Uint32Array, b: Int32Array | Uint32Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length || a[0] !== b[0]) return false;
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Numbers of an array that its hash looks at, at most: those of one kind are few, and compared. */
const HASHED = 512;

function hashOf(kind: string, numbers: Entry['numbers']): number {
  let hash = kind.length;
  for (let i = 0; i < kind.length; i++) hash = Math.imul(hash ^ kind.charCodeAt(i), 0x9e3779b1);
  for (const array of numbers) {
    hash ^= array.length;
    const step = Math.floor(array.length / HASHED) + 1;
    for (let i = 0; i < array.length; i += step) hash = Math.imul(hash ^ array[i]!, 0x9e3779b1) ^ (hash >>> 15);
  }
  return hash;
}
