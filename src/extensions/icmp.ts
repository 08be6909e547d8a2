// `-m icmp`: ICMP type and code. Kernel: net/ipv4/netfilter/ip_tables.c, icmp_match.

import { interval } from '../base/intervals.ts';
import type { PacketView } from '../base/packet.ts';
import type { Clause } from '../base/predicate.ts';
import type { MatchExtension, MatchResult } from './extension.ts';
import { type IcmpType, icmpNotes, icmpType, icmpTypeName, icmpTypeText, icmpTypeWords } from './icmp-types.ts';
import { negatable } from './print-words.ts';

/** Type 255 stands for any type, whatever the code. */
export interface IcmpData extends IcmpType {
  readonly negated: boolean;
}

const ANY = 255;

/** ICMP header with the word behind the checksum, in bytes (RFC 792). */
const HEADER = 8;

export const icmp: MatchExtension<IcmpData> = {
  kind: 'match',
  name: 'icmp',
  families: ['ipv4'],
  about: 'type and code of ICMP',
  notes: icmpNotes,
  protocols: [1],
  options: [
    { name: '--icmp-type', values: [icmpType], negatable: true, required: true, about: 'the type, by number or name' },
  ],

  build(options) {
    const { negated, values } = options[0]!;
    return { ...(values[0] as IcmpType), negated };
  },

  print({ negated, ...of }) {
    const value = of.type === ANY ? 'any' : icmpTypeText(of);
    return negatable(negated, '--icmp-type', value);
  },

  list({ negated, ...of }, { numeric }) {
    const name = numeric ? undefined : icmpTypeName(of);
    if (name !== undefined) return `icmp ${negated ? '!' : ''}${name}`;
    return `icmp${negated ? ' !' : ''}${icmpTypeWords(of)}`;
  },

  meaning: { clauses: icmpClauses, matches: matchIcmp },
};

/** Made once: large rulesets have very many of them. */
const HEADER_CLAUSES: readonly Clause[] = [
  { kind: 'require', predicate: { kind: 'in', field: 'fragment', set: interval(0) }, negated: false },
  { kind: 'dropIf', predicate: { kind: 'in', field: 'transportLength', set: interval(0, HEADER - 1) }, negated: false },
];

function icmpClauses({ type, code, lastCode = code, negated }: IcmpData): Clause[] {
  const [low, high] =
    type === ANY
      ? [0, 0xffff]
      : code === undefined
        ? [type * 256, type * 256 + 255]
        : [type * 256 + code, type * 256 + lastCode!];
  return [
    ...HEADER_CLAUSES,
    { kind: 'require', predicate: { kind: 'in', field: 'icmp', set: interval(low!, high) }, negated },
  ];
}

/** Later fragments have no ICMP header and do not match; a header that is cut off makes the packet dropped. */
function matchIcmp(data: IcmpData, packet: PacketView): MatchResult {
  if (packet.fragmentOffset !== 0) return false;
  const header = packet.transport(8);
  if (header === undefined) return 'drop';
  const hasType = data.type === 255 || header.getUint8(0) === data.type;
  const { code: firstCode, lastCode = firstCode } = data;
  const code = header.getUint8(1);
  const hasCode = data.type === 255 || firstCode === undefined || (firstCode <= code && code <= lastCode!);
  return (hasType && hasCode) !== data.negated;
}
