// Any finish of a table segment as code: from classes to an outcome word.

import type { Field } from '../../base/predicate.ts';
import type { Assembler } from '../../bpf/assembler.ts';
import { R0, R9 } from '../../bpf/instruction.ts';
import type { TableSegment } from '../../classify/classification.ts';
import type { Variable } from '../../classify/components.ts';
import { indexedField } from '../../classify/indexes/field-index.ts';
import { emitCountSlot } from '../actions.ts';
import { emitIndex } from '../indexes/emit-index.ts';
import type { SegmentContext } from '../segments.ts';
import { emitDense, emitSlotOutcome } from './dense.ts';
import { emitMasks } from './masks.ts';
import { emitTuples, tuplesScratch } from './tuples.ts';
import { emitWalk } from './walk.ts';

export interface FinishContext extends SegmentContext {
  /** The variable of the last lookup, which is in R0, and on the stack if the finish reads others or reads it late. */
  readonly inR0: Variable | undefined;
  /** By variable, what it is below for all that the verifier knows. */
  readonly ranges: readonly number[];
  /** The first variable that no lookup has: the stack is free from there on. */
  readonly scratch: Variable;
}

/** R9 = outcome word. Clobbers R0–R5. */
export function emitFinish(a: Assembler, { result, outcomes }: TableSegment, context: FinishContext): void {
  const { access, undecided: broken, abi, undecidedSlot, inR0, scratch, ranges, fetchLate } = context;
  switch (result.kind) {
    case 'dense':
      emitDense(a, result, context);
      if (result.bySlot !== undefined) {
        emitSlotOutcome(a, result.bySlot);
        return;
      }
      if (outcomes === undefined) throw new Error('codegen: a dense finish without outcomes');
      access.element(a, R9, outcomes, R0, broken, result.late === undefined ? ranges[result.cell] : undefined);
      return;
    case 'tuples':
      emitTuples(a, result, {
        inR0,
        scratch,
        broken,
        count: (slot) => emitCountSlot(a, abi, slot, undecidedSlot, broken),
        findLate: (index) => {
          const field = indexedField(index);
          if (fetchLate === undefined) throw new Error(`codegen: this hook cannot fetch ${field} late`);
          fetchLate(a, field);
          emitIndex(a, index, access, broken);
        },
      });
      a.mov(R9, R0);
      return;
    case 'masks':
      emitMasks(a, result, { inR0, scratch });
      a.mov(R9, R0);
      return;
    case 'walk':
      emitWalk(a, result, { abi, undecidedSlot, broken, features: context.features });
      return;
  }
}

/** The variables that a finish reads first, while R0 still holds that of the last lookup. */
export function finishVariables(result: TableSegment['result']): readonly Variable[] {
  switch (result.kind) {
    case 'dense':
      return [result.cell];
    case 'tuples':
      return result.components.flatMap(({ variable }, c) => (c === result.late?.component ? [] : [variable]));
    case 'masks':
      return result.fields.flatMap(({ variable }) => (variable === undefined ? [] : [variable]));
    case 'walk':
      return [];
  }
}

/** How many variables a finish needs from `scratch` on. */
export function finishScratch(result: TableSegment['result']): number {
  switch (result.kind) {
    case 'dense':
      return 1;
    case 'tuples':
      return tuplesScratch(result);
    case 'masks':
      return result.hash.keyWords;
    case 'walk':
      return 0;
  }
}

/** The fields that a finish reads from the key; not those that it fetches itself. */
export function finishFields(result: TableSegment['result']): readonly Field[] {
  switch (result.kind) {
    case 'dense':
    case 'tuples':
      return [];
    case 'masks':
      return result.fields.flatMap(({ field, variable }) => (variable === undefined ? [field] : []));
    case 'walk':
      return [...result.fields, ...result.wideFields];
  }
}
