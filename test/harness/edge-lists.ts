// Decision lists written to break classifiers: each has a name that says what goes wrong where it is got wrong.

import { interval } from '../../src/base/intervals.ts';
import { prefixMask } from '../../src/base/ipv4.ts';
import { type DeviceField, FIELD_MAXIMUM, type NumericField } from '../../src/base/predicate.ts';
import { type Condition, END, type ListSegment } from '../../src/classify/decision-list.ts';
import { DEVICE_FIELDS, makeCondition, NUMERIC_FIELDS, setCondition } from './list-conditions.ts';
import { type DecisionSpec, makeList, oneSegment } from './random-lists.ts';

export interface EdgeCase {
  readonly name: string;
  readonly segments: readonly ListSegment[];
}

const is = (field: NumericField, low: number, high: number = low): Condition =>
  setCondition(field, interval(low, high));

function prefix(field: 'src' | 'dst', address: number, length: number): Condition {
  const low = (address & prefixMask(length)) >>> 0;
  return is(field, low, (low | ~prefixMask(length)) >>> 0);
}

function named(field: DeviceField, name: string, kind: '' | '+' | '!' | '!+' = ''): Condition {
  const predicate = { kind: 'device', field, name, prefix: kind.endsWith('+') } as const;
  return makeCondition(field, [{ predicate, negated: kind.startsWith('!') }]);
}

function accept(slot: number, ...conditions: Condition[]): DecisionSpec {
  return { conditions, slot, leads: END.accept };
}

function drop(slot: number, ...conditions: Condition[]): DecisionSpec {
  return { conditions, slot, leads: END.drop };
}

