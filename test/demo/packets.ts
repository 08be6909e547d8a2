// The packets that the demonstration sends: those beside the ruleset, NAME.packets, or a mix for any host.

import { existsSync, readFileSync } from 'node:fs';
import type { HookPacket } from '../../src/base/packet.ts';
import { parsePackets } from '../harness/case-file.ts';

/** What a host on eth0, 10.0.0.2, that also routes to eth1 may meet. */
const ANY_HOST = `
INPUT in=eth0 icmp 10.0.0.1 > 10.0.0.2 type=8 payload=56
INPUT in=eth0 tcp 10.0.0.1:40022 > 10.0.0.2:22 syn
INPUT in=eth0 tcp 10.0.0.1:40080 > 10.0.0.2:80 syn
INPUT in=eth0 tcp 198.51.100.7:40022 > 10.0.0.2:22 syn
INPUT in=eth0 tcp 198.51.100.7:40080 > 10.0.0.2:80 syn
INPUT in=eth0 tcp 198.51.100.7:40443 > 10.0.0.2:443 syn
INPUT in=eth0 tcp 198.51.100.7:443 > 10.0.0.2:50000 ack payload=200
INPUT in=eth0 tcp 198.51.100.7:40080 > 10.0.0.2:80 fin psh urg
INPUT in=eth0 udp 198.51.100.7:40053 > 10.0.0.2:53 payload=30
INPUT in=eth0 udp 10.0.0.53:53 > 10.0.0.2:50000 payload=90
INPUT in=eth0 47 198.51.100.7 > 10.0.0.2 payload=40
FORWARD in=eth0 out=eth1 tcp 10.0.0.1:40080 > 10.1.0.80:80 syn
FORWARD in=eth1 out=eth0 tcp 10.1.0.80:80 > 10.0.0.1:40080 syn ack
OUTPUT out=eth0 tcp 10.0.0.2:50000 > 198.51.100.7:443 syn
OUTPUT out=eth0 tcp 10.0.0.2:50025 > 198.51.100.7:25 syn
OUTPUT out=eth0 udp 10.0.0.2:50053 > 10.0.0.53:53 payload=30
`;

/** Throws `file:line: message` for a file that cannot be read. */
export function packetsFor(rulesetPath: string): { readonly from: string; readonly packets: readonly HookPacket[] } {
  const path = rulesetPath.replace(/(\.rules)?$/, '.packets');
  const [from, text] = existsSync(path) ? [path, readFileSync(path, 'utf8')] : ['a mix for any host', ANY_HOST];
  return { from, packets: parsePackets(text, from).map(({ packet }) => packet) };
}
