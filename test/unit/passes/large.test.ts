// Sizes at which recursion would overflow and anything quadratic would not come to an end.

import { describe, expect, it } from 'vitest';
import { interval } from '../../../src/base/intervals.ts';
import type { FieldValues, Predicate } from '../../../src/base/predicate.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { classify } from '../../../src/classify/linear.ts';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import { checkGraph } from '../../../src/graph/check.ts';
import { evaluateGraph } from '../../../src/graph/evaluate.ts';
import type { Graph, SlotOwner } from '../../../src/graph/graph.ts';
import { TooLargeError } from '../../../src/passes/pass.ts';
import { runPasses } from '../../../src/passes/pipeline.ts';
import { NO_FIELDS } from '../../harness/fields.ts';

const PACKET: FieldValues = { ...NO_FIELDS, protocol: 6, transportLength: 20 };

const is = (field: 'src' | 'protocol' | 'dport', value: number) => ({
  predicate: { kind: 'in', field, set: interval(value) } satisfies Predicate,
  negated: false,
});

function slots(count: number): SlotOwner[] {
  return Array.from({ length: count }, (_, index) => ({ kind: 'rule', chain: 'c', index, text: '', line: 1 }));
}

describe('large graphs', () => {
  it('has 100 000 rules in a chain', () => {
    const size = 100_000;
    const builder = new GraphBuilder();
    let next = builder.makeAccept();
    for (let slot = size - 1; slot >= 0; slot--) {
      const counted = builder.makeCount(slot, builder.makeDrop());
      const port = builder.makeMatch(is('dport', slot % 0x10000), counted, next, slot);
      const source = builder.makeMatch(is('src', slot), port, next, slot);
      next = builder.makeMatch(is('protocol', slot % 2 === 0 ? 6 : 17), source, next, slot);
    }
    const graph = builder.finish({ INPUT: next }, new Map(), slots(size));
    checkGraph(graph);
    const classification = classify(runPasses(graph, { hidden: { FORWARD: ['outDevice'] } }));
    const last = { ...PACKET, src: size - 2, dport: (size - 2) % 0x10000 };
    expect(evaluateClassification(classification, 'INPUT', last)).toEqual({ verdict: 'drop', counted: [size - 2] });
    expect(evaluateClassification(classification, 'INPUT', PACKET)).toEqual({ verdict: 'drop', counted: [0] });
  }, 120_000);

  it('has a call chain 5 000 deep', () => {
    const depth = 5_000;
    const builder = new GraphBuilder();
    const chains = new Map<string, number>();
    for (let level = depth - 1; level >= 0; level--) {
      const back = builder.makeCount(2 * level + 1, builder.makeReturn());
      chains.set(
        `c${level}`,
        builder.makeCount(2 * level, level === depth - 1 ? back : builder.makeCall(`c${level + 1}`, back)),
      );
    }
    const root = builder.makeCall('c0', builder.makeAccept());
    const graph = builder.finish({ OUTPUT: root }, chains, slots(2 * depth));
    checkGraph(graph);
    const result = runPasses(graph, { check: true });
    const { counted } = evaluateGraph(result, 'OUTPUT', PACKET);
    expect(counted).toHaveLength(2 * depth);
    expect(counted).toEqual(evaluateGraph(graph, 'OUTPUT', PACKET).counted);
  });

  /** A chain of `size` rules entered from `times` rules; it ends in a verdict or returns. */
  function enteredOften(size: number, times: number, returns: boolean): Graph {
    const builder = new GraphBuilder();
    let body = returns ? builder.makeReturn() : builder.makeDrop();
    for (let slot = 0; slot < size; slot++) {
      body = builder.makeMatch(is('dport', slot), builder.makeCount(slot, builder.makeAccept()), body);
    }
    let next = builder.makeAccept();
    for (let slot = size; slot < size + times; slot++) {
      next = builder.makeMatch(is('src', slot), builder.makeCount(slot, builder.makeCall('often', next)), next);
    }
    return builder.finish({ FORWARD: next }, new Map([['often', body]]), slots(size + times));
  }

  it('copies a chain that never returns once, however often it is entered', () => {
    const result = runPasses(enteredOften(200, 1_000, false), { nodeBudget: 0 });
    expect(result.nodes.length).toBe(2 + 2 * 200 + 2 * 1_000);
  });

  it('copies a chain that returns once per place it returns to', () => {
    const result = runPasses(enteredOften(20, 1_000, true), { disable: ['skip-known'] });
    expect(result.nodes.filter((node) => node.kind === 'match')).toHaveLength(1_000 * 21);
  });

  it('says which chain makes a graph too large', () => {
    const graph = enteredOften(200, 1_000, true);
    try {
      runPasses(graph, { nodeBudget: 10_000 });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(TooLargeError);
      expect(error).toMatchObject({ chain: 'often', budget: 10_000, pass: 'resolve-chains' });
      expect((error as Error).message).toMatch(
        /^pass resolve-chains: more than 10000 nodes to add; chain often was entered most often, \d+ times$/,
      );
    }
  });

  it('gives up on doubling at every level within the budget', () => {
    const builder = new GraphBuilder();
    const chains = new Map([['c40', builder.makeCount(40, builder.makeReturn())]]);
    for (let level = 39; level >= 0; level--) {
      const second = builder.makeCall(`c${level + 1}`, builder.makeReturn());
      chains.set(`c${level}`, builder.makeCall(`c${level + 1}`, builder.makeCount(level, second)));
    }
    const root = builder.makeCall('c0', builder.makeAccept());
    const graph = builder.finish({ INPUT: root }, chains, slots(41));
    expect(() => runPasses(graph, { nodeBudget: 100_000 })).toThrow(TooLargeError);
  });
});
