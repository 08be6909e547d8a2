// The finishes that a bench may force, and what a classification came to.

import type { FilterChain } from '../../src/base/hooks.ts';
import type { Classification } from '../../src/classify/classification.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { TABLE_MAP } from '../../src/codegen/table-access.ts';
import type { CompileOptions } from '../../src/engine/compile.ts';

/** What the compiler takes by itself. */
export const CHOSEN = 'chosen';

/** By name, what makes the compiler take it. */
export const FINISHES: ReadonlyMap<string, Partial<CompileOptions>> = new Map([[CHOSEN, {}]]);

/** The finishes of all segments that packets of the chain may come through, first met first. */
export function finishesOf({ segments, entries, lists }: Classification, chain: FilterChain): string {
  const met = new Set<number>();
  const waiting = [entries[chain]!];
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    if (met.has(number)) continue;
    met.add(number);
    const segment = segments[number]!;
    waiting.push(...Object.values(segment.exits ?? {}));
    if (segment.finish !== 'linear') continue;
    for (const { yes, no } of segment.tests) {
      for (const edge of [yes, no]) {
        const then = edge.kind === 'list' ? lists[edge.list]!.then : undefined;
        if (then?.kind === 'segment') waiting.push(then.segment);
      }
    }
  }
  const names = [...met].map((number) => {
    const segment = segments[number]!;
    return segment.finish === 'linear' ? 'linear' : segment.result.kind;
  });
  return [...new Set(names)].join(', ');
}

/** Bytes of all tables. */
export function tableBytes({ maps }: Image): number {
  return maps.find(({ name }) => name === TABLE_MAP)?.valueSize ?? 0;
}
