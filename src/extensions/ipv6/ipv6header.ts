// `-m ipv6header`: which extension headers a packet has. Kernel: net/ipv6/netfilter/ip6t_ipv6header.c.

import type { Names } from '../../base/names.ts';
import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';

export interface Ipv6HeaderData {
  /** Protocol numbers, in the order of `HEADERS`; 255 stands for anything that is no extension header. */
  readonly headers: readonly number[];
  readonly negated: boolean;
  /** Other headers may be there, too. */
  readonly soft: boolean;
}

/** In the order in which they are printed; iptables' own names, the one for printing first. */
const HEADERS: readonly (readonly [number: number, ...names: string[]])[] = [
  [0, 'hop-by-hop', 'hop', '0'],
  [60, 'dst', '60'],
  [43, 'route', '43'],
  [44, 'frag', '44'],
  [51, 'auth', '51'],
  [50, 'esp', '50'],
  [59, 'none', '59'],
  [255, 'protocol', 'prot', '255'],
];

/** The flag of each header (MASK_… in include/uapi/linux/netfilter_ipv6/ip6t_ipv6header.h). */
const flagOf = (index: number): number => 0x80 >> index;

const headerList: ValueType<readonly number[]> = {
  placeholder: 'header[,header…]',
  parse(text, { names }) {
    const given = text.split(',').filter((name) => name !== '');
    const found = given.map((name) => {
      const number = numberOf(name, names);
      if (number === undefined) throw new ValueError(`unknown header \`${name}' specified`);
      if (!HEADERS.some(([known]) => known === number)) throw new ValueError(`unknown header \`${number}' specified`);
      return number;
    });
    if (found.length === 0) throw new ValueError('ip6t_ipv6header: cannot parse header names');
    return HEADERS.map(([number]) => number).filter((number) => found.includes(number));
  },
};

/** `all` is a protocol for `-p` alone. */
function numberOf(name: string, names: Names): number | undefined {
  const number = name === 'all' ? undefined : names.protocolNumber(name);
  return number ?? HEADERS.find(([, ...own]) => own.includes(name))?.[0];
}

export const ipv6header: MatchExtension<Ipv6HeaderData> = {
  kind: 'match',
  name: 'ipv6header',
  families: ['ipv6'],
  about: 'extension headers of the packet',
  options: [
    { name: '--header', values: [headerList], negatable: true, required: true, about: 'headers, by name or number' },
    { name: '--soft', values: [], about: 'other headers may be there, too' },
  ],
  build(options) {
    const { values, negated } = useOf(options, '--header')!;
    return { headers: values[0] as readonly number[], negated, soft: isGiven(options, '--soft') };
  },
  print: ({ headers, negated, soft }, { names }) => [
    ...negatable(negated, '--header', listed(headers, names)),
    ...(soft ? ['--soft'] : []),
  ],
  list({ headers, negated, soft }, { names, numeric }) {
    const flags = HEADERS.reduce((sum, [number], i) => (headers.includes(number) ? sum | flagOf(i) : sum), 0);
    const shown = numeric ? `0x${flags.toString(16).toUpperCase().padStart(2, '0')}` : listed(headers, names);
    return `ipv6header flags:${negated ? '!' : ''}${shown}${soft ? ' soft' : ''}`;
  },
};

function listed(headers: readonly number[], names: Names): string {
  return headers
    .map((number) => {
      const name = number === 0 ? undefined : names.protocolName(number);
      return name ?? HEADERS.find(([known]) => known === number)![1];
    })
    .join(',');
}
