// What each pass does, before and after, in the text form.

import { describe, expect, it } from 'vitest';
import { FILTER_CHAINS } from '../../../src/base/hooks.ts';
import type { FieldValues } from '../../../src/base/predicate.ts';
import { evaluateGraph } from '../../../src/graph/evaluate.ts';
import type { Graph } from '../../../src/graph/graph.ts';
import { parseGraph } from '../../../src/graph/parse.ts';
import { printGraph } from '../../../src/graph/print.ts';
import { foldConstants } from '../../../src/passes/fold-constants.ts';
import { mergeTests } from '../../../src/passes/merge-tests.ts';
import type { Pass } from '../../../src/passes/pass.ts';
import { removeUnreachable } from '../../../src/passes/remove-unreachable.ts';
import { resolveChains } from '../../../src/passes/resolve-chains.ts';
import { share } from '../../../src/passes/share.ts';
import { skipKnown } from '../../../src/passes/skip-known.ts';

const SLOTS = FILTER_CHAINS.map((chain, slot) => `slot ${slot} policy ${chain} line 1`).join('\n');

function graph(text: string): Graph {
  return parseGraph(`${SLOTS}\n${text}`);
}

/** The graph after the pass and then `share`, which drops what is left over, without slots. */
function passed(pass: Pass, text: string): string[] {
  const context = { hidden: {}, nodeBudget: 1000 };
  const result = share.run(pass.run(graph(text), context), context);
  return printGraph(result)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('slot'));
}

const ENDS = `
  0: accept
  1: drop`;

describe('fold-constants', () => {
  it.each([
    ['dport in nothing', '1: drop'],
    ['tcpFlags & 0x2 == 0x4', '1: drop'],
    ['tcpFlags & 0x0 == 0x0', '0: accept'],
    ['inDevice begins ""', '0: accept'],
  ])('knows the answer of %s', (predicate, end) => {
    expect(passed(foldConstants, `${ENDS}\n2: ${predicate} ? 0 : 1\nhook INPUT 2`)).toEqual([
      end.replace('1', '0'),
      'hook INPUT 0',
    ]);
  });

  it('leaves what is open alone', () => {
    const text = `${ENDS}
      2: inDevice is "" ? 0 : 1
      3: tcpFlags & 0x2 == 0x0 ? 0 : 1
      4: dport in 1-65535 ? 2 : 3
      hook INPUT 4`;
    expect(passed(foldConstants, text)).toHaveLength(6);
  });

  it('passes by a test with one way on, also where folding below makes it so', () => {
    const text = `${ENDS}
      2: count 0 -> 0
      3: dport in nothing ? 1 : 2
      4: protocol in 6 ? 3 : 2
      hook INPUT 4`;
    expect(passed(foldConstants, text)).toEqual(['0: accept', '1: count 0 -> 0', 'hook INPUT 1']);
  });
});

describe('remove-unreachable', () => {
  it('takes out left-over nodes and chains that nobody enters', () => {
    const text = `${ENDS}
      2: count 0 -> 1
      3: return
      4: count 1 -> 3
      5: goto a
      hook INPUT 0
      chain a 4
      chain b 5`;
    const result = removeUnreachable.run(graph(text), { hidden: {}, nodeBudget: 0 });
    expect(printGraph(result)).toBe(`${SLOTS}\n0: accept\nhook INPUT 0\n`);
  });

  it('takes out what is behind a chain that never returns', () => {
    const text = `${ENDS}
      2: count 0 -> 1
      3: dport in 22 ? 0 : 2
      4: count 1 -> 0
      5: call a -> 4
      hook INPUT 5
      chain a 3`;
    expect(passed(removeUnreachable, text)).toEqual([
      '0: goto a',
      '1: drop',
      '2: count 0 -> 1',
      '3: accept',
      '4: dport in 22 ? 3 : 2',
      'hook INPUT 0',
      'chain a 4',
    ]);
  });

  it('keeps what is behind a chain that may return through another', () => {
    const text = `${ENDS}
      2: return
      3: dport in 22 ? 0 : 2
      4: goto inner
      5: call outer -> 1
      hook INPUT 5
      chain inner 3
      chain outer 4`;
    expect(passed(removeUnreachable, text)).toContain('1: call outer -> 0');
  });
});

