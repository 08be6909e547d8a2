// Decision lists walked decision by decision, as their definition says: what every classifier is held against.

import { type FieldValues, formatPredicate } from '../../src/base/predicate.ts';
import { type DecisionList, END, type ListSegment } from '../../src/classify/decision-list.ts';
import type { Outcome } from '../../src/graph/evaluate.ts';
import type { Slot } from '../../src/graph/graph.ts';
import { meets } from './list-conditions.ts';

type End = keyof typeof END;

const NAMES: ReadonlyMap<number, End> = new Map(Object.entries(END).map(([name, number]) => [number, name as End]));

/** What happens to a packet that enters at segment `entry`. */
export function walkSegments(segments: readonly ListSegment[], entry: number, fields: FieldValues): Outcome {
  const counted: Slot[] = [];
  let number = entry;
  for (;;) {
    const { list, exits } = segments[number]!;
    const end = walkList(list, fields, counted);
    if (end === 'accept' || end === 'drop' || end === 'undecided') return { verdict: end, counted };
    const next = exits[end];
    if (next === undefined) throw new Error(`segment ${number} has no exit ${end}`);
    number = next;
  }
}

/** The end that a packet comes to; what it meets is added to `counted`. */
export function walkList({ length, conditions, slots, then }: DecisionList, fields: FieldValues, counted: Slot[]): End {
  let at = 0;
  while (at >= 0 && at < length) {
    if (!conditions[at]!.every((condition) => meets(condition, fields))) {
      at++;
      continue;
    }
    if (slots[at]! >= 0) counted.push(slots[at]!);
    at = then[at]!;
  }
  return at < 0 ? NAMES.get(at)! : 'next';
}

/** Lists as text, for failures. */
export function printSegments(segments: readonly ListSegment[]): string {
  return segments.flatMap(({ list, exits }, n) => [`segment ${n} ${JSON.stringify(exits)}`, ...lines(list)]).join('\n');
}

function lines({ length, conditions, slots, then }: DecisionList): string[] {
  return Array.from({ length }, (_, i) => {
    const literals = conditions[i]!.flatMap((condition) => condition.literals);
    const asked = literals.map(({ predicate, negated }) => `${negated ? 'not ' : ''}${formatPredicate(predicate)}`);
    return `  ${i}: ${asked.join(' and ') || 'always'} ? count ${slots[i]} -> ${NAMES.get(then[i]!) ?? then[i]}`;
  });
}

/** The values of a packet, for failures. */
export function printFields(fields: FieldValues): string {
  return Object.entries(fields)
    .map(([field, value]) => `${field}=${typeof value === 'string' ? JSON.stringify(value) : value}`)
    .join(' ');
}
