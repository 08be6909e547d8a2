// A server that drops what it does not serve, under a flood of SYNs and of UDP to closed ports: all of it is dropped at XDP,
// while connections, and pings, go on and are counted at netfilter; and iptables-legacy, beside it, counts the same.

import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { packetsOf, withBoth } from '../harness/beside.ts';
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
