// Names of services, protocols and hosts as this machine has them: /etc/services, /etc/protocols, and the resolver.

import { readFileSync } from 'node:fs';
import type { Family } from '../base/family.ts';
import type { Names } from '../base/names.ts';
import { once, systemTables } from './name-tables.ts';

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

/** Protocol names that iptables knows by itself (libxtables, `xtables_chain_protos`); the first one of a number is shown. */
const OWN_PROTOCOLS: Readonly<Record<string, number>> = {
  tcp: 6,
  sctp: 132,
  udp: 17,
  udplite: 136,
  icmp: 1,
  'ipv6-icmp': 58,
  icmpv6: 58,
  esp: 50,
  ah: 51,
  'mobility-header': 135,
  'ipv6-mh': 135,
  mh: 135,
  all: 0,
};

const OWN_NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(OWN_PROTOCOLS));
const OWN_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(OWN_PROTOCOLS)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** Reads the texts of /etc/services and /etc/protocols. The first entry of a name or number counts. */
export function namesFrom(
  services: string,
  protocols: string,
  hostAddresses: Names['hostAddresses'] = () => [],
): Names {
  return namesOnDemand(
    () => services,
    () => protocols,
    hostAddresses,
  );
}

/** Each text is asked for and read when the first name in it is: many a command asks for none. */
function namesOnDemand(
  servicesText: () => string,
  protocolsText: () => string,
  hostAddresses: Names['hostAddresses'],
): Names {
  const services = once(() => readServices(servicesText()));
  const protocols = once(() => readProtocols(protocolsText()));
  return {
    port: (service, protocol) => services().ports.get(protocol === undefined ? service : `${service}/${protocol}`),
    serviceName: (port, protocol) => services().names.get(protocol === undefined ? `${port}` : `${port}/${protocol}`),
    // iptables asks its own list first, and so need not read the file for most rules.
    protocolNumber: (name) => OWN_NUMBERS.get(name) ?? protocols().numbers.get(name),

    protocolName: (number) => OWN_NAMES.get(number) ?? protocols().names.get(number),
    hostAddresses,
  };
}

function readServices(text: string) {
  const ports = new Map<string, number>();
  const names = new Map<string, string>();
  for (const [name, number, ...aliases] of entries(text)) {
    const [port, protocol] = number.split('/');
    for (const each of [name, ...aliases]) {
      setOnce(ports, `${each}/${protocol}`, Number(port));
      setOnce(ports, each, Number(port));
    }
    setOnce(names, number, name);
    setOnce(names, port!, name);
  }
  return { ports, names };
}

function readProtocols(text: string) {
  const numbers = new Map<string, number>();
  const names = new Map<number, string>();
  for (const [name, number, ...aliases] of entries(text)) {
    for (const each of [name, ...aliases]) setOnce(numbers, each, Number(number));
    setOnce(names, Number(number), name);
  }
  return { numbers, names };
}

let system: Names | undefined;

/** The names of this machine, read once. */
export function systemNames(): Names {
  system ??= Object.assign(
    systemTables(),
    namesOnDemand(
      () => textOf('/etc/services') ?? FEW_SERVICES,
      () => textOf('/etc/protocols') ?? FEW_PROTOCOLS,
      resolveHost,
    ),
  );
  return system;
}

const resolved = new Map<string, readonly string[]>();

/** Asks the C library's resolver by way of getent(1): Node has none that answers at once. */
function resolveHost(host: string, family: Family): readonly string[] {
  const key = `${family} ${host}`;
  let addresses = resolved.get(key);
  if (addresses === undefined) {
    const database = family === 'ipv4' ? 'ahostsv4' : 'ahostsv6';
    // Loaded here: it brings Node's sockets with it, which take longer to load than most commands run.
    const { spawnSync } = process.getBuiltinModule('node:child_process');
    const { stdout } = spawnSync('getent', ['-A', '--', database, host], { encoding: 'utf8', timeout: 60_000 });
    const lines = (stdout ?? '').split('\n').filter((line) => /\bRAW\b/.test(line));
    // ahostsv6 gives IPv4 addresses mapped where a host has no other; iptables asks for none.
    addresses = lines.map((line) => line.split(' ', 1)[0]!).filter((address) => !address.startsWith('::ffff:'));
    resolved.set(key, addresses);
  }
  return addresses;
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
