// The walk finish as code: a loop that does a step a round, whatever the rules are.
//
//   R9  number of the step   R5  its address   R1  goal   R2  operation
//
// An open-coded iterator counts the rounds, so the verifier sees that they end without going through all of them: what it
// goes through are the kinds of steps and the fields, once. A loop may have some 8 million rounds; packets that have not
// come to an end by then are undecided.

import { type Features, requireFunction } from '../../base/features.ts';
import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R9, R10 } from '../../bpf/instruction.ts';
import { MOST_KEPT, MOST_OPERANDS, OPERATION, STEP, type WalkFinish } from '../../classify/finishes/walk.ts';
import { roomOf } from '../../classify/tables.ts';
import { emitCountSlot, type HookAbi } from '../actions.ts';
import { loadField, WIDE_OFFSET } from '../key.ts';
import { TABLE_MAP, VARIABLES } from '../table-access.ts';

/** `BPF_MAX_LOOPS` of the kernel. */
const MOST_ROUNDS = 8 << 20;

const ITERATOR = VARIABLES - 8;
const BYTES = 4 * STEP;

interface WalkContext {
  readonly abi: HookAbi;
  readonly undecidedSlot: number;
  readonly features: Features | undefined;
  /** Where packets go that come to no end. */
  readonly broken: Label;
}

