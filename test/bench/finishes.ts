// The finishes that a bench may force, and what a classification came to.

import type { FilterChain } from '../../src/base/hooks.ts';
import type { Classification, LinearSegment } from '../../src/classify/classification.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { FLOW_MAP } from '../../src/codegen/flow-cache.ts';
import { TABLE_MAP } from '../../src/codegen/table-access.ts';
import type { CompileOptions } from '../../src/engine/compile.ts';

/** What the compiler takes by itself. */
export const CHOSEN = 'chosen';

/** By name, what makes the compiler take it. */
export const FINISHES: ReadonlyMap<string, Partial<CompileOptions>> = new Map<string, Partial<CompileOptions>>([
  [CHOSEN, {}],
  ['dense', { finish: 'dense', flowCache: 'off' }],
  ['masks', { finish: 'masks', flowCache: 'off' }],
  ['tuples', { finish: 'tuples', flowCache: 'off' }],
  ['tuples+cache', { finish: 'tuples', flowCache: 'on' }],
  ['linear', { finish: 'linear' }],
  ['walk', { finish: 'walk' }],
]);

/**
 * The finishes of all segments that packets of the chain may come to, first met first. Left out are linear segments that
 * lead to others, which tell packets apart by their shape.
 */
export function finishesOf({ segments, entries, lists }: Classification, chain: FilterChain): string {
  const names = new Set<string>();
  const met = new Set<number>();
  const waiting = [entries[chain]!];
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    if (met.has(number)) continue;
    met.add(number);
    const segment = segments[number]!;
    const exits = Object.values(segment.exits ?? {});
    const next = segment.finish === 'linear' ? [...exits, ...leadsTo(segment, number, lists)] : exits;
    if (segment.finish === 'tables') names.add(segment.result.kind);
    else if (next.length === 0) names.add('linear');
    waiting.push(...next);
  }
  return [...names].join(', ');
}

/** The other segments that lists of a linear segment go on with. */
function leadsTo({ entry, tests }: LinearSegment, own: number, lists: Classification['lists']): number[] {
  return [entry, ...tests.flatMap(({ yes, no }) => [yes, no])].flatMap((edge) => {
    const then = edge.kind === 'list' ? lists[edge.list]!.then : undefined;
    return then?.kind === 'segment' && then.segment !== own ? [then.segment] : [];
  });
}

/** Bytes of all tables. */
export function tableBytes({ maps }: Image): number {
  return maps.find(({ name }) => name === TABLE_MAP)?.valueSize ?? 0;
}

/** Whether some segment has a flow cache in front. */
export function hasFlowCache({ maps }: Image): boolean {
  return maps.some(({ name }) => name === FLOW_MAP);
}
