import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Edge } from '../../../src/classify/classification.ts';
import { classify } from '../../../src/classify/linear.ts';
import { parseGraph } from '../../../src/graph/parse.ts';
import { runPasses } from '../../../src/passes/pipeline.ts';
import { arbitraryGraph } from '../../harness/random-graph.ts';

const SLOTS = [0, 1, 2, 3].map((slot) => `slot ${slot} rule c ${slot} line ${slot + 3} "-A c"`).join('\n');

describe('classify', () => {
  it('asks the test behind a yes next, and ends in shared action lists', () => {
    const graph = parseGraph(`${SLOTS}
      0: drop
      1: count 3 -> 0
      2: accept
      3: count 0 -> 2
      4: dport in 22 ? 3 : 1 of 0
      5: protocol in 6 ? 4 : 1 of 0
      6: count 1 -> 5
      7: count 2 -> 6
      8: src in 10.0.0.1 ? 7 : 5 of 2
      hook INPUT 8
      hook FORWARD 1`);
    const { segments, lists, entries } = classify(graph);
    expect(entries).toEqual({ INPUT: 0, FORWARD: 1 });
    expect(segments[0]!.tests.map(({ predicate, ...test }) => ({ field: predicate.field, ...test }))).toEqual([
      { field: 'src', yes: { kind: 'list', list: 0 }, no: { kind: 'test', test: 1 }, slot: 2 },
      { field: 'protocol', yes: { kind: 'test', test: 2 }, no: { kind: 'list', list: 1 }, slot: 0 },
      { field: 'dport', yes: { kind: 'list', list: 2 }, no: { kind: 'list', list: 1 }, slot: 0 },
    ]);
    expect(lists.map((list) => [list.counters, list.then])).toEqual([
      [[2, 1], { kind: 'segment', segment: 0, test: 1 }],
      [[3], { kind: 'drop' }],
      [[0], { kind: 'accept' }],
    ]);
    expect(segments[1]).toEqual({ finish: 'linear', tests: [], entry: { kind: 'list', list: 1 } });
  });

  it('only jumps forward, to tests and lists that exist', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (graph) => {
        const { segments, lists } = classify(runPasses(graph, { disable: ['merge-tests'] }));
        segments.forEach((segment, number) => {
          const check = (edge: Edge, from: number): void => {
            const then = edge.kind === 'list' ? lists[edge.list]!.then : undefined;
            if (edge.kind === 'test') expect(edge.test).toBeGreaterThan(from);
            else if (then?.kind === 'segment') {
              expect(then.segment).toBe(number);
              expect(then.test).toBeGreaterThan(from);
            }
            const test = edge.kind === 'test' ? edge.test : then?.kind === 'segment' ? then.test! : 0;
            if (segment.tests.length > 0) expect(segment.tests[test]).toBeDefined();
          };
          check(segment.entry, -1);
          segment.tests.forEach(({ yes, no }, from) => {
            check(yes, from);
            check(no, from);
          });
        });
        const texts = lists.map((list) => JSON.stringify(list));
        expect(new Set(texts).size).toBe(texts.length);
      }),
    );
  });

  it('takes no graph with chains left', () => {
    const graph = parseGraph('0: accept\n1: call c -> 0\nhook INPUT 1\nchain c 0');
    expect(() => classify(graph)).toThrow('chains must be resolved');
  });
});
