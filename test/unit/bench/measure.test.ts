import { expect, test } from 'vitest';
import { Patience, quantileOf, spreadOf, takeTurns, takeTurnsPatiently } from '../../bench/measure.ts';

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

test('what a part of the samples lies below, in proportion between two', () => {
  expect(quantileOf([40, 10, 30, 20], 0.95)).toBeCloseTo(38.5);
  expect(quantileOf([7], 0.95)).toBe(7);
});

test('samples keep their order, and one that is far off does not move the median', () => {
  const samples = [9, 10_000, 10, 11, 10];
  expect(spreadOf(samples).median).toBe(10);
  expect(samples).toEqual([9, 10_000, 10, 11, 10]);
});

test('subjects take turns, each round begins with another, warm-ups are not counted', () => {
  const calls: string[] = [];
  const subject = (name: string) => ({ name, sample: () => calls.push(name) });
  const samples = takeTurns([subject('a'), subject('b'), subject('c')], { repetitions: 3, warmUps: 1, seconds: 60 });
  expect(calls.join('')).toBe('abcabcbcacab');
  expect([...samples]).toEqual([
    ['a', [4, 9, 11]],
    ['b', [5, 7, 12]],
    ['c', [6, 8, 10]],
  ]);
});

test('when it has taken too long, no warm-up and no more than the least number of samples follow', () => {
  let time = 0;
  const slow = { name: 'slow', sample: () => (time += 1000) };
  const clock = () => time;
  expect(takeTurns([slow], { repetitions: 9, warmUps: 5, seconds: 1.5 }, clock).get('slow')).toEqual([
    3000, 4000, 5000,
  ]);
  time = 0;
  expect(takeTurns([slow], { repetitions: 2, warmUps: 0, seconds: 0 }, clock).get('slow')).toHaveLength(2);
  time = 0;
  expect(takeTurns([slow], { repetitions: 9, warmUps: 1, seconds: 100 }, clock).get('slow')).toHaveLength(9);
});

test('without repetitions or subjects there is nothing', () => {
  expect([...takeTurns([], { repetitions: 3, warmUps: 1, seconds: 60 })]).toEqual([]);
});

test('one that is slow is sampled once and holds up nobody, and without patience not at all', () => {
  let time = 0;
  const subject = (name: string, takes: number) => ({
    name,
    sample: () => {
      time += takes;
      return takes;
    },
  });
  const subjects = [subject('slow', 5000), subject('quick', 10)];
  const rounds = { repetitions: 4, warmUps: 2, seconds: 3 };
  const patience = new Patience(8);
  const measure = () => takeTurnsPatiently(subjects, rounds, patience, () => time);
  expect([...measure()]).toEqual([
    ['slow', [5000]],
    ['quick', [10, 10, 10, 10]],
  ]);
  expect(measure().has('slow')).toBe(true);
  expect([...measure().keys()]).toEqual(['quick']);
});
