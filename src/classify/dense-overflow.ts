// Lists whose dense tables are too large whatever their classes are: nothing has to be made to know it.
//
// A condition of a single value has a class of its own, as it holds for that value alone, unless something hides it
// there: a decision that ends the list and asks nothing else (`prune.ts`). So a field without such a decision has at
// least as many classes as single values, and so has every combination with it.

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

/** Says so where the dense finish must overflow; nothing where it may not. */
export function denseOverflow(reach: Reach, fields: readonly ListField[], budget: Budget): Overflow | undefined {
  // Of three parts two are combined; then the third one has too few cells left, or the two have too many themselves.
  const most = Math.max(budget.denseCells, budget.crossCells);
  for (const names of LARGE) {
    const large = fields.filter(({ field }) => names.includes(field));
    const cells = large.reduce((product, each) => product * singleValues(each), 1);
    if (large.length < 2 || cells <= most) continue;
    // What else is combined with these before they are: nothing, or all that is no address.
    const groups = names[0] === 'src' ? large.map((each) => [each]) : [fields.filter((each) => !isAddress(each))];
    if (!groups.some((group) => isHidden(reach, group))) {
      return { overflow: `${names.join(' ')}: at least ${cells} cells, ${most} at most` };
    }
  }
  return undefined;
}

function isAddress({ field }: ListField): boolean {
  return ADDRESSES.includes(field);
}

function singleValues({ bounds }: ListField): number {
  let count = 0;
  if (bounds !== undefined) {
    const { lows, highs } = bounds;
    for (let i = 0; i < lows.length; i++) if (lows[i] === highs[i]) count++;
  }
  return count;
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
