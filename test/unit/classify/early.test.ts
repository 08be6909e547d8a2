// Early verdicts, as lists say them, against the interpreter: a drop is one whatever is not known yet, by the same rules.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLASS_SHIFT, STATE_CLASSES, type StateClass } from '../../../src/base/connection-state.ts';
import type { EarlyFacts4, ForeignKept, KeptPackets } from '../../../src/base/early.ts';
import { asksAddress, asksDevice, asksMasked, asksNumber } from '../../../src/base/foreign-rules.ts';
import { contains, type IntervalSet } from '../../../src/base/intervals.ts';
import { type HookPacket, Ipv4View } from '../../../src/base/packet.ts';
import { evaluatePredicate, type Literal } from '../../../src/base/predicate.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { classifyLists } from '../../../src/classify/classify-lists.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { Flattener } from '../../../src/classify/flatten.ts';
import { filterTable } from '../../../src/engine/compile.ts';
import { Meanings } from '../../../src/graph/chains.ts';
import { interpret } from '../../../src/reference/interpret.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { fieldsOf, NO_FIELDS } from '../../harness/fields.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';
import { EVERYTHING } from '../../harness/random-rules.ts';
import { ownersOf } from '../../harness/slots.ts';

const OUT_DEVICES = ['eth0', 'eth1', 'eth00', 'other'];
const DEVICES = { inDevices: ['eth0', 'eth0', 'eth0', 'eth1', 'eth00'], outDevices: OUT_DEVICES };
const single = (addresses: readonly number[]): IntervalSet =>
  [...new Set(addresses)].sort((a, b) => a - b).map((low) => ({ low, high: low }));
const [own, foreign] = [EVERYTHING.destinations.INPUT, EVERYTHING.destinations.FORWARD].map((all, i) =>
  all.filter((_, index) => index % 2 === i),
);
const FACTS: EarlyFacts4 = {
  family: 'ipv4',
  local: single(own!),
  routed: single(foreign!.filter((address) => !own!.includes(address))),
  devices: [
    { name: 'eth0', sources: single(EVERYTHING.sources.slice(1)), forwards: true, back: single(foreign!.slice(0, 2)) },
    { name: 'eth1', sources: [{ low: 0, high: 0xffffffff }], forwards: false },
  ],
};

const range = (low: number, high = low): IntervalSet => [{ low, high }];
const FROM_NOBODY = asksAddress('ipv4', 'src', [{ low: 0n, high: 0n }], false);

/** Packets that rules of others may do something to, wherever they go and on their way to one chain. */
const KEPT: ForeignKept['kept'] = [
  {
    at: 'NAT',
    by: '',
    asked: [...asksNumber('protocol', range(6), false), ...asksNumber('dport', range(20, 60), false)],
  },
  {
    at: 'PREROUTING',
    by: '',
    asked: [...asksDevice('eth0', false, true), ...asksMasked('ipv4', 'src', 0x0a000000n, 0xff000000n, false)],
  },
  {
    at: 'NAT',
    by: '',
    asked: [...asksNumber('protocol', range(6, 17), true), ...asksDevice('eth', true, false), ...FROM_NOBODY],
  },
  {
    at: 'PREROUTING',
    by: '',
    asked: [...asksNumber('protocol', range(17), false), ...asksNumber('protocol', range(6), false)],
  },
  { at: 'INPUT', by: '', asked: asksNumber('protocol', range(1), false) },
  { at: 'FORWARD', by: '', asked: asksNumber('sport', range(0, 30), false) },
];
const BESIDE: EarlyFacts4 = { ...FACTS, foreign: { entered: [], mayExpect: false, kept: KEPT } };

/** The chain that a packet is certain to meet. */
function chainOf(packet: HookPacket, forwardable: number): 'INPUT' | 'FORWARD' | undefined {
  const { source, destination } = new Ipv4View(packet);
  const device = FACTS.devices.find(({ name }) => name === packet.inDevice);
  if (device === undefined || !contains(device.sources, source)) return undefined;
  if (contains(FACTS.local, destination)) return 'INPUT';
  const isBeyond = contains(FACTS.routed, destination) && !contains(device.back ?? [], destination);
  return device.forwards && forwardable === 1 && isBeyond ? 'FORWARD' : undefined;
}

