// Early verdicts of a ruleset: from what rules mean and what is certain of a namespace to the tables of the XDP program.

import type { EarlyFacts } from '../base/early.ts';
import type { Features } from '../base/features.ts';
import { CONNECTION_FIELDS, type Field } from '../base/predicate.ts';
import type { Budget } from '../classify/budget.ts';
import { ClassifyCache } from '../classify/cache.ts';
import { classifyLists } from '../classify/classify-lists.ts';
import type { HookLists } from '../classify/decision-list.ts';
import type { Flattener, FlattenOptions } from '../classify/flatten.ts';
import { TooManySegmentsError } from '../classify/flatten-plan.ts';
import { type EarlyVerdicts, findsState } from '../codegen/xdp-early.ts';
import type { Chains } from '../graph/chains.ts';
import type { EarlyGround } from './early-ground.ts';

/** Makes early verdicts; of rules that differ little from those before, it looks at what is new. */
export class EarlyCompiler {
  private readonly flattener: Flattener;
  private readonly cache = new ClassifyCache();

  constructor(flattener: Flattener) {
    this.flattener = flattener;
  }

  /** `undefined` where nothing is certain to be dropped. */
  compile(
    chains: Chains,
    { facts, tracked, unexpected }: EarlyGround,
    features: Features,
    budget: Budget,
  ): EarlyVerdicts | undefined {
    // Of connections only the state can be known: of packets that belong to none.
    const canAsk: readonly Field[] = tracked && unexpected && findsState(features) ? ['state'] : [];
    const unknown = CONNECTION_FIELDS.filter((field) => !canAsk.includes(field));
    const hidden = { INPUT: unknown, FORWARD: ['outDevice' as const, ...unknown] };
    const lists = this.lists(chains, facts, { budget, hidden });
    if (lists === undefined) return undefined;
    // In tables a list's counters are known together with its verdict.
    const options = { budget: { ...budget, linearRules: 0 }, cache: this.cache };
    return { classification: classifyLists({ INPUT: lists }, options), tracked };
  }

  private lists(chains: Chains, facts: EarlyFacts, options: FlattenOptions): HookLists | undefined {
    try {
      return this.flattener.early(this.flattener.flatten(chains, options), facts);
    } catch (error) {
      // Netfilter can have them all the same: fewer fields are hidden there.
      if (error instanceof TooManySegmentsError) return undefined;
      throw error;
    }
  }
}
