// The text form of a classification, for `bpfilter compile --dump=classification`.
//
//     hook INPUT segment 0
//     segment 0 linear, enters test 0
//       test 0: protocol in 6 ? test 1 : list 0 of 3        yes edge, no edge, the slot of the rule that asked
//     segment 1 dense, 12 outcomes, exits next 2
//       0: src by nodes                                     a field's class, found by an index of this kind
//       1: dport by direct
//       2: cross src dport of 0 and 1, 19 x 7               the element of this table in row 0's and column 1's class
//     list 0: count 1 4, accept

import { formatPredicate } from '../base/predicate.ts';
import type { ActionList, Classification, Edge, Lookup, TableSegment } from './classification.ts';
import { describeFinish } from './finishes/describe.ts';
import type { FieldIndex } from './indexes/field-index.ts';

/** The whole classification, ending in a newline. */
export function printClassification({ entries, segments, lists, tables }: Classification): string {
  const lines = Object.entries(entries).map(([hook, segment]) => `hook ${hook} segment ${segment}`);
  for (const [index, segment] of segments.entries()) {
    const exits = Object.entries(segment.exits ?? {}).map(([exit, to]) => `${exit} ${to}`);
    const leads = exits.length === 0 ? '' : `, exits ${exits.join(' ')}`;
    if (segment.finish === 'tables') {
      lines.push(`segment ${index} ${segment.result.kind}, ${segment.lists.length} outcomes${leads}`);
      for (const lookup of segment.lookups) lines.push(`  ${lookup.into}: ${printLookup(lookup)}`);
      lines.push(...printFinish(segment.result).map((line) => `  ${line}`));
      continue;
    }
    lines.push(`segment ${index} ${segment.finish}, enters ${printEdge(segment.entry)}${leads}`);
    for (const [number, { predicate, yes, no, slot }] of segment.tests.entries()) {
      const owner = slot === undefined ? '' : ` of ${slot}`;
      lines.push(`  test ${number}: ${formatPredicate(predicate)} ? ${printEdge(yes)} : ${printEdge(no)}${owner}`);
    }
  }
  for (const [index, list] of lists.entries()) lines.push(`list ${index}: ${printList(list)}`);
  lines.push(`tables ${tables.length} bytes`);
  return lines.map((line) => `${line}\n`).join('');
}

function printLookup(lookup: Lookup): string {
  if (lookup.kind === 'index') return printIndex(lookup.index);
  const { table, rows, columns, rowCount, columnCount } = lookup;
  return `${table?.name ?? 'pair'} of ${rows} and ${columns}, ${rowCount} x ${columnCount}`;
}

function printIndex(index: FieldIndex): string {
  const name = `${index.field} by ${index.kind}`;
  if (index.kind !== 'bounds') return name;
  const { bounds, classes } = index;
  return `${name} ${classes.map((number, i) => (i === 0 ? `${number}` : `${bounds[i - 1]}: ${number}`)).join(', ')}`;
}

function printFinish(result: TableSegment['result']): string[] {
  switch (result.kind) {
    case 'dense':
      if (result.late === undefined) return [];
      return [`from ${result.late.from} on: ${result.late.table.name}, ${printIndex(result.late.index)}`];
    case 'tuples': {
      const names = result.components.map(({ name, classCount }) => `${name} of ${classCount} classes`);
      return [`records of ${names.join(', ')}`];
    }
    case 'masks':
      return [`${result.masks.length} masks of ${result.fields.map(({ field }) => field).join(' ')}`];
    case 'walk':
      return [describeFinish(result)!];
  }
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
