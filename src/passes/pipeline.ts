// The passes in their order, and why they are in that order.

import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/graph.ts';
import { foldConstants } from './fold-constants.ts';
import { mergeTests } from './merge-tests.ts';
import { type Pass, type PassContext, PassError } from './pass.ts';
import { quantify } from './quantify.ts';
import { removeUnreachable } from './remove-unreachable.ts';
import { resolveChains } from './resolve-chains.ts';
import { share } from './share.ts';
import { skipKnown } from './skip-known.ts';

/** All passes, in the order in which they run. */
export const PASSES: readonly Pass[] = [
  foldConstants,
  removeUnreachable,
  resolveChains,
  quantify,
  mergeTests,
  skipKnown,
  share,
];

interface Order {
  readonly first: string;
  readonly second: string;
  readonly because: string;
}

/** Checked when passes are run, so that a new pass cannot slip in at the wrong place. */
const ORDER: readonly Order[] = [
  {
    first: 'fold-constants',
    second: 'remove-unreachable',
    because: 'a rule behind one that always matches is out of reach only once the test is gone',
  },
  {
    first: 'remove-unreachable',
    second: 'resolve-chains',
    because: 'chains that nobody enters need not be copied, nor can their loops do harm',
  },
  { first: 'resolve-chains', second: 'quantify', because: 'what two calls do cannot be compared' },
  {
    first: 'resolve-chains',
    second: 'merge-tests',
    because: 'the last test of a chain and the first behind its call become neighbours',
  },
  {
    first: 'quantify',
    second: 'merge-tests',
    because: 'with a hidden test gone, the tests around it become neighbours; a union with a hidden test hides more',
  },
  {
    first: 'merge-tests',
    second: 'skip-known',
    because: 'long runs of equal tests must be one step, or the number of steps an edge is led on does not suffice',
  },
  { first: 'skip-known', second: 'share', because: 'tests that all edges are led past are left over' },
];

/** How the passes are run. Everything may be left out. */
export interface PassOptions {
  /** Names of passes to leave out. */
  readonly disable?: readonly string[];
  /** Checks the graph before the first pass and after each. */
  readonly check?: boolean;
  readonly onPass?: (name: string, graph: Graph) => void;
  /** The fields that a hook cannot see; none by default. */
  readonly hidden?: PassContext['hidden'];
  /** How many nodes a pass may add; 1 000 000 by default. */
  readonly nodeBudget?: number;
}

/** Runs all passes. What one of them throws is a `PassError` with its name; `TooLargeError` is the user's affair. */
export function runPasses(graph: Graph, options: PassOptions = {}): Graph {
  checkOrder(PASSES, ORDER);
  const disabled = new Set(options.disable);
  for (const name of disabled) {
    if (!PASSES.some((pass) => pass.name === name)) throw new Error(`no pass ${name}`);
  }
  const context: PassContext = { hidden: options.hidden ?? {}, nodeBudget: options.nodeBudget ?? 1_000_000 };
  if (options.check === true) checkGraph(graph);
  let current = graph;
  for (const pass of PASSES) {
    if (disabled.has(pass.name)) continue;
    current = runPass(pass, current, context, options.check === true);
    options.onPass?.(pass.name, current);
  }
  return current;
}

function runPass(pass: Pass, graph: Graph, context: PassContext, check: boolean): Graph {
  try {
    const result = pass.run(graph, context);
    if (check) checkGraph(result, { resolved: pass === resolveChains });
    return result;
  } catch (error) {
    if (error instanceof PassError) throw error;
    throw new PassError(pass.name, error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Throws where the table of passes breaks a constraint, or a constraint names no pass. */
export function checkOrder(passes: readonly Pick<Pass, 'name'>[], order: readonly Order[]): void {
  const place = (name: string): number => {
    const index = passes.findIndex((pass) => pass.name === name);
    if (index === -1) throw new Error(`the order names ${name}, which is no pass`);
    return index;
  };
  for (const { first, second, because } of order) {
    if (place(first) >= place(second)) throw new Error(`pass ${first} must run before ${second}: ${because}`);
  }
}
