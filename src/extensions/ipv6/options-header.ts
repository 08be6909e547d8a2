// `-m dst` and `-m hbh`: the destination and hop-by-hop options headers (RFC 8200). Kernel:
// net/ipv6/netfilter/ip6t_hbh.c.

import { type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { firstValue } from '../uses.ts';
import { uint32 } from '../values/integer.ts';
import { scanWrapped } from '../values/scan.ts';

/** An option of the header. */
export interface HeaderOption {
  readonly type: number;
  /** Bytes of its data; absent for any. */
  readonly length?: number;
}

export interface OptionsHeaderData {
  /** As in the header's own length field. */
  readonly length?: { readonly value: number; readonly negated: boolean };
  /** What the header holds, in order. */
  readonly options?: readonly HeaderOption[];
}

/** Options that one match has room for (IP6T_OPTS_OPTSNR in include/uapi/linux/netfilter_ipv6/ip6t_opts.h). */
const MOST = 16;

/** Stands for any length. */
const ANY_LENGTH = 0xff;

function optionList(name: 'dst' | 'hbh', padding: string): ValueType<readonly HeaderOption[]> {
  const numberOf = (text: string, what: string): number => {
    const scanned = scanWrapped(text);
    if (scanned === undefined) throw new ValueError(`${name}: no valid digits in ${what} \`${text}'`);
    if (scanned.overflows) throw new ValueError(`${what} \`${text}' specified too big: would overflow`);
    if (scanned.rest !== '') throw new ValueError(`${name}: error parsing ${what} \`${text}'`);
    return Number(scanned.value & 0xffn);
  };
  return {
    placeholder: 'type[:length],…',
    parse: (text) =>
      text.split(',').map((item, i) => {
        if (i === MOST) throw new ValueError('too many addresses specified');
        const colon = item.indexOf(':');
        if (colon >= 0 && i === MOST - 1) throw new ValueError('too many ports specified');
        const type = numberOf(colon < 0 ? item : item.slice(0, colon), 'opt');
        if (colon < 0) return { type };
        if (type === 0) throw new ValueError(padding);
        const length = numberOf(item.slice(colon + 1), 'length');
        return length === ANY_LENGTH ? { type } : { type, length };
      }),
  };
}

function optionsHeader(name: 'dst' | 'hbh', about: string, padding: string): MatchExtension<OptionsHeaderData> {
  return {
    kind: 'match',
    name,
    families: ['ipv6'],
    about,
    options: [
      { name: `--${name}-len`, values: [uint32], negatable: true, about: 'length of the header' },
      { name: `--${name}-opts`, values: [optionList(name, padding)], about: 'options in it, in order' },
    ],
    build(uses) {
      const use = uses.find((each) => each.name === `--${name}-len`);
      const length = use && { value: use.values[0] as number, negated: use.negated };
      const options = firstValue<readonly HeaderOption[]>(uses, `--${name}-opts`);
      return { ...(length && { length }), ...(options && { options }) };
    },
    print: ({ length, options }) => [
      ...(length ? negatable(length.negated, `--${name}-len`, `${length.value}`) : []),
      ...(options ? [`--${name}-opts`, listed(options)] : []),
    ],
    list({ length, options }) {
      const shown = length ? ` length:${length.negated ? '!' : ''}${length.value}` : '';
      return `${name}${shown}${options ? ` opts ${listed(options)}` : ''}`;
    },
  };
}

function listed(options: readonly HeaderOption[]): string {
  return options.map(({ type, length }) => (length === undefined ? `${type}` : `${type}:${length}`)).join(',');
}

export const dst = optionsHeader('dst', 'destination options header', "PAD0 hasn't got length");
export const hbh = optionsHeader('hbh', 'hop-by-hop options header', 'PAD0 has not got length');
