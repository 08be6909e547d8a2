// The only way to get nodes. Equal nodes are one node (hash-consing): a `make*` that is asked for a node it already has
// answers with the old number. Children must exist before their parent, so a node's children have smaller numbers.
//
// The builder represents, it does not think: it makes a match whose answer is constant or whose edges are equal if it is
// told to. All it does to a predicate is to take the canonical one of it and its contrary, swapping the edges.

import type { FilterChain } from '../base/hooks.ts';
import { canonicalLiteral, formatPredicate, type Literal, type Predicate } from '../base/predicate.ts';
import type { Graph, Node, NodeId, Slot, SlotOwner } from './graph.ts';
import { TripleIndex } from './triple-index.ts';

/** First word of a node's key; a match has the number of its predicate, a multiple of 8. */
const KIND = { count: 1, call: 2, goto: 3, return: 4, accept: 5, drop: 6, undecided: 7 } as const;

interface Interned {
  readonly key: number;
  readonly predicate: Predicate;
  /** Whether the canonical predicate is the contrary of the one asked for. */
  readonly swapped: boolean;
}

export class GraphBuilder {
  private readonly nodes: Node[] = [];
  private readonly index = new TripleIndex();
  private readonly predicates = new Map<string, Interned>();
  /** Predicates by object, so that passes that hand on the same objects do not pay for printing them. */
  private readonly seen = new Map<Predicate, Interned>();
  private readonly chainNumbers = new Map<string, number>();

  /** Number of nodes made. */
  get size(): number {
    return this.nodes.length;
  }

  node(id: NodeId): Node {
    const node = this.nodes[id];
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  makeMatch(literal: Literal, yes: NodeId, no: NodeId, owner?: Slot): NodeId {
    const { key, predicate, swapped } = this.intern(literal.predicate);
    const [first, second] = literal.negated === swapped ? [yes, no] : [no, yes];
    return this.make(key, first, second, () => ({
      kind: 'match',
      predicate,
      yes: first,
      no: second,
      ...(owner === undefined ? {} : { owner }),
    }));
  }

  makeCount(slot: Slot, next: NodeId): NodeId {
    return this.make(KIND.count, slot, next, () => ({ kind: 'count', slot, next }));
  }

  makeCall(chain: string, next: NodeId): NodeId {
    return this.make(KIND.call, this.chainNumber(chain), next, () => ({ kind: 'call', chain, next }));
  }

  makeGoto(chain: string): NodeId {
    return this.make(KIND.goto, this.chainNumber(chain), 0, () => ({ kind: 'goto', chain }));
  }

  makeReturn(): NodeId {
    return this.make(KIND.return, 0, 0, () => ({ kind: 'return' }));
  }

  makeAccept(): NodeId {
    return this.make(KIND.accept, 0, 0, () => ({ kind: 'accept' }));
  }

  makeDrop(): NodeId {
    return this.make(KIND.drop, 0, 0, () => ({ kind: 'drop' }));
  }

  makeUndecided(owner?: Slot): NodeId {
    return this.make(KIND.undecided, owner === undefined ? -1 : owner, 0, () => ({
      kind: 'undecided',
      ...(owner === undefined ? {} : { owner }),
    }));
  }

  /** Makes the same node with its children replaced. */
  copy(node: Node, mapped: (id: NodeId) => NodeId): NodeId {
    switch (node.kind) {
      case 'match':
        return this.makeMatch(
          { predicate: node.predicate, negated: false },
          mapped(node.yes),
          mapped(node.no),
          node.owner,
        );
      case 'count':
        return this.makeCount(node.slot, mapped(node.next));
      case 'call':
        return this.makeCall(node.chain, mapped(node.next));
      case 'goto':
        return this.makeGoto(node.chain);
      case 'return':
        return this.makeReturn();
      case 'accept':
        return this.makeAccept();
      case 'drop':
        return this.makeDrop();
      case 'undecided':
        return this.makeUndecided(node.owner);
    }
  }

  finish(
    roots: Readonly<Partial<Record<FilterChain, NodeId>>>,
    chains: ReadonlyMap<string, NodeId>,
    slots: readonly SlotOwner[],
  ): Graph {
    return { nodes: this.nodes, roots, chains, slots };
  }

  private make(a: number, b: number, c: number, create: () => Node): NodeId {
    const known = this.index.get(a, b, c);
    if (known !== undefined) return known;
    const node = create();
    const id = this.nodes.length;
    for (const child of children(node)) {
      if (!(child >= 0 && child < id))
        throw new Error(`a ${node.kind} node refers to node ${child}, which does not exist`);
    }
    this.nodes.push(node);
    this.index.set(a, b, c, id);
    return id;
  }

  private intern(predicate: Predicate): Interned {
    const known = this.seen.get(predicate);
    if (known !== undefined) return known;
    const canonical = canonicalLiteral({ predicate, negated: false });
    const text = formatPredicate(canonical.predicate);
    let first = this.predicates.get(text);
    if (first === undefined) {
      first = { key: this.predicates.size * 8, predicate: canonical.predicate, swapped: false };
      this.predicates.set(text, first);
    }
    const interned = { ...first, swapped: canonical.negated };
    this.seen.set(predicate, interned);
    return interned;
  }

  private chainNumber(chain: string): number {
    let number = this.chainNumbers.get(chain);
    if (number === undefined) {
      number = this.chainNumbers.size;
      this.chainNumbers.set(chain, number);
    }
    return number;
  }
}

/** The nodes that a node's edges lead to, `no` before `yes`. A chain that it enters by name is not among them. */
export function children(node: Node): readonly NodeId[] {
  switch (node.kind) {
    case 'match':
      return [node.no, node.yes];
    case 'count':
    case 'call':
      return [node.next];
    default:
      return [];
  }
}

/**
 * Makes a graph anew, node by node from the leaves up: `visit` gets each old node and says which new node takes its
 * place; `mapped` gives the new place of its children. Slots, and the names of roots and chains, stay.
 */
export function rewrite(
  graph: Graph,
  visit: (node: Node, builder: GraphBuilder, mapped: (id: NodeId) => NodeId, id: NodeId) => NodeId,
): Graph {
  const builder = new GraphBuilder();
  const places = new Int32Array(graph.nodes.length);
  const mapped = (id: NodeId): NodeId => places[id]!;
  graph.nodes.forEach((node, id) => {
    places[id] = visit(node, builder, mapped, id);
  });
  const chains = new Map([...graph.chains].map(([name, root]) => [name, mapped(root)]));
  return builder.finish(mapRoots(graph.roots, mapped), chains, graph.slots);
}

/** The roots with each node replaced. */
export function mapRoots(roots: Graph['roots'], mapped: (id: NodeId, hook: FilterChain) => NodeId): Graph['roots'] {
  const result: Partial<Record<FilterChain, NodeId>> = {};
  for (const hook of Object.keys(roots) as FilterChain[]) result[hook] = mapped(roots[hook]!, hook);
  return result;
}
