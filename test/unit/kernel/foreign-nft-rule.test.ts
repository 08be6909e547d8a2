// What is known of the registers that a rule of nftables has loaded: nothing that may have been written over.

import { expect, it } from 'vitest';
import { type Expression, ruleOf } from '../../../src/kernel/foreign-nft-rule.ts';

/** The first register of 32 bits, and how many follow it. */
const REGISTER = 8;

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const nested = (value: Buffer): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + value.length);
  head.writeUInt16LE(1, 2);
  return Buffer.concat([head, value]);
};
const expression = (name: string, ...data: readonly (readonly [key: number, value: Buffer])[]): Expression => ({
  name,
  data: new Map(data),
});

/** The destination address into a register, something, then whether the register has this address. */
function asked(register: number, between: readonly Expression[]) {
  const load = expression('payload', [1, word(register)], [2, word(1)], [3, word(16)], [4, word(4)]);
  const compare = expression('cmp', [1, word(register)], [2, word(0)], [3, nested(word(0x0a000001))]);
  const rule = [load, ...between, compare, expression('nat')];
  return ruleOf(rule, { family: 'ipv4', chainOf: (name) => name, sets: { contents: () => undefined }, counts: false });
}

const ADDRESS = { kind: 'in', field: 'dst', set: [{ low: 0x0a000001, high: 0x0a000001 }] };

it('a register has what was loaded last', () => {
  const told = [{ asks: [{ predicate: ADDRESS, negated: false }], does: 'something' }];
  expect(asked(REGISTER + 4, [])).toEqual(told);
  expect(asked(REGISTER, [expression('meta', [1, word(REGISTER + 1)], [2, word(16)])])).toEqual(told);
});

it.each([
  ['meta', [2, word(3)]],
  ['ct', [2, word(0)]],
  ['immediate', [2, nested(word(1))]],
] as const)('%s may have written over as many registers as there are behind its first', (name, how) => {
  const [unknown] = asked(REGISTER + 4, [expression(name, [1, word(REGISTER)], [...how])]);
  expect(unknown).toEqual({ asks: [], does: 'something' });
});

it('so may a map', () => {
  const map = expression('lookup', [1, Buffer.from('m\0')], [2, word(REGISTER)], [3, word(REGISTER)]);
  expect(asked(REGISTER + 4, [map])).toEqual([{ asks: [], does: 'something' }]);
});
