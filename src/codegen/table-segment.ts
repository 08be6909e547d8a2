// A segment of tables as code: lookups in their order, the finish, then what the outcome says.
//
// Nothing here depends on how many rules there are: it is one straight run of loads, and the only jumps are to where
// broken tables lead. A class that the next step alone reads stays in R0; others go to the stack.

import type { Assembler } from '../bpf/assembler.ts';
import { R0, R1, type Register } from '../bpf/instruction.ts';
import type { Lookup, TableSegment } from '../classify/classification.ts';
import type { Variable } from '../classify/components.ts';
import { indexedField } from '../classify/indexes/field-index.ts';
import { emitFinish, finishScratch, finishVariables } from './finishes/emit-finish.ts';
import { emitFlowInsert, emitFlowLookup } from './flow-cache.ts';
import { classRange, emitIndex } from './indexes/emit-index.ts';
import { emitOutcome } from './outcomes.ts';
import type { SegmentContext } from './segments.ts';
import { loadVariable, rangeOf, storeVariable } from './table-access.ts';

/** Emits segment `number`; packets enter where it is emitted. */
export function emitTableSegment(a: Assembler, number: number, segment: TableSegment, context: SegmentContext): void {
  const { lookups, result } = segment;
  const { access, undecided: broken, mark, flowCaches } = context;
  const onStack = variablesOnStack(segment);
  const cache = flowCaches?.keys.has(number) ? flowCaches : undefined;
  const behindFinish = lookups.length + finishScratch(result);
  const found = a.label(`outcome of segment ${number}`);
  if (cache !== undefined) {
    mark(`segment ${number}: flow cache`);
    emitFlowLookup(a, cache, number, behindFinish, found);
  }
  /** The variable that R0 holds. */
  let inR0: Variable | undefined;
  /** What each variable is below, for all that the verifier knows. */
  const ranges: number[] = [];
  for (const lookup of lookups) {
    mark(`segment ${number}: ${describe(lookup)}`);
    if (lookup.kind === 'index') {
      emitIndex(a, lookup.index, access, broken);
      ranges[lookup.into] = classRange(lookup.index);
    } else {
      const { rows, columns, columnCount, table } = lookup;
      const range = (ranges[rows]! - 1) * columnCount + ranges[columns]!;
      if (inR0 === rows) {
        multiply(a, R0, columnCount);
        loadVariable(a, R1, columns);
      } else {
        loadVariable(a, R1, rows);
        multiply(a, R1, columnCount);
        if (inR0 !== columns) loadVariable(a, R0, columns);
      }
      if (table === undefined) {
        a.alu('add', R0, R1);
      } else {
        a.alu('add', R1, R0);
        access.element(a, R0, table, R1, broken, range);
      }
      ranges[lookup.into] = table === undefined ? range : rangeOf(table);
    }
    if (onStack.has(lookup.into)) storeVariable(a, lookup.into, R0);
    inR0 = lookup.into;
  }
  mark(`segment ${number}: ${result.kind}`);
  emitFinish(a, segment, { ...context, inR0, ranges, scratch: lookups.length });
  if (cache !== undefined) emitFlowInsert(a, cache, number, behindFinish);
  mark(`segment ${number}: outcome`);
  a.bind(found);
  emitOutcome(a, number, segment, context);
}

/** Variables that something other than the step right after their lookup reads. */
function variablesOnStack({ lookups, result }: TableSegment): ReadonlySet<Variable> {
  const reads: (readonly Variable[])[] = lookups.map((lookup) =>
    lookup.kind === 'index' ? [] : [lookup.rows, lookup.columns],
  );
  reads.push(finishVariables(result));
  const found = new Set<Variable>();
  for (const [step, variables] of reads.entries()) {
    for (const variable of variables) if (lookups[step - 1]?.into !== variable) found.add(variable);
  }
  return found;
}

function describe(lookup: Lookup): string {
  return lookup.kind === 'index' ? `class of ${indexedField(lookup.index)}` : (lookup.table?.name ?? 'pair');
}

function multiply(a: Assembler, value: Register, factor: number): void {
  if (Number.isInteger(Math.log2(factor))) a.alu('lsh', value, Math.log2(factor));
  else a.alu('mul', value, factor);
}
