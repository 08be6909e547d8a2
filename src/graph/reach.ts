// Who reaches whom before chains are resolved: the order in which chains enter one another, which nodes can return, which
// a packet can get to, and so which rules no packet can meet. Loops with stacks of their own, no recursion: a chain can
// have 100 000 rules, and chains can call thousands deep.

import { children } from './builder.ts';
import type { Graph, NodeId, Slot } from './graph.ts';

/** A chain in use reaches itself. */
class ChainLoopError extends Error {
  override readonly name = 'ChainLoopError';
  /** The chains of the loop; each enters the next, the last enters the first. */
  readonly chains: readonly string[];

  constructor(chains: readonly string[]) {
    super(`chain loop: ${[...chains, chains[0]].join(' -> ')}`);
    this.chains = chains;
  }
}

/** The node at which a chain begins; throws where there is no such chain. */
export function chainRoot(graph: Graph, chain: string): NodeId {
  const root = graph.chains.get(chain);
  if (root === undefined) throw new Error(`no chain ${chain}`);
  return root;
}

/**
 * The nodes that edges lead to from `start`, which is among them; chains are not entered. `seen` keeps out what has been
 * found before under the same mark.
 */
function follow(graph: Graph, start: NodeId, seen: Uint32Array, mark: number): NodeId[] {
  const found: NodeId[] = [];
  const add = (id: NodeId): void => {
    if (seen[id] === mark) return;
    seen[id] = mark;
    found.push(id);
  };
  add(start);
  for (let at = 0; at < found.length; at++) for (const child of children(graph.nodes[found[at]!]!)) add(child);
  return found;
}

/** A chain, or the way from a hook. */
interface Part {
  readonly name: string;
  readonly nodes: readonly NodeId[];
  readonly entered: readonly string[];
}

/** The hooks and the chains that they reach, each after all chains that it enters itself. Throws `ChainLoopError`. */
function partsInOrder(graph: Graph): Part[] {
  const seen = new Uint32Array(graph.nodes.length);
  let mark = 0;
  const part = (name: string, root: NodeId): Part => {
    const nodes = follow(graph, root, seen, ++mark);
    const entered = new Set<string>();
    for (const id of nodes) {
      const node = graph.nodes[id]!;
      if (node.kind === 'call' || node.kind === 'goto') entered.add(node.chain);
    }
    return { name, nodes, entered: [...entered] };
  };

  const order: Part[] = [];
  const done = new Set<string>();
  const open = new Set<string>();
  for (const [hook, root] of Object.entries(graph.roots)) {
    const stack = [{ part: part(hook, root), next: 0 }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const chain = top.part.entered[top.next++];
      if (chain === undefined) {
        stack.pop();
        open.delete(top.part.name);
        if (stack.length > 0) done.add(top.part.name);
        order.push(top.part);
      } else if (open.has(chain)) {
        const path = stack.map((entry) => entry.part.name);
        throw new ChainLoopError(path.slice(path.indexOf(chain, 1)));
      } else if (!done.has(chain)) {
        open.add(chain);
        stack.push({ part: part(chain, chainRoot(graph, chain)), next: 0 });
      }
    }
  }
  return order;
}

/** For each node a packet may get to, 1 where it may still end in a `return` of the chain it is in. */
export function mayReturn(graph: Graph): Uint8Array {
  const returns = new Uint8Array(graph.nodes.length);
  const known = new Uint8Array(graph.nodes.length);
  for (const part of partsInOrder(graph)) {
    const fresh = part.nodes.filter((id) => known[id] === 0).sort((a, b) => a - b);
    for (const id of fresh) {
      known[id] = 1;
      const node = graph.nodes[id]!;
      const enters = node.kind === 'call' || node.kind === 'goto';
      if (enters && returns[chainRoot(graph, node.chain)] === 0) continue;
      if (node.kind === 'return' || node.kind === 'goto' || children(node).some((child) => returns[child] === 1)) {
        returns[id] = 1;
      }
    }
  }
  return returns;
}

/** For each node, 1 where a packet may get to it: what follows a call of a chain that never returns is out of reach. */
export function reachable(graph: Graph): Uint8Array {
  const returns = mayReturn(graph);
  const reached = new Uint8Array(graph.nodes.length);
  const todo: NodeId[] = [];
  const add = (id: NodeId): void => {
    if (reached[id] === 1) return;
    reached[id] = 1;
    todo.push(id);
  };
  for (const root of Object.values(graph.roots)) add(root);
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    const node = graph.nodes[id]!;
    if (node.kind === 'call' || node.kind === 'goto') {
      const root = chainRoot(graph, node.chain);
      add(root);
      if (returns[root] === 0) continue;
    }
    for (const child of children(node)) add(child);
  }
  return reached;
}

/**
 * The counters that no packet can bump: rules after an unconditional end, rules of chains that nobody enters. After the
 * passes it also finds rules whose predicates contradict one another.
 */
export function unreachableSlots(graph: Graph): Slot[] {
  const reached = reachable(graph);
  const counted = new Uint8Array(graph.slots.length);
  graph.nodes.forEach((node, id) => {
    if (node.kind === 'count' && reached[id] === 1) counted[node.slot] = 1;
  });
  return [...graph.slots.keys()].filter((slot) => counted[slot] === 0);
}
