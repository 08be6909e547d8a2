import { expect, test } from 'vitest';
import { commonEnds } from '../../../src/base/common-ends.ts';

test.each([
  [[], [], 0, 0],
  [[1, 2, 3], [1, 2, 3], 3, 0],
  [[1, 2, 3], [1, 2, 3, 4], 3, 0],
  [[1, 2, 3], [4, 1, 2, 3], 0, 3],
  [[1, 2, 3, 4], [1, 3, 4], 1, 2],
  [[1, 1], [1, 1, 1], 2, 0],
  [[1, 1, 1], [1, 1], 2, 0],
  [[1, 2], [3, 4], 0, 0],
])('%j and %j have %i in common in front and %i behind', (before, after, front, back) => {
  expect(commonEnds(before, after)).toEqual({ front, back });
});
