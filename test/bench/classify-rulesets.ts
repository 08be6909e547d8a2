// The rulesets that packets are measured on, by seed the same on every machine.

import type { FilterChain } from '../../src/base/hooks.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import type { Choice } from '../harness/random.ts';
import { RECIPES, type Recipe, rulesByRecipe } from './classbench-like.ts';
import { PAPER_RULESETS } from './paper-rulesets.ts';
import {
  type AddressFamily,
  ANY_ADDRESS,
  ANY_PORT,
  addressIn,
  formatRuleOf,
  IPV4,
  prefixOf,
  type RuleShape,
  type RuleShapeOf,
} from './rule-shape.ts';
import { SERVER_RULES } from './server-ruleset.ts';
import type { Traffic } from './traffic.ts';

export interface RulesetShapeOf<A> {
  readonly chain: Extract<FilterChain, 'INPUT' | 'FORWARD'>;
  readonly policy: 'ACCEPT' | 'DROP';
  readonly rules: readonly RuleShapeOf<A>[];
  /** At INPUT: the host's address, where every packet goes. */
  readonly host?: A;
}
export type RulesetShape = RulesetShapeOf<number>;

export interface ClassifyRulesetOf<A> {
  readonly name: string;
  readonly summary: string;
  /** The numbers of rules that there are, where not every number is. */
  readonly sizes?: readonly number[];
  /** The traffic that it is measured with, by name. */
  readonly traffic: readonly Traffic['name'][];
  shape(rules: number): RulesetShapeOf<A>;
}
export type ClassifyRuleset = ClassifyRulesetOf<number>;

/** 203.0.113.10, of a network for documentation (RFC 5737). */
const HOST = 0xcb00710a;

const GENERAL = ['uniform', 'no match', 'zipf', 'mixed'] as const;
/** Where both verdicts are common. */
const EVERY = [...GENERAL, 'accepted', 'dropped'] as const;

export const CLASSIFY_RULESETS: readonly ClassifyRuleset[] = [
  {
    name: 'exact',
    summary: 'distinct exact 5-tuples, one verdict in three DROP',
    traffic: GENERAL,
    shape: (rules) => ({
      chain: 'FORWARD',
      policy: 'DROP',
      rules: distinctOf(IPV4, rules, seededChoice(10, rules), exactRule),
    }),
  },
  {
    name: 'blacklist',
    summary: 'sources not let in: 70 % /32, 20 % /24, 10 % /16 to /29',
    traffic: GENERAL,
    shape: (rules) => ({
      chain: 'INPUT',
      policy: 'ACCEPT',
      rules: distinctOf(IPV4, rules, seededChoice(11, rules), listed),
      host: HOST,
    }),
  },
  ...RECIPES.map(
    (recipe: Recipe): ClassifyRuleset => ({
      name: recipe.name,
      summary: recipe.summary,
      traffic: recipe.name === 'acl' ? EVERY : GENERAL,
      shape: (rules) => ({ chain: 'FORWARD', policy: 'DROP', rules: rulesByRecipe(recipe, rules) }),
    }),
  ),
  {
    name: 'server',
    summary: 'a mail and web server: bogus flags, bogons, ICMP, services, administrators, bans',
    sizes: [SERVER_RULES.length],
    traffic: EVERY,
    shape: () => ({ chain: 'INPUT', policy: 'DROP', rules: SERVER_RULES, host: HOST }),
  },
  ...PAPER_RULESETS,
];

/** The ruleset as iptables-save prints it. */
export function formatRuleset(shape: RulesetShape): string {
  return formatRulesetOf(IPV4, shape);
}

/** The ruleset as iptables-save or ip6tables-save prints it. */
export function formatRulesetOf<A>(family: AddressFamily<A>, { chain, policy, rules }: RulesetShapeOf<A>): string {
  const policies = ['INPUT', 'FORWARD', 'OUTPUT'].map((name) => `:${name} ${name === chain ? policy : 'ACCEPT'} [0:0]`);
  return ['*filter', ...policies, ...rules.map((rule) => formatRuleOf(family, chain, rule)), 'COMMIT', ''].join('\n');
}

/** So many rules that ask for different things. */
export function distinctOf<A>(
  family: AddressFamily<A>,
  count: number,
  choice: Choice,
  make: (choice: Choice) => RuleShapeOf<A>,
): RuleShapeOf<A>[] {
  const found = new Map<string, RuleShapeOf<A>>();
  while (found.size < count) {
    const rule = make(choice);
    found.set(formatRuleOf(family, 'INPUT', { ...rule, verdict: 'DROP' }), rule);
  }
  return [...found.values()];
}

function exactRule(choice: Choice): RuleShape {
  const port = (): RuleShape['sport'] => {
    const number = choice.integer(1, 0xffff);
    return { low: number, high: number };
  };
  return {
    source: prefixOf(addressIn(choice, ANY_ADDRESS), 32),
    destination: prefixOf(addressIn(choice, ANY_ADDRESS), 32),
    protocol: choice.chance(0.7) ? 'tcp' : 'udp',
    sport: port(),
    dport: port(),
    verdict: choice.chance(1 / 3) ? 'DROP' : 'ACCEPT',
  };
}

function listed(choice: Choice): RuleShape {
  const length = choice.weighted([
    [70, 32],
    [20, 24],
    [10, choice.integer(16, 29)],
  ]);
  const source = prefixOf(addressIn(choice, ANY_ADDRESS), length);
  return { source, destination: ANY_ADDRESS, sport: ANY_PORT, dport: ANY_PORT, verdict: 'DROP' };
}
