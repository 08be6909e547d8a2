import { describe, expect, it } from 'vitest';
import { ClassifyCache } from '../../../src/classify/cache.ts';
import { classifyLists } from '../../../src/classify/classify-lists.ts';
import { LARGE_KINDS, largeList } from '../../harness/large-lists.ts';

describe('ClassifyCache', () => {
  const of = (...numbers: number[]): Int32Array => Int32Array.from(numbers);

  it('knows things by kind, objects and numbers', () => {
    const cache = new ClassifyCache();
    const object = {};
    let made = 0;
    const ask = (kind: string, owner: object, numbers: Int32Array): number =>
      cache.remember(kind, [owner], [numbers], () => ++made);
    expect(ask('a', object, of(1, 2))).toBe(1);
    expect(ask('a', object, of(1, 2))).toBe(1);
    expect(ask('b', object, of(1, 2))).toBe(2);
    expect(ask('a', {}, of(1, 2))).toBe(3);
    expect(ask('a', object, of(1, 3))).toBe(4);
    expect(ask('a', object, of(1))).toBe(5);
    expect(ask('a', object, of(1, 2))).toBe(1);
  });

  it('forgets what was not asked for since the classification before', () => {
    const cache = new ClassifyCache();
    let made = 0;
    const ask = (number: number): number => cache.remember('a', [], [of(number)], () => ++made);
    cache.begin();
    expect([ask(1), ask(2)]).toEqual([1, 2]);
    cache.begin();
    expect(ask(1)).toBe(1);
    cache.begin();
    expect([ask(1), ask(2)]).toEqual([1, 3]);
  });

  it('knows what was made of a list while each classification has the same, wherever it is', () => {
    const cache = new ClassifyCache();
    let made = 0;
    const asked = [[]];
    const ending = (then: Int32Array) => ({ then });
    const list = { length: 1, conditions: asked, slots: of(7), ...ending(of(-1)) };
    const ask = (place: string, changed: Partial<typeof list> = {}, by = 1): number =>
      cache.rememberList(place, { ...list, ...changed }, [by], () => ++made);
    const classify = (...arguments_: Parameters<typeof ask>): number => {
      cache.begin();
      return ask(...arguments_);
    };
    expect(classify('a')).toBe(1);
    expect(classify('a', { slots: of(7), conditions: [...asked] })).toBe(1);
    expect(classify('a', { slots: of(8) })).toBe(2);
    expect(classify('a', ending(of(-2)))).toBe(3);
    expect(classify('a', { conditions: [[]] })).toBe(4);
    expect(classify('a', { length: 0, conditions: [], slots: of(), ...ending(of()) })).toBe(5);
    expect(classify('a')).toBe(6);
    expect(classify('a', {}, 2)).toBe(7);
    expect(classify('b', {}, 2)).toBe(7);
    expect(classify('b', {}, 3)).toBe(8);
    expect(classify('a', {}, 2)).toBe(9);
  });

  it('makes nothing of a field or a combination again for a rule whose conditions are known', () => {
    const { list, exits } = largeList(LARGE_KINDS.find(({ name }) => name === 'acl')!, 200);
    const cache = new ClassifyCache();
    const made: string[] = [];
    const { remember } = cache;
    cache.remember = (kind, objects, numbers, make) =>
      remember.call(cache, kind, objects, numbers, () => {
        made.push(kind);
        return make();
      }) as ReturnType<typeof make>;
    const classify = (length: number): void => {
      const { conditions, slots, then: goals } = list;
      const then = goals.slice(0, length);
      const part = { length, conditions: conditions.slice(0, length), slots: slots.slice(0, length), then };
      classifyLists({ INPUT: { segments: [{ list: part, exits: { ...exits, next: 0 } }], entry: 0 } }, { cache });
    };
    classify(list.length);
    expect(made.length).toBeGreaterThan(5);
    made.length = 0;
    // The last decision always applies, and asks nothing.
    classify(list.length - 1);
    expect(made).toEqual([]);
  });
});
