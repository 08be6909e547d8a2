// `-m u32`: tests of 32-bit words anywhere in the packet. Kernel: net/netfilter/xt_u32.c.

import type { MatchExtension, ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { readTests, type U32Test } from './u32-tests.ts';

export interface U32Data {
  readonly tests: readonly U32Test[];
  readonly negated: boolean;
}

/** What the kernel takes (net/netfilter/xt_u32.c, `u32_mt_checkentry`). */
const LONGEST_SHIFT = 31;

const tests: ValueType<readonly U32Test[]> = {
  placeholder: 'location=value[,value]...[&&...]',
  parse: (text) => readTests(text),
};

export const u32: MatchExtension<U32Data> = {
  kind: 'match',
  name: 'u32',
  about: 'tests words of 32 bits at any place of the packet',
  options: [
    { name: '--u32', values: [tests], negatable: true, required: true, about: 'the tests, of which all must hold' },
  ],
  build: ([use]) => ({ tests: use!.values[0] as readonly U32Test[], negated: use!.negated }),
  check: ({ tests }) =>
    tests.some(({ location }) =>
      location.some(({ operator, number }) => /<<|>>/.test(operator) && number > LONGEST_SHIFT),
    )
      ? `a word of 32 bits is shifted by ${LONGEST_SHIFT} at most`
      : undefined,
  print: ({ tests, negated }) => negatable(negated, '--u32', printTests(tests)),
  list: ({ tests, negated }) => `u32 ${negated ? '! ' : ''}${printTests(tests)}`,
};

function printTests(tests: readonly U32Test[]): string {
  const hex = (value: number) => `0x${value.toString(16)}`;
  const each = tests.map(({ location, values }) => {
    const steps = location.map(({ operator, number }) => `${operator}${hex(number)}`).join('');
    const ranges = values.map(({ low, high }) => (low === high ? hex(low) : `${hex(low)}:${hex(high)}`));
    return `${steps}=${ranges.join(',')}`;
  });
  return `"${each.join('&&')}"`;
}
