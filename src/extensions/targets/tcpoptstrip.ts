// `-j TCPOPTSTRIP`: overwrites TCP options with padding. Kernel: net/netfilter/xt_TCPOPTSTRIP.c.

import { parseValue } from '../../../grammar/parse.ts';
import { type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { firstValue } from '../uses.ts';

export interface TcpoptstripData {
  /** Numbers of options, 2–255, in ascending order (IANA, TCP option kinds). */
  readonly options: readonly number[];
}

const NAMES: Readonly<Record<string, number>> = {
  ...{ wscale: 3, mss: 2, 'sack-permitted': 4, sack: 5, timestamp: 8, md5: 19 },
};

const nameOf = new Map(Object.entries(NAMES).map(([name, number]) => [number, name]));

const optionList: ValueType<readonly number[]> = {
  placeholder: 'option[,option…]',
  parse(text) {
    const parsed = parseValue('words', text);
    const numbers = new Set<number>();
    for (const word of parsed.ok ? parsed.node : [text]) {
      const number = numberOf(word);
      if (numbers.has(number)) throw new ValueError(`Option "${word}" already specified`);
      numbers.add(number);
    }
    return [...numbers].sort((a, b) => a - b);
  },
};

function numberOf(word: string): number {
  if (Object.hasOwn(NAMES, word)) return NAMES[word]!;
  const parsed = parseValue('integer', word);
  if (!parsed.ok || parsed.node > 255n) throw new ValueError(`Bad TCP option value "${word}"`);
  if (parsed.node < 2n) throw new ValueError('Option value may not be 0 or 1');
  return Number(parsed.node);
}

export const tcpoptstrip: TargetExtension<TcpoptstripData> = {
  kind: 'target',
  name: 'TCPOPTSTRIP',
  about: 'overwrites TCP options with padding',
  options: [{ name: '--strip-options', values: [optionList], about: 'the options, by number or name' }],
  tables: ['mangle'],
  protocols: [6],
  build: (options) => ({ options: firstValue<readonly number[]>(options, '--strip-options') ?? [] }),
  print: ({ options }) => (options.length === 0 ? [] : ['--strip-options', options.join(',')]),
  list({ options }, { numeric }) {
    if (options.length === 0) return '';
    const shown = options.map((number) => (numeric ? undefined : nameOf.get(number)) ?? `${number}`);
    return `TCPOPTSTRIP options ${shown.join(',')}`;
  },
};
