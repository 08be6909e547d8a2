// Names of services and protocols, as plain look-ups that are handed to parser and printer.

import { readFileSync } from 'node:fs';

export interface Names {
  /** The port of a service, as getservbyname finds it; undefined for an unknown one. */
  port(service: string, protocol: string): number | undefined;
  /** The first name of a port, as getservbyport finds it. */
  serviceName(port: number, protocol: string): string | undefined;
  /** The number of a protocol by any of its names. */
  protocolNumber(name: string): number | undefined;
  /** The first name of a protocol. */
  protocolName(number: number): string | undefined;
}

/** What is used where a machine has no /etc/services or /etc/protocols: the well-known ones (IANA). */
const FEW_SERVICES = `
ftp-data 20/tcp
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
domain 53/tcp
domain 53/udp
bootps 67/udp
bootpc 68/udp
tftp 69/udp
http 80/tcp www
pop3 110/tcp
ntp 123/udp
imap2 143/tcp imap
snmp 161/udp
https 443/tcp
https 443/udp
syslog 514/udp
submission 587/tcp
imaps 993/tcp
pop3s 995/tcp
`;
const FEW_PROTOCOLS = `
ip 0 IP
icmp 1
igmp 2
tcp 6
udp 17
gre 47
esp 50
ah 51
ipv6-icmp 58
ospf 89
sctp 132
udplite 136
`;

/** Protocol names that iptables knows by itself (libxtables, `xtables_chain_protos`). */
const OWN_PROTOCOLS: Readonly<Record<string, number>> = {
  tcp: 6,
  sctp: 132,
  udp: 17,
  udplite: 136,
  icmp: 1,
  icmpv6: 58,
  'ipv6-icmp': 58,
  esp: 50,
  ah: 51,
  'ipv6-mh': 135,
  mh: 135,
  all: 0,
};

/** Reads the texts of /etc/services and /etc/protocols. The first entry of a name or number counts. */
export function namesFrom(services: string, protocols: string): Names {
  const ports = new Map<string, number>();
  const serviceNames = new Map<string, string>();
  for (const [name, number, ...aliases] of entries(services)) {
    const [port, protocol] = number.split('/');
    for (const each of [name, ...aliases]) setOnce(ports, `${each}/${protocol}`, Number(port));
    setOnce(serviceNames, number, name);
  }
  const numbers = new Map<string, number>();
  const protocolNames = new Map<number, string>();
  for (const [name, number, ...aliases] of entries(protocols)) {
    for (const each of [name, ...aliases]) setOnce(numbers, each, Number(number));
    setOnce(protocolNames, Number(number), name);
  }
  for (const [name, number] of Object.entries(OWN_PROTOCOLS)) {
    setOnce(numbers, name, number);
    setOnce(protocolNames, number, name);
  }
  return {
    port: (service, protocol) => ports.get(`${service}/${protocol}`),
    serviceName: (port, protocol) => serviceNames.get(`${port}/${protocol}`),
    protocolNumber: (name) => numbers.get(name),
    protocolName: (number) => protocolNames.get(number),
  };
}

let system: Names | undefined;

/** The names of this machine, read once. */
export function systemNames(): Names {
  system ??= namesFrom(textOf('/etc/services') ?? FEW_SERVICES, textOf('/etc/protocols') ?? FEW_PROTOCOLS);
  return system;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function* entries(text: string): Generator<[string, string, ...string[]]> {
  for (const line of text.split('\n')) {
    const [name, number, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (name && number) yield [name, number, ...aliases];
  }
}

function setOnce<K, V>(map: Map<K, V>, key: K, value: V): void {
  if (!map.has(key)) map.set(key, value);
}
