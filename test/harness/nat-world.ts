// A router with NAT in front of its filter table, and conversations through it. Nothing of a conversation is known ahead but
// what its client says: the server answers what it was sent, translated as it may be, so NAT itself decides who talks to
// whom. A packet's identification, which NAT keeps, says which conversation it is of.
//
//   outside, eth1                        MASQUERADE for 11.0.0.0/24; DNAT of ports of 10.0.0.1 and 10.0.0.2
//   inside, veth0 (10.192/11, 11.0.0/24) the same ports of 10.0.0.1, and back (hairpin)
//   eth0 (11.1/16)                       SNAT to an address of nobody's; REDIRECT of ports

import type { HookPacket } from '../../src/base/packet.ts';
import type { OnWire } from './beside.ts';
import type { World } from './lab-world.ts';
import { PLAIN_WORLD } from './lab-world-plain.ts';
import type { Namespace } from './namespace.ts';
import { buildPacket, fixTcpChecksum, internetChecksum, TCP_FLAG, type Transport } from './packet-builder.ts';
import type { Choice } from './random.ts';

const [PUBLIC, OTHER, INSIDE, BEHIND] = [0x0a000001, 0x0a000002, 0x0ac00001, 0x0ac00002];
/** Clients of no device are the router's own. */
const ROUTER = '';
const CLIENTS = {
  eth1: [0xc6336407, 0xc6336408, 0xac100504],
  eth0: [0x0b010203, 0xc0a80101],
  veth0: [0x0b000001, 0x0b000002, BEHIND],
  [ROUTER]: [PUBLIC],
} as const;
const SERVERS = [PUBLIC, PUBLIC, OTHER, 0x0a000003, INSIDE, BEHIND, 0x0ae00001, 0xc6336407];
const PORTS = [22, 53, 80, 443, 1023, 8080];
const { syn: SYN, ack: ACK, fin: FIN, rst: RST, psh: PSH } = TCP_FLAG;

/** The world that rules and random packets are about. */
export const NAT_WORLD: World = {
  ...PLAIN_WORLD,
  vocabulary: {
    ...PLAIN_WORLD.vocabulary,
    sources: [...CLIENTS.eth0, ...CLIENTS.eth1, ...CLIENTS.veth0, INSIDE],
    destinations: {
      INPUT: [PUBLIC, OTHER, 0x0a000003],
      FORWARD: [INSIDE, BEHIND, 0x0ae00001, 0xc6336407],
      OUTPUT: [INSIDE],
    },
    connections: 'real',
  },
  addressCommands: [
    ...PLAIN_WORLD.addressCommands,
    'addr add 10.0.0.1/32 dev eth1',
    'addr add 10.0.0.9/32 dev veth0',
    'addr add 10.0.0.8/32 dev eth0',
  ],
};

const LEGACY = [
  'PREROUTING -i eth1 -d 10.0.0.1 -p tcp --dport 8080 -j DNAT --to-destination 10.192.0.1:80',
  'PREROUTING -d 10.0.0.2 -p udp -m multiport --dports 53,1023 -j DNAT --to-destination 10.192.0.2:53',
  'PREROUTING -i veth0 -d 10.0.0.1 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.192.0.1:80',
  'PREROUTING -i eth0 -p tcp --dport 443 -j REDIRECT --to-ports 22',
  'PREROUTING -i eth0 -p udp --dport 1023 -j REDIRECT --to-ports 53',
  'PREROUTING -m addrtype --dst-type LOCAL -j PUBLISHED',
  'PUBLISHED ! -i veth0 -p udp --dport 8080 -j DNAT --to-destination 10.192.0.1',
  'OUTPUT -d 10.192.0.77 -p udp --dport 53 -j DNAT --to-destination 10.192.0.1:53',
  'POSTROUTING -s 11.0.0.0/24 -o eth1 -j MASQUERADE',
  'POSTROUTING -s 11.0.0.0/24 -d 10.192.0.1/32 -o veth0 -j MASQUERADE',
  'POSTROUTING -s 11.1.0.0/16 -j SNAT --to-source 11.99.0.1',
];

const NFT = `table ip nat {
  chain published {
    iifname != "veth0" udp dport 8080 dnat to 10.192.0.1
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    iifname { "eth1", "veth0" } ip daddr 10.0.0.1 tcp dport 8080 dnat to 10.192.0.1:80
    ip daddr 10.0.0.2 udp dport { 53, 1023 } counter dnat to 10.192.0.2:53
    iifname eth0 tcp dport 443 redirect to :22
    iifname eth0 udp dport 1023 redirect to :53
    fib daddr type local jump published
  }
  chain output {
    type nat hook output priority -100
    ip daddr 10.192.0.77 udp dport 53 dnat to 10.192.0.1:53
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 11.0.0.0/24 oifname "eth1" masquerade
    ip saddr 11.0.0.0/24 ip daddr 10.192.0.1 oifname "veth0" masquerade
    ip saddr 11.1.0.0/16 snat to 11.99.0.1
  }
}
`;

