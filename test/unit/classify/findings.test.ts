import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Predicate } from '../../../src/base/predicate.ts';
import { Flattener } from '../../../src/classify/flatten.ts';
import { buildGraph } from '../../../src/graph/build.ts';
import { type ChainMeaning, Meanings } from '../../../src/graph/chains.ts';
import { evaluateGraph } from '../../../src/graph/evaluate.ts';
import type { Table } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';

function tableOf(text: string): Table {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  return ruleset.tables[0]!;
}

/** What is found in rules of the chain a, whose slots begin at 0. */
function found(...rules: string[]): string[] {
  const chains = [':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]', ':b - [0:0]'];
  const table = tableOf(['*filter', ...chains, ...rules.map((rule) => `-A a ${rule}`), 'COMMIT', ''].join('\n'));
  return new Flattener()
    .unmet(new Meanings().chains(table))
    .map(({ kind, slot, by }) => `${slot - 3} ${kind}${by === undefined ? '' : ` by ${by - 3}`}`);
}

describe('findings', () => {
  it('names the first earlier rule of the chain that takes all packets of a rule', () => {
    expect(
      found(
        '-s 10.0.0.0/8 -p tcp -j ACCEPT',
        '-s 10.0.0.0/8 -p tcp -j ACCEPT',
        '-s 10.1.0.0/16 -p tcp -m tcp --dport 22 -j DROP',
        '-s 10.1.0.0/16 -p udp -m udp --dport 22 -j DROP',
        '-s 10.0.0.0/8 -j RETURN',
        '-s 10.1.2.3/32 -i eth0 -j b',
        '! -s 11.0.0.0/8 -j DROP',
        '-s 12.0.0.0/8',
      ),
    ).toEqual(['1 duplicate by 0', '2 shadowed by 0', '5 shadowed by 4', '7 shadowed by 6']);
  });

  it('lets rules count that go on, as often as they are there', () => {
    expect(found('-s 10.0.0.0/8', '-s 10.0.0.0/8', '-s 10.0.0.0/8 -j b', '-s 10.0.0.0/8 -j b')).toEqual([]);
  });

  it('finds what contradicts itself, and everything behind a rule that takes all', () => {
    expect(found('-p udp -m udp ! --dport 0:65535 -j DROP', '-j DROP', '-p tcp', '-i eth+ -j DROP')).toEqual([
      '0 contradiction',
      '2 shadowed by 1',
      '3 shadowed by 1',
    ]);
  });

  it('knows ranges that cross, devices and masks', () => {
    expect(
      found(
        '-p tcp -m tcp --dport 1:100 -j DROP',
        '-p tcp -m tcp --dport 50:200 -j DROP',
        '-p tcp -m tcp --dport 60:90 -j ACCEPT',
        '-p tcp -m tcp --dport 60:150 -j ACCEPT',
        '-p tcp -m tcp --dport 60:201 -j ACCEPT',
        '-i eth+ -j DROP',
        '-i eth0 -p udp -j ACCEPT',
        '-s 10.0.0.0/255.0.0.255 -j DROP',
        '-s 10.0.5.0/32 -j ACCEPT',
        '-s 0.0.0.1/0.240.240.1 -j DROP',
        '-s 0.0.0.1/0.240.240.1 -p esp -j ACCEPT',
      ),
    ).toEqual(['2 shadowed by 0', '3 shadowed by 1', '6 shadowed by 5', '8 shadowed by 7', '10 shadowed by 9']);
  });

  it('finds every rule that one earlier rule shadows, and none that packets meet', () => {
    let shadowed = 0;
    fc.assert(
      fc.property(scenarios({ packets: 30 }), (scenario) => {
        const table = tableOf(rulesetText(scenario));
        const chains = new Meanings().chains(table);
        const findings = new Flattener().unmet(chains);
        const unmet = new Set(findings.map(({ slot }) => slot));
        shadowed += findings.length;
        const graph = buildGraph(table);
        for (const packet of scenario.packets) {
          for (const slot of evaluateGraph(graph, packet.hook, fieldsOf(packet)).counted) {
            expect(unmet.has(slot)).toBe(false);
          }
        }
        const wanted = new Set([...chains.values()].flatMap(shadowedOneByOne));
        for (const slot of wanted) expect(unmet.has(slot)).toBe(true);
      }),
      { numRuns: 100, seed: 20 },
    );
    expect(shadowed).toBeGreaterThan(50);
  });
});

/** Rules with the same words as an earlier one, or behind one that asks for nothing: found without any cleverness. */
function shadowedOneByOne({ rules, slots }: ChainMeaning): number[] {
  const ended = new Set<string>();
  return rules.flatMap((rule, index) => {
    const clauses = rule.clauses().filter(({ predicate, negated }) => negated || !isAlways(predicate));
    const words = JSON.stringify(clauses);
    const isKnown = ended.has('[]') || ended.has(words);
    if (rule.target.kind !== 'none' && rule.target.kind !== 'call') ended.add(words);
    return isKnown ? [slots[index]!] : [];
  });
}

function isAlways(predicate: Predicate): boolean {
  return predicate.kind === 'device' && predicate.prefix && predicate.name === '';
}
