// The text form of a graph: for goldens, dumps and bug reports. `parse.ts` reads it back.
//
//     slot 0 rule INPUT 0 line 4 "-A INPUT -p tcp -j DROP"     counters and who owns them
//     slot 1 policy INPUT line 2
//     0: accept                                                 nodes, children first
//     1: count 1 -> 0
//     2: drop
//     3: count 0 -> 2
//     4: protocol in 6 ? 3 : 1 of 0                             yes edge, no edge, the rule that asked
//     hook INPUT 4                                              where packets enter
//     chain web 3                                               where a user chain begins

import { formatPredicate } from '../base/predicate.ts';
import type { Graph, Node, SlotOwner } from './graph.ts';

/** The whole graph, one item a line, ending in a newline. */
export function printGraph(graph: Graph): string {
  const lines = [
    ...graph.slots.map((owner, slot) => `slot ${slot} ${printOwner(owner)}`),
    ...graph.nodes.map((node, id) => `${id}: ${printNode(node)}`),
    ...Object.entries(graph.roots).map(([hook, root]) => `hook ${hook} ${root}`),
    ...[...graph.chains].map(([name, root]) => `chain ${printName(name)} ${root}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** One node, without its number. */
export function printNode(node: Node): string {
  const owner = 'owner' in node && node.owner !== undefined ? ` of ${node.owner}` : '';
  switch (node.kind) {
    case 'match':
      return `${formatPredicate(node.predicate)} ? ${node.yes} : ${node.no}${owner}`;
    case 'count':
      return `count ${node.slot} -> ${node.next}`;
    case 'call':
      return `call ${printName(node.chain)} -> ${node.next}`;
    case 'goto':
      return `goto ${printName(node.chain)}`;
    default:
      return `${node.kind}${owner}`;
  }
}

function printOwner(owner: SlotOwner): string {
  if (owner.kind === 'policy') return `policy ${owner.chain} line ${owner.line}`;
  return `rule ${printName(owner.chain)} ${owner.index} line ${owner.line} ${JSON.stringify(owner.text)}`;
}

/** Chain names of unusual characters are quoted. */
function printName(name: string): string {
  return /^[A-Za-z0-9_.-]+$/.test(name) ? name : JSON.stringify(name);
}
