// Any finish of a table segment as code: from classes to the number of an outcome.

import type { Field } from '../../base/predicate.ts';
import type { Assembler } from '../../bpf/assembler.ts';
import type { TableSegment } from '../../classify/classification.ts';
import type { Variable } from '../../classify/components.ts';
import type { SegmentContext } from '../segments.ts';
import { emitDense } from './dense.ts';

export interface FinishContext extends SegmentContext {
  /** The variable of the last lookup, which is in R0, and on the stack if the finish reads others or reads it late. */
  readonly inR0: Variable | undefined;
  /** The first variable that no lookup has: the stack is free from there on. */
  readonly scratch: Variable;
}

/** R0 = number of the outcome. Clobbers R1–R5 and R9. */
export function emitFinish(a: Assembler, result: TableSegment['result'], context: FinishContext): void {
  switch (result.kind) {
    case 'dense':
      emitDense(a, result, context);
      return;
  }
}

/** The variables that a finish reads first, while R0 still holds that of the last lookup. */
export function finishVariables(result: TableSegment['result']): readonly Variable[] {
  switch (result.kind) {
    case 'dense':
      return [result.cell];
  }
}

/** The fields that a finish reads from the key; not those that it fetches itself. */
export function finishFields(result: TableSegment['result']): readonly Field[] {
  switch (result.kind) {
    case 'dense':
      return [];
  }
}
