// Random decision lists with field values that are likely to meet their decisions, for property tests of classifiers.
//
// Lists come in several manners, because what breaks one structure leaves another alone. A failure shrinks packet by
// packet, decision by decision, condition by condition.

import fc, { type Random } from 'fast-check';
import { FIELD_MAXIMUM, type Field, type FieldValues } from '../../src/base/predicate.ts';
import { WIDE_MAXIMUM } from '../../src/base/wide-intervals.ts';
import {
  type Condition,
  type DecisionList,
  END,
  type ExitName,
  type ListSegment,
} from '../../src/classify/decision-list.ts';
import {
  ALL_FIELDS,
  DEVICE_FIELDS,
  DEVICE_NAMES,
  type FieldValue,
  isNumeric,
  NUMERIC_FIELDS,
  PACKET_WIDE_FIELDS,
  randomCondition,
  setCondition,
  valueAt,
} from './list-conditions.ts';
import { Choice } from './random.ts';
import { withoutSlices } from './slices.ts';
import { printFields, printSegments } from './walk-lists.ts';

/** One decision, as it is made and shrunk. */
export interface DecisionSpec {
  readonly conditions: readonly Condition[];
  /** −1 for none. */
  readonly slot: number;
  /** One of `END`, or how many decisions further on, at least 1. */
  readonly leads: number;
}

export interface ListScenario {
  /** A packet enters at segment 0; exits lead to later segments. */
  readonly segments: readonly ListSegment[];
  readonly packets: readonly FieldValues[];
}

export interface ListOptions {
  /** Decisions of a list. */
  readonly length?: { readonly min: number; readonly max: number };
  /** Segments, each one list; 1 leaves out all exits. */
  readonly segments?: number;
  /** What may be asked for; everything if absent. */
  readonly fields?: readonly Field[];
  readonly manners?: readonly Manner[];
  /** Counters are numbered below this. */
  readonly slots?: number;
  readonly packets?: number;
}

/**
 * `mixed`: any number of fields; `few fields`: one to three; `tuples`: the same fields asked for one value each;
 * `nested`: ranges inside ranges; `counting`: hardly anything ends; `skipping`: hardly anything does not skip.
 */
export type Manner = 'mixed' | 'few fields' | 'tuples' | 'nested' | 'counting' | 'skipping';

const MANNERS: readonly Manner[] = ['mixed', 'few fields', 'tuples', 'nested', 'counting', 'skipping'];

/** Lists and packets for them. */
export function listScenarios(options: ListOptions = {}): fc.Arbitrary<ListScenario> {
  return new ListArbitrary(options);
}

/** A list of decisions; a skip beyond the last one leads to the end `next`. */
export function makeList(decisions: readonly DecisionSpec[]): DecisionList {
  const length = decisions.length;
  const conditions = decisions.map((decision) => decision.conditions.toSorted((a, b) => a.id - b.id));
  const slots = Int32Array.from(decisions, ({ slot }) => slot);
  const then = Int32Array.from(decisions, ({ leads }, i) => (leads < 0 ? leads : Math.min(i + leads, length)));
  return { length, conditions, slots, then };
}

/** A single segment whose list ends in a verdict: one decision that always holds is put behind the others. */
export function oneSegment(decisions: readonly DecisionSpec[], slot = -1): ListSegment {
  return { list: makeList([...decisions, { conditions: [], slot, leads: END.drop }]), exits: {} };
}

interface Specs {
  readonly segments: readonly {
    readonly decisions: readonly DecisionSpec[];
    readonly exits: ListSegment['exits'];
  }[];
  readonly packets: readonly FieldValues[];
}

class ListArbitrary extends fc.Arbitrary<ListScenario> {
  private readonly options: ListOptions;

  constructor(options: ListOptions) {
    super();
    this.options = options;
  }

  override generate(random: Random): fc.Value<ListScenario> {
    return this.value(randomSpecs(new Choice(random), this.options));
  }

  override canShrinkWithoutContext(_value: unknown): _value is ListScenario {
    return false;
  }

  override shrink(_value: ListScenario, context: unknown): fc.Stream<fc.Value<ListScenario>> {
    return fc.stream(smaller(context as Specs)).map((specs) => this.value(specs));
  }

