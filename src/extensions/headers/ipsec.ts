// `-m esp`, `-m ipcomp` and `-m ah`: the numbers by which IPsec knows its associations. Kernel: net/netfilter/xt_esp.c,
// net/netfilter/xt_ipcomp.c, net/ipv4/netfilter/ipt_ah.c, net/ipv6/netfilter/ip6t_ah.c.

import type { MatchExtension, OptionSpec, OptionUse } from '../extension.ts';
import { negatable } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';
import { integers, uint32 } from '../values/integer.ts';
import { labelledRange, type RangeCondition, range32Of, rangeText } from './range.ts';

export interface SpiData {
  /** Absent for any. */
  readonly spi?: RangeCondition;
}

function spiOption(name: string): OptionSpec {
  return { name, values: [integers(32)], negatable: true, about: 'security parameter index, or a range of them' };
}

function buildSpi(options: readonly OptionUse[], name: string): SpiData {
  const spi = range32Of(useOf(options, name));
  return { ...(spi && { spi }) };
}

function printSpi({ spi }: SpiData, name: string): readonly string[] {
  return spi === undefined ? [] : negatable(spi.negated, name, rangeText(spi));
}

function listSpi({ spi }: SpiData): string {
  return spi === undefined ? '' : labelledRange('spi', spi);
}

export const esp: MatchExtension<SpiData> = {
  kind: 'match',
  name: 'esp',
  about: 'association of encrypted packets (ESP)',
  protocols: [50],
  options: [spiOption('--espspi')],
  build: (options) => buildSpi(options, '--espspi'),
  print: (data) => printSpi(data, '--espspi'),
  list: (data) => (data.spi ? `esp ${listSpi(data)}` : 'esp'),
};

export const ah4: MatchExtension<SpiData> = {
  kind: 'match',
  name: 'ah',
  families: ['ipv4'],
  about: 'association of authenticated packets (AH)',
  protocols: [51],
  options: [spiOption('--ahspi')],
  build: (options) => buildSpi(options, '--ahspi'),
  print: (data) => printSpi(data, '--ahspi'),
  list: (data) => `ah ${listSpi(data)}`,
};

export interface Ah6Data extends SpiData {
  /** Bytes of the header; absent for any. */
  readonly length?: { readonly value: number; readonly negated: boolean };
  /** The reserved field must be zero. */
  readonly reserved: boolean;
}

export const ah6: MatchExtension<Ah6Data> = {
  kind: 'match',
  name: 'ah',
  families: ['ipv6'],
  about: 'authentication header (AH)',
  options: [
    spiOption('--ahspi'),
    { name: '--ahlen', values: [uint32], negatable: true, about: 'length of the header in bytes' },
    { name: '--ahres', values: [], about: 'the reserved field is zero' },
  ],
  build(options) {
    const use = useOf(options, '--ahlen');
    const length = use && { value: use.values[0] as number, negated: use.negated };
    // For the kernel a length of 0 is any.
    const isAsked = length !== undefined && (length.value !== 0 || length.negated);
    return {
      ...buildSpi(options, '--ahspi'),
      ...(isAsked && { length }),
      reserved: isGiven(options, '--ahres'),
    };
  },
  print: ({ spi, length, reserved }) => [
    ...printSpi({ ...(spi && { spi }) }, '--ahspi'),
    ...(length ? negatable(length.negated, '--ahlen', `${length.value}`) : []),
    ...(reserved ? ['--ahres'] : []),
  ],
  list({ length, reserved, ...spi }) {
    const shown = length ? `length:${length.negated ? '!' : ''}${length.value}` : '';
    return `ah ${listSpi(spi)}${shown}${reserved ? ' reserved' : ''}`;
  },
};

export interface IpcompData {
  /** Absent for any. */
  readonly cpi?: RangeCondition;
  /** The reserved field must be zero; the kernel does not look at it. */
  readonly reserved: boolean;
}

export const ipcomp: MatchExtension<IpcompData> = {
  kind: 'match',
  name: 'ipcomp',
  about: 'association of compressed packets (IPComp)',
  protocols: [108],
  options: [
    { name: '--ipcompspi', values: [integers(32)], negatable: true, about: 'parameter index, or a range of them' },
    { name: '--compres', values: [], about: 'the reserved field is zero' },
  ],
  build(options) {
    const use = useOf(options, '--ipcompspi');
    // Unlike esp and ah, ipcomp without a range means index 0.
    const cpi = use === undefined ? { low: 0, high: 0, negated: false } : range32Of(use);
    return { ...(cpi && { cpi }), reserved: isGiven(options, '--compres') };
  },
  print: ({ cpi, reserved }) => [
    ...(cpi ? negatable(cpi.negated, '--ipcompspi', rangeText(cpi)) : []),
    ...(reserved ? ['--compres'] : []),
  ],
  list: ({ cpi, reserved }) => `comp ${cpi ? labelledRange('spi', cpi) : ''}${reserved ? ' reserved' : ''}`,
};
