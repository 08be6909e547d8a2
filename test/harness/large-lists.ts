// Large decision lists, by kind and seed the same everywhere: each kind presses on another part of a classifier.

import { type IntervalSet, interval } from '../../src/base/intervals.ts';
import { prefixMask } from '../../src/base/ipv4.ts';
import { type DeviceField, FIELD_MAXIMUM, type FieldValues, type NumericField } from '../../src/base/predicate.ts';
import { type Condition, END, type ListSegment } from '../../src/classify/decision-list.ts';
import { RECIPES, rulesByRecipe } from '../bench/classbench-like.ts';
import type { Prefix, RuleShape } from '../bench/rule-shape.ts';
import { SERVER_RULES } from '../bench/server-ruleset.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import {
  DEVICE_FIELDS,
  DEVICE_NAMES,
  makeCondition,
  NUMERIC_FIELDS,
  PACKET_WIDE_FIELDS,
  setCondition,
  valueAt,
} from './list-conditions.ts';
import type { Choice } from './random.ts';
import { type DecisionSpec, oneSegment } from './random-lists.ts';

export interface LargeKind {
  readonly name: string;
  /** What it presses on. */
  readonly about: string;
  decision(choice: Choice, index: number, count: number): DecisionSpec;
}

const FIVE: readonly NumericField[] = ['src', 'dst', 'protocol', 'sport', 'dport'];

const one = (field: NumericField, value: number): Condition => setCondition(field, interval(value));

const verdict = (choice: Choice): number => (choice.chance(0.4) ? END.drop : END.accept);

/** Ends in a verdict, with the counter of its own number. */
function deciding(choice: Choice, slot: number, conditions: readonly Condition[]): DecisionSpec {
  return { conditions, slot, leads: verdict(choice) };
}

function prefix(choice: Choice, field: 'src' | 'dst', length: number, networks: number): Condition[] {
  const address = (choice.integer(1, networks) * 0x01234567 + choice.integer(0, 0xffff)) >>> 0;
  return prefixCondition(field, { value: (address & prefixMask(length)) >>> 0, length });
}

function prefixCondition(field: 'src' | 'dst', { value, length }: Prefix): Condition[] {
  if (length === 0) return [];
  return [setCondition(field, interval(value, (value | ~prefixMask(length)) >>> 0))];
}

function range(field: NumericField, low: number, high: number): Condition[] {
  return low === 0 && high === FIELD_MAXIMUM[field] ? [] : [setCondition(field, interval(low, high))];
}

function shapeConditions({ source, destination, protocol, sport, dport }: RuleShape): Condition[] {
  const number = typeof protocol === 'string' ? { icmp: 1, tcp: 6, udp: 17 }[protocol] : protocol;
  return [
    ...prefixCondition('src', source),
    ...prefixCondition('dst', destination),
    ...(number === undefined ? [] : [one('protocol', number)]),
    ...range('sport', sport.low, sport.high),
    ...range('dport', dport.low, dport.high),
  ];
}

const shapes = new Map<string, readonly RuleShape[]>();

function byRecipe(recipe: (typeof RECIPES)[number]): LargeKind {
  return {
    name: recipe.name,
    about: recipe.summary,
    decision(choice, index, count) {
      const key = `${recipe.name} ${count}`;
      const rules = shapes.get(key) ?? rulesByRecipe(recipe, count);
      shapes.set(key, rules);
      return deciding(choice, index, shapeConditions(rules[index]!));
    },
  };
}

/** One field and nothing else: blacklists, lists of ports, of devices. */
function single(field: NumericField | DeviceField): LargeKind {
  return {
    name: `only ${field}`,
    about: 'one field: classes lead to outcomes directly',
    decision(choice, index) {
      if (field === 'inDevice' || field === 'outDevice') return deciding(choice, index, [named(field, `dev${index}`)]);
      const maximum = FIELD_MAXIMUM[field];
      const low = choice.integer(0, maximum - 1);
      const high = choice.chance(0.5) ? low : Math.min(maximum, low + choice.integer(0, Math.ceil(maximum / 64)));
      return deciding(choice, index, [setCondition(field, interval(low, high))]);
    },
  };
}

