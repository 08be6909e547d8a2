// Arbitrary graphs and field values for property tests. Predicates and values come from small domains, so that tests are
// often true, often imply one another, and nodes are often equal.

import fc from 'fast-check';
import { FILTER_CHAINS, type FilterChain } from '../../src/base/hooks.ts';
import { normalize } from '../../src/base/intervals.ts';
import type { FieldValues, NumericField, Predicate } from '../../src/base/predicate.ts';
import { FIELD_MAXIMUM } from '../../src/base/predicate.ts';
import { normalizeWide, WIDE_MAXIMUM } from '../../src/base/wide-intervals.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph, NodeId, SlotOwner } from '../../src/graph/graph.ts';
import { NO_FIELDS } from './fields.ts';

const SLOTS = 12;
const NAMES = ['', 'e', 'eth', 'eth0', 'eth1', 'lo'];

const slots: SlotOwner[] = Array.from({ length: SLOTS }, (_, index) =>
  index < 3
    ? { kind: 'policy', chain: FILTER_CHAINS[index]!, line: index + 2 }
    : {
        kind: 'rule',
        chain: 'a "b" c',
        index,
        text: `-A INPUT -m comment --comment "rule ${index}\\"`,
        line: index + 2,
      },
);

/** Mostly small values; the largest now and then, so that sets end at either end. */
const value = (field: NumericField): fc.Arbitrary<number> =>
  fc.oneof({ weight: 8, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.constant(FIELD_MAXIMUM[field]) });

const setOf = (field: NumericField): fc.Arbitrary<Predicate> =>
  fc.array(fc.tuple(value(field), value(field)), { maxLength: 3 }).map((ends) => ({
    kind: 'in' as const,
    field,
    set: normalize(ends.map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }))),
  }));

/** Mostly small values; some in the upper half, and the largest. */
const wideValue: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt(0n, 5n) },
  { weight: 2, arbitrary: fc.bigInt(0n, 5n).map((value) => value << 64n) },
  { weight: 1, arbitrary: fc.constant(WIDE_MAXIMUM) },
);

const wideSet: fc.Arbitrary<Predicate> = fc.array(fc.tuple(wideValue, wideValue), { maxLength: 3 }).map((ends) => ({
  kind: 'wide' as const,
  field: 'src6' as const,
  set: normalizeWide(ends.map(([a, b]) => (a < b ? { low: a, high: b } : { low: b, high: a }))),
}));

/** Masks with holes, mostly. */
const maskedWide: fc.Arbitrary<Predicate> = fc.record({
  kind: fc.constant('maskedWide' as const),
  field: fc.constant('src6' as const),
  mask: wideValue,
  value: wideValue,
});

const masked = (field: NumericField): fc.Arbitrary<Predicate> =>
  fc.record({ kind: fc.constant('masked' as const), field: fc.constant(field), mask: fc.nat(7), value: fc.nat(7) });

const device = (field: 'inDevice' | 'outDevice'): fc.Arbitrary<Predicate> =>
  fc.record({
    kind: fc.constant('device' as const),
    field: fc.constant(field),
    name: fc.constantFrom(...NAMES),
    prefix: fc.boolean(),
  });

const arbitraryPredicate: fc.Arbitrary<Predicate> = fc.oneof(
  setOf('dport'),
  setOf('dport'),
  setOf('protocol'),
  setOf('src'),
  wideSet,
  maskedWide,
  masked('tcpFlags'),
  masked('tcpFlags'),
  device('inDevice'),
  device('outDevice'),
);

export const arbitraryFields: fc.Arbitrary<FieldValues> = fc
  .record({
    src: value('src'),
    dst: value('dst'),
    protocol: value('protocol'),
    transportLength: fc.constant(20),
    sport: value('sport'),
    dport: value('dport'),
    tcpFlags: fc.nat(15),
    src6: wideValue,
    dst6: wideValue,
    inDevice: fc.constantFrom(...NAMES, 'eth01', 'wlan0'),
    outDevice: fc.constantFrom(...NAMES, 'eth01', 'wlan0'),
  })
  .map((fields) => ({ ...NO_FIELDS, ...fields }));

/** A node to make; `a` and `b` choose among the nodes that are there already, counted from the newest. */
const spec = fc.record({
  kind: fc.constantFrom('match', 'match', 'match', 'match', 'count', 'count', 'call', 'call', 'goto'),
  predicate: arbitraryPredicate,
  negated: fc.boolean(),
  slot: fc.nat(SLOTS - 1),
  a: fc.oneof(fc.nat(2), fc.nat(30)),
  b: fc.oneof(fc.nat(2), fc.nat(30)),
});

type Spec = typeof spec extends fc.Arbitrary<infer T> ? T : never;

export interface GraphShape {
  /** Whether there are user chains. */
  readonly chains?: boolean;
}

/** Graphs with several hooks, and user chains that call and go to later ones unless told otherwise. */
export function arbitraryGraph(shape: GraphShape = {}): fc.Arbitrary<Graph> {
  const body = fc.array(spec, { minLength: 1, maxLength: 14 });
  const chains = shape.chains === false ? fc.constant([]) : fc.array(body, { maxLength: 4 });
  return fc.tuple(chains, fc.array(body, { minLength: 1, maxLength: 3 })).map(([userChains, hooks]) => {
    const builder = new GraphBuilder();
    const made = new Map<string, NodeId>();
    userChains.forEach((specs, index) => {
      made.set(index === 0 ? 'odd "name"' : `chain${index}`, makeBody(builder, specs, [...made.keys()], true));
    });
    const roots: Partial<Record<FilterChain, NodeId>> = {};
    hooks.forEach((specs, index) => {
      roots[FILTER_CHAINS[index]!] = makeBody(builder, specs, [...made.keys()], false);
    });
    return builder.finish(roots, made, slots);
  });
}

function makeBody(builder: GraphBuilder, specs: readonly Spec[], chains: readonly string[], user: boolean): NodeId {
  const pool = [builder.makeDrop(), builder.makeAccept()];
  if (user) pool.push(builder.makeReturn());
  for (const { kind, predicate, negated, slot, a, b } of specs) {
    const pick = (back: number): NodeId => pool[pool.length - 1 - (back % pool.length)]!;
    const chain = chains[b % Math.max(1, chains.length)];
    if (kind === 'match') pool.push(builder.makeMatch({ predicate, negated }, pick(a), pick(b), slot));
    else if (kind === 'goto' && user && chain !== undefined) pool.push(builder.makeGoto(chain));
    else if (kind === 'call' && chain !== undefined) pool.push(builder.makeCall(chain, pick(a)));
    else pool.push(builder.makeCount(slot, pick(a)));
  }
  return pool.at(-1)!;
}
