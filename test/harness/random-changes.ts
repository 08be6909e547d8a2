// Random changes of a ruleset by commands, each of which iptables takes: rules come, go and are replaced, chains too, policies
// change, counters are set to zero, files are added or put in place of all.

import { splitLine } from '../../grammar/getopt.ts';
import type { FilterChain } from '../../src/base/hooks.ts';
import type { Choice } from './random.ts';
import { randomRuleset, type Vocabulary } from './random-rules.ts';
import { type ChainSpec, formatRule, formatRuleset, type RuleSpec, type RulesetSpec } from './rule-spec.ts';

/** A command's words, or what a file for `restore` holds. */
export interface Change {
  readonly tool: 'iptables' | 'restore';
  readonly words: readonly string[];
  readonly input: string;
}

/** A ruleset that commands are made for, and changed by. */
export class ChangingRuleset {
  private readonly vocabulary: Vocabulary;
  private readonly choice: Choice;
  private chains: { name: string; policy?: 'ACCEPT' | 'DROP'; rules: RuleSpec[] }[];

  constructor(choice: Choice, vocabulary: Vocabulary) {
    const { manners } = vocabulary;
    // Rules that come later are like those that are there.
    this.vocabulary = manners === undefined ? vocabulary : { ...vocabulary, manners: [choice.pick(manners)] };
    this.choice = choice;
    this.chains = chainsOf(randomRuleset(choice, this.vocabulary));
  }

  get spec(): RulesetSpec {
    return { chains: this.chains };
  }

  get text(): string {
    return formatRuleset(this.spec);
  }

  /** One change, already made here; `steady`: mostly one that asks for nothing new. */
  change(steady = false): Change {
    const { choice } = this;
    const kind = choice.weighted(steady ? STEADY : ALL);
    switch (kind) {
      case 'append':
        return command(...this.append());
      case 'insert': {
        const chain = this.anyChain();
        const at = choice.integer(0, chain.rules.length);
        const rule = this.ruleFor(chain);
        chain.rules.splice(at, 0, rule);
        return command('-I', chain.name, `${at + 1}`, ...wordsOf(rule));
      }
      case 'replace': {
        const [chain, at] = this.anyRule();
        if (at < 0) return this.change(steady);
        const rule = this.ruleFor(chain);
        chain.rules[at] = rule;
        return command('-R', chain.name, `${at + 1}`, ...wordsOf(rule));
      }
      case 'delete': {
        const [chain, at] = this.anyRule();
        if (at < 0) return this.change(steady);
        const [rule] = chain.rules.splice(at, 1) as [RuleSpec];
        // The first of equal ones goes, which is all the same here.
        return choice.chance(0.3) && isComparedWell(rule)
          ? command('-D', chain.name, ...wordsOf(rule))
          : command('-D', chain.name, `${at + 1}`);
      }
      case 'retarget': {
        const [chain, at] = this.anyRule();
        if (at < 0) return this.change(steady);
        const rule = this.retargeted(chain.rules[at]!);
        chain.rules[at] = rule;
        return command('-R', chain.name, `${at + 1}`, ...wordsOf(rule));
      }
      case 'copy': {
        const [chain, at] = this.anyRule();
        if (at < 0) return this.change(steady);
        const rule = this.retargeted(chain.rules[at]!);
        const to = choice.integer(0, chain.rules.length);
        chain.rules.splice(to, 0, rule);
        return command('-I', chain.name, `${to + 1}`, ...wordsOf(rule));
      }
      case 'move': {
        const [chain, at] = this.anyRule();
        if (at < 0) return this.change(steady);
        const [rule] = chain.rules.splice(at, 1) as [RuleSpec];
        const to = choice.integer(0, chain.rules.length);
        chain.rules.splice(to, 0, rule);
        return file(`-D ${chain.name} ${at + 1}`, `-I ${chain.name} ${to + 1}${formatRule(rule)}`);
      }
      case 'flush': {
        const chain = this.anyChain();
        chain.rules = [];
        return command('-F', chain.name);
      }
      case 'policy': {
        const chain = choice.pick(this.chains.slice(0, BUILT_IN));
        chain.policy = choice.pick(['ACCEPT', 'DROP']);
        return command('-P', chain.name, chain.policy);
      }
      case 'new': {
        const name = this.newName();
        this.chains.push({ name, rules: [] });
        return command('-N', name);
      }
      case 'remove': {
        const unused = this.chains
          .slice(BUILT_IN)
          .filter(({ name, rules }) => rules.length === 0 && !this.isNamed(name));
        if (unused.length === 0) return this.change(steady);
        const { name } = choice.pick(unused);
        this.chains = this.chains.filter((chain) => chain.name !== name);
        return command('-X', name);
      }
      case 'rename': {
        if (this.chains.length === BUILT_IN) return this.change(steady);
        const chain = choice.pick(this.chains.slice(BUILT_IN));
        const [from, to] = [chain.name, this.newName()];
        chain.name = to;
        for (const each of this.chains) each.rules = each.rules.map((rule) => renamed(rule, from, to));
        return command('-E', from, to);
      }
      case 'zero': {
        const [chain, at] = this.anyRule();
        return command('-Z', ...choice.pick([[], [chain.name], at < 0 ? [chain.name] : [chain.name, `${at + 1}`]]));
      }
      case 'add file': {
        return file(...Array.from({ length: choice.integer(1, 4) }, () => this.append(true).join(' ')));
      }
      case 'whole file':
        this.chains = chainsOf(randomRuleset(choice, this.vocabulary));
        return { tool: 'restore', words: [], input: this.text };
    }
  }

