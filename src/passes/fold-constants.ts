// Takes out tests that have one answer: no value or every value in the set, no bit in the mask, any device; and tests
// whose edges lead to the same node.

import { rewrite } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import type { Pass } from './pass.ts';
import { makeTest } from './test-node.ts';

export const foldConstants: Pass = {
  name: 'fold-constants',
  about: 'Takes out tests that have one answer only.',
  run(graph: Graph): Graph {
    return rewrite(graph, (node, builder, mapped) =>
      node.kind === 'match'
        ? makeTest(builder, node.predicate, mapped(node.yes), mapped(node.no), node.owner)
        : builder.copy(node, mapped),
    );
  },
};