/** Whose NAT it is. */
export const NAT_KINDS = ['iptables-legacy', 'iptables-nft', 'nft'] as const;
export type NatKind = (typeof NAT_KINDS)[number];

export function addNat(router: Namespace, kind: NatKind): void {
  if (kind === 'nft') {
    router.exec('nft', ['-f', '-'], NFT);
    return;
  }
  router.exec(kind, ['-w', '-t', 'nat', '-N', 'PUBLISHED']);
  for (const rule of LEGACY) router.exec(kind, ['-w', '-t', 'nat', '-A', ...rule.split(' ')]);
}

/** What identifications of the server's packets have besides. */
const ANSWER = 0x4000;

/** One of the ends says something; nothing where it knows of nobody to say it to. */
type Line = (conversation: Conversation) => HookPacket | undefined;

interface Ends {
  readonly device: string;
  readonly source: number;
  readonly destination: number;
  readonly sport: number;
  readonly dport: number;
}

/** What two ends say to each other, in turns. */
export class Conversation {
  readonly id: number;
  private readonly client: Ends;
  /** The client's last packet as the server has seen it. */
  private seen: OnWire | undefined;
  private readonly lines: Line[];

  /** `id` tells it from all others under way, and its port from those of all others that are remembered. */
  constructor(choice: Choice, id: number, port: number, spoils: boolean) {
    const device = choice.pick(['eth0', 'eth0', 'eth1', 'eth1', 'eth1', 'veth0', 'veth0', ROUTER] as const);
    this.id = id;
    this.client = {
      device,
      source: choice.pick(CLIENTS[device]),
      destination: choice.pick(device === ROUTER ? [0x0ac0004d, INSIDE] : SERVERS),
      sport: port,
      dport: choice.pick(PORTS),
    };
    this.lines = choice.weighted([
      [6, tcpLines],
      [5, udpLines],
      [3, echoLines],
      [2, strangeLines],
    ] as const)(choice, spoils);
  }

  /** The next packet, if there is another. */
  next(): HookPacket | undefined {
    for (;;) {
      const line = this.lines.shift();
      if (line === undefined) return undefined;
      const packet = line(this);
      if (packet !== undefined) return packet;
    }
  }

  /** Shows it a packet that left the router. */
  see(left: OnWire): void {
    const data = new DataView(left.bytes.buffer, left.bytes.byteOffset);
    if (data.getUint16(4) === this.id && !isAnswer(left.bytes)) this.seen = left;
  }

  fromClient(make: (ends: Ends) => Transport, payload = new Uint8Array(), edit?: Edit): HookPacket {
    return this.packet(this.client, make(this.client), payload, edit);
  }

  fromServer(make: (ends: Ends) => Transport, payload = new Uint8Array(), edit?: Edit): HookPacket | undefined {
    const ends = this.seenEnds();
    return ends === undefined ? undefined : this.packet(ends, make(ends), payload, edit, ANSWER);
  }

  /** An ICMP error about the client's last packet as it was seen, or, if `unknown`, about one that never was. */
  error(type: number, code: number, unknown: boolean): HookPacket | undefined {
    const ends = this.seenEnds();
    if (ends === undefined) return undefined;
    const quoted = this.seen!.bytes.slice(0, 28);
    if (unknown) quoted.set([0, 9], 20);
    return this.packet(ends, { kind: 'icmp', type, code }, quoted, undefined, ANSWER);
  }

  /** An echo request; its identifier is the port. */
  echo(): HookPacket {
    return this.packet(this.client, { kind: 'icmp', type: 8, code: 0 }, new Uint8Array(8), (bytes) => {
      new DataView(bytes.buffer).setUint16(24, this.client.sport);
      fixIcmpChecksum(bytes);
    });
  }

  /** The answer to the echo request that was seen, by its identifier. */
  echoReply(): HookPacket | undefined {
    const ends = this.seenEnds();
    if (ends === undefined) return undefined;
    const asked = this.seen!.bytes;
    const edit = (bytes: Uint8Array) => {
      bytes.set(asked.subarray(24, 28), 24);
      fixIcmpChecksum(bytes);
    };
    return this.packet(ends, { kind: 'icmp', type: 0, code: 0 }, new Uint8Array(8), edit, ANSWER);
  }

  private seenEnds(): Ends | undefined {
    if (this.seen === undefined) return undefined;
    const { device, bytes } = this.seen;
    const data = new DataView(bytes.buffer, bytes.byteOffset);
    const [source, destination] = [data.getUint32(16), data.getUint32(12)];
    return { device, source, destination, sport: data.getUint16(22), dport: data.getUint16(20) };
  }

