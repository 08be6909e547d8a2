// Early verdicts of a ruleset: from what rules mean and what is certain of a namespace to the tables of the XDP program.

import type { EarlyDevice } from '../base/early.ts';
import type { Features } from '../base/features.ts';
import { CONNECTION_FIELDS, type Field } from '../base/predicate.ts';
import { type Budget, OverBudgetError } from '../classify/budget.ts';
import { classifyLists, type ListClassification } from '../classify/classify-lists.ts';
import type { HookLists } from '../classify/decision-list.ts';
import type { EarlyChain } from '../classify/early.ts';
import type { Flattener } from '../classify/flatten.ts';
import type { FinishName } from '../classify/make-finish.ts';
import type { NamedDevice } from '../codegen/device-names.ts';
import { canLookUpConnections } from '../codegen/early-connection.ts';
import type { EarlyVerdicts } from '../codegen/xdp-early.ts';
import type { Chains } from '../graph/chains.ts';
import { type EarlyGround, whyUntold } from './early-ground.ts';

export interface EarlyLists {
  /** The fields that nobody knows early. */
  readonly hidden: Readonly<Record<EarlyChain, readonly Field[]>>;
  /** The lists of the chains, made with these fields hidden. */
  readonly known: Readonly<Partial<Record<EarlyChain, HookLists>>>;
  /** Those of early verdicts; absent where nothing is certain to be dropped. */
  readonly early: HookLists | undefined;
}

/** Makes early verdicts; of rules that differ little from those before, it looks at what is new. */
export class EarlyCompiler {
  private readonly flattener: Flattener;

  constructor(flattener: Flattener) {
    this.flattener = flattener;
  }

  /** `undefined` where nothing is certain to be dropped; lists get the finish if they can have it, if one is given. */
  compile(
    chains: Chains,
    ground: EarlyGround,
    features: Features,
    budget: Budget,
    strict: boolean,
    finish?: FinishName,
  ): EarlyVerdicts | undefined {
    if (whyUntold(ground, features) !== undefined) return undefined;
    const lists = this.lists(chains, ground, features, budget, strict)?.early;
    const classification = lists && this.classify(lists, budget, finish);
    if (classification === undefined) return undefined;
    return {
      classification,
      tracked: ground.tracked,
      strict,
      devices: entrancesOf(ground),
    };
  }

  /** `undefined` where the lists are too large. */
  classify(lists: HookLists, budget: Budget, finish?: FinishName): ListClassification | undefined {
    const { earlyCache: cache } = this.flattener;
    const force = finish === undefined ? {} : { force: finish };
    // In tables a list's counters are known together with its verdict.
    return orNothing(() => classifyLists({ INPUT: lists }, { budget: { ...budget, linearRules: 0 }, cache, ...force }));
  }

  /** What verdicts are made of; `undefined` where the rules are too large. */
  lists(
    chains: Chains,
    { facts, tracked, unexpected }: EarlyGround,
    features: Features,
    budget: Budget,
    strict: boolean,
  ): EarlyLists | undefined {
    // Of connections only the state can be known: of packets that belong to none.
    const canAsk: readonly Field[] = tracked && unexpected && canLookUpConnections(features) ? ['state'] : [];
    const unknown = CONNECTION_FIELDS.filter((field) => !canAsk.includes(field));
    const hidden = { INPUT: unknown, FORWARD: ['outDevice' as const, ...unknown] };
    return orNothing(() => {
      // Of chains that are walked through, nothing is known before the last rule.
      const whole = { ...budget, codeTests: Number.POSITIVE_INFINITY };
      const known = this.flattener.flatten(chains, { budget: whole, hidden });
      return { hidden, known, early: this.flattener.early(known, facts, strict) };
    });
  }
}

/** What `make` gives, or nothing where the rules are too large: netfilter can have them all the same, as it sees more fields. */
function orNothing<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof OverBudgetError) return undefined;
    throw error;
  }
}

/** As many devices are told by name; what comes in by others is left to netfilter. */
const MOST_DEVICES = 64;

/** The devices that anything is certain of; none where they are assumed. */
function entrancesOf({ facts }: EarlyGround): NamedDevice[] {
  const devices: readonly EarlyDevice<readonly unknown[]>[] = facts.devices;
  return devices
    .flatMap(({ name, ifindex, sources }) => (ifindex === undefined || sources.length === 0 ? [] : [{ name, ifindex }]))
    .slice(0, MOST_DEVICES);
}