/** R9 = outcome word. Clobbers R0–R5. */
export function emitWalk(a: Assembler, { steps, fields, wideFields, kept }: WalkFinish, context: WalkContext): void {
  const { abi, undecidedSlot, features, broken } = context;
  if (features === undefined) throw new Error('codegen: this hook has no loops');
  const [round, lost, found] = [a.label('one step'), a.label('comes to no end'), a.label('an end')];
  const [special, holds, holdsNot, go] = [
    a.label('no test of a number'),
    a.label('holds'),
    a.label('holds not'),
    a.label('to the goal'),
  ];
  const keptBytes = Math.ceil((kept.places * kept.width) / 8) * 8;
  if (keptBytes > MOST_KEPT) throw new Error(`codegen: ${keptBytes} bytes to keep`);
  const callIterator = (what: 'new' | 'next' | 'destroy'): void => {
    const name = `bpf_iter_num_${what}` as const;
    a.callKernel(name, requireFunction(features, name));
  };

  for (let at = 0; at < keptBytes; at += 8) a.store(8, R10, ITERATOR - keptBytes + at, 0);
  a.mov(R1, R10).alu('add', R1, ITERATOR).mov(R2, 0).mov(R3, MOST_ROUNDS);
  callIterator('new');
  a.mov(R9, 0);

  a.bind(round).mov(R1, R10).alu('add', R1, ITERATOR);
  callIterator('next');
  a.jump('eq', R0, 0, lost).jump('ge', R9, roomOf(steps) / BYTES - MOST_OPERANDS, lost);
  a.mov(R1, R9).alu('lsh', R1, Math.log2(BYTES)).loadMapValue(R5, TABLE_MAP, steps.offset).alu('add', R5, R1);
  a.load(4, R1, R5, 0).mov(R2, R1).alu('and', R2, 0xff).alu('rsh', R1, 8);
  a.jump('lt', R2, OPERATION.number, special);

  if (fields.length > 0) {
    const loaded = a.label('field is loaded');
    const loads = fields.map((field) => a.label(field));
    a.mov(R4, R2).alu('rsh', R4, 1);
    for (const [number, load] of loads.entries()) {
      if (number < loads.length - 1) a.jump('eq', R4, OPERATION.number / 2 + number, load);
    }
    for (const [number, field] of [...fields.entries()].reverse()) {
      a.bind(loads[number]!);
      loadField(a, R3, field);
      if (number > 0) a.goto(loaded);
    }
    a.bind(loaded).load(4, R0, R5, 4).alu('and', R3, R0).load(4, R0, R5, 8).alu32('sub', R3, R0);
    a.load(4, R0, R5, 12).alu('add', R9, 1).alu('and', R2, 1);
    const turned = a.label('turned round');
    a.jump('ne', R2, 0, turned).jump('le', R3, R0, round).goto(go);
    a.bind(turned).jump('gt', R3, R0, round).bind(go).mov(R9, R1).goto(round);
  } else {
    a.goto(lost);
  }

  a.bind(special);
  const cases = specialSteps(wideFields.length > 0, kept.places > 0);
  const labels = new Map(cases.map((operation) => [operation, a.label(operation)]));
  for (const operation of cases) a.jump('eq', R2, OPERATION[operation], labels.get(operation)!);
  a.goto(lost);
  const begin = (operation: (typeof cases)[number]): void => {
    a.bind(labels.get(operation)!);
  };
  begin('go');
  a.mov(R9, R1).goto(round);
  begin('count');
  a.mov(R9, R1).load(4, R1, R5, 4);
  emitCountSlot(a, abi, R1, undecidedSlot, lost);
  a.goto(round);
  if (kept.places > 0) {
    const place = (): void => {
      a.load(4, R2, R5, 4)
        .jump('ge', R2, kept.places, lost)
        .alu('lsh', R2, Math.log2(kept.width))
        .mov(R3, R10)
        .alu('add', R3, ITERATOR - keptBytes)
        .alu('add', R3, R2);
    };
    begin('enter');
    place();
    a.load(4, R4, R5, 8).store(kept.width, R3, 0, R4).mov(R9, R1).goto(round);
    begin('leave');
    place();
    a.load(kept.width, R9, R3, 0).alu('add', R9, R1).goto(round);
  }
  if (wideFields.length > 0) {
    const load = (): void => {
      // R3 and R4 the halves as they lie there; R0 is free.
      const loaded = a.label('field is loaded');
      const loads = wideFields.map((field) => a.label(field));
      a.load(4, R0, R5, 4);
      for (const [number, label] of loads.entries()) {
        if (number < loads.length - 1) a.jump('eq', R0, number, label);
      }
      for (const [number, field] of [...wideFields.entries()].reverse()) {
        a.bind(loads[number]!);
        a.load(8, R3, R10, WIDE_OFFSET[field]).load(8, R4, R10, WIDE_OFFSET[field] + 8);
        if (number > 0) a.goto(loaded);
      }
      a.bind(loaded);
    };
    begin('bytes');
    load();
    a.alu('add', R9, 3);
    a.load(8, R0, R5, BYTES)
      .alu('xor', R3, R0)
      .load(8, R0, R5, 2 * BYTES)
      .alu('and', R3, R0);
    a.load(8, R0, R5, BYTES + 8)
      .alu('xor', R4, R0)
      .load(8, R0, R5, 2 * BYTES + 8)
      .alu('and', R4, R0);
    a.alu('or', R3, R4).jump('ne', R3, 0, holdsNot);
    a.bind(holds).load(4, R0, R5, 8).jump('eq', R0, 0, round).mov(R9, R1).goto(round);
    a.bind(holdsNot).load(4, R0, R5, 8).jump('ne', R0, 0, round).mov(R9, R1).goto(round);
    begin('atLeast');
    load();
    a.alu('add', R9, 2).bigEndian(R3, 64).bigEndian(R4, 64);
    a.load(8, R0, R5, BYTES).jump('gt', R3, R0, holds).jump('lt', R3, R0, holdsNot);
    a.load(8, R0, R5, BYTES + 8)
      .jump('ge', R4, R0, holds)
      .goto(holdsNot);
  }
  begin('end');
  a.load(4, R9, R5, 4).mov(R1, R10).alu('add', R1, ITERATOR);
  callIterator('destroy');
  a.goto(found);

  a.bind(lost).mov(R1, R10).alu('add', R1, ITERATOR);
  callIterator('destroy');
  a.goto(broken).bind(found);
}

/** Operations that are no tests of numbers, as far as there may be any; all of them are looked for in this order. */
function specialSteps(asksWide: boolean, keeps: boolean) {
  return [
    ...(asksWide ? (['bytes', 'atLeast'] as const) : []),
    ...(['count', 'go', 'end'] as const),
    ...(keeps ? (['enter', 'leave'] as const) : []),
  ];
}
