import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, interval } from '../../../src/base/intervals.ts';
import { maskedSet } from '../../../src/classify/literals.ts';

describe('maskedSet', () => {
  it('has just the values under the mask', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }), (mask, value) => {
        const set = maskedSet(mask, value, 255)!;
        for (let i = 0; i < 256; i++) expect(contains(set, i)).toBe((i & mask) === value);
      }),
    );
    expect(maskedSet(0xffffff00, 0xc0a80100, 0xffffffff)).toEqual([{ low: 0xc0a80100, high: 0xc0a801ff }]);
    expect(maskedSet(0x80000000, 0x80000000, 0xffffffff)).toEqual([{ low: 0x80000000, high: 0xffffffff }]);
    expect(maskedSet(0x7fffffff, 1, 0xffffffff)).toEqual([interval(1)[0], interval(0x80000001)[0]]);
  });
});
