import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChainTexts } from '../../../src/ruleset/chain-texts.ts';

test('texts that are made of those of before are those of the lines', () => {
  const lines = fc.array(fc.constantFrom('', '-A a', '-A a -j DROP', '-A a -s 10.0.0.1/32'), { maxLength: 6 });
  const tables = fc.array(fc.record({ a: lines, b: lines }, { requiredKeys: ['a'] }), { maxLength: 6 });
  fc.assert(
    fc.property(tables, (sequence) => {
      const texts = new ChainTexts();
      for (const chains of sequence) {
        const found = texts.of(new Map(Object.entries(chains)));
        const expected = Object.entries(chains).map(([name, own]) => [name, own.map((line) => `${line}\n`).join('')]);
        expect([...found]).toEqual(expected);
      }
    }),
    { numRuns: 200, seed: 21 },
  );
});
