import { expect, test } from 'vitest';
import { spreadOf, takeTurns } from '../../bench/measure.ts';

test('the median and the quartiles of samples in any order', () => {
  expect(spreadOf([5, 1, 4, 2, 3])).toEqual({ median: 3, lowerQuartile: 2, upperQuartile: 4, least: 1, count: 5 });
  expect(spreadOf([10, 20, 30, 40])).toEqual({
    median: 25,
    lowerQuartile: 17.5,
    upperQuartile: 32.5,
    least: 10,
    count: 4,
  });
  expect(spreadOf([7])).toEqual({ median: 7, lowerQuartile: 7, upperQuartile: 7, least: 7, count: 1 });
  expect(() => spreadOf([])).toThrow('no samples');
});

test('samples keep their order, and one that is far off does not move the median', () => {
  const samples = [9, 10_000, 10, 11, 10];
  expect(spreadOf(samples).median).toBe(10);
  expect(samples).toEqual([9, 10_000, 10, 11, 10]);
});

test('subjects take turns, each round begins with another, warm-ups are not counted', () => {
  const calls: string[] = [];
  const subject = (name: string) => ({ name, sample: () => calls.push(name) });
  const samples = takeTurns([subject('a'), subject('b'), subject('c')], { repetitions: 3, warmUps: 1 });
  expect(calls.join('')).toBe('abcbcacababc');
  expect([...samples]).toEqual([
    ['a', [6, 8, 10]],
    ['b', [4, 9, 11]],
    ['c', [5, 7, 12]],
  ]);
});

test('without repetitions or subjects there is nothing', () => {
  expect([...takeTurns([], { repetitions: 3, warmUps: 1 })]).toEqual([]);
});