  /** Words of -A; with `isLine`, as they stand in a file. */
  private append(isLine = false): string[] {
    const chain = this.anyChain();
    const rule = this.ruleFor(chain);
    chain.rules.push(rule);
    return ['-A', chain.name, ...(isLine ? [formatRule(rule)] : wordsOf(rule))];
  }

  private anyChain() {
    const { hooks } = this.vocabulary;
    return this.choice.pick(this.chains.filter(({ name }, i) => i >= BUILT_IN || hooks.includes(name as FilterChain)));
  }

  private anyRule() {
    const chain = this.anyChain();
    return [chain, this.choice.integer(0, chain.rules.length) - 1] as const;
  }

  /** A rule that leads to a chain further down, if to one. */
  private ruleFor({ name }: ChainSpec): RuleSpec {
    const rule = this.anyNewRule();
    const at = this.chains.findIndex((chain) => chain.name === name);
    const below = this.chains.slice(Math.max(BUILT_IN, at + 1)).map((chain) => chain.name);
    const { outDevice, inDevice, target, ...rest } = rule;
    const leads = 'chain' in target;
    return {
      ...rest,
      ...(inDevice !== undefined && name !== 'OUTPUT' && { inDevice }),
      ...(outDevice !== undefined && name !== 'INPUT' && { outDevice }),
      target: !leads ? target : below.length > 0 ? { ...target, chain: this.choice.pick(below) } : { kind: 'none' },
    };
  }

  private anyNewRule(): RuleSpec {
    for (;;) {
      const rules = randomRuleset(this.choice, this.vocabulary).chains.flatMap((chain) => chain.rules);
      if (rules.length > 0) return this.choice.pick(rules);
    }
  }

  /** The rule with another verdict, if it gives one. */
  private retargeted(rule: RuleSpec): RuleSpec {
    if ('chain' in rule.target) return rule;
    return { ...rule, target: { kind: this.choice.pick(['ACCEPT', 'DROP', 'none', 'RETURN']) } };
  }

  private isNamed(name: string): boolean {
    return this.chains.some(({ rules }) => rules.some(({ target }) => 'chain' in target && target.chain === name));
  }

  private newName(): string {
    for (let i = 0; ; i++) if (!this.chains.some(({ name }) => name === `new${i}`)) return `new${i}`;
  }
}

/** Changes that ask for nothing that is not asked for already. */
const STEADY = [
  [8, 'retarget'],
  [4, 'copy'],
  [4, 'move'],
  [4, 'delete'],
  [2, 'zero'],
  [1, 'insert'],
] as const;
const ALL = [
  ...STEADY,
  [5, 'append'],
  [5, 'insert'],
  [4, 'replace'],
  [2, 'flush'],
  [2, 'policy'],
  [2, 'new'],
  [2, 'remove'],
  [1, 'rename'],
  [2, 'add file'],
  [1, 'whole file'],
] as const;

const BUILT_IN = 3;

const command = (...words: readonly string[]): Change => ({ tool: 'iptables', words, input: '' });

const file = (...lines: readonly string[]): Change => ({
  tool: 'restore',
  words: ['-n'],
  input: ['*filter', ...lines, 'COMMIT', ''].join('\n'),
});

const chainsOf = ({ chains }: RulesetSpec) => chains.map(({ rules, ...chain }) => ({ ...chain, rules: [...rules] }));

const wordsOf = (rule: RuleSpec): string[] => splitLine(formatRule(rule)).words.map(({ text }) => text);

function renamed(rule: RuleSpec, from: string, to: string): RuleSpec {
  const { target } = rule;
  return 'chain' in target && target.chain === from ? { ...rule, target: { ...target, chain: to } } : rule;
}

/** iptables takes one ICMPv6 type for another when it looks for a rule, and devices named `+` for others. */
function isComparedWell({ match, inDevice, outDevice }: RuleSpec): boolean {
  return match?.icmp === undefined && inDevice?.name !== '+' && outDevice?.name !== '+';
}
