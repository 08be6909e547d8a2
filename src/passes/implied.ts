// What the answer to one predicate says about another on the same field.

import { intersect, isSubset } from '../base/intervals.ts';
import type { DeviceName, InSet, InWideSet, Masked, Predicate } from '../base/predicate.ts';
import { intersectWide, type WideIntervalSet } from '../base/wide-intervals.ts';

/**
 * The answer to `asked` where `known` has the answer given; `undefined` where that leaves it open, or where finding out
 * is not worth while.
 */
export function implied(asked: Predicate, known: Predicate, answer: boolean): boolean | undefined {
  if (asked.field !== known.field) return undefined;
  if (asked === known) return answer;
  if (asked.kind === 'in') {
    if (known.kind === 'in') return impliedSet(asked, known, answer);
    return undefined;
  }
  if (asked.kind === 'masked') {
    if (known.kind === 'masked') return impliedMask(asked, known, answer);
    return known.kind === 'in' && answer ? impliedByOne(asked, known) : undefined;
  }
  if (asked.kind === 'wide') return known.kind === 'wide' ? impliedWideSet(asked, known, answer) : undefined;
  if (asked.kind === 'maskedWide') return undefined;
  return known.kind === 'device' ? impliedName(asked, known, answer) : undefined;
}

function impliedSet(asked: InSet, known: InSet, answer: boolean): boolean | undefined {
  if (answer) {
    if (isSubset(known.set, asked.set)) return true;
    return intersect(known.set, asked.set).length === 0 ? false : undefined;
  }
  // Together they never hold every value: a canonical set does not contain 0.
  return isSubset(asked.set, known.set) ? false : undefined;
}

function impliedWideSet(asked: InWideSet, known: InWideSet, answer: boolean): boolean | undefined {
  const both = intersectWide(known.set, asked.set);
  if (answer) return both.length === 0 ? false : isSame(both, known.set) ? true : undefined;
  return isSame(both, asked.set) ? false : undefined;
}

function isSame(a: WideIntervalSet, b: WideIntervalSet): boolean {
  return a.length === b.length && a.every(({ low, high }, i) => low === b[i]!.low && high === b[i]!.high);
}

function impliedMask(asked: Masked, known: Masked, answer: boolean): boolean | undefined {
  const common = (asked.mask & known.mask) >>> 0;
  if (answer) {
    if (((asked.value ^ known.value) & common) !== 0) return false;
    return common === asked.mask ? (known.value & asked.mask) >>> 0 === asked.value : undefined;
  }
  // Whatever fulfils `asked` fulfils `known`.
  return common === known.mask && (asked.value & known.mask) >>> 0 === known.value ? false : undefined;
}

function impliedByOne(asked: Masked, known: InSet): boolean | undefined {
  const [only, ...more] = known.set;
  if (only === undefined || more.length > 0 || only.low !== only.high) return undefined;
  return (only.low & asked.mask) >>> 0 === asked.value;
}

function impliedName(asked: DeviceName, known: DeviceName, answer: boolean): boolean | undefined {
  if (!answer) {
    const covered = known.prefix ? asked.name.startsWith(known.name) : !asked.prefix && asked.name === known.name;
    return covered ? false : undefined;
  }
  if (asked.prefix && known.name.startsWith(asked.name)) return true;
  if (known.prefix) return asked.name.startsWith(known.name) ? undefined : false;
  return !asked.prefix && asked.name === known.name;
}