function named(field: 'inDevice' | 'outDevice', name: string, isPrefix = false): Condition {
  return makeCondition(field, [{ predicate: { kind: 'device', field, name, prefix: isPrefix }, negated: false }]);
}

const wideBlacklist: LargeKind = {
  name: 'IPv6 prefixes',
  about: 'sources of mixed lengths, and some destinations',
  decision(choice, index) {
    const prefix6 = (field: 'src6' | 'dst6'): Condition => {
      const host = (1n << BigInt(choice.pick([0, 0, 64, 64, 80, 96, choice.integer(1, 100)]))) - 1n;
      const network = (0x20010db8n << 96n) | (BigInt(choice.integer(0, 99)) << 64n) | BigInt(choice.integer(0, 99));
      const low = network & ~host;
      const predicate = { kind: 'wide', field, set: [{ low, high: low | host }] } as const;
      return makeCondition(field, [{ predicate, negated: false }]);
    };
    return deciding(choice, index, [prefix6('src6'), ...(choice.chance(0.2) ? [prefix6('dst6')] : [])]);
  },
};

export const LARGE_KINDS: readonly LargeKind[] = [
  {
    name: 'tuples',
    about: 'distinct exact 5-tuples: one mask, and no table of classes is small enough',
    decision: (choice, index) =>
      deciding(
        choice,
        index,
        FIVE.map((field) => one(field, choice.integer(0, FIELD_MAXIMUM[field]))),
      ),
  },
  {
    name: 'half alike',
    about: 'many pairs of hosts for one port, many ports of one pair: keys of two words that differ in one',
    decision: (choice, index) =>
      deciding(
        choice,
        index,
        choice.chance(0.5)
          ? [one('src', choice.integer(1, 0xffffffff)), one('dst', choice.integer(1, 0xffffffff)), one('dport', 443)]
          : [one('src', 0x0a000001), one('dst', 0x0a000002), one('dport', choice.integer(1000, 0xffff))],
      ),
  },
  {
    name: 'blacklist',
    about: 'sources of mixed prefix lengths',
    decision: (choice, index) =>
      deciding(
        choice,
        index,
        prefix(
          choice,
          'src',
          choice.weighted([
            [7, 32],
            [2, 24],
            [1, choice.integer(8, 29)],
          ]),
          4000,
        ),
      ),
  },
  ...RECIPES.map(byRecipe),
  {
    name: 'server',
    about: 'the rules of one server, again and again, each time with another source',
    decision(choice, index) {
      const shape = SERVER_RULES[index % SERVER_RULES.length]!;
      const conditions = shapeConditions(shape).filter(({ field }) => field !== 'src');
      return deciding(choice, index, [...prefix(choice, 'src', choice.pick([16, 24, 32]), 50), ...conditions]);
    },
  },
  {
    name: 'wildcards',
    about: 'every field anything as often as not, in all combinations: many tuples, many classes',
    decision(choice, index) {
      const conditions = FIVE.filter(() => choice.chance(0.45)).flatMap((field) => {
        if (field === 'src' || field === 'dst') return prefix(choice, field, choice.integer(4, 32), 40);
        const maximum = FIELD_MAXIMUM[field];
        const low = choice.integer(0, maximum - 1);
        return range(field, low, Math.min(maximum, low + choice.pick([0, 0, 1, 15, 1000])));
      });
      return deciding(choice, index, conditions.length > 0 ? conditions : [one('dport', index % 0x10000)]);
    },
  },
  {
    name: 'nested',
    about: 'ranges inside ranges: as many predicates in one class as there are rules',
    decision: (choice, index, count) =>
      deciding(choice, index, [setCondition('src', interval(count - index, 0xffffffff - (count - index)))]),
  },
  {
    name: 'nested pairs',
    about: 'ranges inside ranges in two fields: classes grow with the square',
    decision: (choice, index, count) =>
      deciding(choice, index, [
        setCondition('src', interval(count - index, 0xffffffff - (count - index))),
        setCondition('dst', interval(choice.integer(1, count), 0xffffffff - choice.integer(1, count))),
      ]),
  },
  {
    name: 'overlapping',
    about: 'ranges that all hold one value and cross otherwise',
    decision: (choice, index) =>
      deciding(choice, index, [
        setCondition('dst', interval(choice.integer(1, 0x7fffffff), choice.integer(0x80000000, 0xfffffffe))),
        setCondition('dport', interval(choice.integer(1, 0x7fff), choice.integer(0x8000, 0xfffe))),
      ]),
  },
  {
    name: 'counting',
    about: 'rules that only count: as many outcomes as there are sets of rules that meet',
    decision: (choice, index) => ({
      conditions: prefix(choice, choice.pick(['src', 'dst'] as const), choice.integer(4, 24), 30),
      slot: index,
      leads: choice.chance(0.05) ? verdict(choice) : 1,
    }),
  },
  {
    name: 'skipping',
    about: 'skips over later rules, short and long',
    decision: (choice, index, count) => ({
      conditions: [...prefix(choice, 'src', choice.pick([8, 16, 24]), 30), one('dport', choice.integer(0, 30))],
      slot: index,
      leads: choice.chance(0.5) ? verdict(choice) : choice.integer(1, Math.max(1, (count - index) >> 2)),
    }),
  },
  {
    name: 'masks with holes',
    about: 'addresses under masks that are no prefixes',
    decision(choice, index) {
      const mask = choice.pick([0xff00ff00, 0x00ffffff, 0xf0f0f0f0, 0xfffffffd, 0x0000ffff]);
      const value = (choice.integer(0, 40) * 0x01010101 + choice.integer(0, 3)) & mask;
      const field = choice.pick(['src', 'dst'] as const);
      const literal = { predicate: { kind: 'masked', field, mask, value: value >>> 0 }, negated: false } as const;
      return deciding(choice, index, [makeCondition(field, [literal])]);
    },
  },
  {
    name: 'negations',
    about: 'everything but one value: sets that are nearly everything',
    decision: (choice, index) => ({
      conditions: [
        setCondition('src', allBut(choice.integer(1, 5000), 0xffffffff)),
        setCondition('dport', allBut(choice.integer(1, 60), 0xffff)),
      ],
      slot: index,
      leads: choice.chance(0.02) ? verdict(choice) : 1,
    }),
  },
  {
    name: 'devices',
    about: 'as many device names as rules, some the beginnings of others',
    decision: (choice, index) =>
      deciding(choice, index, [
        named('inDevice', `d${index}`, index % 7 === 0),
        ...(choice.chance(0.5) ? [named('outDevice', `veth${choice.integer(0, 500)}`)] : []),
      ]),
  },
  // A field of two values has no long list.
  ...NUMERIC_FIELDS.filter((field) => FIELD_MAXIMUM[field] > 1).map(single),
  ...DEVICE_FIELDS.map(single),
  wideBlacklist,
];