  private packet(
    { device, source, destination }: Ends,
    transport: Transport,
    payload: Uint8Array,
    edit: Edit = () => {},
    from = 0,
  ): HookPacket {
    const bytes = buildPacket({ source, destination, transport, payload, dontFragment: true, id: this.id | from });
    edit(bytes);
    if (device === ROUTER) return { hook: 'OUTPUT', inDevice: '', outDevice: 'veth0', bytes };
    return { hook: 'INPUT', inDevice: device, outDevice: '', bytes };
  }
}

type Edit = (bytes: Uint8Array) => void;

/** Errors and echo replies, of whose identifications nothing is known. */
function isAnswer(bytes: Uint8Array): boolean {
  return bytes[9] === 1 && bytes[20] !== 8;
}

function fixIcmpChecksum(packet: Uint8Array): void {
  packet.set([0, 0], 22);
  const checksum = internetChecksum(packet.subarray(20));
  packet.set([checksum >> 8, checksum & 255], 22);
}

function tcpLines(choice: Choice): Line[] {
  const lines: Line[] = [];
  let [ours, theirs] = [choice.integer(1, 1000), choice.integer(1, 1000)];
  const numbered = (sequence: number, acknowledgement: number, flags: number) => (bytes: Uint8Array) => {
    const data = new DataView(bytes.buffer, 20);
    data.setUint32(4, sequence);
    data.setUint32(8, (flags & ACK) === 0 ? 0 : acknowledgement);
    fixTcpChecksum(bytes);
  };
  const say = (isClient: boolean, flags: number, size = 0): void => {
    const [sequence, acknowledgement] = isClient ? [ours, theirs] : [theirs, ours];
    const make = ({ sport, dport }: Ends): Transport => ({ kind: 'tcp', sport, dport, flags });
    const edit = numbered(sequence, acknowledgement, flags);
    const payload = new Uint8Array(size);
    lines.push((one) => (isClient ? one.fromClient(make, payload, edit) : one.fromServer(make, payload, edit)));
    const length = size + (flags & (SYN | FIN) ? 1 : 0);
    if (isClient) ours += length;
    else theirs += length;
  };
  if (choice.chance(0.9)) {
    say(true, SYN);
    if (choice.chance(0.2)) addError(choice, lines);
    if (choice.chance(0.1)) return lines;
    say(false, choice.chance(0.1) ? RST | ACK : SYN | ACK);
    say(true, ACK);
  }
  for (let i = choice.integer(0, 2); i > 0; i--) {
    say(true, PSH | ACK, choice.integer(1, 40));
    say(false, choice.chance(0.5) ? ACK : PSH | ACK, choice.integer(0, 40));
  }
  if (choice.chance(0.2)) say(choice.chance(0.5), RST | ACK);
  else for (const isClient of [true, false]) say(isClient, FIN | ACK);
  if (choice.chance(0.7)) say(true, ACK);
  if (choice.chance(0.2)) say(false, ACK, 5);
  return lines;
}

function udpLines(choice: Choice): Line[] {
  const lines: Line[] = [];
  const make = ({ sport, dport }: Ends): Transport => ({ kind: 'udp', sport, dport });
  for (let i = choice.integer(1, 3); i > 0; i--) {
    const [request, reply] = [0, 0].map(() => new Uint8Array(choice.integer(0, 30)));
    lines.push((one) => one.fromClient(make, request));
    if (choice.chance(0.8)) lines.push((one) => one.fromServer(make, reply));
  }
  if (choice.chance(0.3)) addError(choice, lines);
  return lines;
}

function echoLines(choice: Choice): Line[] {
  const lines: Line[] = [(one) => one.echo()];
  if (choice.chance(0.9)) lines.push((one) => one.echoReply());
  if (choice.chance(0.3)) addError(choice, lines);
  return choice.chance(0.5) ? [...lines, ...lines] : lines;
}

/** What no host sends; checksums are bad where that is asked for. */
function strangeLines(choice: Choice, spoils: boolean): Line[] {
  const flags = choice.pick([SYN | FIN, 0, SYN | RST, FIN, ACK, RST]);
  const spoil = (bytes: Uint8Array) => bytes.set([bytes[bytes.length - 1]! ^ 0x55], bytes.length - 1);
  return [
    (one) => one.fromClient(({ sport, dport }) => ({ kind: 'tcp', sport, dport, flags })),
    ...(spoils
      ? [
          (one: Conversation) =>
            one.fromClient(({ sport, dport }) => ({ kind: 'udp', sport, dport }), new Uint8Array(8), spoil),
        ]
      : []),
    (one) => one.fromClient(() => ({ kind: 'other', protocol: 47 }), new Uint8Array(8)),
    (one) => one.fromServer(() => ({ kind: 'other', protocol: 47 }), new Uint8Array(8)),
    (one) => one.error(3, 1, true),
  ];
}

function addError(choice: Choice, lines: Line[]): void {
  const [type, code] = choice.pick([
    [3, 1],
    [3, 3],
    [11, 0],
    [3, 4],
  ] as const);
  const unknown = choice.chance(0.3);
  lines.push((one) => one.error(type, code, unknown));
}
