// Makes every node that roots and chains lead to anew, in one fixed order: equal subgraphs are one, nothing is left over,
// and equal graphs print alike, whatever made them.

import { children, GraphBuilder, mapRoots } from '../graph/builder.ts';
import type { Graph, NodeId } from '../graph/graph.ts';
import type { Pass } from './pass.ts';

export const share: Pass = {
  name: 'share',
  about: 'Makes equal subgraphs one and numbers nodes in a fixed order.',
  run(graph: Graph): Graph {
    const builder = new GraphBuilder();
    const places = new Int32Array(graph.nodes.length).fill(-1);
    const mapped = (id: NodeId): NodeId => places[id]!;
    const place = (root: NodeId): NodeId => {
      const stack = [root];
      for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
        const waiting = places[id] === -1 ? children(graph.nodes[id]!).filter((child) => places[child] === -1) : [];
        if (waiting.length > 0) {
          // `no` is the first child and the last on the stack is looked at first.
          stack.push(...waiting.toReversed());
          continue;
        }
        stack.pop();
        if (places[id] === -1) places[id] = builder.copy(graph.nodes[id]!, mapped);
      }
      return mapped(root);
    };
    const roots = mapRoots(graph.roots, place);
    const chains = new Map([...graph.chains].map(([name, root]) => [name, place(root)]));
    return builder.finish(roots, chains, graph.slots);
  },
};
