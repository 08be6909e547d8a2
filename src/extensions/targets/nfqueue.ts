// `-j NFQUEUE`: asks a program for the verdict. Kernel: net/netfilter/xt_NFQUEUE.c, revision 3.

import { type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { firstValue, isGiven } from '../uses.ts';
import { type Integers, integers, uint16 } from '../values/integer.ts';

export interface NfqueueData {
  /** Queues from `first` to `last`: one, or those that flows are spread over. */
  readonly first: number;
  readonly last: number;
  readonly bypass: boolean;
  readonly cpuFanout: boolean;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

const pair = integers(16);

const range: ValueType<Range> = {
  placeholder: 'first:last',
  parse(text, context) {
    const [first, last] = (pair.parse(text, context) as Integers).map(Number);
    if (last === undefined) throw new ValueError(`Bad range "${text}"`);
    if (first! >= last) throw new ValueError(`${first} should be less than ${last}`);
    return { first: first!, last };
  },
};

export const nfqueue: TargetExtension<NfqueueData> = {
  kind: 'target',
  name: 'NFQUEUE',
  about: 'asks the program that listens on a queue for the verdict',
  options: [
    { name: '--queue-num', values: [uint16], excludes: ['--queue-balance'], about: 'the queue; 0 if not given' },
    { name: '--queue-balance', values: [range], excludes: ['--queue-num'], about: 'spreads flows over these queues' },
    { name: '--queue-bypass', values: [], about: 'accepts the packet where no program listens' },
    {
      name: '--queue-cpu-fanout',
      values: [],
      also: ['--queue-balance'],
      about: 'takes the queue by the processor rather than by the flow',
    },
  ],
  build(options) {
    const number = firstValue<number>(options, '--queue-num') ?? 0;
    const { first, last } = firstValue<Range>(options, '--queue-balance') ?? { first: number, last: number };
    return {
      ...{ first, last },
      bypass: isGiven(options, '--queue-bypass'),
      cpuFanout: isGiven(options, '--queue-cpu-fanout'),
    };
  },
  // The kernel counts the queues in 16 bits.
  check: ({ first, last }) => (last - first + 1 > 0xffff ? 'NFQUEUE can spread over 65535 queues at most' : undefined),
  print: (data) => wordsOf(data, '--queue-'),
  list: (data) => ['NFQUEUE', ...wordsOf(data, '')].join(' '),
};

function wordsOf({ first, last, bypass, cpuFanout }: NfqueueData, prefix: string): string[] {
  const words = first === last ? [`${prefix}num`, `${first}`] : [`${prefix}balance`, `${first}:${last}`];
  if (bypass) words.push(`${prefix}bypass`);
  if (cpuFanout) words.push(`${prefix}cpu-fanout`);
  return words;
}
