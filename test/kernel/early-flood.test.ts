// A server that drops what it does not serve, under a flood of SYNs and of UDP to closed ports: all of it is dropped at XDP,
// while connections, and pings, go on and are counted at netfilter; and iptables-legacy, beside it, counts the same.

import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { type OnWire, packetsOf, withBoth } from '../harness/beside.ts';
import type { Lab } from '../harness/lab.ts';
import { STRICT_WORLD } from '../harness/lab-world-plain.ts';
import { fixTcpChecksum } from '../harness/packet-builder.ts';

const SERVER = '10.0.0.1';
const ETHERNET = 14;
const FLOOD = 1000;

const RULES = {
  'without a rule for INVALID packets': rules(''),
  'behind a rule for INVALID packets': rules('-A INPUT -m conntrack --ctstate INVALID -j DROP'),
  'without connections': `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p icmp -j ACCEPT
COMMIT
`,
};

function rules(first: string): string {
  return `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
${first}
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
COMMIT
`;
}

/** SYNs and UDP packets to closed ports, from many addresses and ports. */
const flood = packetsOf(
  ...Array.from({ length: FLOOD }, (_, i) => {
    const source = `11.${7 + (i % 90)}.${i % 251}.1:${1024 + ((i * 7919) % 60000)}`;
    return i % 2 === 0
      ? `INPUT in=eth1 tcp ${source} > ${SERVER}:${23 + (i % 5)} syn`
      : `INPUT in=eth1 udp ${source} > ${SERVER}:${9000 + (i % 5)} payload=${i % 32}`;
  }),
);

/** A connection to the server, packet by packet. */
class Client {
  private readonly lab: Lab;
  private readonly port: number;
  /** The numbers of the next byte, ours and the server's. */
  private sequence = 1000;
  private acknowledged = 0;

  constructor(lab: Lab, port: number) {
    this.lab = lab;
    this.port = port;
  }

  open(): void {
    const answers = this.send('syn', 0).map((frame) => new DataView(frame.buffer, frame.byteOffset + ETHERNET + 20));
    const answer = answers.find((tcp) => tcp.getUint8(13) === 0x12);
    expect(answer, 'SYN and ACK of the server').toBeDefined();
    this.acknowledged = (answer!.getUint32(4) + 1) >>> 0;
    this.sequence++;
    this.send('ack', 0);
  }

  say(bytes: number): void {
    this.send('psh ack', bytes);
    this.sequence += bytes;
  }

  close(): void {
    this.send('fin ack', 0);
  }

  private send(flags: string, payload: number): Uint8Array[] {
    const [packet] = packetsOf(`INPUT in=eth1 tcp 11.7.0.1:${this.port} > ${SERVER}:22 ${flags} payload=${payload}`);
    const bytes = packet!.bytes.slice();
    const data = new DataView(bytes.buffer);
    data.setUint32(24, this.sequence);
    data.setUint32(28, this.acknowledged);
    fixTcpChecksum(bytes);
    return this.lab.pass([{ ...packet!, bytes }]);
  }
}

it.each(Object.entries(RULES))('a flood is dropped at XDP, %s', (_, text) =>
  withBoth(STRICT_WORLD, 'generic', async (both) => {
    both.load(text);
    const servers = both.labs.map(({ router }) => router.enter(() => createServer().listen(22)));
    try {
      const clients = both.labs.map((lab) => new Client(lab, 40000));
      for (const client of clients) client.open();
      expect(both.pass(flood.slice(0, FLOOD / 2), 'flood')).toBe(FLOOD / 2);
      for (const client of clients) client.say(100);
      const pings = packetsOf(`INPUT in=eth1 icmp 11.7.0.1 > ${SERVER} type=8 payload=56`);
      expect(both.pass(pings, 'ping')).toBe(0);
      expect(both.pass(flood.slice(FLOOD / 2), 'flood')).toBe(FLOOD / 2);
      for (const client of clients) client.close();
      both.compare('all that came');
      const { policy, rules: found } = both.counters().ours.get('INPUT')!;
      // SYN, ACK, data, FIN; a ping.
      expect(found.reduce((sum, { packets }) => sum + packets, 0n)).toBe(5n);
      expect(policy!.packets).toBe(BigInt(FLOOD));
      expect(both.earlyDrops).toBe(FLOOD);
    } finally {
      for (const server of servers) server.close();
    }
  }),
);

