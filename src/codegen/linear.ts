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
import { emitCount, emitVerdict } from './actions.ts';
import type { SegmentContext } from './segments.ts';
import { emitTest } from './tests.ts';

/** Emits segment `number`; packets enter where it is emitted. */
export function emitLinear(a: Assembler, number: number, segment: LinearSegment, context: SegmentContext): void {
  const testLabels = segment.tests.map((_, index) => a.label(`test ${index}`));
  const { lists } = context.classification;
  const references = countReferences(segment);
  const listLabels = new Map([...references.keys()].map((list) => [list, a.label(`list ${list}`)]));
  const emitted = new Set<number>();
  const pending = listsBeforeTests(segment, lists, references);

  const labelOf = (edge: Edge): Label => (edge.kind === 'test' ? testLabels[edge.test]! : listLabels.get(edge.list)!);
  const emitList = (index: number): void => {
    emitted.add(index);
    a.bind(listLabels.get(index)!);
    const { counters, then } = lists[index]!;
    if (counters.length > 0 && context.deferral.list(number, index)) {
      a.goto(context.undecided);
      return;
    }
    for (const slot of counters) {
      context.mark(slot);
      emitCount(a, context.abi, slot);
    }
    if (then.kind === 'segment') {
      a.goto(then.test === undefined ? context.labels.get(then.segment)! : testLabels[then.test]!);
    } else if (then.kind === 'exit') {
      a.goto(context.labels.get(segment.exits![then.exit]!)!);
    } else if (then.kind === 'undecided') {
      a.goto(context.undecided);
    } else {
      emitVerdict(a, context.abi, then.kind);
    }
  };
  const emitOwnList = (edge: Edge): void => {
    if (edge.kind !== 'list' || references.get(edge.list) !== 1 || emitted.has(edge.list)) return;
    if (listLabels.get(edge.list)!.isUsed) emitList(edge.list);
  };

  a.goto(labelOf(segment.entry));
  emitOwnList(segment.entry);
  for (const [index, test] of segment.tests.entries()) {
    for (const list of pending.get(index) ?? []) if (listLabels.get(list)!.isUsed) emitList(list);
    if (!testLabels[index]!.isUsed) continue;
    a.bind(testLabels[index]!);
    context.mark(test.slot ?? 'shared test');
    emitTest(a, test.predicate, labelOf(test.yes));
    a.goto(labelOf(test.no));
    emitOwnList(test.yes);
    emitOwnList(test.no);
  }
  for (const index of references.keys()) if (!emitted.has(index) && listLabels.get(index)!.isUsed) emitList(index);
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
    if (count < 2 || then.kind !== 'segment' || then.test === undefined) continue;
    const { test } = then;
    if (test >= segment.tests.length)
      throw new Error(`linear: list ${index} goes on with test ${test}, which is not there`);
    before.set(test, [...(before.get(test) ?? []), index]);
  }
  return before;
}
