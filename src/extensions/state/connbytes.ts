// `-m connbytes`: how much a connection has transferred. Kernel: net/netfilter/xt_connbytes.c.

import { ExtensionError, type MatchExtension } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { useOf } from '../uses.ts';
import { choice } from '../values/choice.ts';
import { type Integers, integers } from '../values/integer.ts';

const MODES = ['packets', 'bytes', 'avgpkt'] as const;
const DIRECTIONS = ['original', 'reply', 'both'] as const;

export interface ConnbytesData {
  /** Both ends included. */
  readonly low: bigint;
  readonly high: bigint;
  readonly negated: boolean;
  readonly mode: (typeof MODES)[number];
  readonly direction: (typeof DIRECTIONS)[number];
}

const UNBOUNDED = (1n << 64n) - 1n;

const mode = choice(MODES, (text) => `Unknown --connbytes-mode \`${text}'`);
const direction = choice(DIRECTIONS, (text) => `Unknown --connbytes-dir \`${text}'`);

export const connbytes: MatchExtension<ConnbytesData> = {
  kind: 'match',
  name: 'connbytes',
  about: 'how much the connection has transferred',
  options: [
    {
      ...{
        name: '--connbytes',
        values: [integers(64)],
        negatable: true,
        required: true,
        about: 'from, or from and to',
      },
      atOnce({ values }) {
        const { low, high } = rangeOf(values[0] as Integers);
        if (high < low) throw new ExtensionError('bad-value', `${low} should be less than ${high}`);
      },
    },
    { name: '--connbytes-dir', values: [direction], required: true, about: 'whose packets count' },
    { name: '--connbytes-mode', values: [mode], required: true, about: 'what is counted' },
  ],

  build(options) {
    const value = (name: string) => useOf(options, name)!.values[0];
    const { low, high } = rangeOf(value('--connbytes') as Integers);
    const negated = useOf(options, '--connbytes')!.negated;
    return {
      ...{ low, high },
      // The kernel knows it by the ends being swapped, which shows only where they differ.
      negated: negated && low !== high,
      mode: value('--connbytes-mode') as ConnbytesData['mode'],
      direction: value('--connbytes-dir') as ConnbytesData['direction'],
    };
  },

  print(data) {
    const { mode, direction } = data;
    const range = negatable(data.negated, '--connbytes', showRange(data));
    return [...range, '--connbytes-mode', mode, '--connbytes-dir', direction];
  },

  list(data) {
    const range = negatable(data.negated, 'connbytes', showRange(data)).join(' ');
    return `${range} connbytes mode ${data.mode} connbytes direction ${data.direction}`;
  },
};

function rangeOf([low, high = UNBOUNDED]: Integers): { readonly low: bigint; readonly high: bigint } {
  return { low: low!, high };
}

function showRange({ low, high }: ConnbytesData): string {
  return high > 0n && high < UNBOUNDED ? `${low}:${high}` : `${low}`;
}