function allBut(value: number, maximum: number): IntervalSet {
  return [...interval(0, value - 1), ...interval(value + 1, maximum)];
}

/** A list of `count` decisions and one that always holds, as one segment. */
export function largeList(kind: LargeKind, count: number, seed = 1): ListSegment {
  const choice = seededChoice(seed, count);
  return oneSegment(
    Array.from({ length: count }, (_, index) => kind.decision(choice, index, count)),
    count,
  );
}

/** Field values aimed at the decisions of lists, at the borders of what they ask for, and some aimed at nothing. */
export function fieldsFor(segments: readonly ListSegment[], count: number, seed = 1): FieldValues[] {
  const decisions = segments.flatMap(({ list }) => list.conditions);
  const choice = seededChoice(seed, decisions.length);
  return Array.from({ length: count }, () => {
    const fields = Object.fromEntries([
      ...NUMERIC_FIELDS.map((field) => [field, choice.integer(0, FIELD_MAXIMUM[field])]),
      ...PACKET_WIDE_FIELDS.map((field) => [field, BigInt(choice.word())]),
      ...DEVICE_FIELDS.map((field) => [field, choice.pick(DEVICE_NAMES)]),
    ]);
    // Fields from two decisions make packets that many predicates meet, and few rules.
    for (let aims = choice.pick([0, 1, 1, 1, 2]); aims > 0; aims--) {
      for (const condition of choice.pick(decisions)) fields[condition.field] = valueAt(choice, condition);
    }
    return fields as FieldValues;
  });
}
