// `-m ttl` of IPv4 and `-m hl` of IPv6: how many more routers a packet may pass. Kernel: net/netfilter/xt_hl.c.

import type { Family } from '../../base/family.ts';
import { ExtensionError, type MatchExtension, type OptionSpec } from '../extension.ts';
import { uint8 } from '../values/integer.ts';

type Comparison = '==' | '!=' | '<' | '>';

export interface TtlData {
  readonly comparison: Comparison;
  /** 0–255 */
  readonly value: number;
}

function ttlMatch(name: 'ttl' | 'hl', family: Family, missing: string): MatchExtension<TtlData> {
  const upper = name.toUpperCase();
  const [eq, lt, gt] = [`--${name}-eq`, `--${name}-lt`, `--${name}-gt`];
  const words: Readonly<Record<Comparison, readonly string[]>> = {
    '==': [eq],
    '!=': ['!', eq],
    '<': [lt],
    '>': [gt],
  };
  const option = (own: string, about: string): OptionSpec => ({
    ...{ name: own, values: [uint8], excludes: [eq, lt, gt].filter((other) => other !== own), about },
  });
  return {
    kind: 'match',
    name,
    families: [family],
    about: 'how many more routers the packet may pass',
    options: [
      option(lt, 'less than'),
      option(gt, 'more than'),
      { ...option(eq, 'just so many'), aliases: [`--${name}`], negatable: true },
    ],
    precheck(options) {
      if (options.length === 0) throw new ExtensionError('missing-option', missing);
    },
    build(options) {
      const { name, negated, values } = options[0]!;
      const comparison = name === eq ? (negated ? '!=' : '==') : name === lt ? '<' : '>';
      return { comparison, value: values[0] as number };
    },
    print: ({ comparison, value }) => [...words[comparison], `${value}`],
    list: ({ comparison, value }) => `${upper} match ${upper} ${comparison} ${value}`,
  };
}

export const ttl = ttlMatch(
  'ttl',
  'ipv4',
  // The last quotation mark is missing in iptables, too.
  "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt",
);

export const hl = ttlMatch('hl', 'ipv6', "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'");
