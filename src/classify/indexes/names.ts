// Indexes of device names: the longest entry wins that a name is, or begins with.
//
// Few entries are compared one after the other, a prefix before all that begin with it, and the last that fits holds.
// More are runs of 128-bit values: as 16 bytes, a terminating zero behind a whole name, the names that an entry stands for are one
// interval, and entries nest.

import { bytesOfName, comparedBytes } from '../../base/device-name.ts';
import type { DeviceField } from '../../base/predicate.ts';
import type { NamePartition, WidePartition } from '../components.ts';
import type { TablePool } from '../tables.ts';
import type { NameEntry, NamesIndex, WideIndex } from './field-index.ts';
import { buildWide } from './wide.ts';

/** As many compares of names as cost what a search through two nodes costs. */
const MOST_COMPARED = 6;

export function buildNames(field: DeviceField, partition: NamePartition, pool: TablePool): NamesIndex | WideIndex {
  const { entries, other } = neededEntries(partition);
  if (entries.length <= MOST_COMPARED) return { kind: 'names', field, entries, other };
  return buildWide(field, runsOf(entries, other, partition.classCount), pool);
}

export function lookUpNames({ entries, other }: NamesIndex, name: string): number {
  let found = other;
  for (const entry of entries) {
    if (entry.prefix ? name.startsWith(entry.name) : name === entry.name) found = entry.class;
  }
  return found;
}

/** A name's 16 bytes as four words, the uppermost first. */
export function wordsOfName(name: string): number[] {
  const bytes = bytesOfName(name);
  return [0, 4, 8, 12].map((at) => bytes.readUInt32BE(at));
}

/** The class of names without an entry, and the entries that say something else than the prefix they begin with. */
function neededEntries(partition: NamePartition): { entries: NameEntry[]; other: number } {
  const other = partition.entries[0]!.class;
  const entries: NameEntry[] = [];
  const open: NameEntry[] = [];
  for (const entry of partition.entries.slice(1)) {
    const around = enclosing(open, entry.name);
    if ((around?.class ?? other) === entry.class) continue;
    entries.push(entry);
    if (entry.prefix) open.push(entry);
  }
  return { entries, other };
}

/** Takes what a name does not begin with off a stack of nested prefixes, and returns the innermost. */
function enclosing(open: NameEntry[], name: string): NameEntry | undefined {
  let top = open.at(-1);
  while (top !== undefined && !name.startsWith(top.name)) {
    open.pop();
    top = open.at(-1);
  }
  return top;
}

/** The runs of 16-byte values that nested entries make, in the order of their names. */
function runsOf(entries: readonly NameEntry[], other: number, classCount: number): WidePartition {
  const runs: { start: Buffer; class: number }[] = [{ start: bytesOfName(''), class: other }];
  const open: { end: Buffer | undefined; class: number }[] = [];
  /** The class `klass` from `start` on; what began at the same place before counts no more. */
  const begin = (start: Buffer, klass: number): void => {
    while (runs.length > 0 && runs.at(-1)!.start.compare(start) >= 0) runs.pop();
    if (runs.at(-1)?.class !== klass) runs.push({ start, class: klass });
  };
  const close = (until?: Buffer): void => {
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (until !== undefined && (top.end === undefined || top.end.compare(until) > 0)) return;
      open.pop();
      if (top.end !== undefined) begin(top.end, open.at(-1)?.class ?? other);
    }
  };
  for (const entry of entries) {
    const start = bytesOfName(entry.name);
    close(start);
    begin(start, entry.class);
    open.push({ end: behind(start, comparedBytes(entry)), class: entry.class });
  }
  close();
  return {
    starts: Uint32Array.from(runs.flatMap(({ start }) => [0, 4, 8, 12].map((at) => start.readUInt32BE(at)))),
    classes: Uint32Array.from(runs.map((run) => run.class)),
    classCount,
  };
}

/** The first value behind all that agree with `start` in `length` bytes; absent where there is none. */
function behind(start: Buffer, length: number): Buffer | undefined {
  const end = Buffer.from(start);
  for (let at = length - 1; at >= 0; at--) {
    end[at] = (start[at]! + 1) & 0xff;
    if (end[at] !== 0) return end;
  }
  return undefined;
}
