// Names of devices as numbers: their places among all names and prefixes that conditions have, in alphabetical order.
//
// Names that begin with a prefix are neighbours, so a condition on a name is a set of intervals of places. A prefix
// stands for all names that begin with it and have no entry of their own.

import { complement, type IntervalSet, intersect, interval } from '../base/intervals.ts';
import type { DeviceField, DeviceName } from '../base/predicate.ts';
import { intervalsOf, type Places } from './classes.ts';
import type { Condition } from './decision-list.ts';

export function namePlaces(field: DeviceField, conditions: readonly Condition[]): Places {
  const entries = namesOf(conditions);
  const maximum = entries.length - 1;
  const known = new Map<string, IntervalSet>();
  const placesOf = ({ name, prefix }: NameEntry): IntervalSet => {
    const key = entryKey(name, prefix);
    const places = known.get(key) ?? placesUnder(entries, name, prefix);
    known.set(key, places);
    return places;
  };
  const sets = conditions.map(({ literals }) =>
    literals.reduce(
      (all, { predicate, negated }) => {
        const places = placesOf(predicate as DeviceName);
        return intersect(all, negated ? complement(places, maximum) : places);
      },
      interval(0, maximum),
    ),
  );
  return {
    maximum,
    intervals: intervalsOf(sets),
    partition: ({ starts, classes, sets: { count } }) => {
      let run = 0;
      const withClasses = entries.map((entry, place) => {
        while (run + 1 < starts.length && starts[run + 1]! <= place) run++;
        return { ...entry, class: classes[run]! };
      });
      return { kind: 'names', field, names: { entries: withClasses, classCount: count } };
    },
  };
}

interface NameEntry {
  readonly name: string;
  readonly prefix: boolean;
}

/** All names and prefixes that are asked for, and the empty prefix; a prefix comes before everything that has it. */
function namesOf(conditions: readonly Condition[]): NameEntry[] {
  const entries = new Map<string, NameEntry>([[entryKey('', true), { name: '', prefix: true }]]);
  for (const { literals } of conditions) {
    for (const { predicate } of literals) {
      const { name, prefix } = predicate as DeviceName;
      entries.set(entryKey(name, prefix), { name, prefix });
    }
  }
  return [...entries.values()].sort((a, b) => compare(a.name, b.name) || Number(b.prefix) - Number(a.prefix));
}

function entryKey(name: string, prefix: boolean): string {
  return `${prefix ? '+' : '='}${name}`;
}

/** The places of the entries that are this name, or begin with this prefix. */
function placesUnder(entries: readonly NameEntry[], name: string, prefix: boolean): IntervalSet {
  const low = firstPlace(entries, (entry) => entry.name > name || (entry.name === name && (prefix || !entry.prefix)));
  if (!prefix) return interval(low);
  return interval(low, firstPlace(entries, (entry) => entry.name > name && !entry.name.startsWith(name)) - 1);
}

/** The first place whose entry is so; all behind it are. */
function firstPlace(entries: readonly NameEntry[], isSo: (entry: NameEntry) => boolean): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(entries[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
