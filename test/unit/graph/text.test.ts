import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../src/graph/check.ts';
import { printDot } from '../../../src/graph/dot.ts';
import { parseGraph } from '../../../src/graph/parse.ts';
import { printGraph } from '../../../src/graph/print.ts';
import { arbitraryGraph } from '../../harness/random-graph.ts';

describe('text form', () => {
  it('round-trips', () => {
    fc.assert(
      fc.property(arbitraryGraph(), (graph) => {
        checkGraph(graph);
        const parsed = parseGraph(printGraph(graph));
        expect(parsed).toEqual(graph);
      }),
    );
  });

  it('reads every kind of line', () => {
    const text = `slot 0 rule "a b" 0 line 4 "-A \\"a b\\" -j DROP"
slot 1 policy INPUT line 2
0: undecided of 0
1: src in 10.0.0.0-10.255.255.255 ? 0 : 0
2: inDevice begins "x\\" ? 3 : 4" ? 1 : 0 of 0
3: tcpFlags & 0x17 == 0x2 ? 2 : 1
4: dport in nothing ? 3 : 2
5: src6 in 2001:db8::-2001:db8::ffff ? 4 : 0
6: dst6 & ::1:ffff:0:ffff == ::1:1:0:2 ? 5 : 0
7: count 1 -> 6
8: call "a b" -> 7
9: return
hook INPUT 8
chain "a b" 9
`;
    expect(printGraph(parseGraph(text))).toBe(text);
  });

  it.each([
    ['0: accept\n2: drop', 'line 2: number 1 expected, or the same item is there twice: 2: drop'],
    ['0: count 0 -> 3', 'line 1: a count node refers to node 3, which does not exist: 0: count 0 -> 3'],
    ['0: accept\n1: ttl in 3 ? 0 : 0', 'line 2: no such predicate: 1: ttl in 3 ? 0 : 0'],
    ['0: reject', 'line 1: no such node: 0: reject'],
    ['hook PREROUTING 0', 'line 1: no hook PREROUTING: hook PREROUTING 0'],
    ['accept', 'line 1: neither node, slot, hook nor chain: accept'],
  ])('refuses %j', (text, message) => {
    expect(() => parseGraph(text)).toThrow(message);
  });

  it('prints DOT with every node and edge', () => {
    const dot = printDot(
      parseGraph(`
        slot 0 rule c 0 line 4 "-A c -m comment --comment \\"x\\""
        0: drop
        1: count 0 -> 0
        2: call c -> 1
        3: dport in 22 ? 2 : 0
        hook INPUT 3
        chain c 0`),
    );
    expect(dot).toContain('n3 -> n2;');
    expect(dot).toContain('n3 -> n0 [style=dashed];');
    expect(dot).toContain('n2 -> "chain c" [style=dotted];');
    expect(dot).toContain(String.raw`n1 [label="count 0\n-A c -m comment --comment \"x\""];`);
  });
});
