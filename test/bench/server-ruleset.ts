// A mail and web server's rules in one chain, as people write them, without connection tracking.

import { parseAddress } from '../../src/base/ipv4.ts';
import {
  ANY_ADDRESS,
  ANY_PORT,
  type PortRange,
  type Prefix,
  prefixOf,
  type RuleShape,
  type TcpFlag,
} from './rule-shape.ts';

const PLAIN = { source: ANY_ADDRESS, destination: ANY_ADDRESS, sport: ANY_PORT, dport: ANY_PORT } as const;

function from(text: string): Prefix {
  const [address, length = '32'] = text.split('/');
  return prefixOf(parseAddress(address!)!, Number(length));
}

const port = (low: number, high = low): PortRange => ({ low, high });

function refuse(mask: readonly TcpFlag[], set: readonly TcpFlag[]): RuleShape {
  return { ...PLAIN, protocol: 'tcp', flags: { mask, set }, verdict: 'DROP' };
}

const ALL: readonly TcpFlag[] = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'];

const BOGONS = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.0.2.0/24', '198.18.0.0/15'];
/** Of networks for documentation and for tests of devices (RFC 5737, RFC 2544), but not of those above. */
const BANS = [
  '198.51.100.7',
  '198.51.100.66',
  '203.0.113.129',
  '203.0.113.192/27',
  '198.51.100.128/26',
  '192.88.99.0/24',
];
const TCP_SERVICES = [25, 80, 110, 143, 443, 465, 587, 993, 995, 4190];
const ADMIN_SERVICES = [22, 161, 3306, 5432, 6379, 8080, 9090, 9100];
const ADMINS = ['198.51.100.16/28', '203.0.113.32/28'];

/** Policy DROP. */
export const SERVER_RULES: readonly RuleShape[] = [
  { ...PLAIN, inDevice: 'tun0', verdict: 'ACCEPT' },
  refuse(['FIN', 'SYN'], ['FIN', 'SYN']),
  refuse(['SYN', 'RST'], ['SYN', 'RST']),
  refuse(['FIN', 'RST'], ['FIN', 'RST']),
  refuse(ALL, []),
  refuse(ALL, ALL),
  ...BOGONS.map((text): RuleShape => ({ ...PLAIN, source: from(text), verdict: 'DROP' })),
  ...BANS.map((text): RuleShape => ({ ...PLAIN, source: from(text), verdict: 'DROP' })),
  { ...PLAIN, protocol: 'icmp', icmpType: 8, verdict: 'ACCEPT' },
  { ...PLAIN, protocol: 'icmp', icmpType: 3, verdict: 'ACCEPT' },
  { ...PLAIN, protocol: 'icmp', icmpType: 11, verdict: 'ACCEPT' },
  { ...PLAIN, protocol: 'icmp', verdict: 'DROP' },
  ...TCP_SERVICES.map((number): RuleShape => ({ ...PLAIN, protocol: 'tcp', dport: port(number), verdict: 'ACCEPT' })),
  ...ADMINS.flatMap((text) =>
    ADMIN_SERVICES.map(
      (number): RuleShape => ({
        ...PLAIN,
        source: from(text),
        protocol: 'tcp',
        dport: port(number),
        verdict: 'ACCEPT',
      }),
    ),
  ),
  { ...PLAIN, protocol: 'udp', dport: port(443), verdict: 'ACCEPT' },
  { ...PLAIN, protocol: 'udp', sport: port(53), dport: port(1024, 65535), verdict: 'ACCEPT' },
  { ...PLAIN, protocol: 'udp', sport: port(123), dport: port(123), verdict: 'ACCEPT' },
  {
    ...PLAIN,
    protocol: 'tcp',
    sport: port(80),
    dport: port(32768, 60999),
    flags: { mask: ['FIN', 'SYN', 'RST', 'ACK'], set: ['ACK'] },
    verdict: 'ACCEPT',
  },
  {
    ...PLAIN,
    protocol: 'tcp',
    sport: port(443),
    dport: port(32768, 60999),
    flags: { mask: ['FIN', 'SYN', 'RST', 'ACK'], set: ['ACK'] },
    verdict: 'ACCEPT',
  },
  { ...PLAIN, protocol: 'tcp', dport: port(113), verdict: 'DROP' },
  { ...PLAIN, protocol: 'udp', dport: port(137, 139), verdict: 'DROP' },
  { ...PLAIN, protocol: 'tcp', dport: port(6000, 6063), verdict: 'DROP' },
];
