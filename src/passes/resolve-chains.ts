// Puts chains in the place of calls, so that only edges are left.
//
// A chain is copied for each place that it may return to, and once if it never returns. Where a packet is to go on is a
// frame: the node behind the call, and the frame of the chain which that node is in. Frames are hash-consed, and so are
// the copies, keyed by (node, frame); a node that cannot end in a `return` has no use for a frame and is copied once for
// all. Frames are followed only when a `return` is met: what stands behind a chain that always ends is never copied.
// Calls at the very end of a chain make no frame.
//
// Inlining can double the graph per level of calls. What it adds is bounded by the budget; beyond it the pass throws
// `TooLargeError`.

import { GraphBuilder, mapRoots } from '../graph/builder.ts';
import type { Graph, NodeId } from '../graph/graph.ts';
import { chainRoot, mayReturn } from '../graph/reach.ts';
import { type Pass, type PassContext, TooLargeError } from './pass.ts';

const NAME = 'resolve-chains';

/** Where a `return` goes. */
interface Frame {
  readonly id: number;
  readonly next: NodeId;
  readonly parent: Frame;
}

const PENDING = -1;

/** The frame of what never returns. */
const NOWHERE = { id: 0, next: -1 } as Frame;

/** A node of the old graph, at a place from which returns go to `frame`. */
interface Place {
  readonly node: NodeId;
  readonly frame: Frame;
}

class Resolver {
  readonly builder = new GraphBuilder();
  private readonly graph: Graph;
  private readonly limit: number;
  private readonly budget: number;
  private readonly returns: Uint8Array;
  private readonly frames = new Map<number, Frame>();
  /** The copies, by place; `PENDING` where a place's children are being copied. */
  private readonly copies = new Map<number, NodeId>();
  /** The frames that each chain was entered with. */
  private readonly entries = new Map<string, Set<Frame>>();

  constructor(graph: Graph, budget: number) {
    this.graph = graph;
    this.budget = budget;
    this.limit = graph.nodes.length + budget;
    this.returns = mayReturn(graph);
  }

  /** The copy of the graph from a root on. */
  resolve(root: NodeId): NodeId {
    const start = this.settle({ node: root, frame: NOWHERE });
    const stack = [start];
    for (let place = stack.at(-1); place !== undefined; place = stack.at(-1)) {
      const key = this.key(place);
      const known = this.copies.get(key);
      if (known === undefined) {
        this.copies.set(key, PENDING);
        stack.push(...this.next(place).filter((child) => !this.copies.has(this.key(child))));
        // Counted when begun: with calls that double at each level, the way to the first end alone is too long.
        if (this.copies.size > this.limit || this.frames.size > this.limit) throw this.tooLarge();
        continue;
      }
      if (known === PENDING) this.copies.set(key, this.copy(place));
      stack.pop();
    }
    return this.copyOf(start);
  }

  private copyOf(place: Place): NodeId {
    return this.copies.get(this.key(place))!;
  }

  private key(place: Place): number {
    return place.frame.id * this.graph.nodes.length + place.node;
  }

  /** The places that a place's edges lead to; the last is looked at first. */
  private next({ node: id, frame }: Place): Place[] {
    const node = this.graph.nodes[id]!;
    switch (node.kind) {
      case 'match':
        return [this.settle({ node: node.yes, frame }), this.settle({ node: node.no, frame })];
      case 'count':
        return [this.settle({ node: node.next, frame })];
      default:
        return [];
    }
  }

  private copy(place: Place): NodeId {
    const node = this.graph.nodes[place.node]!;
    const frame = place.frame;
    return this.builder.copy(node, (child) => this.copyOf(this.settle({ node: child, frame })));
  }

  /** Follows calls, gotos and returns until a node that is copied; forgets a frame that is not needed. */
  private settle(place: Place): Place {
    let { node: id, frame } = place;
    for (;;) {
      if (this.returns[id] === 0) frame = NOWHERE;
      const node = this.graph.nodes[id]!;
      switch (node.kind) {
        case 'call':
          frame = this.push(node.next, frame);
          id = this.enter(node.chain, frame);
          break;
        case 'goto':
          id = this.enter(node.chain, frame);
          break;
        case 'return':
          if (frame === NOWHERE) throw new Error('return outside a chain');
          id = frame.next;
          frame = frame.parent;
          break;
        default:
          return { node: id, frame };
      }
    }
  }

  private push(next: NodeId, parent: Frame): Frame {
    if (this.graph.nodes[next]!.kind === 'return') return parent;
    const kept = this.returns[next] === 0 ? NOWHERE : parent;
    const key = kept.id * this.graph.nodes.length + next;
    let frame = this.frames.get(key);
    if (frame === undefined) {
      frame = { id: this.frames.size + 1, next, parent: kept };
      this.frames.set(key, frame);
    }
    return frame;
  }

  private enter(chain: string, frame: Frame): NodeId {
    const frames = this.entries.get(chain);
    if (frames === undefined) this.entries.set(chain, new Set([frame]));
    else frames.add(frame);
    return chainRoot(this.graph, chain);
  }

  private tooLarge(): TooLargeError {
    const times = [...this.entries].map(([chain, frames]) => ({ chain, times: frames.size }));
    const most = times.reduce((a, b) => (b.times > a.times ? b : a));
    return new TooLargeError(NAME, most.chain, most.times, this.budget);
  }
}

export const resolveChains: Pass = {
  name: NAME,
  about: 'Puts user chains in the place of calls, gotos and returns.',
  run(graph: Graph, context: PassContext): Graph {
    const resolver = new Resolver(graph, context.nodeBudget);
    const roots = mapRoots(graph.roots, (root) => resolver.resolve(root));
    return resolver.builder.finish(roots, new Map(), graph.slots);
  },
};
