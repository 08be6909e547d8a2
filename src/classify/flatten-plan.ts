// Which user chains are put in place of their calls, and which become lists of their own.
//
// All are put in place while that is small enough. Beyond the budget the chain whose copies come to most is set apart,
// again and again, and with it the chains that enter it: a list can end in a call of its own rules only.

import type { FilterChain } from '../base/hooks.ts';
import { type ChainMeaning, type Chains, entered, hasUserChains } from '../graph/chains.ts';
import { type Budget, OverBudgetError } from './budget.ts';

/** Told of the chain that is entered from the most places. */
export class TooManySegmentsError extends OverBudgetError {
  override readonly name = 'TooManySegmentsError';

  constructor(hook: FilterChain, chain: string, budget: number) {
    super(
      chain,
      `the user chains of ${hook} are entered in too many ways: more than ${budget} segments; chain ${chain} takes most`,
    );
  }
}

/** Decisions that a hook may have beyond a multiple of its rules. */
const SPARE = 4096;

/** The chains of a hook that are not put in place. Throws on a loop. */
export function chainsApart(
  chains: Chains,
  hook: FilterChain,
  budget: Pick<Budget, 'flatten' | 'decisions' | 'segments'>,
): Set<ChainMeaning> {
  if (!hasUserChains(chains)) return new Set();
  const order = callersLast(chains, hook);
  const apart = new Set<ChainMeaning>();
  if (order.length < 2) return apart;
  if (budget.flatten === 0) for (const { chain } of order.slice(0, -1)) apart.add(chain);
  const rules = order.reduce((sum, { chain }) => sum + chain.rules.length, 0);
  const limit = Math.min(budget.flatten * rules + SPARE, Math.max(rules, budget.decisions));
  for (;;) {
    for (const { chain, calls } of order) {
      if (chain.hook === undefined && [...calls.keys()].some((callee) => apart.has(callee))) apart.add(chain);
    }
    const { total, largest } = measure(order, apart);
    if (total <= limit || largest === undefined) return apart;
    if (apart.size > budget.segments) throw new TooManySegmentsError(hook, largest.name, budget.segments);
    apart.add(largest);
  }
}

interface Part {
  readonly chain: ChainMeaning;
  /** How often it enters each chain. */
  readonly calls: ReadonlyMap<ChainMeaning, number>;
}

/** The chains that a hook enters, its own first, each before all that it enters. Throws on a loop. */
export function callersFirst(chains: Chains, hook: FilterChain): ChainMeaning[] {
  return callersLast(chains, hook)
    .map(({ chain }) => chain)
    .reverse();
}

/** The sum of all lists, and the chain in place that adds most to it by being there more than once. */
function measure(order: readonly Part[], apart: ReadonlySet<ChainMeaning>) {
  const sizes = new Map<ChainMeaning, number>();
  let total = 0;
  for (const { chain, calls } of order) {
    let size = chain.rules.length;
    for (const [callee, times] of calls) if (!apart.has(callee)) size += times * sizes.get(callee)!;
    sizes.set(chain, size);
    if (apart.has(chain) || chain.hook !== undefined) total += size;
  }
  const copies = new Map<ChainMeaning, number>();
  let largest: ChainMeaning | undefined;
  let most = 0;
  for (const { chain, calls } of order.toReversed()) {
    const here = apart.has(chain) || chain.hook !== undefined ? 1 : (copies.get(chain) ?? 0);
    const extra = (here - 1) * sizes.get(chain)!;
    if (extra > most) {
      most = extra;
      largest = chain;
    }
    for (const [callee, times] of calls) copies.set(callee, (copies.get(callee) ?? 0) + times * here);
  }
  return { total, largest };
}

/** The chains that a hook enters, each behind all that it enters itself. */
function callersLast(chains: Chains, hook: FilterChain): Part[] {
  const root = chains.get(hook);
  if (root === undefined) throw new Error(`no chain ${hook}`);
  const order: Part[] = [];
  const begun = new Map<ChainMeaning, 'open' | 'done'>();
  const stack: { part: Part; waiting: ChainMeaning[] }[] = [];
  const begin = (chain: ChainMeaning): void => {
    const calls = countCalls(chains, chain);
    begun.set(chain, 'open');
    stack.push({ part: { chain, calls }, waiting: [...calls.keys()] });
  };
  begin(root);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const callee = top.waiting.pop();
    if (callee === undefined) {
      begun.set(top.part.chain, 'done');
      order.push(top.part);
      stack.pop();
    } else if (begun.get(callee) === 'open') {
      throw new Error(`chain loop through ${callee.name}`);
    } else if (!begun.has(callee)) {
      begin(callee);
    }
  }
  return order;
}

function countCalls(chains: Chains, { rules }: ChainMeaning): Map<ChainMeaning, number> {
  const calls = new Map<ChainMeaning, number>();
  for (const { target } of rules) {
    if (target.kind !== 'call' && target.kind !== 'goto') continue;
    const callee = entered(chains, target.chain);
    calls.set(callee, (calls.get(callee) ?? 0) + 1);
  }
  return calls;
}
