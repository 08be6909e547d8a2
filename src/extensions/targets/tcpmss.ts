// `-j TCPMSS`: sets the maximum segment size that a SYN announces (RFC 9293). Kernel: net/netfilter/xt_TCPMSS.c.

import type { Family } from '../../base/family.ts';
import type { BuiltinChain } from '../../base/hooks.ts';
import { type CheckContext, ExtensionError, type TargetExtension } from '../extension.ts';
import type { TcpData } from '../tcp.ts';
import { integer } from '../values/integer.ts';

export interface TcpmssTargetData {
  /** Bytes, or what fits through the path of the packet. */
  readonly size: number | 'path';
}

/** Size of the IP header, in bytes: no segment is larger than what it leaves of a packet. */
const HEADER: Readonly<Record<Family, number>> = { ipv4: 20, ipv6: 40 };

/** Where the path of the packet is known. */
const ROUTED: readonly BuiltinChain[] = ['FORWARD', 'OUTPUT', 'POSTROUTING'];

const SYN = 0x02;

function tcpmssFor(family: Family): TargetExtension<TcpmssTargetData> {
  return {
    kind: 'target',
    name: 'TCPMSS',
    families: [family],
    about: 'sets the maximum segment size in SYN packets',
    options: [
      { name: '--set-mss', values: [integer(0xffff - HEADER[family])], about: 'sets it to so many bytes' },
      { name: '--clamp-mss-to-pmtu', values: [], about: 'makes it small enough for the path' },
    ],
    protocols: [6],
    /** Both options write to one field. */
    build(options) {
      const last = options.at(-1);
      if (last !== undefined) return { size: last.name === '--set-mss' ? (last.values[0] as number) : 'path' };
      throw new ExtensionError('missing-option', 'TCPMSS target: At least one parameter is required');
    },
    check({ size }, { chains, matches }: CheckContext) {
      if (size === 'path' && chains.some((chain) => !ROUTED.includes(chain))) {
        return `TCPMSS --clamp-mss-to-pmtu can only be reached from ${ROUTED.join(', ')}`;
      }
      return matches.some(asksForSyn) ? undefined : 'TCPMSS needs a match on the flag SYN, such as --syn';
    },
    print: ({ size }) => (size === 'path' ? ['--clamp-mss-to-pmtu'] : ['--set-mss', `${size}`]),
    list: ({ size }) => (size === 'path' ? 'TCPMSS clamp to PMTU' : `TCPMSS set ${size}`),
  };
}

function asksForSyn({ extension, data }: CheckContext['matches'][number]): boolean {
  if (extension !== 'tcp') return false;
  const { flags } = data as TcpData;
  return flags !== undefined && !flags.negated && (flags.set & SYN) !== 0;
}

export const tcpmss4 = tcpmssFor('ipv4');
export const tcpmss6 = tcpmssFor('ipv6');
