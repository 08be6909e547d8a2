import { describe, expect, it } from 'vitest';
import { FIELD_MAXIMUM, type Field, type FieldValues } from '../../../src/base/predicate.ts';
import { type Budget, DEFAULT_BUDGET } from '../../../src/classify/budget.ts';
import { type ClassSets, type FieldPartition, fieldClasses } from '../../../src/classify/classes.ts';
import type { NamePartition } from '../../../src/classify/components.ts';
import type { Condition } from '../../../src/classify/decision-list.ts';
import { isOverflow } from '../../../src/classify/finishes/finish.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import {
  ALL_FIELDS,
  DEVICE_NAMES,
  makeCondition,
  meets,
  randomCondition,
  setCondition,
  valueAt,
} from '../../harness/list-conditions.ts';
import type { Choice } from '../../harness/random.ts';

function classesOf(field: Field, conditions: readonly Condition[], budget: Budget = DEFAULT_BUDGET) {
  const made = fieldClasses(field, { conditions }, budget);
  if (isOverflow(made)) throw new Error(made.overflow);
  return made;
}

/** The class of a value, by the plainest search. */
function classOf(partition: FieldPartition, value: number | bigint | string): number {
  if (partition.kind === 'names') return classOfName(partition.names, value as string);
  const { starts, classes } = partition.runs;
  const startOf = (run: number): bigint =>
    partition.kind === 'numbers'
      ? BigInt(starts[run]!)
      : [0, 1, 2, 3].reduce((all, word) => (all << 32n) | BigInt(starts[4 * run + word]!), 0n);
  let run = 0;
  while (run + 1 < classes.length && startOf(run + 1) <= BigInt(value)) run++;
  return classes[run]!;
}

function classOfName({ entries }: NamePartition, value: string): number {
  const exact = entries.find(({ name, prefix }) => !prefix && name === value);
  const prefixes = entries.filter(({ name, prefix }) => prefix && value.startsWith(name));
  return (exact ?? prefixes.reduce((a, b) => (b.name.length > a.name.length ? b : a))).class;
}

function predicatesOf({ classes }: ClassSets, number: number): number[] {
  return [...classes.items.slice(classes.offsets[number], classes.offsets[number + 1])];
}

/** Conditions of a field that can be listed, each once, and values at their borders. */
function conditionsAndValues(choice: Choice, field: Field) {
  const found = new Set<Condition>();
  for (let count = choice.integer(0, 25); count > 0; count--) {
    const condition = randomCondition(choice, field, anyValue(choice, field));
    if (!(field in FIELD_MAXIMUM) || condition.set !== undefined) found.add(condition);
  }
  const conditions = [...found];
  const values = conditions.flatMap((condition) => [1, 2, 3].map(() => valueAt(choice, condition)));
  return { conditions, values: [...values, ...[1, 2, 3].map(() => anyValue(choice, field))] };
}

function anyValue(choice: Choice, field: Field): number | bigint | string {
  switch (field) {
    case 'inDevice':
    case 'outDevice':
      return choice.pick(DEVICE_NAMES);
    case 'src6':
    case 'dst6':
    case 'ctOrigSrc6':
    case 'ctOrigDst6':
    case 'ctReplySrc6':
    case 'ctReplyDst6':
      return (BigInt(choice.word()) << 96n) | BigInt(choice.integer(0, 3));
    default:
      return choice.integer(0, Math.min(FIELD_MAXIMUM[field], choice.pick([3, 300, 0xffffffff])));
  }
}

describe('fieldClasses', () => {
  it.each(ALL_FIELDS)('gives each value of %s the predicates that it meets', (field) => {
    for (let seed = 0; seed < 40; seed++) {
      const { conditions, values } = conditionsAndValues(seededChoice(seed, 1), field);
      const { sets, partition } = classesOf(field, conditions);
      for (const value of values) {
        const fields = { [field]: value } as unknown as FieldValues;
        const wanted = conditions.flatMap((condition, i) => (meets(condition, fields) ? [i + 1] : []));
        expect(predicatesOf(sets, classOf(partition, value))).toEqual(wanted);
      }
      const all = Array.from({ length: sets.classCount }, (_, number) => predicatesOf(sets, number).join());
      expect(new Set(all).size).toBe(all.length);
    }
  });

  it('cuts a field into as few runs as there are changes', () => {
    const ports = (low: number, high: number): Condition => setCondition('dport', [{ low, high }]);
    const { partition, sets } = classesOf('dport', [ports(0, 99), ports(80, 80), ports(100, 65535)]);
    if (partition.kind !== 'numbers') throw new Error('ports are numbers');
    expect([...partition.runs.starts]).toEqual([0, 80, 81, 100]);
    expect([...partition.runs.classes]).toEqual([0, 1, 0, 2]);
    expect([0, 1, 2].map((number) => predicatesOf(sets, number))).toEqual([[1], [1, 2], [3]]);
  });

  it('has room for any overlap where only the first decision of many matters', () => {
    const nested = Array.from({ length: 50 }, (_, i) => setCondition('src', [{ low: i + 1, high: 1000 - i }]));
    // The innermost is asked first, and what applies ends the list.
    const first = Int32Array.from({ length: 51 }, (_, predicate) => (predicate === 0 ? 0 : 51 - predicate));
    const made = fieldClasses(
      'src',
      { conditions: nested },
      { ...DEFAULT_BUDGET, overlap: 1 / 16 },
      { first, last: first },
    );
    if (isOverflow(made)) throw new Error(made.overflow);
    const classes = Array.from({ length: made.sets.classCount }, (_, number) => predicatesOf(made.sets, number));
    expect(classes).toEqual([[], ...Array.from({ length: 50 }, (_, i) => [i + 1])]);
    for (const [value, predicate] of [
      [0, 0],
      [1, 1],
      [2, 2],
      [50, 50],
      [951, 50],
      [999, 2],
      [1000, 1],
    ] as const) {
      expect(classOf(made.partition, value)).toBe(predicate);
    }
  });

  it('says so where conditions overlap too much, or cannot be listed', () => {
    const nested = Array.from({ length: 50 }, (_, i) => setCondition('src', [{ low: i + 1, high: 1000 - i }]));
    expect(fieldClasses('src', { conditions: nested }, { ...DEFAULT_BUDGET, overlap: 3 })).not.toHaveProperty(
      'overflow',
    );
    expect(fieldClasses('src', { conditions: nested }, { ...DEFAULT_BUDGET, overlap: 0 })).toEqual({
      overflow: 'src: conditions overlap too much',
    });
    const holes = makeCondition('src', [
      {
        predicate: { kind: 'masked', field: 'src', mask: 0x55555555, value: 1 },
        negated: false,
      },
    ]);
    expect(fieldClasses('src', { conditions: [holes] }, DEFAULT_BUDGET)).toEqual({
      overflow: 'src: a mask with holes',
    });
  });
});
