// The text form of a classification, for `bpfilter compile --dump=classification`.
//
//     hook INPUT segment 0
//     segment 0 linear, enters test 0
//       test 0: protocol in 6 ? test 1 : list 0 of 3        yes edge, no edge, the slot of the rule that asked
//     list 0: count 1 4, accept

import { formatPredicate } from '../base/predicate.ts';
import type { ActionList, Classification, Edge } from './classification.ts';

/** The whole classification, ending in a newline. */
export function printClassification({ entries, segments, lists, tables }: Classification): string {
  const lines = Object.entries(entries).map(([hook, segment]) => `hook ${hook} segment ${segment}`);
  for (const [index, segment] of segments.entries()) {
    if (segment.finish === 'tables') {
      lines.push(`segment ${index} tables, ${segment.result.kind}, ${segment.lists.length} outcomes`);
      for (const { kind, into } of segment.lookups) lines.push(`  lookup ${into}: ${kind}`);
      continue;
    }
    lines.push(`segment ${index} ${segment.finish}, enters ${printEdge(segment.entry)}`);
    for (const [number, { predicate, yes, no, slot }] of segment.tests.entries()) {
      const owner = slot === undefined ? '' : ` of ${slot}`;
      lines.push(`  test ${number}: ${formatPredicate(predicate)} ? ${printEdge(yes)} : ${printEdge(no)}${owner}`);
    }
  }
  for (const [index, list] of lists.entries()) lines.push(`list ${index}: ${printList(list)}`);
  lines.push(`tables ${tables.length} bytes`);
  return lines.map((line) => `${line}\n`).join('');
}

function printEdge(edge: Edge): string {
  return edge.kind === 'test' ? `test ${edge.test}` : `list ${edge.list}`;
}

function printList({ counters, then }: ActionList): string {
  const count = counters.length === 0 ? '' : `count ${counters.join(' ')}, `;
  if (then.kind === 'exit') return `${count}exit ${then.exit}`;
  if (then.kind !== 'segment') return `${count}${then.kind}`;
  return `${count}segment ${then.segment}${then.test === undefined ? '' : ` test ${then.test}`}`;
}
