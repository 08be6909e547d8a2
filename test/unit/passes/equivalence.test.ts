// Every pass, alone and with others left out, keeps what a graph means: verdict and counters of every packet.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FilterChain } from '../../../src/base/hooks.ts';
import type { FieldValues } from '../../../src/base/predicate.ts';
import { evaluateClassification } from '../../../src/classify/evaluate.ts';
import { classify } from '../../../src/classify/linear.ts';
import { checkGraph } from '../../../src/graph/check.ts';
import { evaluateGraph } from '../../../src/graph/evaluate.ts';
import type { Graph } from '../../../src/graph/graph.ts';
import { PASSES, runPasses } from '../../../src/passes/pipeline.ts';
import { arbitraryFields, arbitraryGraph } from '../../harness/random-graph.ts';

const RUNS = { numRuns: 150, seed: 20 };
const packets = fc.array(arbitraryFields, { minLength: 12, maxLength: 12 });
const context = { hidden: {}, nodeBudget: 100_000 };

function expectSame(before: Graph, after: Graph, all: readonly FieldValues[]): void {
  expect(after.slots).toBe(before.slots);
  expect(Object.keys(after.roots)).toEqual(Object.keys(before.roots));
  for (const hook of Object.keys(before.roots) as FilterChain[]) {
    for (const fields of all) expect(evaluateGraph(after, hook, fields)).toEqual(evaluateGraph(before, hook, fields));
  }
}

describe('a graph means the same', () => {
  it.each(PASSES.map((pass) => [pass.name, pass] as const))('after %s alone', (_, pass) => {
    fc.assert(
      fc.property(arbitraryGraph(), packets, (graph, all) => {
        const result = pass.run(graph, context);
        checkGraph(result, { resolved: pass.name === 'resolve-chains' });
        expectSame(graph, result, all);
      }),
      RUNS,
    );
  });

  it.each(PASSES.map((pass) => pass.name))('after all passes but %s', (name) => {
    fc.assert(
      fc.property(arbitraryGraph(), packets, (graph, all) => {
        expectSame(graph, runPasses(graph, { disable: [name], check: true }), all);
      }),
      RUNS,
    );
  });

  it('after all passes, and classified', () => {
    fc.assert(
      fc.property(arbitraryGraph(), packets, (graph, all) => {
        const result = runPasses(graph, { check: true });
        expectSame(graph, result, all);
        const classification = classify(result);
        for (const hook of Object.keys(graph.roots) as FilterChain[]) {
          for (const fields of all) {
            expect(evaluateClassification(classification, hook, fields)).toEqual(evaluateGraph(graph, hook, fields));
          }
        }
      }),
      RUNS,
    );
  });

  it('classified without any pass but the resolving of chains', () => {
    const disable = PASSES.map((pass) => pass.name).filter((name) => name !== 'resolve-chains');
    fc.assert(
      fc.property(arbitraryGraph(), packets, (graph, all) => {
        const classification = classify(runPasses(graph, { disable }));
        for (const hook of Object.keys(graph.roots) as FilterChain[]) {
          for (const fields of all) {
            expect(evaluateClassification(classification, hook, fields)).toEqual(evaluateGraph(graph, hook, fields));
          }
        }
      }),
      RUNS,
    );
  });
});
