import { expect, it } from 'vitest';
import { describeFinish } from '../../../../src/classify/finishes/describe.ts';
import { isOverflow } from '../../../../src/classify/finishes/finish.ts';
import { endingOnly, masksCase, tuplesCase } from '../../../harness/finish-cases.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../../harness/large-lists.ts';

function described(name: string, count: number, make: typeof masksCase | typeof tuplesCase): string | undefined {
  const segment = largeList(LARGE_KINDS.find((kind) => kind.name === name)!, count);
  const made = make(make === masksCase ? endingOnly(segment.list) : segment.list, fieldsFor([segment], 200));
  if (isOverflow(made)) throw new Error(made.overflow);
  return describeFinish(made.result);
}

it('says what a finish is made of', () => {
  expect(described('tuples', 1000, masksCase)).toBe('1 mask, 4096 entries');
  expect(described('tuples', 1000, tuplesCase)).toBe('1 tuple, at most 1 of them probed, 4096 entries');
  expect(described('acl', 40, tuplesCase)).toBe('40 decisions alone');
  expect(described('acl', 1000, tuplesCase)).toMatch(
    /^\d+ tuples, at most \d+ of them probed, 4096 entries; \d+ decisions alone$/,
  );
  expect(described('counting', 1000, tuplesCase)).toMatch(/ tuples that go on, at most .*decisions that go on alone$/);
});
