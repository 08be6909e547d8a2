// A graph as a picture, for Graphviz: `bpfilter graph FILE | dot -Tsvg`.

import { formatPredicate } from '../base/predicate.ts';
import type { Graph, Node } from './graph.ts';

/** The graph in the DOT language. Yes edges are solid, no edges dashed, chains dotted. */
export function printDot(graph: Graph): string {
  const lines = ['digraph ruleset {', '  node [shape=box, fontname="monospace"];'];
  for (const [hook, root] of Object.entries(graph.roots)) {
    lines.push(`  ${quote(hook)} [shape=cds];`, `  ${quote(hook)} -> n${root};`);
  }
  for (const [chain, root] of graph.chains) {
    const name = quote(`chain ${chain}`);
    lines.push(`  ${name} [shape=cds];`, `  ${name} -> n${root};`);
  }
  graph.nodes.forEach((node, id) => {
    lines.push(`  n${id} [${attributes(graph, node)}];`);
    for (const edge of edges(node)) lines.push(`  n${id} -> ${edge};`);
  });
  lines.push('}', '');
  return lines.join('\n');
}

function attributes(graph: Graph, node: Node): string {
  switch (node.kind) {
    case 'match':
      return `label=${quote(formatPredicate(node.predicate))}, shape=ellipse`;
    case 'count': {
      const owner = graph.slots[node.slot];
      const what = owner === undefined ? '' : owner.kind === 'rule' ? owner.text : `policy of ${owner.chain}`;
      return `label=${quote(`count ${node.slot}\n${what}`)}`;
    }
    case 'call':
    case 'goto':
      return `label=${quote(`${node.kind} ${node.chain}`)}`;
    default:
      return `label=${quote(node.kind)}, style=bold`;
  }
}

function edges(node: Node): string[] {
  switch (node.kind) {
    case 'match':
      return [`n${node.yes}`, `n${node.no} [style=dashed]`];
    case 'count':
      return [`n${node.next}`];
    case 'call':
      return [`n${node.next}`, `${quote(`chain ${node.chain}`)} [style=dotted]`];
    case 'goto':
      return [`${quote(`chain ${node.chain}`)} [style=dotted]`];
    default:
      return [];
  }
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}