  private value(specs: Specs): fc.Value<ListScenario> {
    const segments = specs.segments.map(({ decisions, exits }) => ({ list: makeList(decisions), exits }));
    const scenario = { segments, packets: specs.packets, [fc.toStringMethod]: () => print(segments, specs.packets) };
    return new fc.Value(scenario, specs);
  }
}

function print(segments: readonly ListSegment[], packets: readonly FieldValues[]): string {
  return `${printSegments(segments)}\n${packets.map(printFields).join('\n')}`;
}

function randomSpecs(choice: Choice, options: ListOptions): Specs {
  const { manners = MANNERS, packets = 40 } = options;
  const pools = new Pools(choice);
  const count = choice.integer(1, options.segments ?? 3);
  const segments = Array.from({ length: count }, (_, n) => randomSegment(choice, pools, options, manners, n, count));
  const decisions = segments.flatMap((segment) => segment.decisions);
  return { segments, packets: Array.from({ length: packets }, () => randomFields(choice, pools, decisions)) };
}

function randomSegment(
  choice: Choice,
  pools: Pools,
  options: ListOptions,
  manners: readonly Manner[],
  number: number,
  count: number,
): Specs['segments'][number] {
  const { length = { min: 0, max: 60 }, fields = ALL_FIELDS, slots = 40 } = options;
  const manner = choice.pick(manners);
  const exits: Partial<Record<ExitName, number>> = {};
  const isLast = number === count - 1;
  if (!isLast)
    for (const exit of ['next', 'call', 'return'] as const) exits[exit] = choice.integer(number + 1, count - 1);
  const asked = manner === 'few fields' || manner === 'nested' ? some(choice, fields, 3) : fields;
  const every = some(choice, fields, 5);
  const decisions = Array.from({ length: choice.integer(length.min, length.max) }, (): DecisionSpec => {
    const conditions = randomConditions(choice, pools, manner, asked, every);
    return { conditions, slot: choice.integer(0, slots - 1), ...randomEnd(choice, manner, !isLast) };
  });
  // Behind the last list there is nothing.
  const last: DecisionSpec = {
    conditions: [],
    slot: choice.integer(-1, slots - 1),
    leads: choice.pick([END.accept, END.drop]),
  };
  return { exits, decisions: within(isLast ? [...decisions, last] : decisions, isLast) };
}

function randomConditions(
  choice: Choice,
  pools: Pools,
  manner: Manner,
  fields: readonly Field[],
  every: readonly Field[],
): Condition[] {
  if (manner === 'tuples') {
    const numeric = every.filter(isNumeric);
    const others = every.filter((field) => !isNumeric(field));
    return [
      ...numeric.map((field) => {
        const value = pools.value(field) as number;
        return setCondition(field, [{ low: value, high: value }]);
      }),
      ...others.map((field) => randomCondition(choice, field, pools.value(field))),
    ];
  }
  if (manner === 'nested') {
    return fields.map((field) => {
      if (!isNumeric(field)) return randomCondition(choice, field, pools.value(field));
      const maximum = FIELD_MAXIMUM[field];
      const margin = choice.integer(0, Math.max(0, Math.min(60, (maximum >>> 1) - 1)));
      return setCondition(field, [{ low: margin === 0 ? 1 : margin, high: maximum - margin }]);
    });
  }
  const most = choice.weighted([
    [1, 0],
    [4, 1],
    [4, 2],
    [3, 3],
    [2, 5],
  ]);
  return some(choice, fields, most).map((field) => randomCondition(choice, field, pools.value(field)));
}

function randomEnd(choice: Choice, manner: Manner, hasExits: boolean): { leads: number; slot?: -1 } {
  const [ends, skips, onward] = { counting: [1, 1, 12], skipping: [2, 8, 2] }[manner as string] ?? [8, 2, 3];
  const kind = choice.weighted([
    [ends!, 'end'],
    [skips!, 'skip'],
    [onward!, 'next'],
    [hasExits ? 3 : 0, 'exit'],
    [1, 'hotdrop'],
    [1, 'undecided'],
  ] as const);
  switch (kind) {
    case 'end':
      return { leads: choice.pick([END.accept, END.drop]) };
    case 'skip':
      return { leads: choice.chance(0.8) ? choice.integer(2, 8) : 1000 };
    case 'next':
      return { leads: 1 };
    case 'exit':
      return { leads: choice.pick([END.next, END.call, END.return]) };
    case 'hotdrop':
      return { slot: -1, leads: END.drop };
    case 'undecided':
      return { slot: -1, leads: END.undecided };
  }
}

