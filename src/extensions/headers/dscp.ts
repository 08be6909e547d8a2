// `-m dscp` and `-m tos`: the Differentiated Services code point (RFC 2474) and the byte it lies in, the Type of Service
// of IPv4 and the Traffic Class of IPv6. Kernel: net/netfilter/xt_dscp.c.

import { ExtensionError, type MatchExtension } from '../extension.ts';
import { hex, negatable } from '../print-words.ts';
import { dscpClass } from '../values/dscp.ts';
import { integer, type Masked } from '../values/integer.ts';
import { tosMask, tosName } from '../values/tos.ts';

export interface DscpData {
  /** 0–63 */
  readonly value: number;
  readonly negated: boolean;
}

export const dscp: MatchExtension<DscpData> = {
  kind: 'match',
  name: 'dscp',
  about: 'Differentiated Services code point',
  options: [
    {
      ...{ name: '--dscp', values: [integer(63)], negatable: true, excludes: ['--dscp-class'] },
      about: 'by number',
    },
    {
      ...{ name: '--dscp-class', values: [dscpClass], negatable: true, excludes: ['--dscp'] },
      about: 'by the name of a class',
    },
  ],
  precheck(options) {
    if (options.length === 0) throw new ExtensionError('missing-option', 'DSCP match: Parameter --dscp is required');
  },
  build(options) {
    const { values, negated } = options[0]!;
    return { value: values[0] as number, negated };
  },
  print: ({ value, negated }) => negatable(negated, '--dscp', hex(value, 2)),
  list: ({ value, negated }) => `DSCP match ${negated ? '!' : ''}${hex(value, 2)}`,
};

export interface TosData extends Masked {
  readonly negated: boolean;
}

/** The bits that a name stands for: all but the upper two of the precedence. */
const NAME_MASK = 0x3f;

export const tos: MatchExtension<TosData> = {
  kind: 'match',
  name: 'tos',
  about: 'Type of Service, or Traffic Class',
  options: [
    {
      ...{ name: '--tos', values: [tosMask(NAME_MASK)], negatable: true, required: true },
      about: 'the bits of the mask are those of the value; or a name',
    },
  ],
  build(options) {
    const { values, negated } = options[0]!;
    return { ...(values[0] as Masked), negated };
  },
  print: ({ negated, ...masked }) => negatable(negated, '--tos', text(masked)),
  // iptables puts a blank in front of a name only.
  list({ negated, ...masked }, { numeric }) {
    const name = numeric || masked.mask !== NAME_MASK ? undefined : tosName(masked.value);
    return `tos match${negated ? '!' : ''}${name === undefined ? text(masked) : ` ${name}`}`;
  },
};

function text({ value, mask }: Masked): string {
  return `${hex(value, 2)}/${hex(mask, 2)}`;
}
