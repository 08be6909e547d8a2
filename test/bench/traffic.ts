// Traffic for a ruleset: pools of many different packets, the same for the same seed.

import { seededChoice } from '../fuzz/seeded.ts';
import type { Choice } from '../harness/random.ts';
import type { RulesetShape } from './classify-rulesets.ts';
import { ANY_ADDRESS, ANY_PORT, type Flow, flowInside, type RuleShape } from './rule-shape.ts';

/** Traffic that a ruleset may meet. */
export interface Traffic {
  readonly name: 'uniform' | 'no match' | 'zipf' | 'mixed' | 'accepted' | 'dropped';
  readonly summary: string;
  flows(ruleset: RulesetShape, count: number): Flow[];
}

/** Flows of Zipf traffic, as many as an LRU of some thousand entries would not hold. */
const ZIPF_FLOWS = 8192;
const ZIPF_EXPONENT = 1.1;
/** The part of Zipf traffic's flows that is aimed at a rule. */
const ZIPF_AIMED = 0.8;

export const TRAFFIC: readonly Traffic[] = [
  {
    name: 'uniform',
    summary: 'each packet: any rule, each as often, and a random packet inside it',
    flows: (ruleset, count) => {
      const choice = seededChoice(1, ruleset.rules.length);
      return repeat(count, () => aimed(choice, ruleset));
    },
  },
  {
    name: 'no match',
    summary: 'random addresses, protocols and ports: wide rules may match, others hardly ever',
    flows: (ruleset, count) => {
      const choice = seededChoice(2, ruleset.rules.length);
      return repeat(count, () => anything(choice, ruleset));
    },
  },
  {
    name: 'zipf',
    summary: `${ZIPF_FLOWS} flows, ${100 * ZIPF_AIMED} % of them inside a rule, the n-th as often as n^-${ZIPF_EXPONENT}`,
    flows: (ruleset, count) => {
      const choice = seededChoice(3, ruleset.rules.length);
      const flows = repeat(ZIPF_FLOWS, () =>
        choice.chance(ZIPF_AIMED) ? aimed(choice, ruleset) : anything(choice, ruleset),
      );
      const rank = zipfRanks(choice, ZIPF_FLOWS, ZIPF_EXPONENT);
      return repeat(count, () => flows[rank()]!);
    },
  },
  {
    name: 'mixed',
    summary:
      'each packet takes its source, its destination and the rest from three rules: parts match, the whole seldom',
    flows: (ruleset, count) => {
      const choice = seededChoice(4, ruleset.rules.length);
      return repeat(count, () => ({
        ...aimed(choice, ruleset),
        source: aimed(choice, ruleset).source,
        destination: aimed(choice, ruleset).destination,
      }));
    },
  },
  towards('accepted', 5, 'ACCEPT'),
  towards('dropped', 6, 'DROP'),
];

/** Only rules of one verdict; whether an earlier rule decides first, the interpreter says. */
function towards(name: 'accepted' | 'dropped', seed: number, verdict: RuleShape['verdict']): Traffic {
  return {
    name,
    summary: `as uniform, but aimed at rules that ${verdict === 'DROP' ? 'drop' : 'accept'}`,
    flows: (ruleset, count) => {
      const choice = seededChoice(seed, ruleset.rules.length);
      const rules = ruleset.rules.filter((rule) => rule.verdict === verdict);
      const some = { ...ruleset, rules };
      return repeat(count, () => (rules.length === 0 ? anything(choice, ruleset) : aimed(choice, some)));
    },
  };
}

function repeat<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

/** A packet inside a random rule; rules that no packet of a bench can hit are left out. */
function aimed(choice: Choice, ruleset: RulesetShape): Flow {
  for (;;) {
    const rule = choice.pick(ruleset.rules);
    if (rule.inDevice === undefined) return toHost(flowInside(choice, rule), ruleset);
  }
}

const ANYTHING: RuleShape = {
  source: ANY_ADDRESS,
  destination: ANY_ADDRESS,
  sport: ANY_PORT,
  dport: ANY_PORT,
  verdict: 'ACCEPT',
};

function anything(choice: Choice, ruleset: RulesetShape): Flow {
  return toHost(flowInside(choice, ANYTHING), ruleset);
}

/** At INPUT everything is for the host. */
function toHost(flow: Flow, { host }: RulesetShape): Flow {
  return host === undefined ? flow : { ...flow, destination: host };
}

/** Draws ranks from 0, rank n with a weight of (n + 1)^-exponent, by inverting the sum of the weights. */
function zipfRanks(choice: Choice, ranks: number, exponent: number): () => number {
  const sums: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= ranks; rank++) {
    sum += rank ** -exponent;
    sums.push(sum);
  }
  return () => {
    const wanted = (choice.word() / 2 ** 32) * sum;
    let [low, high] = [0, ranks - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
