// Lists whose dense tables are too large whatever their classes are: nothing has to be made to know it.
//
// A condition of a single value has a class of its own, as it holds for that value alone, unless something hides it
// there: a decision that ends the list and asks nothing else (`prune.ts`). So a field has at least as many classes as
// single values that no such decision takes, and so has every combination with it.

import type { Field } from '../base/predicate.ts';
import type { Budget } from './budget.ts';
import type { Overflow } from './finishes/finish.ts';
import type { ListField } from './list-fields.ts';
import type { Reach } from './reach.ts';

/** Of which fields lists may have very many values: addresses are combined with each other last, and so are ports. */
const LARGE: readonly (readonly [Field, Field])[] = [
  ['src', 'dst'],
  ['sport', 'dport'],
];
const ADDRESSES: readonly Field[] = ['src', 'dst', 'src6', 'dst6'];

/** So many decisions that hide values of a field are looked at; where there are more, nothing is said. */
const MOST_HIDING = 64;

/** Says so where the dense finish must overflow; nothing where it may not. */
export function denseOverflow(reach: Reach, fields: readonly ListField[], budget: Budget): Overflow | undefined {
  // Of three parts two are combined; then the third one has too few cells left, or the two have too many themselves.
  const most = Math.max(budget.denseCells, budget.crossCells);
  for (const names of LARGE) {
    const large = fields.filter(({ field }) => names.includes(field));
    // Addresses are combined with each other before anything else; ports are not.
    const others = names[0] === 'src' ? [] : fields.filter((each) => !isAddress(each));
    const cells = large.reduce((product, each) => product * singleValues(reach, each, others.length > 0), 1);
    if (large.length < 2 || cells <= most || isHidden(reach, others)) continue;
    return { overflow: `${names.join(' ')}: at least ${cells} cells, ${most} at most` };
  }
  return undefined;
}

function isAddress({ field }: ListField): boolean {
  return ADDRESSES.includes(field);
}

/** How many single values of a field conditions ask for: all, or those that no decision hides. */
function singleValues(reach: Reach, asked: ListField, all: boolean): number {
  const { bounds } = asked;
  const hiding = all ? [] : hidingPredicates(reach, asked);
  if (bounds === undefined || hiding === undefined) return 0;
  const { lows, highs } = bounds;
  const starts = new Float64Array(hiding.length);
  const ends = new Float64Array(hiding.length);
  let hidden = 0;
  // Each once, and those within others not at all: the least first, and of those the longest.
  hiding.sort((a, b) => lows[a - 1]! - lows[b - 1]! || highs[b - 1]! - highs[a - 1]!);
  for (const predicate of hiding) {
    const [low, high] = [lows[predicate - 1]!, highs[predicate - 1]!];
    if (hidden > 0 && high <= ends[hidden - 1]!) continue;
    starts[hidden] = low;
    ends[hidden++] = high;
  }
  let count = 0;
  for (let i = 0; i < lows.length; i++) {
    const value = lows[i]!;
    if (value !== highs[i]) continue;
    // The first that does not end before the value is the one that would have it.
    let first = 0;
    for (let end = hidden; first < end; ) {
      const middle = (first + end) >>> 1;
      if (ends[middle]! < value) first = middle + 1;
      else end = middle;
    }
    if (first === hidden || starts[first]! > value) count++;
  }
  return count;
}

/** The predicates of decisions that end the list and ask for nothing but the field, unless they are very many. */
function hidingPredicates({ definite, columns: { counts } }: Reach, { ofDecision }: ListField): number[] | undefined {
  const found = new Set<number>();
  for (let i = 0; i < counts.length && found.size <= MOST_HIDING; i++) {
    if (definite[i] !== 0 && counts[i] === 1 && ofDecision[i] !== 0) found.add(ofDecision[i]!);
  }
  return found.size <= MOST_HIDING ? [...found] : undefined;
}

/** Whether some decision ends the list and asks for some of the fields alone. */
function isHidden({ definite, columns: { counts } }: Reach, fields: readonly ListField[]): boolean {
  for (let i = 0; i < counts.length; i++) {
    if (definite[i] === 0 || counts[i] === 0) continue;
    let own = 0;
    for (let f = 0; f < fields.length; f++) if (fields[f]!.ofDecision[i] !== 0) own++;
    if (own === counts[i]) return true;
  }
  return false;
}
