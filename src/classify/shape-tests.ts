// A packet's shape as tests: the segment in front of the lists of both regions of a shape (`shapes.ts`).

import { type ActionLists, EMPTY } from './action-lists.ts';
import type { Edge, LinearSegment } from './classification.ts';
import type { ShapeSegment } from './decision-list.ts';

/** The tests that lead a packet by its shape: usually two, whose answers are nearly always the same. */
export function shapeTests({ shape, main, odd }: ShapeSegment, lists: ActionLists): LinearSegment {
  const [toMain, toOdd] = [main, odd].map((segment): Edge => ({ kind: 'list', list: lists.goingOn(EMPTY, segment) }));
  const tests: LinearSegment['tests'][number][] = [];
  const next = (): Edge => ({ kind: 'test', test: tests.length + 1 });
  if (shape.malformed) {
    tests.push({ predicate: { kind: 'in', field: 'malformed', set: [{ low: 1, high: 1 }] }, yes: toOdd!, no: next() });
  }
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
