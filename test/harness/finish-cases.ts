// A list, packets, and what the finish of several decisions makes of them: its program with a frame a packet, beside what
// walking the list says. For the virtual machine and for the kernel.

import type { Field, FieldValues, NumericField } from '../../src/base/predicate.ts';
import { R0, R1, R2, R3, R4, R5, R9 } from '../../src/bpf/instruction.ts';
import type { Budget } from '../../src/classify/budget.ts';
import { type DecisionList, END } from '../../src/classify/decision-list.ts';
import { goesOn } from '../../src/classify/finishes/ends.ts';
import { isOverflow, type Overflow } from '../../src/classify/finishes/finish.ts';
import { buildMasks, type MasksFinish, rawFields } from '../../src/classify/finishes/masks.ts';
import { lookUpMasks } from '../../src/classify/finishes/masks-look-up.ts';
import { buildTuples, type TuplesFinish } from '../../src/classify/finishes/tuples.ts';
import { lookUpTuples } from '../../src/classify/finishes/tuples-look-up.ts';
import type { FieldIndex } from '../../src/classify/indexes/field-index.ts';
import { KnownConditions, listColumns } from '../../src/classify/list-columns.ts';
import { listFields } from '../../src/classify/list-fields.ts';
import { outcomeWord } from '../../src/classify/outcomes.ts';
import { emitMasks } from '../../src/codegen/finishes/masks.ts';
import { emitTuples } from '../../src/codegen/finishes/tuples.ts';
import { loadVariable } from '../../src/codegen/table-access.ts';
import { finishInput } from './finish-inputs.ts';
import { type FinishProgram, finishProgram, inputFrame } from './finish-program.ts';
import { meets } from './list-conditions.ts';

/** What happens to a packet: an outcome word, and the slots of decisions before it that go on. */
export interface Walked {
  readonly word: number;
  readonly counted: readonly number[];
}

export interface FinishCase<Finish> extends FinishProgram {
  readonly result: Finish;
  readonly slots: number;
  readonly packets: readonly {
    readonly frame: Uint8Array;
    /** What walking the list says. */
    readonly wanted: Walked;
    /** What looking the packet up says. */
    readonly found: Walked & { readonly probes: number; readonly askedLate: boolean };
  }[];
}

/** Walks a list in which no decision skips others. */
function walk(list: DecisionList, fields: FieldValues): Walked {
  const { length, conditions, slots, then } = list;
  const counted: number[] = [];
  for (let decision = 0; decision < length; decision++) {
    if (!conditions[decision]!.every((condition) => meets(condition, fields))) continue;
    const slot = slots[decision]!;
    const to = then[decision]!;
    if (!goesOn(list, decision)) return { word: outcomeWord(slot, to >= length ? END.next : to), counted };
    if (slot >= 0) counted.push(slot);
  }
  return { word: outcomeWord(-1, END.next), counted };
}

/** The list with decisions that go on in place of those that skip others. */
export function withoutSkips(list: DecisionList): DecisionList {
  const then = list.then.map((to, i) => (to > i + 1 && to < list.length ? i + 1 : to));
  return { ...list, then };
}

/** The list with decisions that accept in place of those that go on. */
export function endingOnly(list: DecisionList): DecisionList {
  const then = list.then.map((to) => (to >= 0 ? END.accept : to));
  return { ...list, then };
}

export interface TuplesOptions {
  readonly budget?: Partial<Budget>;
  /** Fields that are a component; the others are one together, behind them. */
  readonly groups?: readonly (readonly Field[])[];
  /** Which component is found late. */
  readonly late?: number;
}

/** A case of pruned tuples. */
export function tuplesCase(
  list: DecisionList,
  packets: readonly FieldValues[],
  { budget, groups = [['src'], ['dst'], ['protocol', 'dport', 'icmp'], ['sport']], late }: TuplesOptions = {},
): FinishCase<TuplesFinish> | Overflow {
  const { input, classes } = finishInput(list, packets, groups, budget);
  // The class of the late component stands ready where code will ask for it.
  const index = 'not asked for' as unknown as FieldIndex;
  const built = buildTuples(late === undefined ? input : { ...input, late: { component: late, index } });
  if (isOverflow(built)) return built;
  const { result } = built;
  const tables = input.pool.finish();
  const slots = 1 + Math.max(0, ...list.slots);
  const inputs = [...input.components.keys()];
  const program = finishProgram(inputs, slots, tables, (a, code) =>
    emitTuples(a, result, {
      ...code,
      findLate: () => {
        for (const register of [R1, R2, R3, R4, R5, R9]) a.mov(register, -1);
        loadVariable(a, R0, late!);
      },
    }),
  );
  return {
    ...program,
    result,
    slots,
    packets: packets.map((fields, n) => {
      let askedLate = false;
      const found = lookUpTuples(
        result,
        classes[n]!,
        () => {
          askedLate = true;
          return classes[n]![late!]!;
        },
        tables,
      );
      return { frame: inputFrame(classes[n]!), wanted: walk(list, fields), found: { ...found, askedLate } };
    }),
  };
}

/** A case of raw masks. */
export function masksCase(
  list: DecisionList,
  packets: readonly FieldValues[],
  budget?: Partial<Budget>,
): (FinishCase<MasksFinish> & { readonly byClass: readonly Field[] }) | Overflow {
  const known = new KnownConditions();
  const raw = rawFields(listFields(listColumns(list, known), known));
  const { byClass } = raw;
  const single = byClass.map((field) => [field]);
  const { input, classes } = finishInput(list, packets, single, budget);
  const built = buildMasks({ ...input, raw, components: input.components.slice(0, byClass.length) });
  if (isOverflow(built)) return built;
  const { result } = built;
  const tables = input.pool.finish();
  const slots = 1 + Math.max(0, ...list.slots);
  const inputs = result.fields.map(({ field, variable }) => variable ?? (field as NumericField));
  const program = finishProgram(inputs, slots, tables, (a, code) => emitMasks(a, result, code));
  return {
    ...program,
    result,
    slots,
    byClass,
    packets: packets.map((fields, n) => ({
      frame: inputFrame(inputs.map((from) => (typeof from === 'number' ? classes[n]![from]! : fields[from]))),
      wanted: walk(list, fields),
      found: {
        word: lookUpMasks(result, fields, classes[n]!, tables),
        counted: [],
        probes: result.masks.length,
        askedLate: false,
      },
    })),
  };
}
