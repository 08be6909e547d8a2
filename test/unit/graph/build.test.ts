import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../../src/graph/build.ts';
import { checkGraph } from '../../../src/graph/check.ts';
import { evaluateGraph } from '../../../src/graph/evaluate.ts';
import type { Graph, Slot } from '../../../src/graph/graph.ts';
import { printGraph } from '../../../src/graph/print.ts';
import { unreachableSlots } from '../../../src/graph/reach.ts';
import { runPasses } from '../../../src/passes/pipeline.ts';
import { interpret } from '../../../src/reference/interpret.ts';
import type { Table } from '../../../src/ruleset/model.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { fieldsOf } from '../../harness/fields.ts';
import { rulesetText, scenarios } from '../../harness/generate.ts';

function table(text: string): Table {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test' });
  expect(diagnostics).toEqual([]);
  return ruleset.tables.find(({ name }) => name === 'filter')!;
}

/** The graph of rules behind chain lines for INPUT (policy DROP) and the chains a and b. */
function build(...rules: string[]): Graph {
  const chains = [':INPUT DROP [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':a - [0:0]', ':b - [0:0]'];
  const graph = buildGraph(table(['*filter', ...chains, ...rules, 'COMMIT', ''].join('\n')));
  checkGraph(graph);
  return graph;
}

/** The nodes and starts of the built graph. */
function nodes(...rules: string[]): string[] {
  return printGraph(build(...rules))
    .split('\n')
    .filter((line) => /^(\d|hook INPUT|chain a)/.test(line));
}

describe('buildGraph', () => {
  it('numbers counters chain by chain, a policy behind the rules of its chain', () => {
    const text = printGraph(build('-A INPUT -j a', '-A a -s 10.0.0.1/32', '-A INPUT -j ACCEPT'));
    expect(text.split('\n').slice(0, 6)).toEqual([
      'slot 0 rule INPUT 0 line 7 "-A INPUT -j a"',
      'slot 1 rule INPUT 1 line 9 "-A INPUT -j ACCEPT"',
      expect.stringMatching(/^slot 2 policy INPUT line \d$/),
      expect.stringMatching(/^slot 3 policy FORWARD line \d$/),
      expect.stringMatching(/^slot 4 policy OUTPUT line \d$/),
      'slot 5 rule a 0 line 8 "-A a -s 10.0.0.1/32"',
    ]);
  });

  it('asks what a rule asks in the order of the kernel, then counts, then acts', () => {
    expect(nodes('-A INPUT -p udp -i eth+ ! -d 10.0.0.0/8 -s 10.0.0.1/255.0.0.255 -j ACCEPT')).toEqual([
      '0: drop',
      '1: count 1 -> 0',
      '2: accept',
      '3: count 0 -> 2',
      '4: protocol in 17 ? 3 : 1 of 0',
      '5: inDevice begins "eth" ? 4 : 1 of 0',
      '6: dst in 10.0.0.0-10.255.255.255 ? 1 : 5 of 0',
      '7: src & 0xff0000ff == 0xa000001 ? 6 : 1 of 0',
      '8: count 2 -> 2',
      '9: count 3 -> 2',
      '10: return',
      'hook INPUT 7',
      'chain a 10',
    ]);
  });

  it('drops uncounted where a match does', () => {
    const graph = build('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT');
    const packet = { protocol: 6, fragment: 0, transportLength: 19 };
    expect(evaluateGraph(graph, 'INPUT', packet as never)).toEqual({ verdict: 'drop', counted: [] });
  });

  it('goes on behind a rule without target, returns to the policy, and goes to without coming back', () => {
    expect(nodes('-A INPUT -s 1.2.3.4/32', '-A INPUT -s 1.2.3.5/32 -j RETURN', '-A INPUT -g a', '-A a -g b')).toEqual([
      '0: drop',
      '1: count 3 -> 0',
      '2: call a -> 1',
      '3: count 2 -> 2',
      '4: count 1 -> 1',
      '5: src in 1.2.3.5 ? 4 : 3 of 1',
      '6: count 0 -> 5',
      '7: src in 1.2.3.4 ? 6 : 5 of 0',
      '8: accept',
      '9: count 4 -> 8',
      '10: count 5 -> 8',
      '11: return',
      '12: goto b',
      '13: count 6 -> 12',
      'hook INPUT 7',
      'chain a 13',
    ]);
  });

  it('gives every packet what the reference interpreter gives it, before and after the passes', () => {
    let ended = 0;
    fc.assert(
      fc.property(scenarios({ packets: 30 }), (scenario) => {
        const filter = table(rulesetText(scenario));
        const graph = buildGraph(filter);
        checkGraph(graph);
        const optimized = runPasses(graph, { check: true });
        const names = (slots: readonly Slot[]): unknown[] =>
          slots.map((slot) => {
            const owner = graph.slots[slot]!;
            return { chain: owner.chain, rule: owner.kind === 'rule' ? owner.index : 'policy' };
          });
        for (const packet of scenario.packets) {
          const { verdict, counted } = interpret(filter, packet);
          for (const each of [graph, optimized]) {
            const outcome = evaluateGraph(each, packet.hook, fieldsOf(packet));
            expect({ verdict: outcome.verdict, counted: names(outcome.counted) }).toEqual({ verdict, counted });
          }
          if (counted.at(-1)?.rule !== 'policy') ended++;
        }
      }),
      { numRuns: 60, seed: 20 },
    );
    expect(ended).toBeGreaterThan(600);
  });
});

describe('unreachableSlots', () => {
  const text = (graph: Graph): string[] =>
    unreachableSlots(graph).flatMap((slot) => {
      const owner = graph.slots[slot]!;
      return owner.kind === 'rule' ? [owner.text] : [];
    });

  it('finds rules behind an end, behind a chain that never returns, and of chains that nobody enters', () => {
    const graph = build(
      '-A INPUT -s 1.2.3.4/32 -j a',
      '-A INPUT -j a',
      '-A INPUT -s 1.2.3.4/32 -j ACCEPT',
      '-A a -j DROP',
      '-A a -j ACCEPT',
      '-A b -j DROP',
    );
    expect(text(graph)).toEqual(['-A INPUT -s 1.2.3.4/32 -j ACCEPT', '-A a -j ACCEPT', '-A b -j DROP']);
  });

  it('finds after the passes also what contradicts itself or an end in front of it', () => {
    const graph = build(
      '-A INPUT -s 10.0.0.0/8 -j DROP',
      '-A INPUT -s 10.1.0.0/16 -j ACCEPT',
      '-A INPUT ! -i + -j DROP',
    );
    expect(text(graph)).toEqual([]);
    expect(text(runPasses(graph))).toEqual(['-A INPUT -s 10.1.0.0/16 -j ACCEPT', '-A INPUT ! -i + -j DROP']);
  });
});
