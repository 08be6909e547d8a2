// A decision list as tests asked one after the other, and the tests that part packets by their shape.
//
// The last resort: what no table can be made of still has this form. The literals of a decision are asked in turn, and
// the first that does not hold leads to the next decision.

import type { Literal } from '../base/predicate.ts';
import { type ActionLists, EMPTY } from './action-lists.ts';
import type { Edge, LinearSegment } from './classification.ts';
import { END, type ListSegment } from './decision-list.ts';
import type { ShapeSegment } from './flatten.ts';

type Test = LinearSegment['tests'][number];

/** The tests of a list that becomes segment `number`; their action lists are added to `lists`. */
export function listTests({ list, exits }: ListSegment, number: number, lists: ActionLists): LinearSegment {
  const { length, conditions, slots, then, owners } = list;
  const firstTests = new Int32Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    firstTests[i] = count;
    for (const { literals } of conditions[i]!) count += literals.length;
  }
  /** Counts what must be counted until something is asked again, or the list ends. */
  const edge = (goal: number, before: number): Edge => {
    let [chain, at] = [before, goal];
    while (at >= 0 && at < length && conditions[at]!.length === 0) {
      if (slots[at]! >= 0) chain = lists.chain(chain, slots[at]!);
      at = then[at]!;
    }
    if (at < 0 || at === length) return { kind: 'list', list: lists.endingIn(chain, at < 0 ? at : END.next) };
    const test = firstTests[at]!;
    return chain === EMPTY ? { kind: 'test', test } : { kind: 'list', list: lists.goingOn(chain, number, test) };
  };
  const tests: Test[] = [];
  for (let i = 0; i < length; i++) {
    const literals = conditions[i]!.flatMap((condition) => condition.literals);
    if (literals.length === 0) continue;
    const holds = edge(then[i]!, slots[i]! < 0 ? EMPTY : lists.chain(EMPTY, slots[i]!));
    const fails = edge(i + 1, EMPTY);
    const owner = owners?.[i] ?? -1;
    for (const [index, literal] of literals.entries()) {
      const next: Edge = index === literals.length - 1 ? holds : { kind: 'test', test: tests.length + 1 };
      tests.push(makeTest(literal, next, fails, owner));
    }
  }
  return { finish: 'linear', tests, entry: edge(0, EMPTY), exits };
}

function makeTest({ predicate, negated }: Literal, holds: Edge, fails: Edge, owner: number): Test {
  const [yes, no] = negated ? [fails, holds] : [holds, fails];
  return owner < 0 ? { predicate, yes, no } : { predicate, yes, no, slot: owner };
}

/** The tests that lead a packet by its shape: usually two, whose answers are nearly always the same. */
export function shapeTests({ shape, main, odd }: ShapeSegment, lists: ActionLists): LinearSegment {
  const [toMain, toOdd] = [main, odd].map((segment): Edge => ({ kind: 'list', list: lists.goingOn(EMPTY, segment) }));
  const tests: Test[] = [];
  const next = (): Edge => ({ kind: 'test', test: tests.length + 1 });
  tests.push({
    predicate: { kind: 'in', field: 'fragment', set: [{ low: 0, high: 0 }] },
    yes: shape.groups.length === 0 ? toMain! : next(),
    no: toOdd!,
  });
  if (shape.groups.length > 0) {
    tests.push({ predicate: { kind: 'in', field: 'transportLength', set: shape.short }, yes: next(), no: toMain! });
  }
  for (const [index, { protocols, short }] of shape.groups.entries()) {
    const isLast = index === shape.groups.length - 1;
    const other: Edge = isLast ? toMain! : { kind: 'test', test: tests.length + 2 };
    tests.push({ predicate: { kind: 'in', field: 'protocol', set: protocols }, yes: next(), no: other });
    tests.push({ predicate: { kind: 'in', field: 'transportLength', set: short }, yes: toOdd!, no: toMain! });
  }
  return { finish: 'linear', tests, entry: { kind: 'test', test: 0 } };
}
