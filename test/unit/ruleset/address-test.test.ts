import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prefixMask } from '../../../src/base/ipv4.ts';
import { addressTest, addressTest4 } from '../../../src/ruleset/address-test.ts';

const bits = fc.integer({ min: 0, max: 0xffff_ffff });

test('a test of an IPv4 address has its numbers without a sign', () => {
  fc.assert(
    fc.property(bits, bits, fc.boolean(), (value, mask, negated) => {
      const made = addressTest({ value, mask }, negated);
      expect([made.value, made.mask, made.negated]).toEqual([value, mask, negated]);
      expect(addressTest4(value | 0, mask | 0, negated)).toEqual(made);
    }),
  );
});

test('tests that differ in one thing are not equal', () => {
  const made = addressTest4(0x0a00_0000, prefixMask(8), false);
  expect(addressTest4(0x8a00_0000, prefixMask(8), false)).not.toEqual(made);
  expect(addressTest4(0x0a00_0000, prefixMask(9), false)).not.toEqual(made);
  expect(addressTest4(0x0a00_0000, prefixMask(8), true)).not.toEqual(made);
});

test('a test of an IPv6 address has what it was made of', () => {
  const [value, mask] = [0xfe80n << 112n, 0xffc0n << 112n];
  expect(addressTest({ value, mask }, true)).toEqual({ value, mask, negated: true });
});
