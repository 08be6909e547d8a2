import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldValues } from '../../../src/base/predicate.ts';
import { checkGraph } from '../../../src/graph/check.ts';
import { evaluateGraph } from '../../../src/graph/evaluate.ts';
import type { Graph, Slot } from '../../../src/graph/graph.ts';
import { parseGraph } from '../../../src/graph/parse.ts';
import { printGraph } from '../../../src/graph/print.ts';
import { reachable } from '../../../src/graph/reach.ts';
import { runPasses } from '../../../src/passes/pipeline.ts';
import { quantify } from '../../../src/passes/quantify.ts';
import { arbitraryFields, arbitraryGraph } from '../../harness/random-graph.ts';

const context = { hidden: { FORWARD: ['outDevice'] }, nodeBudget: 1000 } as const;

const slots = `
  slot 0 rule FORWARD 0 line 3 "-A FORWARD -o eth1 -p tcp -j DROP"
  slot 1 rule FORWARD 1 line 4 "-A FORWARD -p udp -j DROP"
  slot 2 policy FORWARD line 2`;

/** `-o eth1 -p tcp -j DROP`, then `-p udp -j DROP`, then the policy. */
const rules = `${slots}
  0: accept
  1: count 2 -> 0
  2: drop
  3: count 1 -> 2
  4: protocol in 17 ? 3 : 1 of 1
  5: count 0 -> 2
  6: protocol in 6 ? 5 : 4 of 0
  7: outDevice is "eth1" ? 6 : 4 of 0`;

/** Per hook that has any: the rules that left a packet undecided there. */
function reachableUndecided(graph: Graph): { readonly hook: string; readonly slots: readonly Slot[] }[] {
  return Object.entries(graph.roots).flatMap(([hook, root]) => {
    const reached = reachable({ ...graph, roots: { [hook]: root } });
    const undecided = graph.nodes.flatMap((node, id) => (node.kind === 'undecided' && reached[id] !== 0 ? [node] : []));
    const slots = new Set(undecided.flatMap(({ owner }) => (owner === undefined ? [] : [owner])));
    return undecided.length === 0 ? [] : [{ hook, slots: [...slots].sort((a, b) => a - b) }];
  });
}

function nodes(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('slot'));
}

describe('quantify', () => {
  it('leaves undecided only what the two sides do not agree on', () => {
    const graph = runPasses(parseGraph(`${rules}\nhook FORWARD 7`), { hidden: context.hidden, check: true });
    expect(nodes(printGraph(graph))).toEqual([
      '0: accept',
      '1: count 2 -> 0',
      '2: drop',
      '3: count 1 -> 2',
      '4: protocol in 17 ? 3 : 1 of 1',
      '5: undecided of 0',
      '6: protocol in 6 ? 5 : 4 of 0',
      'hook FORWARD 6',
    ]);
    expect(reachableUndecided(graph)).toEqual([{ hook: 'FORWARD', slots: [0] }]);
  });

  it('lets a hook that sees the field ask it', () => {
    const graph = quantify.run(parseGraph(`${rules}\nhook INPUT 7`), context);
    expect(printGraph(graph)).toContain('outDevice is "eth1"');
    expect(reachableUndecided(graph)).toEqual([]);
  });

  it('forgets a question whose answers come to the same', () => {
    const text = `${slots}
      0: drop
      1: count 1 -> 0
      2: protocol in 17 ? 1 : 0
      3: src in 10.0.0.1 ? 2 : 0
      4: outDevice is "eth1" ? 3 : 3
      hook FORWARD 4`;
    expect(reachableUndecided(quantify.run(parseGraph(text), context))).toEqual([]);
  });

  it('is undecided throughout where comparing takes more than the budget', () => {
    const graph = quantify.run(parseGraph(`${rules}\nhook FORWARD 7`), { ...context, nodeBudget: 0 });
    expect(evaluateGraph(graph, 'FORWARD', { protocol: 1 } as FieldValues).verdict).toBe('undecided');
  });

  it('decides only what holds whatever the hidden field is', () => {
    fc.assert(
      fc.property(
        arbitraryGraph(),
        fc.array(arbitraryFields, { minLength: 8, maxLength: 8 }),
        fc.array(fc.constantFrom('', 'eth0', 'eth1', 'lo', 'wlan0'), { minLength: 3, maxLength: 3 }),
        fc.nat(7),
        (graph, packets, devices, step) => {
          const hidden = { INPUT: ['outDevice'], FORWARD: ['outDevice', 'inDevice'] } as const;
          const disable = ['fold-constants', 'remove-unreachable', 'merge-tests'].filter((_, bit) => step & (1 << bit));
          const result = runPasses(graph, { hidden, disable });
          checkGraph(result, { resolved: true });
          for (const hook of ['INPUT', 'FORWARD'] as const) {
            if (graph.roots[hook] === undefined) continue;
            for (const fields of packets) {
              const outcome = evaluateGraph(result, hook, fields);
              for (const outDevice of devices) {
                const seen = hook === 'INPUT' ? fields : { ...fields, inDevice: outDevice };
                const exact = evaluateGraph(graph, hook, { ...seen, outDevice });
                if (outcome.verdict !== 'undecided') expect(outcome).toEqual(exact);
                else expect(exact.counted.slice(0, outcome.counted.length)).toEqual(outcome.counted);
              }
            }
          }
        },
      ),
      { numRuns: 250, seed: 20 },
    );
  });

  it('needs chains to be resolved', () => {
    const graph = parseGraph('0: accept\n1: call c -> 0\nhook FORWARD 1\nchain c 0');
    expect(() => quantify.run(graph, context)).toThrow('chains must be resolved first');
  });
});
