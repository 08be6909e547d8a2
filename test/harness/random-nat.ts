// Random rules of NAT, as text for iptables-restore, and packets that they are about.

import type { HookPacket } from '../../src/base/packet.ts';
import { CLIENTS } from './nat-world.ts';
import { buildPacket, TCP_FLAG } from './packet-builder.ts';
import type { Choice } from './random.ts';

const DESTINATIONS = ['10.0.0.1', '10.0.0.2', '10.64.0.1', '10.192.0.1', '10.224.0.1'];
const SOURCES = ['11.1.2.3', '192.168.1.1', '198.51.100.7', '198.51.100.8', '172.16.5.4', '11.0.0.1', '10.192.0.2'];
const MASKS = ['32', '32', '31', '24', '16', '9', '8', '255.0.0.255', '1'];
const DEVICES = ['eth0', 'eth1', 'veth0', 'eth+', 'v+', 'eth9'];
const PORTS = [0, 22, 53, 80, 81, 1023, 8080, 65535];

/** Where rules lead: what is translated meets other rules of `NAT_FILTER` than what is not. */
const TARGETS = ['DNAT --to-destination 10.0.0.77', 'DNAT --to-destination 10.192.0.77', 'RETURN', 'ACCEPT'];
const REDIRECT = 'REDIRECT --to-ports 777';

/** Drops all, and counts apart what NAT has changed. */
export const NAT_FILTER = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -d 10.0.0.77 -j DROP
-A INPUT -p tcp -m tcp --dport 777 -j DROP
-A INPUT -p udp -m udp --dport 777 -j DROP
-A FORWARD -d 10.192.0.77 -j DROP
COMMIT
`;

/** The table nat with some rules at PREROUTING and in two chains. */
export function randomNat(choice: Choice): string {
  const rules = (chain: string, chains: readonly string[]) =>
    Array.from({ length: choice.integer(0, 4) }, () => `-A ${chain} ${randomRule(choice, chains)}`);
  const lines = [...rules('PREROUTING', ['one', 'two']), ...rules('one', ['two']), ...rules('two', [])];
  return ['*nat', ':PREROUTING ACCEPT', ':one -', ':two -', ...lines, 'COMMIT', ''].join('\n');
}

function randomRule(choice: Choice, chains: readonly string[]): string {
  const not = () => (choice.chance(0.2) ? '! ' : '');
  const words: string[] = [];
  if (choice.chance(0.3)) words.push(`${not()}-i ${choice.pick(DEVICES)}`);
  if (choice.chance(0.3)) words.push(`${not()}-s ${choice.pick(SOURCES)}/${choice.pick(MASKS)}`);
  if (choice.chance(0.4)) words.push(`${not()}-d ${choice.pick(DESTINATIONS)}/${choice.pick(MASKS)}`);
  const protocol = choice.pick(['', 'tcp', 'tcp', 'udp', 'udp', 'icmp']);
  const isPorted = protocol === 'tcp' || protocol === 'udp';
  if (protocol !== '') words.push(`${isPorted ? '' : not()}-p ${protocol}`);
  if (isPorted && choice.chance(0.8)) words.push(randomPorts(choice, protocol, not));
  if (choice.chance(0.1)) words.push('-m addrtype --dst-type LOCAL');
  const target = choice.chance(0.3) ? [...chains, 'RETURN'] : [...TARGETS, ...(isPorted ? [REDIRECT] : [])];
  return `${words.join(' ')} -j ${choice.pick(target)}`;
}

function randomPorts(choice: Choice, protocol: string, not: () => string): string {
  const port = () => choice.pick(PORTS);
  if (choice.chance(0.2)) return `-m multiport ${not()}--dports ${port()},${port()}`;
  const [low, high] = [port(), port()].sort((a, b) => a - b);
  const range = choice.chance(0.4) ? `${low}:${high}` : `${low}`;
  return `-m ${protocol} ${not()}${choice.pick(['--dport', '--dport', '--sport'])} ${range}`;
}

/** First packets of TCP and UDP. */
export function randomFirstPackets(choice: Choice, count: number): HookPacket[] {
  const destination = () => choice.pick([0x0a000001, 0x0a000002, 0x0a400001, 0x0ac00001, 0x0ae00001]);
  return Array.from({ length: count }, () => {
    const inDevice = choice.pick(['eth0', 'eth1', 'veth0'] as const);
    const [sport, dport] = [choice.chance(0.5) ? choice.pick(PORTS) : choice.integer(1024, 60_000), choice.pick(PORTS)];
    const transport = choice.chance(0.5)
      ? ({ kind: 'udp', sport, dport } as const)
      : ({ kind: 'tcp', sport, dport, flags: TCP_FLAG.syn } as const);
    const source = choice.pick(CLIENTS[inDevice]);
    const bytes = buildPacket({ source, destination: destination(), transport, id: 1 });
    return { hook: 'INPUT', inDevice, outDevice: '', bytes };
  });
}
