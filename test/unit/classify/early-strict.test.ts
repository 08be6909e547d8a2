// Strict lists: an UNVERIFIED packet has the outcome that NEW and INVALID ones have alike, counters included, else none.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CLASS_SHIFT, classNumber, UNVERIFIED } from '../../../src/base/connection-state.ts';
import { CONNECTION_FIELDS } from '../../../src/base/predicate.ts';
import { DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { classifyLists } from '../../../src/classify/classify-lists.ts';
import { ConditionTable } from '../../../src/classify/conditions.ts';
import { withUnverified } from '../../../src/classify/early-strict.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { Flattener } from '../../../src/classify/flatten.ts';
import { filterTable } from '../../../src/engine/compile.ts';
import { Meanings } from '../../../src/graph/chains.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { NO_FIELDS } from '../../harness/fields.ts';
import { walkList } from '../../harness/walk-lists.ts';

const [NEW, INVALID] = [classNumber('NEW') << CLASS_SHIFT, classNumber('INVALID') << CLASS_SHIFT];

const states = fc.constantFrom('NEW', 'INVALID', 'NEW,INVALID', 'ESTABLISHED', 'INVALID,UNTRACKED');
const rules = fc.record({
  chain: fc.constantFrom('INPUT', 'USER'),
  port: fc.constantFrom('', '-p udp -m udp --dport 1', '-p udp -m udp --dport 1:2', '-p udp -m udp ! --dport 2'),
  negated: fc.boolean(),
  states: fc.option(states, { nil: undefined, freq: 3 }),
  status: fc.boolean(),
  target: fc.constantFrom('-j DROP', '-j ACCEPT', '', '-j USER', '-j RETURN'),
});

function textOf(made: readonly (typeof rules extends fc.Arbitrary<infer T> ? T : never)[], policy: string): string {
  const lines = made.map(({ chain, port, negated, states: asked, status, target }) => {
    const match = asked === undefined ? '' : `-m conntrack${negated ? ' !' : ''} --ctstate ${asked}`;
    const more = status ? ' -m conntrack ! --ctstatus ASSURED' : '';
    const to = target === '-j USER' && chain === 'USER' ? '' : target;
    return `-A ${chain} ${port} ${match}${more} ${to}`;
  });
  const head = `*filter\n:INPUT ${policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:USER - [0:0]\n`;
  return `${head}${lines.join('\n')}\nCOMMIT\n`;
}

it('agrees with NEW and INVALID where these agree, and says nothing elsewhere', () => {
  const seen = { alike: 0, apart: 0, dropped: 0 };
  const property = fc.property(
    fc.array(rules, { minLength: 1, maxLength: 8 }),
    fc.constantFrom('DROP', 'ACCEPT'),
    (made, policy) => {
      const table = filterTable(parseRuleset(textOf(made, policy), { file: 'random' }).ruleset);
      const hidden = CONNECTION_FIELDS.filter((field) => field !== 'state');
      const flattened = new Flattener().flatten(new Meanings().chains(table), {
        budget: DEFAULT_BUDGET,
        hidden: { INPUT: hidden },
        hooks: ['INPUT'],
      }).INPUT!;
      for (const segment of flattened.segments) {
        if (!('list' in segment)) continue;
        const strict = withUnverified(segment.list, new ConditionTable());
        for (const dport of [1, 2, 3]) {
          const walk = (list: typeof segment.list, state: number) => {
            const counted: number[] = [];
            const fields = { ...NO_FIELDS, protocol: 17, transportLength: 8, dport, state };
            return { end: walkList(list, fields, counted), counted };
          };
          const [asNew, asInvalid] = [NEW, INVALID].map((state) => walk(segment.list, state));
          expect([NEW, INVALID].map((state) => walk(strict, state))).toEqual([asNew, asInvalid]);
          const found = walk(strict, UNVERIFIED);
          const areAlike = JSON.stringify(asNew) === JSON.stringify(asInvalid);
          if (areAlike) expect(found).toEqual(asNew);
          else expect(found.end).toBe('undecided');
          seen[areAlike ? 'alike' : 'apart']++;
          if (areAlike && found.end === 'drop') seen.dropped++;
        }
      }
    },
  );
  fc.assert(property, { numRuns: 150, seed: 20 });
  for (const [what, times] of Object.entries(seen)) expect([what, times > 50]).toEqual([what, true]);
});

const FACTS = {
  family: 'ipv4' as const,
  local: [{ low: 9, high: 9 }],
  routed: [],
  devices: [{ name: 'eth0', sources: [{ low: 1, high: 8 }], forwards: false }],
};

/** What early verdicts say of a packet in each state. */
function verdicts(more: string, strict: boolean): Record<string, string> {
  const text = textOf([], 'DROP').replace('COMMIT', `${more}\nCOMMIT`);
  const table = filterTable(parseRuleset(text, { file: 'test' }).ruleset);
  const flattener = new Flattener();
  const hidden = CONNECTION_FIELDS.filter((field) => field !== 'state');
  const known = flattener.flatten(new Meanings().chains(table), { budget: DEFAULT_BUDGET, hidden: { INPUT: hidden } });
  const early = flattener.early(known, FACTS, strict)!;
  const classification = classifyLists({ INPUT: early }, { budget: { ...DEFAULT_BUDGET, linearRules: 0 } });
  const say = (state: number) => {
    const fields = {
      ...NO_FIELDS,
      inDevice: 'eth0',
      src: 5,
      dst: 9,
      protocol: 17,
      transportLength: 8,
      dport: 7,
      state,
    };
    return evaluateClassification(classification, 'INPUT', fields).verdict;
  };
  return { NEW: say(NEW), INVALID: say(INVALID), UNVERIFIED: say(UNVERIFIED) };
}

it('leaves a packet to netfilter where a rule counts INVALID ones apart, and drops it where none does', () => {
  const apart = '-A INPUT -m conntrack --ctstate INVALID -j DROP';
  expect(verdicts(apart, true)).toMatchObject({ INVALID: 'drop', UNVERIFIED: 'undecided' });
  expect(verdicts(apart, false)).toMatchObject({ NEW: 'drop', INVALID: 'drop' });
  const alike = '-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT';
  expect(verdicts(alike, true)).toMatchObject({ INVALID: 'drop', UNVERIFIED: 'drop' });
  expect(verdicts('-A INPUT -m conntrack ! --ctstate ESTABLISHED -j DROP', true)).toMatchObject({ UNVERIFIED: 'drop' });
});
