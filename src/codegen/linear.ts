// The linear finish as code: tests in their order, each followed by what its `yes` leads to.
//
//   test 0:   unless <predicate> goto no     usually the next rule
//   yes:      count, verdict                 an action list, or the rule's next test
//
// Where one compare does not tell it, or something else stands behind the test, that is: if <predicate> goto yes, goto no.
//
// The shape is for the verifier. It explores the branch not taken first and keeps the taken one for later, so one
// branch per rule is pending at most, and all jumps go forward. An action list that only one edge leads to stands where
// that edge leads; others stand in front of the test they go on with, or at the end. A list that counts nothing and goes
// on is no place at all. What no jump leads to (a test whose set is empty never says yes) is left out: the kernel refuses
// unreachable code.

import type { Assembler, Label } from '../bpf/assembler.ts';
import type { ActionList, Edge, LinearSegment } from '../classify/classification.ts';
import { emitCount, emitVerdict } from './actions.ts';
import type { SegmentContext } from './segments.ts';
import { emitContrary, emitTest } from './tests.ts';

/** Emits segment `number`; packets enter where it is emitted. */
export function emitLinear(a: Assembler, number: number, segment: LinearSegment, context: SegmentContext): void {
  const testLabels = segment.tests.map((_, index) => a.label(`test ${index}`));
  const { lists } = context.classification;
  const references = countReferences(segment);
  const listLabels = new Map([...references.keys()].map((list) => [list, a.label(`list ${list}`)]));
  const emitted = new Set<number>();
  const pending = listsBeforeTests(segment, lists, references);

  /** Where a list leads that does not end in a verdict. */
  const goalOf = ({ then }: ActionList): Label | undefined => {
    switch (then.kind) {
      case 'segment':
        return then.test === undefined ? context.labels.get(then.segment)! : testLabels[then.test]!;
      case 'exit':
        return context.labels.get(segment.exits![then.exit]!)!;
      case 'undecided':
        return context.undecided;
      default:
        return undefined;
    }
  };
  const labelOf = (edge: Edge): Label => {
    if (edge.kind === 'test') return testLabels[edge.test]!;
    const list = lists[edge.list]!;
    const goal = list.counters.length === 0 ? goalOf(list) : undefined;
    return goal ?? listLabels.get(edge.list)!;
  };
  const emitList = (index: number): void => {
    emitted.add(index);
    a.bind(listLabels.get(index)!);
    const list = lists[index]!;
    const { counters, then } = list;
    if (counters.length > 0 && context.deferral.list(number, index)) {
      a.goto(context.undecided);
      return;
    }
    if (counters.length > 0 || then.kind === 'drop') context.beforeEnd?.();
    for (const slot of counters) {
      context.mark(slot);
      emitCount(a, context.abi, slot);
    }
    const goal = goalOf(list);
    if (goal !== undefined) a.goto(goal);
    else emitVerdict(a, context.abi, then.kind === 'drop' ? 'drop' : 'accept');
  };
  const emitOwnList = (edge: Edge): void => {
    if (edge.kind !== 'list' || references.get(edge.list) !== 1 || emitted.has(edge.list)) return;
    if (listLabels.get(edge.list)!.isUsed) emitList(edge.list);
  };

  /** Whether only this edge leads to the list, which is still to be put somewhere. */
  const isOwnList = (edge: Edge): boolean =>
    edge.kind === 'list' &&
    references.get(edge.list) === 1 &&
    !emitted.has(edge.list) &&
    labelOf(edge) === listLabels.get(edge.list);
  /** Whether what a test's yes leads to will stand right behind the test. */
  const isNext = ({ yes, no }: LinearSegment['tests'][number], test: number): boolean =>
    isOwnList(yes) || (yes.kind === 'test' && yes.test === test + 1 && !pending.has(yes.test) && !isOwnList(no));

  a.goto(labelOf(segment.entry));
  emitOwnList(segment.entry);
  for (const [index, test] of segment.tests.entries()) {
    for (const list of pending.get(index) ?? []) if (listLabels.get(list)!.isUsed) emitList(list);
    if (!testLabels[index]!.isUsed) continue;
    a.bind(testLabels[index]!);
    context.mark(test.slot ?? 'shared test');
    const [yes, no] = [labelOf(test.yes), labelOf(test.no)];
    if (isNext(test, index) && emitContrary(a, test.predicate, no)) {
      yes.isUsed = true;
    } else {
      emitTest(a, test.predicate, yes);
      a.goto(no);
    }
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
