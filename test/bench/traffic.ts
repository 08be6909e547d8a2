// Traffic for a ruleset: pools of many different packets, the same for the same seed.

import { seededChoice } from '../fuzz/seeded.ts';
import type { Choice } from '../harness/random.ts';
import type { RulesetShape, RulesetShapeOf } from './classify-rulesets.ts';
import {
  type AddressFamily,
  ANY_PORT,
  type Flow,
  type FlowOf,
  flowInside,
  IPV4,
  type RuleShapeOf,
} from './rule-shape.ts';

type Verdict = RuleShapeOf<unknown>['verdict'];

/** What packets of a ruleset may be like, of whatever family. */
export interface FlowSource<F> {
  readonly rules: number;
  /** A packet inside a random rule, of one verdict if there is such a rule. */
  aimed(choice: Choice, verdict?: Verdict): F;
  anything(choice: Choice): F;
  /** Its source, its destination and the rest are those of three packets inside rules. */
  mixed(choice: Choice): F;
}

/** Traffic that a ruleset may meet. */
export interface Traffic {
  readonly name: 'uniform' | 'no match' | 'zipf' | 'mixed' | 'accepted' | 'dropped';
  readonly summary: string;
  flows<F>(source: FlowSource<F>, count: number): F[];
}

/** Flows of Zipf traffic, as many as an LRU of some thousand entries would not hold. */
const ZIPF_FLOWS = 8192;
const ZIPF_EXPONENT = 1.1;
/** The part of Zipf traffic's flows that is aimed at a rule. */
const ZIPF_AIMED = 0.8;

export const TRAFFIC: readonly Traffic[] = [
  each('uniform', 1, 'each packet: any rule, each as often, and a random packet inside it', (source, choice) =>
    source.aimed(choice),
  ),
  each(
    'no match',
    2,
    'random addresses, protocols and ports: wide rules may match, others hardly ever',
    (source, choice) => source.anything(choice),
  ),
  {
    name: 'zipf',
    summary: `${ZIPF_FLOWS} flows, ${100 * ZIPF_AIMED} % of them inside a rule, the n-th as often as n^-${ZIPF_EXPONENT}`,
    flows: (source, count) => {
      const choice = seededChoice(3, source.rules);
      const flows = repeat(ZIPF_FLOWS, () =>
        choice.chance(ZIPF_AIMED) ? source.aimed(choice) : source.anything(choice),
      );
      const rank = zipfRanks(choice, ZIPF_FLOWS, ZIPF_EXPONENT);
      return repeat(count, () => flows[rank()]!);
    },
  },
  each(
    'mixed',
    4,
    'each packet takes its source, its destination and the rest from three rules: parts match, the whole seldom',
    (source, choice) => source.mixed(choice),
  ),
  each('accepted', 5, 'as uniform, but aimed at rules that accept', (source, choice) => source.aimed(choice, 'ACCEPT')),
  each('dropped', 6, 'as uniform, but aimed at rules that drop', (source, choice) => source.aimed(choice, 'DROP')),
];

function each(
  name: Traffic['name'],
  seed: number,
  summary: string,
  draw: <F>(source: FlowSource<F>, choice: Choice) => F,
): Traffic {
  return {
    name,
    summary,
    flows: (source, count) => {
      const choice = seededChoice(seed, source.rules);
      return repeat(count, () => draw(source, choice));
    },
  };
}

function repeat<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}

/** Packets of an IPv4 ruleset; at INPUT all of them are for the host. */
export function flowsOf(shape: RulesetShape): FlowSource<Flow> {
  return flowSource(IPV4, shape);
}

/** Packets of a ruleset; at INPUT all of them are for the host. */
export function flowSource<A>(family: AddressFamily<A>, { rules, host }: RulesetShapeOf<A>): FlowSource<FlowOf<A>> {
  const { any } = family;
  const anything: RuleShapeOf<A> = {
    ...{ source: any, destination: any, sport: ANY_PORT, dport: ANY_PORT },
    verdict: 'ACCEPT',
  };
  // Rules that no packet of a bench can hit are left out.
  const hit = rules.filter(({ inDevice }) => inDevice === undefined);
  const byVerdict = { ACCEPT: verdictOf(hit, 'ACCEPT'), DROP: verdictOf(hit, 'DROP') };
  const toHost = (flow: FlowOf<A>): FlowOf<A> => (host === undefined ? flow : { ...flow, destination: host });
  const aimed = (choice: Choice, verdict?: Verdict): FlowOf<A> =>
    toHost(flowInside(family, choice, choice.pick(verdict === undefined ? hit : byVerdict[verdict])));
  return {
    rules: rules.length,
    aimed,
    anything: (choice) => toHost(flowInside(family, choice, anything)),
    mixed: (choice) => ({
      ...aimed(choice),
      source: aimed(choice).source,
      destination: aimed(choice).destination,
    }),
  };
}

/** The rules of a verdict, or all where none has it. */
function verdictOf<A>(rules: readonly RuleShapeOf<A>[], verdict: Verdict): readonly RuleShapeOf<A>[] {
  const found = rules.filter((rule) => rule.verdict === verdict);
  return found.length === 0 ? rules : found;
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