/** Up to `most` of them, each at most once. */
function some<T>(choice: Choice, from: readonly T[], most: number): T[] {
  const left = [...from];
  const found: T[] = [];
  while (found.length < most && left.length > 0) found.push(...left.splice(choice.integer(0, left.length - 1), 1));
  return found;
}

/** A few values of each field that conditions are made around and packets have. */
class Pools {
  private readonly choice: Choice;
  private readonly values = new Map<Field, readonly FieldValue[]>();

  constructor(choice: Choice) {
    this.choice = choice;
    for (const field of NUMERIC_FIELDS) {
      const maximum = FIELD_MAXIMUM[field];
      const random = Array.from({ length: 4 }, () => choice.integer(0, maximum));
      this.values.set(field, [
        0,
        maximum,
        ...random,
        random[0]! ^ 1,
        random[1]! ^ 1,
        choice.integer(0, Math.min(7, maximum)),
      ]);
    }
    for (const field of PACKET_WIDE_FIELDS) {
      const random = Array.from({ length: 3 }, () => wideNumber(choice));
      const high = random[0]! & (WIDE_MAXIMUM << 64n);
      this.values.set(field, [0n, WIDE_MAXIMUM, ...random, random[0]! ^ 1n, high, high | (WIDE_MAXIMUM >> 64n)]);
    }
    for (const field of DEVICE_FIELDS) this.values.set(field, DEVICE_NAMES);
  }

  value(field: Field): FieldValue {
    const value = this.choice.pick(this.values.get(field)!);
    return typeof value === 'number' ? value >>> 0 : value;
  }
}

/** Any unsigned 128-bit number. */
function wideNumber(choice: Choice): bigint {
  return [0, 1, 2, 3].reduce((all) => (all << 32n) | BigInt(choice.word()), 0n);
}

/** Values aimed at a decision, at the borders of what it asks for. */
function randomFields(choice: Choice, pools: Pools, decisions: readonly DecisionSpec[]): FieldValues {
  const fields = Object.fromEntries(ALL_FIELDS.map((field) => [field, pools.value(field)]));
  for (let aims = choice.integer(0, 2); aims > 0 && decisions.length > 0; aims--) {
    for (const condition of choice.pick(decisions).conditions) fields[condition.field] = valueAt(choice, condition);
  }
  return fields as unknown as FieldValues;
}

/** Scenarios that are one step simpler. */
function* smaller(specs: Specs): Generator<Specs> {
  const { segments, packets } = specs;
  for (const fewer of withoutSlices(packets)) if (fewer.length > 0) yield { segments, packets: fewer };
  for (const [n, { decisions, exits }] of segments.entries()) {
    const replace = (changed: readonly DecisionSpec[]): Specs => ({
      packets,
      segments: segments.with(n, { decisions: changed, exits }),
    });
    const isLast = n === segments.length - 1;
    const body = isLast ? decisions.slice(0, -1) : decisions;
    const end = isLast ? decisions.slice(-1) : [];
    for (const fewer of withoutSlices(body)) yield replace(within([...fewer, ...end], isLast));
    for (const [i, decision] of body.entries()) {
      for (const conditions of withoutSlices(decision.conditions))
        yield replace(decisions.with(i, { ...decision, conditions }));
      if (decision.leads > 1) yield replace(decisions.with(i, { ...decision, leads: 1 }));
      if (decision.slot > 0) yield replace(decisions.with(i, { ...decision, slot: 0 }));
    }
  }
}

/** In the last list nothing may lead beyond the last decision. */
function within(decisions: readonly DecisionSpec[], isLast: boolean): readonly DecisionSpec[] {
  if (!isLast) return decisions;
  return decisions.map((each, i) => ({ ...each, leads: Math.min(each.leads, Math.max(1, decisions.length - 1 - i)) }));
}