describe('early lists', () => {
  it('drop what every rest of the facts would drop, by the same rules, and nothing else', () => {
    const seen = { input: 0, forward: 0, accepted: 0, elsewhere: 0 };
    const options = { vocabulary: { ...EVERYTHING, ...DEVICES }, packets: 40 };
    fc.assert(
      fc.property(
        scenarios(options),
        fc.constantFrom(0, DEFAULT_BUDGET.flatten),
        fc.boolean(),
        (scenario, flatten, isBeside) => {
          const table = filterTable(parseRuleset(rulesetText(scenario), { file: 'random' }).ruleset);
          const flattener = new Flattener();
          const hidden = { FORWARD: ['outDevice' as const] };
          const budget = { ...DEFAULT_BUDGET, flatten };
          const lists = flattener.flatten(new Meanings().chains(table), {
            budget,
            hidden,
            hooks: ['INPUT', 'FORWARD'],
          });
          const early = flattener.early(lists, isBeside ? BESIDE : FACTS);
          const classification = early && classifyLists({ INPUT: early });
          const places = ownersOf(table).map(
            (owner) => `${owner.chain}:${owner.kind === 'rule' ? owner.line : 'policy'}`,
          );
          for (const [n, packet] of scenario.packets.entries()) {
            const forwardable = n % 4 === 0 ? 0 : 1;
            const fields = { ...fieldsOf(packet), forwardable, outDevice: '' };
            const found = classification && evaluateClassification(classification, 'INPUT', fields);
            const isDropped = found?.verdict === 'drop';
            const isKept = ({ predicate, negated }: Literal) => evaluatePredicate(predicate, fields) !== negated;
            const certain = chainOf(packet, forwardable);
            const keeps = ({ at, asked }: KeptPackets) =>
              (at === 'NAT' || at === 'PREROUTING' || at === certain) && asked.every(isKept);
            const chain = isBeside && KEPT.some(keeps) ? undefined : certain;
            if (chain === undefined) {
              expect(isDropped).toBe(false);
              seen.elsewhere++;
              continue;
            }
            const possible = (chain === 'INPUT' ? [''] : OUT_DEVICES).map((outDevice) =>
              interpret(table, { ...packet, hook: chain, outDevice }),
            );
            if (isDropped) {
              for (const { verdict, counted } of possible) {
                const lines = counted.map(({ chain: name, rule }) => {
                  const line = table.chains.find((each) => each.name === name)!.rules[rule as number]?.line;
                  return `${name}:${line ?? 'policy'}`;
                });
                expect([verdict, lines]).toEqual(['drop', found.counted.map((slot) => places[slot])]);
              }
              seen[chain === 'INPUT' ? 'input' : 'forward']++;
              continue;
            }
            seen.accepted++;
            if (chain === 'INPUT') expect(possible[0]!.verdict).toBe('accept');
          }
        },
      ),
      { numRuns: 120, seed: 20 },
    );
    for (const [what, times] of Object.entries(seen)) expect([what, times > 30]).toEqual([what, true]);
  });

  it('are none where nothing is dropped, or nobody is certain to be shown to a chain', () => {
    const flattener = new Flattener();
    const table = (policy: string) =>
      filterTable(parseRuleset(`*filter\n:INPUT ${policy}\nCOMMIT\n`, { file: 'test' }).ruleset);
    const lists = (policy: string) =>
      flattener.flatten(new Meanings().chains(table(policy)), { budget: DEFAULT_BUDGET });
    expect(flattener.early(lists('ACCEPT'), FACTS)).toBeUndefined();
    expect(flattener.early(lists('DROP'), FACTS)).toBeDefined();
    expect(flattener.early(lists('DROP'), { ...FACTS, devices: [] })).toBeUndefined();
    expect(flattener.early(lists('DROP'), { ...FACTS, local: [] })).toBeUndefined();
  });
  it('ask for the state only where packets of new connections would be dropped', () => {
    const rules = [
      '*filter',
      ':INPUT DROP',
      '-A INPUT -m conntrack --ctstate INVALID -j DROP',
      '-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      '-A INPUT -p tcp --dport 22 -j ACCEPT',
      'COMMIT',
      '',
    ];
    const flattener = new Flattener();
    const table = filterTable(parseRuleset(rules.join('\n'), { file: 'test' }).ruleset);
    const lists = flattener.flatten(new Meanings().chains(table), { budget: DEFAULT_BUDGET });
    const early = flattener.early(lists, FACTS)!;
    const classification = classifyLists({ INPUT: early }, { budget: { ...DEFAULT_BUDGET, linearRules: 0 } });
    const packet = {
      ...NO_FIELDS,
      src: EVERYTHING.sources[1]!,
      dst: FACTS.local[0]!.low,
      inDevice: 'eth0',
      protocol: 6,
    };
    const say = (dport: number, state: string) => {
      const number = STATE_CLASSES.indexOf(state as StateClass) << CLASS_SHIFT;
      const fields = { ...packet, transportLength: 20, dport, state: number };
      const { verdict, counted } = evaluateClassification(classification, 'INPUT', fields);
      return [verdict, ...counted];
    };
    const policy = 3;
    expect(say(22, 'INVALID')).toEqual(['undecided']);
    expect(say(22, 'NEW')).toEqual(['undecided']);
    expect(say(23, 'INVALID')).toEqual(['drop', 0]);
    expect(say(23, 'NEW')).toEqual(['drop', policy]);
    expect(say(23, 'ESTABLISHED')).toEqual(['undecided']);
  });
});