describe('resolve-chains', () => {
  const chain = `${ENDS}
      2: return
      3: count 2 -> 2
      4: dport in 22 ? 0 : 3
      chain c 4`;

  it('goes on behind a call', () => {
    expect(passed(resolveChains, `${chain}\n5: count 0 -> 1\n6: call c -> 5\nhook INPUT 6`)).toEqual([
      '0: drop',
      '1: count 0 -> 0',
      '2: count 2 -> 1',
      '3: accept',
      '4: dport in 22 ? 3 : 2',
      'hook INPUT 4',
    ]);
  });

  it('copies a chain once for calls that go on alike', () => {
    const text = `${chain}
      5: count 0 -> 1
      6: call c -> 5
      7: count 1 -> 6
      8: src in 1.2.3.4 ? 7 : 6
      hook INPUT 8
      hook FORWARD 6`;
    expect(passed(resolveChains, text).filter((line) => line.includes('dport'))).toHaveLength(1);
  });

  it('returns from a chain gone to, to where the chain before would have returned', () => {
    const text = `${chain}
      5: goto c
      chain d 5
      6: count 0 -> 1
      7: call d -> 6
      hook INPUT 7`;
    expect(passed(resolveChains, text)).toContain('2: count 2 -> 1');
  });
});

describe('merge-tests', () => {
  it('joins tests that must both hold', () => {
    expect(passed(mergeTests, `${ENDS}\n2: dport in 1-99 ? 0 : 1\n3: dport in 50-200 ? 2 : 1\nhook INPUT 3`)).toEqual([
      '0: drop',
      '1: accept',
      '2: dport in 50-99 ? 1 : 0',
      'hook INPUT 2',
    ]);
  });

  it('joins tests of which one must hold', () => {
    expect(passed(mergeTests, `${ENDS}\n2: dport in 22 ? 0 : 1\n3: dport in 80 ? 0 : 2\nhook INPUT 3`)).toContain(
      '2: dport in 22,80 ? 1 : 0',
    );
  });

  it('joins tests of opposite sense', () => {
    expect(passed(mergeTests, `${ENDS}\n2: dport in 80 ? 1 : 0\n3: dport in 50-99 ? 2 : 1\nhook INPUT 3`)).toContain(
      '2: dport in 50-79,81-99 ? 1 : 0',
    );
  });

  it('passes by tests with known answers, one after the other', () => {
    const text = `${ENDS}
      2: count 0 -> 0
      3: count 1 -> 0
      4: dport in 2 ? 3 : 1
      5: protocol in 6 ? 4 : 1
      6: dport in 1 ? 2 : 5
      7: protocol in 6 ? 6 : 5
      hook INPUT 7`;
    expect(passed(mergeTests, text)).toContain('7: protocol in 6 ? 6 : 0');
  });

  it.each([
    ['inDevice is "eth0"', 'inDevice begins "eth"', true],
    ['inDevice begins "eth0"', 'inDevice begins "eth"', true],
    ['inDevice is "lo"', 'inDevice begins "eth"', false],
    ['inDevice begins "lo"', 'inDevice is "eth0"', false],
    ['inDevice begins "eth"', 'inDevice is "eth0"', undefined],
    ['tcpFlags & 0x17 == 0x2', 'tcpFlags & 0x3 == 0x2', true],
    ['tcpFlags & 0x17 == 0x2', 'tcpFlags & 0x2 == 0x0', false],
    ['tcpFlags & 0x3 == 0x2', 'tcpFlags & 0x17 == 0x2', undefined],
    ['src in 10.0.0.1', 'src & 0xff0000ff == 0xa000001', true],
  ])('knows from %s whether %s: %s', (known, asked, answer) => {
    const text = `${ENDS}\n2: ${asked} ? 0 : 1\n3: count 0 -> 1\n4: ${known} ? 2 : 3\nhook INPUT 4`;
    const ways = { true: 'accept', false: 'drop', undefined: asked };
    const result = passed(mergeTests, text);
    const yes = / \? (\d+) :/.exec(result.at(-2)!)![1];
    expect(result.find((line) => line.startsWith(`${yes}: `))).toContain(ways[`${answer}`]);
  });

  it('never joins across a counter', () => {
    const text = `${ENDS}\n2: dport in 22 ? 0 : 1\n3: count 0 -> 2\n4: dport in 22 ? 3 : 1\nhook INPUT 4`;
    expect(passed(mergeTests, text)).toHaveLength(6);
  });
});