/** Counts and goes `steps` further. */
function on(slot: number, steps: number, ...conditions: Condition[]): DecisionSpec {
  return { conditions, slot, leads: steps };
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** One list; packets that nothing decides are dropped and counted by slot 9. */
function one(name: string, decisions: readonly DecisionSpec[]): EdgeCase {
  return { name, segments: [oneSegment(decisions, 9)] };
}

const shapes: readonly EdgeCase[] = [
  one('nothing but the end', []),
  one('an end that always holds, and rules behind it', [
    accept(1),
    drop(2, is('dport', 80)),
    on(3, 1),
    drop(4, is('src', 1)),
  ]),
  one('counts that always hold, before and between', [
    on(1, 1),
    drop(2, is('dport', 80)),
    on(3, 1),
    on(4, 1),
    accept(5, is('dport', 81)),
    on(6, 1),
  ]),
  one(
    'nothing ends',
    times(40, (i) => on(i + 10, 1, is('src', i * 3, i * 3 + 200), is('dport', i))),
  ),
  one('one counter on many ways, and twice on one', [
    on(1, 1, is('src', 0, 99)),
    on(1, 1, is('src', 50, 149)),
    accept(1, is('src', 75)),
    drop(1, is('dst', 5)),
    on(1, 1),
  ]),
  one('equal rules, the later ones shadowed', [
    accept(1, is('src', 5)),
    drop(2, is('src', 5)),
    on(3, 1, is('src', 5, 6)),
    on(4, 1, is('src', 5, 6)),
    drop(5, is('src', 6)),
  ]),
  one('wide before narrow, and narrow before wide', [
    accept(1, prefix('src', 0x0a000000, 8)),
    drop(2, prefix('src', 0x0a010000, 16)),
    drop(3, prefix('dst', 0x0a010000, 24)),
    accept(4, prefix('dst', 0x0a010000, 16)),
    drop(5, prefix('src', 0x0a010000, 7), is('dport', 1)),
  ]),
  one('rules that count nothing', [
    { conditions: [is('transportLength', 0, 19), is('protocol', 6)], slot: -1, leads: END.drop },
    accept(1, is('protocol', 6)),
    { conditions: [is('protocol', 17)], slot: -1, leads: 1 },
    { conditions: [is('dport', 53)], slot: -1, leads: END.undecided },
    drop(2, is('protocol', 17)),
  ]),
];

const skips: readonly EdgeCase[] = [
  one('skips to the last decision, and over an end that always holds', [
    on(1, 4, is('src', 1)),
    on(2, 2, is('src', 1, 2)),
    drop(3),
    on(4, 1, is('src', 0, 9)),
  ]),
  one('a skip to the next decision, with a condition or none', [
    on(1, 1, is('src', 7)),
    on(2, 1),
    on(3, 2),
    drop(4, is('src', 7)),
    accept(5, is('src', 7)),
  ]),
  one('skips into one another, as nested returns do', [
    on(1, 1, is('protocol', 6)),
    on(2, 6, is('protocol', 6), is('dport', 0, 1023)),
    on(3, 4, is('protocol', 6), is('dport', 0, 80)),
    on(4, 2, is('protocol', 6), is('sport', 5)),
    drop(5, is('protocol', 6), is('dport', 9)),
    accept(6, is('protocol', 6), is('dport', 2000)),
    drop(7, is('protocol', 6), is('dport', 81)),
    on(8, 1),
  ]),
  one('skips that meet at one decision from many', [
    ...times(30, (i) => on(i + 10, 30 - i, is('src', i))),
    drop(1, is('dst', 0, 9)),
  ]),
];

const fields: readonly EdgeCase[] = [
  one(
    'nought and the greatest value of every field',
    NUMERIC_FIELDS.flatMap((field, i) => {
      const maximum = FIELD_MAXIMUM[field];
      return [
        on(4 * i + 10, 1, is(field, 0)),
        on(4 * i + 11, 1, is(field, maximum)),
        on(4 * i + 12, 1, is(field, 1, maximum)),
        on(4 * i + 13, 1, is(field, 0, maximum - 1)),
      ];
    }),
  ),
  one('every field in one rule', [
    accept(
      1,
      ...DEVICE_FIELDS.map((field) => named(field, 'eth', '+')),
      ...NUMERIC_FIELDS.map((field) => is(field, 1, FIELD_MAXIMUM[field])),
    ),
    drop(2, ...DEVICE_FIELDS.map((field) => named(field, 'eth0')), ...NUMERIC_FIELDS.map((field) => is(field, 1))),
  ]),
  one(
    'every length of prefix of one address',
    times(32, (i) => on(i + 10, 1, prefix('src', 0xc0a80101, i + 1))),
  ),
  one('the first and the last address, and halves', [
    accept(1, is('src', 0)),
    drop(2, is('src', 0xffffffff)),
    accept(3, prefix('dst', 0x80000000, 1), is('sport', 0)),
    drop(4, prefix('dst', 0, 1), is('dport', 0xffff)),
    on(5, 1, is('src', 0x7fffffff, 0x80000000)),
  ]),
  one('device names of fifteen bytes, beginnings, and no device', [
    accept(1, named('inDevice', 'a23456789012345')),
    drop(2, named('inDevice', 'a23456789012345', '+'), is('dport', 1)),
    drop(3, named('inDevice', 'a2345678901234', '+'), is('dport', 2)),
    on(4, 1, named('inDevice', '')),
    on(5, 1, named('inDevice', 'eth', '+')),
    on(6, 1, named('inDevice', 'eth')),
    on(7, 1, named('inDevice', 'eth0', '!')),
    on(8, 1, named('inDevice', 'eth0', '!+')),
    accept(10, named('outDevice', 'eth0'), named('inDevice', 'eth0')),
    drop(11, named('outDevice', 'lo', '!'), named('inDevice', 'l', '+')),
  ]),
  one('addresses under masks with holes', [
    ...[0xff00ff00, 0x00ffffff, 0xf0f0f0f0, 1, 0x80000001].flatMap((mask, i) =>
      (['src', 'dst'] as const).map((field, j) =>
        on(
          2 * i + j + 10,
          1,
          makeCondition(field, [
            { predicate: { kind: 'masked', field, mask, value: (0x12345679 & mask) >>> 0 }, negated: j === 1 },
          ]),
        ),
      ),
    ),
    accept(1, is('dport', 80)),
  ]),
  one('the same conditions on both addresses, and on both ports', [
    ...times(20, (i) => on(i + 10, 1, is('src', i * 10, i * 10 + 5))),
    ...times(20, (i) => on(i + 30, 1, is('dst', i * 10, i * 10 + 5))),
    ...times(20, (i) => on(i + 50, 1, is('sport', i * 10, i * 10 + 5))),
    ...times(20, (i) => on(i + 70, 1, is('dport', i * 10, i * 10 + 5))),
  ]),
  one('state and another field, before and behind', [
    accept(1, is('state', 2, 4)),
    drop(2, is('state', 1), is('dport', 0, 99)),
    accept(3, is('dport', 22)),
    on(4, 1, is('state', 0)),
    drop(5, is('src', 1, 9)),
    accept(6, is('state', 8), is('protocol', 6)),
  ]),
];

/** Numbers of classes, outcomes and counters at the ends of one and two bytes. */
const sizes: readonly EdgeCase[] = [
  // n rules with a gap behind each make n + 1 classes.
  ...[253, 254, 255, 256].map((n) =>
    one(
      `${n + 1} classes of a field`,
      times(n, (i) => accept(i % 7, is('dport', i * 2))),
    ),
  ),
  ...[254, 255, 256, 257].map((n) =>
    one(
      `${n} outcomes`,
      times(n - 1, (i) => accept(i + 10, is('dport', i * 2))),
    ),
  ),
  ...[15, 16, 17].map((n) =>
    one(
      `${n} by ${n} classes, each its own`,
      times(n - 1, (i) => [on(i + 10, 1, is('src', i * 2)), on(i + 100, 1, is('dst', i * 2))]).flat(),
    ),
  ),
  ...[65_534, 65_535, 65_536].map((n) =>
    one(
      `${n + 1} classes of an address`,
      times(n, (i) => drop(i, is('src', i * 2))),
    ),
  ),
  ...[127, 128, 129, 400].map((n) =>
    one(`${n} counters on one way`, [
      ...times(n, (i) => on(i + 10, 1, is('src', 0, 999 + i))),
      accept(1, is('dport', 7)),
    ]),
  ),
  one('counters far apart', [
    on(65_535, 1, is('src', 1)),
    accept(65_536, is('src', 1, 2)),
    drop(131_071, is('dst', 1)),
    accept(131_072, is('dst', 2)),
  ]),
  // A node of an address index holds a handful of bounds: one more must go elsewhere.
  ...[6, 7, 8, 9, 15, 16, 17, 64, 65].map((n) =>
    one(`${n} bounds within one /16`, [
      ...times(Math.floor(n / 2), (i) => accept(i, is('src', 0x0a0b0000 + i * 7 + 1, 0x0a0b0000 + i * 7 + 3))),
      ...(n % 2 === 1 ? [drop(1, is('src', 0x0a0b8000, 0x0a0bffff))] : []),
      drop(2, is('dst', 3)),
    ]),
  ),
  one(
    'every other address of a /20',
    times(2048, (i) => accept(i, is('src', 0x0a0b0000 + 2 * i))),
  ),
];

const probes: readonly EdgeCase[] = [
  // Keys that agree in what a weak hash looks at.
  ...(
    [
      ['high bits', (i: number) => (i << 24) >>> 0],
      ['middle bits', (i: number) => (i << 12) >>> 0],
      ['low bits', (i: number) => i],
      ['bits of the golden ratio', (i: number) => Math.imul(i, 0x9e3779b1) >>> 0],
    ] as const
  ).map(([where, spread]) =>
    one(
      `keys that differ in ${where} only`,
      times(250, (i) => accept(i, is('src', spread(i)), is('dst', 0x0a000001), is('dport', 80), is('sport', 7))),
    ),
  ),
  one(
    'keys that differ in one bit',
    times(96, (i) =>
      drop(
        i,
        is('src', i < 32 ? (0x0a000001 ^ (1 << i)) >>> 0 : 0x0a000001),
        is('dst', i >= 32 && i < 64 ? (0x0a000002 ^ (1 << i)) >>> 0 : 0x0a000002),
        is('sport', i >= 64 && i < 80 ? 5 ^ (1 << (i - 64)) : 5),
        is('dport', i >= 80 ? 6 ^ (1 << (i - 80)) : 6),
      ),
    ),
  ),
  one(
    'keys with halves exchanged',
    times(64, (i) => accept(i, is('src', i), is('dst', 63 - i), is('sport', 63 - i), is('dport', i))),
  ),
  one('a rule of all noughts and one of all ones', [
    accept(1, is('src', 0), is('dst', 0), is('protocol', 0), is('sport', 0), is('dport', 0)),
    drop(
      2,
      is('src', 0xffffffff),
      is('dst', 0xffffffff),
      is('protocol', 255),
      is('sport', 0xffff),
      is('dport', 0xffff),
    ),
  ]),
  // As many masks as there are tuples of fields.
  one(
    'every set of five fields, one value each',
    times(32, (bits) =>
      accept(
        bits,
        ...(['src', 'dst', 'protocol', 'sport', 'dport'] as const)
          .filter((_, i) => bits & (1 << i))
          .map((field, i) => is(field, 40 + ((bits + i) % 3))),
      ),
    ).toReversed(),
  ),
  one(
    'layers upon layers in two fields',
    times(120, (i) => drop(i, is('src', i + 1, 0xffffff00 - i), is('dst', 120 - i, 0xfffff000 - ((i * 37) % 120)))),
  ),
  one('the last of many probes is the first rule', [
    accept(1, is('src', 5), is('dst', 5), is('dport', 5)),
    ...times(20, (i) => drop(i + 10, prefix('src', 0, i + 1), prefix('dst', 0, 21 - i))),
    on(2, 1, is('src', 5)),
    drop(3, is('dst', 5)),
  ]),
  one('counts behind the rule that decides, and before', [
    ...times(10, (i) => on(i + 10, 1, prefix('src', 0x0a000000, 8 + i), is('dport', i, 20))),
    accept(1, prefix('src', 0x0a000000, 9), is('dport', 5, 15)),
    ...times(10, (i) => on(i + 20, 1, prefix('dst', 0x0a000000, 8 + i), is('dport', i, 20))),
    drop(2, prefix('dst', 0x0a000000, 9)),
  ]),
];

const exits: readonly EdgeCase[] = [
  {
    name: 'every exit, two of them to one segment',
    segments: [
      {
        list: makeList([
          { conditions: [is('src', 1)], slot: 1, leads: END.call },
          { conditions: [is('src', 2)], slot: 2, leads: END.return },
          { conditions: [is('src', 3)], slot: 3, leads: END.next },
          on(4, 1, is('dst', 1)),
        ]),
        exits: { call: 1, return: 2, next: 2 },
      },
      { list: makeList([on(5, 1, is('dst', 1)), drop(6, is('dport', 1))]), exits: { next: 2 } },
      oneSegment([accept(7, is('dport', 1)), on(8, 1)], 9),
    ],
  },
  {
    name: 'a list without decisions between two others',
    segments: [
      { list: makeList([accept(1, is('src', 1))]), exits: { next: 1 } },
      { list: makeList([]), exits: { next: 2 } },
      oneSegment([drop(2, is('src', 2))], 9),
    ],
  },
  {
    name: 'a list that always leaves by one exit',
    segments: [
      { list: makeList([{ conditions: [], slot: 1, leads: END.call }]), exits: { call: 1, next: 1 } },
      oneSegment([drop(2, is('src', 2))], 9),
    ],
  },
  {
    name: 'equal lists with other exits',
    segments: [
      {
        list: makeList([on(1, 1, is('src', 1)), { conditions: [is('dport', 1)], slot: 2, leads: END.call }]),
        exits: { next: 1, call: 2 },
      },
      {
        list: makeList([on(1, 1, is('src', 1)), { conditions: [is('dport', 1)], slot: 2, leads: END.call }]),
        exits: { next: 3, call: 3 },
      },
      {
        list: makeList([on(1, 1, is('src', 1)), { conditions: [is('dport', 1)], slot: 2, leads: END.call }]),
        exits: { next: 3, call: 4 },
      },
      oneSegment([on(3, 1, is('src', 1))], 4),
      oneSegment([accept(5, is('src', 1))], 6),
    ],
  },
];

export const EDGE_CASES: readonly EdgeCase[] = [...shapes, ...skips, ...fields, ...sizes, ...probes, ...exits];
