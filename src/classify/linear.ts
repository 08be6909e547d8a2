// The simplest classifier: asks the graph's tests one after the other. One segment per hook.
//
// Tests are in reverse postorder of a walk that looks at `no` before `yes`: all jumps go forward, and a test's yes edge
// leads to the test right behind it wherever that one has not had to come later. Count nodes in a row become one action
// list, which ends in the verdict or goes on with a later test; equal lists are one list for all hooks.

import type { FilterChain } from '../base/hooks.ts';
import { children } from '../graph/builder.ts';
import type { Graph, NodeId, Slot } from '../graph/graph.ts';
import type { ActionList, Classification, Edge, LinearSegment } from './classification.ts';

interface LinearClassification extends Omit<Classification, 'segments'> {
  readonly segments: readonly LinearSegment[];
}

/** Classifies a graph without chains. */
export function classify(graph: Graph): LinearClassification {
  const lists = new Lists();
  const segments: LinearSegment[] = [];
  const entries: Partial<Record<FilterChain, number>> = {};
  for (const [hook, root] of Object.entries(graph.roots) as [FilterChain, NodeId][]) {
    entries[hook] = segments.length;
    segments.push(makeSegment(graph, root, segments.length, lists));
  }
  return { segments, lists: lists.all, entries, tables: new Uint8Array(0) };
}

function makeSegment(graph: Graph, root: NodeId, number: number, lists: Lists): LinearSegment {
  const order = reversePostorder(graph, root).filter((id) => graph.nodes[id]!.kind === 'match');
  const testOf = new Map(order.map((id, index) => [id, index]));
  const edges = new Map<NodeId, Edge>();
  const edge = (id: NodeId): Edge => {
    const known = edges.get(id);
    if (known !== undefined) return known;
    const test = testOf.get(id);
    const made: Edge = test === undefined ? { kind: 'list', list: makeList(id) } : { kind: 'test', test };
    edges.set(id, made);
    return made;
  };
  const makeList = (start: NodeId): number => {
    const counters: Slot[] = [];
    let id = start;
    for (;;) {
      const node = graph.nodes[id]!;
      switch (node.kind) {
        case 'count':
          counters.push(node.slot);
          id = node.next;
          break;
        case 'match':
          return lists.make(counters, { kind: 'segment', segment: number, test: testOf.get(id)! });
        case 'accept':
        case 'drop':
        case 'undecided':
          return lists.make(counters, { kind: node.kind });
        default:
          throw new Error(`classify: node ${id} is a ${node.kind}, but chains must be resolved`);
      }
    }
  };
  const tests = order.map((id) => {
    const node = graph.nodes[id]!;
    if (node.kind !== 'match') throw new Error('only matches are tests');
    const { predicate, owner } = node;
    const test = { predicate, yes: edge(node.yes), no: edge(node.no) };
    return owner === undefined ? test : { ...test, slot: owner };
  });
  return { finish: 'linear', tests, entry: edge(root) };
}

/** The nodes that `root` leads to, each before its children; where there is a choice, `yes` before `no`. */
function reversePostorder(graph: Graph, root: NodeId): NodeId[] {
  const done = new Uint8Array(graph.nodes.length);
  const order: NodeId[] = [];
  const stack = [root];
  for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
    const waiting = done[id] === 1 ? undefined : children(graph.nodes[id]!).find((child) => done[child] === 0);
    if (waiting !== undefined) {
      stack.push(waiting);
      continue;
    }
    stack.pop();
    if (done[id] === 0) order.push(id);
    done[id] = 1;
  }
  return order.reverse();
}

/** Action lists, equal ones made once. */
class Lists {
  readonly all: ActionList[] = [];
  private readonly numbers = new Map<string, number>();

  make(counters: readonly Slot[], then: ActionList['then']): number {
    const end = then.kind === 'segment' ? `${then.segment}:${then.test}` : then.kind;
    const key = `${counters.join()} ${end}`;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    this.numbers.set(key, this.all.length);
    return this.all.push({ counters, then }) - 1;
  }
}
