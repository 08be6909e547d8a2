// `-m icmp6`: type and code of ICMPv6. Kernel: net/netfilter/xt_tcpudp.c, icmp6_match.
//
// As `-m icmp`, but that type 255 is a type like others.

import { interval } from '../../base/intervals.ts';
import type { PacketView } from '../../base/packet.ts';
import type { Clause } from '../../base/predicate.ts';
import type { MatchExtension, MatchResult } from '../extension.ts';
import { type IcmpType, icmpTypeText, icmpTypeWords, icmpv6Notes, icmpv6Type, icmpv6TypeName } from '../icmp-types.ts';
import { negatable } from '../print-words.ts';

export interface Icmp6Data extends IcmpType {
  readonly negated: boolean;
}

export const icmp6: MatchExtension<Icmp6Data> = {
  kind: 'match',
  name: 'icmp6',
  aliases: ['icmpv6', 'ipv6-icmp'],
  families: ['ipv6'],
  about: 'type and code of ICMPv6',
  notes: icmpv6Notes,
  protocols: [58],
  options: [
    {
      ...{ name: '--icmpv6-type', values: [icmpv6Type], negatable: true, required: true },
      about: 'the type, by number or name',
    },
  ],
  build(options) {
    const { negated, values } = options[0]!;
    return { ...(values[0] as IcmpType), negated };
  },
  print: ({ negated, ...of }) => negatable(negated, '--icmpv6-type', icmpTypeText(of)),
  list({ negated, ...of }, { numeric }) {
    const name = numeric ? undefined : icmpv6TypeName(of);
    if (name !== undefined) return `ipv6-icmp ${negated ? '!' : ''}${name}`;
    return `ipv6-icmp${negated ? ' !' : ''}${icmpTypeWords(of)}`;
  },
  meaning: { clauses: icmp6Clauses, matches: matchIcmp6 },
};

/** ICMPv6 header with the word behind the checksum, in bytes (RFC 4443). */
const HEADER = 8;

/** Made once: large rulesets have very many of them. */
const HEADER_CLAUSES: readonly Clause[] = [
  { kind: 'require', predicate: { kind: 'in', field: 'fragment', set: interval(0) }, negated: false },
  { kind: 'dropIf', predicate: { kind: 'in', field: 'transportLength', set: interval(0, HEADER - 1) }, negated: false },
];

function icmp6Clauses({ type, code: first = 0, code, lastCode = code ?? 255, negated }: Icmp6Data): Clause[] {
  const set = first <= lastCode ? interval(type * 256 + first, type * 256 + lastCode) : [];
  return [...HEADER_CLAUSES, { kind: 'require', predicate: { kind: 'in', field: 'icmp', set }, negated }];
}

/** Later fragments have no ICMPv6 header and do not match; a header that is cut off makes the packet dropped. */
function matchIcmp6(data: Icmp6Data, packet: PacketView): MatchResult {
  if (packet.fragmentOffset !== 0) return false;
  const header = packet.transport(8);
  if (header === undefined) return 'drop';
  const [type, code] = [header.getUint8(0), header.getUint8(1)];
  const { code: from, lastCode: to = from } = data;
  const hasCode = from === undefined || (from <= code && code <= to!);
  return (type === data.type && hasCode) !== data.negated;
}
