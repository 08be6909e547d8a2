// The files of names besides services and protocols. Which entries count is what iptables-legacy 1.8.9 made of them.

import { describe, expect, it } from 'vitest';
import { accountTable, labelTable, smallTable } from '../../../src/ruleset/name-tables.ts';

describe('accountTable', () => {
  const table = accountTable('root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nroot:x:5:5::/:\n+::::\n');
  it('takes the first entry of a name and of a number', () => {
    expect([table.number('root'), table.number('toor'), table.name(0), table.name(5)]).toEqual([0, 0, 'root', 'root']);
  });
  it('knows nothing else', () => expect([table.number('+'), table.name(1)]).toEqual([undefined, undefined]));
});

describe('smallTable', () => {
  const table = smallTable(
    '# c\n  0x10 sixteen x\n300 big\n7\tseven\n08 eight\n7 again\n-1 neg\n5\n6 #c\n11 a#b\n256 q\n',
  )!;
  it.each([
    ['sixteen', 16],
    ['seven', 7],
    ['again', 7],
    ['eight', 8],
    ['a#b', 11],
    ['x', undefined],
    ['big', undefined],
    ['neg', undefined],
    ['#c', undefined],
    ['q', undefined],
  ])('%s is %s', (name, number) => expect(table.number(name)).toBe(number));
  it('names a number by its first entry', () => expect(table.name(7)).toBe('seven'));
  it('is no table without entries', () => expect(smallTable('# nothing\n')).toBeUndefined());
});

describe('labelTable', () => {
  const table = labelTable('# c\n0 zero\n1   one two \n2\n3 a-b\n0x4 four\n010 eight\n5 a.b\n6 zero\n0 again\nx y\n');
  it.each([
    ['zero', 0],
    ['one two', 1],
    ['a-b', 3],
    ['four', 4],
    ['eight', 8],
    ['a.b', undefined],
    ['again', undefined],
    ['y', undefined],
  ])('%s is %s', (name, number) => expect(table.number(name)).toBe(number));
  it('has no name for a number without one', () =>
    expect([table.name(2), table.name(6)]).toEqual([undefined, undefined]));
});
