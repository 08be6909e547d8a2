import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../src/graph/check.ts';
import type { Graph, Node } from '../../../src/graph/graph.ts';
import { parseGraph } from '../../../src/graph/parse.ts';

const slots: Graph['slots'] = [{ kind: 'policy', chain: 'INPUT', line: 1 }];
const accept: Node = { kind: 'accept' };

/** A graph made past the builder, which would not make it. */
function raw(nodes: readonly Node[], root = nodes.length - 1): Graph {
  return { nodes, roots: { INPUT: root }, chains: new Map(), slots };
}

describe('checkGraph', () => {
  const match = { kind: 'match', yes: 0, no: 0 } as const;
  it.each<[string, Graph, string]>([
    ['a cycle', raw([{ kind: 'count', slot: 0, next: 0 }]), 'node 0 (count 0 -> 0) does not come after its child 0'],
    ['a slot nobody owns', raw([accept, { kind: 'count', slot: 1, next: 0 }]), 'counts for a slot that nobody owns'],
    ['equal nodes', raw([accept, accept]), 'node 1 (accept) is the same as node 0'],
    ['a missing root', raw([accept], 7), 'INPUT begins at node 7, which does not exist'],
    ['a missing chain', raw([accept, { kind: 'call', chain: 'c', next: 0 }]), 'enters a chain that does not exist'],
    ['a return from a hook', raw([{ kind: 'return' }]), 'INPUT may end in a return'],
    ['a missing owner', raw([{ kind: 'undecided', owner: 4 }]), 'has an owner that does not exist'],
    [
      'the wrong one of a predicate and its contrary',
      raw([accept, { ...match, predicate: { kind: 'in', field: 'dport', set: [{ low: 0, high: 80 }] } }]),
      'has a predicate that is not canonical',
    ],
    [
      'values out of range',
      raw([accept, { ...match, predicate: { kind: 'in', field: 'protocol', set: [{ low: 256, high: 256 }] } }]),
      'asks for more than protocol can hold',
    ],
    [
      'a set with touching intervals',
      raw([
        accept,
        {
          ...match,
          predicate: {
            kind: 'in',
            field: 'dport',
            set: [
              { low: 5, high: 6 },
              { low: 7, high: 9 },
            ],
          },
        },
      ]),
      'has a set that is not in canonical form',
    ],
    [
      'a name no device can have',
      raw([
        accept,
        { ...match, predicate: { kind: 'device', field: 'inDevice', name: 'x'.repeat(16), prefix: false } },
      ]),
      'asks for a device name longer than 15 bytes',
    ],
  ])('finds %s', (_, graph, message) => {
    expect(() => checkGraph(graph)).toThrow(message);
  });

  const looping = `
    slot 0 policy INPUT line 1
    0: accept
    1: goto a
    2: goto b
    chain a 2
    chain b 1
    3: call a -> 0`;
  it('finds chains in use that reach themselves', () => {
    expect(() => checkGraph(parseGraph(`${looping}\nhook INPUT 3`))).toThrow('chain loop: a -> b -> a');
  });
  it('leaves loops of chains that are not in use alone', () => {
    expect(() => checkGraph(parseGraph(`${looping}\nhook INPUT 0`))).not.toThrow();
  });
  it('finds chains left after they are resolved', () => {
    const graph = parseGraph('0: accept\n1: call c -> 0\nhook INPUT 1\nchain c 0');
    expect(() => checkGraph(graph)).not.toThrow();
    expect(() => checkGraph(graph, { resolved: true })).toThrow(
      'node 1 (call c -> 0) is left after chains are resolved',
    );
  });
});
