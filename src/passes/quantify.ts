// Takes out the questions that a hook cannot ask: a hook at XDP sees no outgoing device.
//
// What is hidden may be anything, so a test of a hidden field is replaced by what its two edges agree on: for the packets
// for which both lead to the same counters and the same verdict, that; for the others `undecided`, with the rule that
// asked. `agree` finds this by walking both sides at once, so `-o eth1 -p tcp -j DROP` leaves only TCP undecided. Two
// tests of hidden fields on one way are taken as independent: the result is never wrong, but it may be undecided where a
// cleverer look at both would decide. Counters on the way to `undecided` are bumped as far as both sides agree on them.
//
// A decided packet gets exactly what the graph before said, whatever the hidden fields hold. Chains must be resolved: what
// a call does cannot be compared. Walking pairs can take long: beyond the node budget what has not been compared is undecided.

import type { Field } from '../base/predicate.ts';
import { GraphBuilder, mapRoots } from '../graph/builder.ts';
import type { Graph, MatchNode, Node, NodeId, Slot } from '../graph/graph.ts';
import type { Pass, PassContext } from './pass.ts';
import { makeTest } from './test-node.ts';

/** Finds what two nodes of one builder agree on. */
class Agreement {
  private readonly builder: GraphBuilder;
  private readonly known = new Map<number, NodeId>();
  /** Per slot, the smallest number of a node that counts it: what has a smaller number never counts it. */
  private readonly firstCount = new Map<Slot, NodeId>();
  private scanned = 0;
  private budget: number;

  constructor(builder: GraphBuilder, budget: number) {
    this.builder = builder;
    this.budget = budget;
  }

  /** The node that does what `a` and `b` do alike, and is undecided for `owner` where they differ. */
  agree(a: NodeId, b: NodeId, owner: Slot | undefined): NodeId {
    const undecided = this.builder.makeUndecided(owner);
    this.known.clear();
    const stack: [NodeId, NodeId][] = [[a, b]];
    for (let pair = stack.at(-1); pair !== undefined; pair = stack.at(-1)) {
      const [x, y] = pair;
      const step = this.settled(x, y, undecided) === undefined ? this.step(x, y) : [];
      const waiting = step.filter(([p, q]) => this.settled(p, q, undecided) === undefined);
      if (waiting.length > 0) {
        stack.push(...waiting);
        continue;
      }
      stack.pop();
      if (step.length === 0) continue;
      const results = step.map(([p, q]) => this.settled(p, q, undecided)!);
      this.known.set(pairKey(x, y), this.combine(x, y, results));
      this.budget--;
    }
    return this.settled(a, b, undecided)!;
  }

  /** What is known of a pair without looking below it. */
  private settled(x: NodeId, y: NodeId, undecided: NodeId): NodeId | undefined {
    if (x === y) return x;
    const a = this.builder.node(x);
    const b = this.builder.node(y);
    if (a.kind === 'undecided') return x;
    if (b.kind === 'undecided') return y;
    const known = this.known.get(pairKey(x, y));
    if (known !== undefined) return known;
    if (this.budget <= 0 || !this.comparable(a, y) || !this.comparable(b, x)) return undecided;
    if (a.kind === 'match' || b.kind === 'match') return undefined;
    return a.kind === 'count' && b.kind === 'count' && a.slot === b.slot ? undefined : undecided;
  }

  /** Whether the other side may do what a node that is no match does: bump the same counter first. */
  private comparable(node: Node, other: NodeId): boolean {
    if (node.kind !== 'count') return true;
    for (; this.scanned < this.builder.size; this.scanned++) {
      const made = this.builder.node(this.scanned);
      if (made.kind === 'count' && !this.firstCount.has(made.slot)) this.firstCount.set(made.slot, this.scanned);
    }
    return this.firstCount.get(node.slot)! <= other;
  }

  /** The pairs on which a pair depends. Their numbers only fall, so this comes to an end. */
  private step(x: NodeId, y: NodeId): [NodeId, NodeId][] {
    const a = this.builder.node(x);
    const b = this.builder.node(y);
    if (a.kind === 'count' && b.kind === 'count') return [[a.next, b.next]];
    const { predicate } = asked(a, b, x > y);
    const follow = (node: Node, id: NodeId, answer: 'yes' | 'no'): NodeId =>
      node.kind === 'match' && node.predicate === predicate ? node[answer] : id;
    return [
      [follow(a, x, 'yes'), follow(b, y, 'yes')],
      [follow(a, x, 'no'), follow(b, y, 'no')],
    ];
  }

  private combine(x: NodeId, y: NodeId, results: readonly NodeId[]): NodeId {
    const a = this.builder.node(x);
    const b = this.builder.node(y);
    if (a.kind === 'count' && b.kind === 'count') return this.builder.makeCount(a.slot, results[0]!);
    const { predicate, owner } = asked(a, b, x > y);
    return makeTest(this.builder, predicate, results[0]!, results[1]!, owner);
  }
}

/** The test that a pair begins with: of two matches the one made later, which the other cannot lead to. */
function asked(a: Node, b: Node, aIsLater: boolean): MatchNode {
  if (a.kind === 'match' && (b.kind !== 'match' || aIsLater)) return a;
  if (b.kind === 'match') return b;
  throw new Error('neither side asks anything');
}

function pairKey(x: NodeId, y: NodeId): number {
  return x * 2 ** 26 + y;
}

export const quantify: Pass = {
  name: 'quantify',
  about: 'Takes out tests of fields that a hook cannot see; what depends on them is undecided.',
  run(graph: Graph, context: PassContext): Graph {
    if (Object.values(context.hidden).every((fields) => fields.length === 0)) return graph;
    if (graph.chains.size > 0) throw new Error('chains must be resolved first');
    const builder = new GraphBuilder();
    const agreement = new Agreement(builder, context.nodeBudget);
    const places = new Map<string, Int32Array>();
    const roots = mapRoots(graph.roots, (root, hook) => {
      const hidden = [...(context.hidden[hook] ?? [])].sort();
      const key = hidden.join();
      const known = places.get(key) ?? hide(graph, hidden, builder, agreement);
      places.set(key, known);
      return known[root]!;
    });
    return builder.finish(roots, graph.chains, graph.slots);
  },
};

/** Makes all nodes without tests of the hidden fields; says where each old node went. */
function hide(graph: Graph, hidden: readonly Field[], builder: GraphBuilder, agreement: Agreement): Int32Array {
  const places = new Int32Array(graph.nodes.length);
  const mapped = (id: NodeId): NodeId => places[id]!;
  graph.nodes.forEach((node, id) => {
    places[id] =
      node.kind === 'match' && hidden.includes(node.predicate.field)
        ? agreement.agree(mapped(node.yes), mapped(node.no), node.owner)
        : builder.copy(node, mapped);
  });
  return places;
}
