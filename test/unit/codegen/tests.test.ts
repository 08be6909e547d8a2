// Predicates as code in the virtual machine: those of IPv6 addresses, which take the most instructions.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { evaluatePredicate, type FieldValues, type Predicate } from '../../../src/base/predicate.ts';
import { normalizeWide, WIDE_MAXIMUM } from '../../../src/base/wide-intervals.ts';
import { inMachine, testProgram } from '../../harness/index-program.ts';
import { addressBytes } from '../classify/indexes/partitions.ts';

const half = fc.oneof(fc.bigInt(0n, 2n), fc.bigInt(0n, (1n << 64n) - 1n), fc.constant((1n << 64n) - 1n));
const address = fc.tuple(half, half).map(([high, low]) => (high << 64n) | low);

it('addresses of IPv6 in sets', () => {
  // Many single addresses, so that sets are long enough to be bisected.
  const interval = fc.oneof(
    { weight: 6, arbitrary: address.map((one) => [one, one] as const) },
    fc.tuple(address, address),
  );
  const block = half.map((high) => [high << 64n, (high << 64n) | ((1n << 64n) - 1n)] as const);
  const intervals = fc.array(fc.oneof({ weight: 3, arbitrary: interval }, block), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(intervals, fc.array(address, { maxLength: 8 }), (ends, more) => {
      const set = normalizeWide(ends.map(([a, b]) => (a < b ? { low: a, high: b } : { low: b, high: a })));
      const predicate: Predicate = { kind: 'wide', field: 'dst6', set };
      const run = inMachine(testProgram(predicate));
      const near = set.flatMap(({ low, high }) => [low - 1n, low, low + 1n, high - 1n, high, high + 1n]);
      for (const value of [...near, ...more].filter((each) => each >= 0n && each <= WIDE_MAXIMUM)) {
        const holds = evaluatePredicate(predicate, { dst6: value } as FieldValues);
        expect([value, run(addressBytes(value))]).toEqual([value, holds ? 1 : 0]);
      }
    }),
  );
});

it('addresses of IPv6 under masks with holes', () => {
  fc.assert(
    fc.property(address, address, fc.array(address, { maxLength: 8 }), (mask, like, others) => {
      const predicate: Predicate = { kind: 'maskedWide', field: 'src6', mask, value: like & mask };
      const run = inMachine(testProgram(predicate));
      for (const value of [like, like ^ 1n, like ^ (1n << 64n), like | (WIDE_MAXIMUM ^ mask), ...others]) {
        const holds = evaluatePredicate(predicate, { src6: value } as FieldValues);
        expect([value, run(addressBytes(value))]).toEqual([value, holds ? 1 : 0]);
      }
    }),
  );
});
