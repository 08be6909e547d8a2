// The arbitrary that property and differential tests draw from: a ruleset and packets for it.
//
// Its own class, because packets are made for a ruleset but must stay as they are while the ruleset shrinks: fast-check
// then throws away packets first, rules next, and what is left in a rule last, until the failure is a few lines.

import fc, { type Random } from 'fast-check';
import type { HookPacket } from '../../src/base/packet.ts';
import { Choice } from './random.ts';
import { randomConnection } from './random-connections.ts';
import { randomPackets } from './random-packets.ts';
import { EVERYTHING, randomRuleset, type Vocabulary } from './random-rules.ts';
import { formatRuleset, type RuleSpec, type RulesetSpec } from './rule-spec.ts';
import { withoutSlices } from './slices.ts';

export interface Scenario {
  readonly ruleset: RulesetSpec;
  readonly packets: readonly HookPacket[];
}

export interface ScenarioOptions {
  /** What rulesets may hold; everything if absent. */
  readonly vocabulary?: Vocabulary;
  /** Packets per ruleset. */
  readonly packets: number;
  /** Bends a packet so that it can arrive where the test is run. */
  readonly settle?: (packet: HookPacket) => HookPacket;
}

/** The ruleset of a scenario as text. */
export function rulesetText(scenario: Scenario): string {
  return formatRuleset(scenario.ruleset);
}

/** Random rulesets with packets that are likely to meet their rules. */
export function scenarios(options: ScenarioOptions): fc.Arbitrary<Scenario> {
  return new ScenarioArbitrary(options);
}

class ScenarioArbitrary extends fc.Arbitrary<Scenario> {
  private readonly options: ScenarioOptions;

  constructor(options: ScenarioOptions) {
    super();
    this.options = options;
  }

  override generate(random: Random): fc.Value<Scenario> {
    const { vocabulary = EVERYTHING, packets, settle = (packet) => packet } = this.options;
    const choice = new Choice(random);
    const ruleset = randomRuleset(choice, vocabulary);
    const made = randomPackets(choice, vocabulary, ruleset, packets);
    const settled = made.map(settle);
    const connected = vocabulary.connections === 'given' ? settled.map((packet) => connect(choice, packet)) : settled;
    return new fc.Value({ ruleset, packets: connected }, undefined);
  }

  override canShrinkWithoutContext(_value: unknown): _value is Scenario {
    return false;
  }

  override shrink(value: Scenario): fc.Stream<fc.Value<Scenario>> {
    return fc.stream(smaller(value)).map((scenario) => new fc.Value(scenario, undefined));
  }
}

function connect(choice: Choice, packet: HookPacket): HookPacket {
  const connection = randomConnection(choice, packet.family);
  return connection === undefined ? packet : { ...packet, connection };
}

/** Scenarios that are one step simpler. */
function* smaller(scenario: Scenario): Generator<Scenario> {
  const { ruleset, packets } = scenario;
  for (const fewer of withoutSlices(packets)) if (fewer.length > 0) yield { ruleset, packets: fewer };
  for (const [i, chain] of ruleset.chains.entries()) {
    for (const rules of withoutSlices(chain.rules)) yield { packets, ruleset: replaceRules(ruleset, i, rules) };
  }
  for (const [i, chain] of ruleset.chains.entries()) {
    const isNamed = ruleset.chains.some((c) =>
      c.rules.some((r) => 'chain' in r.target && r.target.chain === chain.name),
    );
    if (chain.policy === undefined && !isNamed) yield { packets, ruleset: { chains: ruleset.chains.toSpliced(i, 1) } };
  }
  for (const [i, chain] of ruleset.chains.entries()) {
    for (const [j, rule] of chain.rules.entries()) {
      for (const simpler of simplerRules(rule)) {
        yield { packets, ruleset: replaceRules(ruleset, i, chain.rules.with(j, simpler)) };
      }
    }
    if (chain.policy === 'DROP') {
      yield { packets, ruleset: { chains: ruleset.chains.with(i, { ...chain, policy: 'ACCEPT' }) } };
    }
  }
}

function replaceRules(ruleset: RulesetSpec, chain: number, rules: readonly RuleSpec[]): RulesetSpec {
  return { chains: ruleset.chains.with(chain, { ...ruleset.chains[chain]!, rules }) };
}

function* simplerRules(rule: RuleSpec): Generator<RuleSpec> {
  const without = (field: keyof RuleSpec): RuleSpec => {
    const { [field]: _, ...rest } = rule;
    return rest as RuleSpec;
  };
  for (const field of ['comment', 'connection', 'source', 'destination', 'inDevice', 'outDevice', 'match'] as const) {
    if (rule[field] !== undefined) yield without(field);
  }
  if (rule.protocol !== undefined && rule.match === undefined) yield without('protocol');
  for (const field of ['sport', 'dport', 'flags'] as const) {
    if (rule.match?.[field] === undefined) continue;
    const { [field]: _, ...match } = rule.match;
    yield { ...rule, match };
  }
}
