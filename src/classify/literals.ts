// Literals of one field brought to one form: masks as intervals, device names without what says nothing.

import { type IntervalSet, normalize } from '../base/intervals.ts';
import {
  type DeviceField,
  type DeviceName,
  evaluatePredicate,
  type FieldValues,
  formatPredicate,
  type Literal,
} from '../base/predicate.ts';

/** A mask with holes in a field of more than 16 bits is not written out beyond this many intervals. */
const MOST_INTERVALS = 256;

/** The same for equal literals, and for no others. */
export function literalText({ predicate, negated }: Literal): string {
  return `${negated ? '! ' : ''}${formatPredicate(predicate)}`;
}

/**
 * The values of 0…`maximum` with `(it & mask) === value`; nothing where these are too many intervals. `maximum` is one
 * less than a power of two.
 */
export function maskedSet(mask: number, value: number, maximum: number): IntervalSet | undefined {
  const asked = (mask & maximum) >>> 0;
  if ((value & ~asked) >>> 0 !== 0) return [];
  if (asked === 0) return [{ low: 0, high: maximum }];
  const run = (asked & -asked) >>> 0;
  const free = (maximum & ~asked & ~(run - 1)) >>> 0;
  const count = 2 ** bitCount(free);
  if (maximum > 0xffff && count > MOST_INTERVALS) return undefined;
  const set: { low: number; high: number }[] = [];
  let bits = 0;
  do {
    const low = (value | bits) >>> 0;
    set.push({ low, high: low + run - 1 });
    bits = ((bits | ~free) + 1) & free;
  } while (bits !== 0);
  return normalize(set);
}

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

export type DeviceLiteral = Literal & { readonly predicate: DeviceName };

/** The shortest form of device literals that must all hold: empty where they always do, nothing where they never can. */
export function joinDevices(field: DeviceField, literals: readonly DeviceLiteral[]): DeviceLiteral[] | undefined {
  const isAny = ({ predicate }: DeviceLiteral): boolean => predicate.prefix && predicate.name === '';
  if (literals.some((literal) => isAny(literal) && literal.negated)) return undefined;
  const asked = literals.filter((literal) => !isAny(literal));
  const exact = asked.find(({ predicate, negated }) => !negated && !predicate.prefix);
  if (exact !== undefined) {
    const values = { [field]: exact.predicate.name } as unknown as FieldValues;
    const holds = asked.every(({ predicate, negated }) => evaluatePredicate(predicate, values) !== negated);
    return holds ? [exact] : undefined;
  }
  const longest = asked
    .filter(({ negated }) => !negated)
    .reduce<DeviceLiteral | undefined>(
      (best, each) => (best === undefined || each.predicate.name.length > best.predicate.name.length ? each : best),
      undefined,
    );
  const start = longest?.predicate.name ?? '';
  const kept = new Map<string, DeviceLiteral>();
  for (const literal of asked) {
    const { name, prefix } = literal.predicate;
    if (!literal.negated) {
      if (!start.startsWith(name)) return undefined;
    } else if (prefix && start.startsWith(name)) {
      return undefined;
    } else if (name.startsWith(start)) {
      kept.set(literalText(literal), literal);
    }
  }
  const negatives = [...kept].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, literal]) => literal);
  return longest === undefined ? negatives : [longest, ...negatives];
}
