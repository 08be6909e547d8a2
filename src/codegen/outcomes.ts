// What an outcome word says (src/classify/outcomes.ts), as code: counters, then a verdict or an exit.
//
// Nearly every packet bumps one counter and ends in accept or drop. That way has jumps which it never takes, and the
// verdict is arithmetic: a jump that depends on the verdict would be guessed wrong as often as verdicts alternate.
// Other lists of counters are a loop over the counter pool; the verifier walks through it as often as the longest list
// is long, whatever the number of rules.

import type { Assembler, Label } from '../bpf/assembler.ts';
import { R0, R1, R2, R4, R5, R9 } from '../bpf/instruction.ts';
import type { ActionList, TableSegment } from '../classify/classification.ts';
import type { ExitName } from '../classify/decision-list.ts';
import { END_CODES, END_MASK, MANY, VALUE_SHIFT } from '../classify/outcomes.ts';
import { emitCountLast, emitCountSlot } from './actions.ts';
import { SLOT_SIZE } from './manifest.ts';
import type { SegmentContext } from './segments.ts';

/** The bits of an end that is no verdict. */
const NO_VERDICT = END_MASK & ~1;
const EXITS: readonly ExitName[] = ['next', 'call', 'return'];

/** Ends packets as the word in R9 says. Clobbers R0–R5. */
export function emitOutcome(a: Assembler, number: number, segment: TableSegment, context: SegmentContext): void {
  const { abi, classification, undecided: broken } = context;
  const ends = new Set<string>();
  let longest = 0;
  let areSingle = true;
  let last: ActionList['then'] | undefined;
  for (let i = 0; i < segment.lists.length; i++) {
    const { counters, then } = classification.lists[segment.lists[i]!]!;
    // Lists that end alike mostly share what says so.
    if (then !== last) ends.add(then.kind === 'exit' ? then.exit : then.kind);
    last = then;
    longest = Math.max(longest, counters.length);
    if (counters.length !== 1) areSingle = false;
  }
  const exits = EXITS.filter((exit) => ends.has(exit));
  const counted = a.label('all is counted');
  const many = a.label('other than one counter');
  const noVerdict = a.label('no verdict');

  emitDeferral(a, number, segment, context);
  context.beforeEnd?.();
  if (!areSingle) a.jump('set', R9, MANY, many);
  a.mov(R1, R9);
  if (abi.counting === 'looked-up') {
    emitCountSlot(a.alu('rsh', R1, VALUE_SHIFT), abi, R1, context.undecidedSlot, broken);
  } else {
    // A slot has as many bytes as its number has bits in front: the word without them is its place.
    emitCountLast(a.alu('and', R1, -SLOT_SIZE), abi, R1, context.undecidedSlot, broken);
  }
  a.bind(counted);
  if (exits.length > 0 || ends.has('undecided')) a.jump('set', R9, NO_VERDICT, noVerdict);
  // A drop is one less than an accept, and so is its return value.
  a.mov(R0, abi.accept).alu('and', R9, 1).alu('sub', R0, R9).exit();

  if (many.isUsed) {
    a.bind(many);
    if (abi.counting === 'looked-up') emitPoolInline(a, longest, context, counted);
    else emitPool(a, longest, context, counted);
  }
  if (!noVerdict.isUsed) return;
  a.bind(noVerdict).alu('and', R9, END_MASK);
  for (const exit of exits) a.jump('eq', R9, END_CODES[exit], context.labels.get(segment.exits![exit]!)!);
  a.goto(context.undecided);
}

/** Sends packets that must be deferred to where they are, before anything of this segment is counted. */
function emitDeferral(a: Assembler, number: number, segment: TableSegment, context: SegmentContext): void {
  const { abi, classification, deferral, labels, undecided } = context;
  if (abi.undecided === 'drop') return;
  const deferred = segment.lists.filter((list) => deferral.list(number, list));
  if (deferred.length === 0) return;
  a.mov(R1, R9).alu('and', R1, END_MASK);
  const codes = new Map(
    deferred.map((list) => {
      const { then } = classification.lists[list]!;
      return then.kind === 'exit'
        ? [END_CODES[then.exit], labels.get(segment.exits![then.exit]!)!]
        : [END_CODES.undecided, undefined];
    }),
  );
  for (const [code, exit] of codes) {
    if (exit === undefined) {
      a.jump('eq', R1, code, undecided);
      continue;
    }
    // The word without counters: the pool's first list, which is empty.
    const other = a.label('another end');
    a.jump('ne', R1, code, other);
    a.jump('eq', R9, MANY | code, exit).goto(undecided);
    a.bind(other);
  }
}

/** Bumps the counters of the list whose place in the pool is in R9. Clobbers R0–R5. */
function emitPool(a: Assembler, longest: number, context: SegmentContext, counted: Label): void {
  const { access, abi, classification, undecidedSlot, undecided: broken } = context;
  const pool = classification.counterPool;
  if (pool === undefined) throw new Error('codegen: lists of many counters, and no pool of them');
  const next = a.label('next counter');
  // R4: place of the slots, R5: their number, R0: how many are counted.
  a.mov(R4, R9).alu('rsh', R4, VALUE_SHIFT).mov(R1, R4);
  access.element(a, R5, pool, R1, broken);
  a.alu('add', R4, 1).mov(R0, 0);
  a.bind(next).jump('ge', R0, R5, counted);
  a.jump('ge', R0, longest, counted);
  a.mov(R1, R4).alu('add', R1, R0).alu('add', R0, 1);
  access.element(a, R2, pool, R1, broken);
  a.mov(R1, R2);
  emitCountSlot(a, abi, R1, undecidedSlot, broken);
  a.goto(next);
}

/**
 * The same without a loop, for targets whose look-ups leave nothing in R0–R5: as many steps as the hook can take, and
 * longer lists are deferred before anything is counted.
 */
function emitPoolInline(a: Assembler, longest: number, context: SegmentContext, counted: Label): void {
  const { access, abi, ability, classification, undecidedSlot, undecided } = context;
  const pool = classification.counterPool;
  if (pool === undefined) throw new Error('codegen: lists of many counters, and no pool of them');
  const most = Math.min(longest, ability?.counters ?? longest);
  const element = (place: number) => {
    a.mov(R1, R9).alu('rsh', R1, VALUE_SHIFT);
    if (place > 0) a.alu('add', R1, place);
    access.element(a, R2, pool, R1, undecided);
  };
  for (let count = 0; count < most; count++) {
    element(0);
    if (count === 0 && most < longest) a.jump('gt', R2, most, undecided);
    a.jump('le', R2, count, counted);
    element(count + 1);
    a.mov(R1, R2);
    emitCountSlot(a, abi, R1, undecidedSlot, undecided);
  }
  a.goto(counted);
}
