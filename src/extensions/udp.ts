// `-m udp`: ports. Kernel: net/netfilter/xt_tcpudp.c, udp_mt.

import { interval } from '../base/intervals.ts';
import type { PacketView } from '../base/packet.ts';
import type { Clause } from '../base/predicate.ts';
import type { MatchExtension, MatchResult } from './extension.ts';
import { buildPorts, listPorts, type PortData, portClauses, portOptions, printPorts } from './ports.ts';
import { resolvedPorts } from './values/resolved-port.ts';

/** UDP header, in bytes (RFC 768). */
const HEADER = 8;

/** Made once: large rulesets have very many of them. */
const HEADER_CLAUSES: readonly Clause[] = [
  { kind: 'require', predicate: { kind: 'in', field: 'fragment', set: interval(0) }, negated: false },
  { kind: 'dropIf', predicate: { kind: 'in', field: 'transportLength', set: interval(0, HEADER - 1) }, negated: false },
];

export const udp: MatchExtension<PortData> = {
  kind: 'match',
  name: 'udp',
  about: 'ports of UDP',
  protocols: [17],
  options: portOptions([resolvedPorts]),
  build: buildPorts,
  print: printPorts,
  list: (data, context) => listPorts(data, 'udp', context),

  meaning: {
    clauses: (data) => [...HEADER_CLAUSES, ...portClauses(data)],
    matches: matchUdp,
  },
};

/** Later fragments have no UDP header and do not match; a header that is cut off makes the packet dropped. */
function matchUdp(data: PortData, packet: PacketView): MatchResult {
  if (packet.fragmentOffset !== 0) return false;
  const header = packet.transport(8);
  if (header === undefined) return 'drop';
  const [source, destination] = [header.getUint16(0), header.getUint16(2)];
  const { source: from, destination: to } = data;
  if (from && (from.low <= source && source <= from.high) === from.negated) return false;
  return !(to && (to.low <= destination && destination <= to.high) === to.negated);
}