describe('skip-known', () => {
  it('asks of a second rule only what the first has not answered', () => {
    const text = `${ENDS}
      2: count 1 -> 0
      3: dport in 80 ? 2 : 1
      4: transportLength in 20-65535 ? 3 : 1
      5: protocol in 6 ? 4 : 1
      6: count 0 -> 0
      7: dport in 22 ? 6 : 5
      8: transportLength in 20-65535 ? 7 : 1
      9: protocol in 6 ? 8 : 5
      hook INPUT 9`;
    expect(passed(skipKnown, text)).toEqual([
      '0: drop',
      '1: accept',
      '2: count 1 -> 1',
      '3: dport in 80 ? 2 : 0',
      '4: count 0 -> 1',
      '5: dport in 22 ? 4 : 3',
      '6: transportLength in 20-65535 ? 5 : 0',
      '7: protocol in 6 ? 6 : 0',
      'hook INPUT 7',
    ]);
  });

  it('knows across counters, and only what every way knows', () => {
    const text = `${ENDS}
      2: protocol in 6 ? 0 : 1
      3: count 0 -> 2
      4: protocol in 6 ? 3 : 1
      5: protocol in 17 ? 3 : 4
      hook INPUT 4
      hook FORWARD 5`;
    expect(passed(skipKnown, text)).toContain('2: protocol in 6 ? 1 : 0');
    expect(passed(skipKnown, text.replace(/\n *hook FORWARD 5/, ''))).toEqual([
      '0: drop',
      '1: accept',
      '2: count 0 -> 1',
      '3: protocol in 6 ? 2 : 0',
      'hook INPUT 3',
    ]);
  });

  it('joins what two ways know of a field', () => {
    const text = `${ENDS}
      2: dport in 1-9 ? 0 : 1
      3: count 0 -> 2
      4: dport in 5 ? 3 : 1
      5: dport in 3 ? 3 : 4
      hook INPUT 5`;
    expect(passed(skipKnown, text)).not.toContainEqual(expect.stringContaining('1-9'));
  });

  it('goes on past tests that are known where one edge is not led on far enough', () => {
    // 300 rules, TCP and UDP by turns: what is neither is led past all of them.
    const rules = Array.from({ length: 300 }, (_, rule) => {
      const next = rule === 0 ? 1 : 2 * rule + 4;
      return `
        ${2 * rule + 5}: dport in ${rule + 1} ? ${2 + (rule % 3)} : ${next}
        ${2 * rule + 6}: protocol in ${rule % 2 === 0 ? 6 : 17} ? ${2 * rule + 5} : ${next}`;
    });
    const counts = [0, 1, 2].map((slot) => `${slot + 2}: count ${slot} -> 0`).join('\n');
    const text = `${ENDS}\n${counts}${rules.join('')}\nhook INPUT 604`;
    const before = graph(text);
    const result = skipKnown.run(before, { hidden: {}, nodeBudget: 0 });
    for (const protocol of [1, 6, 17]) {
      for (let dport = 0; dport < 302; dport++) {
        const fields = { protocol, dport } as FieldValues;
        expect(evaluateGraph(result, 'INPUT', fields)).toEqual(evaluateGraph(before, 'INPUT', fields));
      }
    }
    expect(passed(skipKnown, text).filter((line) => line.includes('protocol'))).toHaveLength(2);
  });
});

describe('share', () => {
  it('numbers equal graphs alike', () => {
    const one = '0: drop\n1: accept\n2: dport in 22 ? 1 : 0\nhook INPUT 2';
    const other = '0: accept\n1: count 0 -> 0\n2: drop\n3: dport in 22 ? 0 : 2\nhook INPUT 3';
    expect(passed(share, one)).toEqual(passed(share, other));
  });
});
