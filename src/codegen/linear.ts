// The linear finish as code: tests in their order, each followed by what its `yes` leads to.
//
//   test 0:   if <predicate> goto yes        taken: to the block that follows
//             goto no                        usually the next rule
//   yes:      count, verdict                 an action list, or the rule's next test
//
// The shape is for the verifier. It explores the branch not taken first and keeps the taken one for later, so one
// branch per rule is pending at most, and all jumps go forward. An action list that only one edge leads to stands where
// that edge leads; others stand in front of the test they go on with, or at the end. What no jump leads to (a test
// whose set is empty never says yes) is left out: the kernel refuses unreachable code.

import type { Assembler, Label } from '../bpf/assembler.ts';
import type { ActionList, Edge, LinearSegment } from '../classify/classification.ts';
import type { Slot } from '../graph/graph.ts';
import { emitCount, emitVerdict, type HookAbi } from './actions.ts';
import { emitTest } from './tests.ts';

export interface LinearContext {
  readonly abi: HookAbi;
  readonly lists: readonly ActionList[];
  /** The slot that counts packets nobody could decide. */
  readonly undecidedSlot: Slot;
  /** Marks the following instructions as those of a rule, or of this stage of the program. */
  readonly mark: (owner: Slot | string) => void;
}

/** Emits a segment; packets enter where it is emitted. */
export function emitLinear(a: Assembler, segment: LinearSegment, context: LinearContext): void {
  const testLabels = segment.tests.map((_, index) => a.label(`test ${index}`));
  const listLabels = context.lists.map((_, index) => a.label(`list ${index}`));
  const references = countReferences(segment);
  const emitted = new Set<number>();
  const pending = listsBeforeTests(segment, context.lists, references);

  const labelOf = (edge: Edge): Label => (edge.kind === 'test' ? testLabels[edge.test]! : listLabels[edge.list]!);
  const emitList = (index: number): void => {
    emitted.add(index);
    a.bind(listLabels[index]!);
    const list = context.lists[index]!;
    for (const slot of list.counters) {
      context.mark(slot);
      emitCount(a, context.abi, slot);
    }
    const { then } = list;
    if (then.kind === 'segment') {
      a.goto(testLabels[then.test!]!);
    } else if (then.kind === 'exit') {
      throw new Error('codegen: exits of linear segments are not emitted');
    } else if (then.kind === 'undecided') {
      emitCount(a, context.abi, context.undecidedSlot);
      emitVerdict(a, context.abi, 'drop');
    } else {
      emitVerdict(a, context.abi, then.kind);
    }
  };
  const emitOwnList = (edge: Edge): void => {
    if (edge.kind !== 'list' || references.get(edge.list) !== 1 || emitted.has(edge.list)) return;
    if (listLabels[edge.list]!.isUsed) emitList(edge.list);
  };

  a.goto(labelOf(segment.entry));
  emitOwnList(segment.entry);
  for (const [index, test] of segment.tests.entries()) {
    for (const list of pending.get(index) ?? []) if (listLabels[list]!.isUsed) emitList(list);
    if (!testLabels[index]!.isUsed) continue;
    a.bind(testLabels[index]!);
    context.mark(test.slot ?? 'shared test');
    emitTest(a, test.predicate, labelOf(test.yes));
    a.goto(labelOf(test.no));
    emitOwnList(test.yes);
    emitOwnList(test.no);
  }
  for (const index of references.keys()) if (!emitted.has(index) && listLabels[index]!.isUsed) emitList(index);
}

/** How many edges of the segment lead to each list, by list, in order of first use. */
function countReferences(segment: LinearSegment): Map<number, number> {
  const references = new Map<number, number>();
  const note = (edge: Edge): void => {
    if (edge.kind === 'list') references.set(edge.list, (references.get(edge.list) ?? 0) + 1);
  };
  note(segment.entry);
  for (const test of segment.tests) {
    note(test.yes);
    note(test.no);
  }
  return references;
}

/** Lists with several edges that go on with a test, by that test: the last place from which all jumps go forward. */
function listsBeforeTests(
  segment: LinearSegment,
  lists: readonly ActionList[],
  references: ReadonlyMap<number, number>,
): Map<number, number[]> {
  const before = new Map<number, number[]>();
  for (const [index, count] of references) {
    const { then } = lists[index]!;
    if (count < 2 || then.kind !== 'segment') continue;
    const test = then.test!;
    if (test >= segment.tests.length)
      throw new Error(`linear: list ${index} goes on with test ${test}, which is not there`);
    before.set(test, [...(before.get(test) ?? []), index]);
  }
  return before;
}
