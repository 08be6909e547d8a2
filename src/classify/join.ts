// Two classifications of different hooks as one.

import type { ActionList, Classification, Edge, LinearSegment } from './classification.ts';

/** Puts what is asked test by test behind what is looked up in tables: its segments and lists get higher numbers. */
export function joinClassifications(
  first: Classification,
  linear: Omit<Classification, 'segments'> & { readonly segments: readonly LinearSegment[] },
): Classification {
  const segments = first.segments.length;
  const lists = first.lists.length;
  const edge = (old: Edge): Edge => (old.kind === 'test' ? old : { kind: 'list', list: lists + old.list });
  const list = ({ counters, then: end }: ActionList): ActionList => {
    const then = end.kind === 'segment' ? { ...end, segment: segments + end.segment } : end;
    return { counters, then };
  };
  return {
    ...first,
    segments: [
      ...first.segments,
      ...linear.segments.map((segment): LinearSegment => {
        const tests = segment.tests.map((test) => ({ ...test, yes: edge(test.yes), no: edge(test.no) }));
        return { ...segment, tests, entry: edge(segment.entry) };
      }),
    ],
    lists: [...first.lists, ...linear.lists.map(list)],
    entries: {
      ...first.entries,
      ...Object.fromEntries(Object.entries(linear.entries).map(([hook, entry]) => [hook, segments + entry])),
    },
  };
}
