// Takes out what no packet can get to: rules after an unconditional end, chains that nobody enters, nodes that earlier
// passes left over. A call of a chain that never returns becomes a goto, as nothing behind it is reached.
// `unreachableSlots` of src/graph/reach.ts tells the administrator which rules that are.

import { GraphBuilder, mapRoots } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { chainRoot, mayReturn, reachable } from '../graph/reach.ts';
import type { Pass } from './pass.ts';

export const removeUnreachable: Pass = {
  name: 'remove-unreachable',
  about: 'Takes out rules and chains that no packet can get to.',
  run(graph: Graph): Graph {
    const reached = reachable(graph);
    const returns = mayReturn(graph);
    const builder = new GraphBuilder();
    const places = new Int32Array(graph.nodes.length);
    const mapped = (id: number): number => places[id]!;
    const entered = new Set<string>();
    graph.nodes.forEach((node, id) => {
      if (reached[id] === 0) return;
      if (node.kind === 'call' || node.kind === 'goto') entered.add(node.chain);
      const last = node.kind === 'call' && returns[chainRoot(graph, node.chain)] === 0;
      places[id] = last ? builder.makeGoto(node.chain) : builder.copy(node, mapped);
    });
    const chains = [...graph.chains].filter(([name]) => entered.has(name));
    return builder.finish(
      mapRoots(graph.roots, mapped),
      new Map(chains.map(([name, root]) => [name, mapped(root)])),
      graph.slots,
    );
  },
};
