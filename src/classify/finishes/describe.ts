// What a finish is made of, for `explain`.

import type { TableSegment } from '../classification.ts';
import type { ExactHash } from './exact-hash.ts';
import type { TuplePart } from './tuples.ts';
import { MOST_OPERANDS, STEP } from './walk.ts';

/** In words: `44 tuples, at most 35 of them probed, 65536 entries; 80 decisions alone`. Nothing for a table. */
export function describeFinish(result: TableSegment['result']): string | undefined {
  switch (result.kind) {
    case 'dense':
      return undefined;
    case 'tuples':
      return [describePart(result.ending, ''), describePart(result.goingOn, ' that go on')]
        .filter((text) => text !== '')
        .join('; ');
    case 'masks':
      return `${count(result.masks.length, 'mask')}, ${entries(result.hash)}`;
    case 'walk':
      return count(result.steps.length / STEP - MOST_OPERANDS, 'step');
  }
}

function describePart({ alone, tuples, hash }: TuplePart, which: string): string {
  const texts: string[] = [];
  if (hash !== undefined) {
    const most = tuples.most.reduce((sum, each) => sum + each, 0);
    texts.push(`${count(tuples.count, 'tuple')}${which}, at most ${most} of them probed, ${entries(hash)}`);
  }
  if (alone.count > 0) texts.push(`${count(alone.count, 'decision')}${which} alone`);
  return texts.join('; ');
}

function entries({ table, entrySize }: ExactHash): string {
  return `${(table.length * table.width) / entrySize} entries`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