/** What Docker makes of a container with a published port; its bridge has the container behind veth0. */
const CONTAINER = '172.17.0.2';
const DOCKER_NAT = {
  'iptables-legacy-restore': `*nat
:PREROUTING ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s ${CONTAINER} -d ${CONTAINER} -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${CONTAINER}:80
COMMIT
`,
  'nft -f -': `table ip docker-bridges {
  map nat-postrouting-out-jumps {
    type ifname : verdict
    elements = { "docker0" : jump nat-postrouting-out__docker0 }
  }
  chain nat-postrouting-out__docker0 {
    ip saddr ${CONTAINER} ip daddr ${CONTAINER} tcp dport 80 masquerade
  }
  chain nat-prerouting-and-output {
    iifname != "docker0" tcp dport 8080 counter dnat to ${CONTAINER}:80
  }
  chain nat-PREROUTING {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local counter jump nat-prerouting-and-output
  }
  chain nat-OUTPUT {
    type nat hook output priority -100; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output
  }
  chain nat-POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept;
    oifname vmap @nat-postrouting-out-jumps
    oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade
  }
}
`,
};
const DOCKER_FILTER = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -d ${CONTAINER} ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
`;

/** A connection to the published port: who says what, with numbers that fit. */
const CONVERSATION = [
  [`INPUT in=eth1 tcp 11.7.0.1:4000 > ${SERVER}:8080 syn`, 1000, 0],
  [`INPUT in=veth0 tcp ${CONTAINER}:80 > 11.7.0.1:4000 syn ack`, 5000, 1001],
  [`INPUT in=eth1 tcp 11.7.0.1:4000 > ${SERVER}:8080 ack`, 1001, 5001],
  [`INPUT in=eth1 tcp 11.7.0.1:4000 > ${SERVER}:8080 psh ack payload=9`, 1001, 5001],
  [`INPUT in=veth0 tcp ${CONTAINER}:80 > 11.7.0.1:4000 psh ack payload=20`, 5001, 1010],
] as const;

const portsOf = ({ device, bytes }: OnWire) => `${device} ${[20, 22].map((at) => bytes[at]! * 256 + bytes[at + 1]!)}`;

it.each(Object.entries(DOCKER_NAT))('a flood is dropped at XDP beside published ports, NAT by %s', (command, nat) =>
  withBoth(STRICT_WORLD, 'generic', (both) => {
    both.each((router) => {
      router.ip('link add docker0 type bridge mcast_snooping 0');
      router.ip('link set veth0 master docker0');
      router.ip('link set docker0 up');
      router.ip('addr add 172.17.0.1/16 dev docker0');
      router.ip(`neigh add ${CONTAINER} dev docker0 lladdr 02:42:ac:11:00:02`);
      const [name, ...words] = command.split(' ');
      router.exec(name!, words, nat);
    });
    both.load(DOCKER_FILTER);
    const some = flood.slice(0, FLOOD / 10);
    expect(both.pass(some, 'flood')).toBe(some.length);
    const left = CONVERSATION.flatMap(([line, sequence, acknowledged]) => {
      const [packet] = packetsOf(line);
      const bytes = packet!.bytes.slice();
      new DataView(bytes.buffer).setUint32(24, sequence);
      new DataView(bytes.buffer).setUint32(28, acknowledged);
      fixTcpChecksum(bytes);
      return both.exchange([{ ...packet!, bytes }], line);
    });
    const [toContainer, toClient] = ['veth0 4000,80', 'eth1 8080,4000'];
    expect(left.map(portsOf)).toEqual([toContainer, toClient, toContainer, toContainer, toClient]);
    expect(both.pass(some, 'flood again')).toBe(some.length);
    expect(both.counters().ours.get('INPUT')!.policy!.packets).toBe(BigInt(2 * some.length));
  }),
);
