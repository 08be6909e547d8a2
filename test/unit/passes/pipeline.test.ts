import { describe, expect, it } from 'vitest';
import { parseGraph } from '../../../src/graph/parse.ts';
import { PassError } from '../../../src/passes/pass.ts';
import { checkOrder, PASSES, runPasses } from '../../../src/passes/pipeline.ts';

const graph = parseGraph('0: accept\nhook INPUT 0');

describe('runPasses', () => {
  it('shows the graph after each pass that is not left out', () => {
    const seen: string[] = [];
    runPasses(graph, { disable: ['quantify'], onPass: (name) => seen.push(name) });
    expect(seen).toEqual(PASSES.map((pass) => pass.name).filter((name) => name !== 'quantify'));
  });

  it('refuses to leave out what is no pass', () => {
    expect(() => runPasses(graph, { disable: ['inline'] })).toThrow('no pass inline');
  });

  it('names the pass in what it throws', () => {
    const broken = parseGraph('0: return\nhook INPUT 0');
    expect(() => runPasses(broken)).toThrow(PassError);
    expect(() => runPasses(broken)).toThrow('pass resolve-chains: return outside a chain');
  });

  it('refuses a table of passes in the wrong order, and says why', () => {
    const order = [{ first: 'a', second: 'b', because: 'b needs a' }];
    expect(() => checkOrder([{ name: 'a' }, { name: 'b' }], order)).not.toThrow();
    expect(() => checkOrder([{ name: 'b' }, { name: 'a' }], order)).toThrow('pass a must run before b: b needs a');
    expect(() => checkOrder([{ name: 'b' }], order)).toThrow('the order names a, which is no pass');
  });
});
