// Random flows in the worlds of `lab-world.ts` and `lab-world-ipv6.ts`: packets of both directions in their order, as hosts
// would send them, and some that no host would. What connection tracking makes of them is the kernel's business.

import type { Family } from '../../src/base/family.ts';
import { parseAddress6 } from '../../src/base/ipv6.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { buildIpv6Packet, setAddress } from './ipv6-builder.ts';
import { DEVICES } from './lab-world.ts';
import { buildPacket, fixHeaderChecksum, TCP_FLAG, type Transport } from './packet-builder.ts';
import type { Choice } from './random.ts';

/** What flows are made of in a world. */
export interface FlowWorld<A extends number | bigint = number | bigint> {
  readonly family: Family;
  /** A source whose packets the raw table leaves untracked. */
  readonly untracked: A;
  /** A destination that is translated to another, and a source. */
  readonly dnat: { readonly from: A; readonly to: A };
  readonly snat: { readonly from: A; readonly to: A };
  readonly outside: readonly A[];
  readonly local: readonly A[];
  readonly foreign: readonly A[];
  /** Types of ICMP: requests, answers, and those that belong to no connection. */
  readonly requests: readonly number[];
  readonly answers: readonly number[];
  readonly loose: readonly number[];
  /** Type and code of errors. */
  readonly errors: readonly (readonly [number, number])[];
  /** Bytes of a packet without what follows the transport's first eight. */
  readonly quoted: number;
  /** The device that most packets of such a source come in by: the one that answers to it leave by. */
  home(source: A): string;
  build(source: A, destination: A, transport: Transport, payload: Uint8Array): Uint8Array;
  /** Writes addresses into a packet's header. */
  readdress(bytes: Uint8Array, source: A, destination: A): void;
}

const SNAT = 0x0b010203;
const DNAT = 0x0a800001;
const UNTRACKED = 0x0b0000fe;

export const FLOWS_4: FlowWorld<number> = {
  family: 'ipv4',
  untracked: UNTRACKED,
  dnat: { from: DNAT, to: 0x0ac00001 },
  snat: { from: SNAT, to: 0x0b090909 },
  outside: [0x0b000001, 0x0b000002, UNTRACKED, SNAT, 0xac100504],
  local: [0x0a000001, 0x0a000002],
  foreign: [DNAT, 0x0ac00102, 0x0ae00001, 0xc6336407],
  requests: [8, 13],
  answers: [0, 0, 14],
  loose: [5, 17, 40],
  errors: [
    [3, 1],
    [3, 3],
    [11, 0],
    [3, 4],
  ],
  quoted: 28,
  home: (source) => (source >>> 8 === 0x0b0000 ? 'veth0' : source >>> 16 === 0x0b01 ? 'eth0' : 'eth1'),
  // Packets with this identification may come in fragments.
  build: (source, destination, transport, payload) =>
    buildPacket({ source, destination, transport, payload, id: 16, dontFragment: payload.length < 30 }),
  readdress(bytes, source, destination) {
    const data = new DataView(bytes.buffer);
    data.setUint32(12, source);
    data.setUint32(16, destination);
    fixHeaderChecksum(bytes);
  },
};

const address = (text: string): bigint => parseAddress6(text)!;
const SNAT6 = address('fd00::1:2:3');
const DNAT6 = address('2001:db8:8000::1');
const UNTRACKED6 = address('fd00::fe');

export const FLOWS_6: FlowWorld<bigint> = {
  family: 'ipv6',
  untracked: UNTRACKED6,
  dnat: { from: DNAT6, to: address('2001:db8:c000::1') },
  snat: { from: SNAT6, to: address('2001:db9::9:9') },
  outside: [address('fd00::1'), address('fd00::2'), UNTRACKED6, SNAT6, address('2a00::cafe:1')],
  local: [address('2001:db8::1'), address('2001:db8::2')],
  foreign: [DNAT6, address('2001:db8:c000::1:2'), address('2001:db8:e000::1'), address('2001:dead::7')],
  requests: [128],
  answers: [129],
  // Multicast listeners, routers and neighbours, of which tracking keeps away, and what it knows nothing of.
  loose: [130, 133, 134, 135, 136, 137, 143, 200],
  errors: [
    [1, 0],
    [1, 4],
    [2, 0],
    [3, 0],
    [4, 1],
  ],
  quoted: 48,
  home: () => 'eth1',
  build: (source, destination, transport, payload) => buildIpv6Packet({ source, destination, transport, payload }),
  readdress(bytes, source, destination) {
    setAddress(bytes, 8, source);
    setAddress(bytes, 24, destination);
  },
};

const SERVICES = [22, 53, 80, 443];
const { syn: SYN, ack: ACK, fin: FIN, rst: RST, psh: PSH } = TCP_FLAG;

type Address = number | bigint;

/** Where a flow runs: who begins, and which hook sees each direction. */
interface Way {
  readonly client: Address;
  readonly server: Address;
  /** The same as the server sees and answers them. */
  readonly seenClient: Address;
  readonly seenServer: Address;
  readonly forth: Omit<HookPacket, 'bytes'>;
  readonly back: Omit<HookPacket, 'bytes'>;
}

/** A packet as one of the ends sends it. */
type Send = (transport: Transport, payload?: Uint8Array, edit?: (bytes: Uint8Array) => void) => void;

/** The same world where nobody translates. */
export function untranslated(world: FlowWorld): FlowWorld {
  const { dnat, snat } = world;
  return { ...world, dnat: { ...dnat, to: dnat.from }, snat: { ...snat, to: snat.from } };
}

/** `count` packets of flows, of which several are under way at a time; checksums are wrong where `spoils`. */
export function randomFlows(choice: Choice, world: FlowWorld, count: number, spoils = true): HookPacket[] {
  const open: HookPacket[][] = [];
  const packets: HookPacket[] = [];
  while (packets.length < count) {
    while (open.length < 4) open.push(...[randomFlow(choice, world, spoils)].filter(({ length }) => length > 0));
    const flow = choice.pick(open);
    packets.push(flow.shift()!);
    if (flow.length === 0) open.splice(open.indexOf(flow), 1);
  }
  return packets;
}

function randomFlow(choice: Choice, world: FlowWorld, spoils: boolean): HookPacket[] {
  const way = randomWay(choice, world);
  const packets: HookPacket[] = [];
  const sender =
    (head: Way['forth'], source: Address, destination: Address): Send =>
    (transport, payload = new Uint8Array(), edit = () => {}) => {
      const bytes = world.build(source, destination, transport, payload);
      edit(bytes);
      packets.push({ ...head, bytes });
    };
  const forth = sender(way.forth, way.client, way.server);
  const back = sender(way.back, way.seenServer, way.seenClient);
  const kind = choice.weighted([
    [6, tcpFlow],
    [5, udpFlow],
    [4, icmpFlow],
    [1, simultaneousFlow],
    [2, strangeFlow],
  ] as const);
  kind(choice, forth, back, world, spoils);
  if (choice.chance(0.3)) addError(choice, back, packets, way, world);
  return underway(choice, packets);
}

/** Parts of what hosts would say get lost, come twice, or come behind the next. */
function underway(choice: Choice, packets: readonly HookPacket[]): HookPacket[] {
  const come = packets.flatMap((packet) => {
    const times = choice.weighted([
      [90, 1],
      [5, 0],
      [5, 2],
    ]);
    return new Array<HookPacket>(times).fill(packet);
  });
  for (let i = 1; i < come.length; i++) {
    if (choice.chance(0.04)) [come[i - 1], come[i]] = [come[i]!, come[i - 1]!];
  }
  return come;
}

function randomWay(choice: Choice, { family, dnat, snat, ...world }: FlowWorld): Way {
  const outside = choice.pick(world.outside);
  const local = choice.pick(world.local);
  const near = choice.chance(0.6) ? world.home(outside) : choice.pick(DEVICES);
  const far = choice.pick(DEVICES);
  const input = { family, hook: 'INPUT', inDevice: near, outDevice: '' } as const;
  // IPv6 sends by no device that has no route to there.
  const way = family === 'ipv6' ? world.home(outside) : far;
  const output = { family, hook: 'OUTPUT', inDevice: '', outDevice: way } as const;
  const forward = (inDevice: string) => ({ family, hook: 'FORWARD', inDevice, outDevice: 'eth1' }) as const;
  const same = (client: Address, server: Address) => ({ client, server, seenClient: client, seenServer: server });
  switch (choice.pick(['INPUT', 'OUTPUT', 'FORWARD', 'FORWARD'] as const)) {
    case 'INPUT':
      return { ...same(outside, local), forth: input, back: output };
    case 'OUTPUT':
      return { ...same(local, outside), forth: output, back: input };
    case 'FORWARD': {
      const server = choice.pick(world.foreign);
      return {
        ...{ client: outside, server },
        seenClient: outside === snat.from ? snat.to : outside,
        seenServer: server === dnat.from ? dnat.to : server,
        ...{ forth: forward(near), back: forward(far) },
      };
    }
  }
}

function tcpFlow(choice: Choice, forth: Send, back: Send): void {
  const [sport, dport] = [choice.integer(1024, 1030), choice.pick(SERVICES)];
  let [ours, theirs] = [choice.integer(1, 1000), choice.integer(1, 1000)];
  const segment = (sequence: number, next: number, flags: number) => {
    const acknowledgement = (flags & ACK) === 0 ? 0 : next;
    return { kind: 'tcp', flags, sequence, acknowledgement } as const;
  };
  const client = (flags: number, size = 0) => {
    forth({ ...segment(ours, theirs, flags), sport, dport }, new Uint8Array(size));
    ours += size + (flags & (SYN | FIN) ? 1 : 0);
  };
  const server = (flags: number, size = 0) => {
    back({ ...segment(theirs, ours, flags), sport: dport, dport: sport }, new Uint8Array(size));
    theirs += size + (flags & (SYN | FIN) ? 1 : 0);
  };
  if (choice.chance(0.85)) {
    client(SYN);
    if (choice.chance(0.15)) return;
    server(choice.chance(0.1) ? RST | ACK : SYN | ACK);
    client(ACK);
  }
  for (let i = choice.integer(0, 3); i > 0; i--) {
    client(PSH | ACK, choice.integer(1, 40));
    server(choice.chance(0.5) ? ACK : PSH | ACK, choice.integer(0, 40));
  }
  // A train that software may put together.
  if (choice.chance(0.15)) for (let i = choice.integer(2, 5); i > 0; i--) client(ACK, 40);
  // A reset out of the window, behind which the connection goes on.
  if (choice.chance(0.1)) forth({ ...segment(ours + (1 << 28), theirs, RST), sport, dport });
  if (choice.chance(0.2)) ours += 1 << 30;
  if (choice.chance(0.2)) {
    client(RST | ACK);
    return;
  }
  client(FIN | ACK);
  server(FIN | ACK);
  client(ACK);
  if (choice.chance(0.3)) server(ACK, 5);
}

/** Both ends begin at once; their ports are all that others use. */
function simultaneousFlow(choice: Choice, forth: Send, back: Send): void {
  const [sport, dport] = [choice.integer(1024, 1030), choice.pick(SERVICES)];
  const [ours, theirs] = [choice.integer(1, 1000), choice.integer(1, 1000)];
  const say = (send: Send, flags: number, sequence: number, acknowledgement: number) =>
    send({
      ...{ kind: 'tcp', flags, sequence, acknowledgement },
      ...(send === forth ? { sport, dport } : { sport: dport, dport: sport }),
    });
  say(forth, SYN, ours, 0);
  say(back, SYN, theirs, 0);
  say(forth, SYN | ACK, ours, theirs + 1);
  say(back, SYN | ACK, theirs, ours + 1);
  if (choice.chance(0.5)) say(forth, ACK, ours + 1, theirs + 1);
  if (choice.chance(0.3)) say(back, RST | ACK, theirs + 1, ours + 1);
}

function udpFlow(choice: Choice, forth: Send, back: Send): void {
  const [sport, dport] = [choice.integer(1024, 1030), choice.pick(SERVICES)];
  for (let i = choice.integer(1, 4); i > 0; i--) {
    forth({ kind: 'udp', sport, dport }, new Uint8Array(choice.integer(0, 30)));
    if (choice.chance(0.7)) back({ kind: 'udp', sport: dport, dport: sport }, new Uint8Array(choice.integer(0, 30)));
  }
}

function icmpFlow(choice: Choice, forth: Send, back: Send, { requests, answers, loose }: FlowWorld): void {
  const identifier = choice.integer(1, 3);
  const [request, answer] = [choice.pick(requests), choice.pick(answers)];
  if (choice.chance(0.8)) forth({ kind: 'icmp', type: request, code: 0, identifier });
  if (choice.chance(0.8)) back({ kind: 'icmp', type: answer, code: 0, identifier });
  if (choice.chance(0.3)) forth({ kind: 'icmp', type: choice.pick(loose), code: 0 });
}

/** What no host sends: bad checksums, flags that exclude each other, protocols without a tracker of their own. */
function strangeFlow(choice: Choice, forth: Send, back: Send, _: FlowWorld, spoils: boolean): void {
  const [sport, dport] = [choice.integer(1024, 1030), choice.pick(SERVICES)];
  const spoil = (bytes: Uint8Array) => bytes.set([bytes[bytes.length - 1]! ^ 0x55], bytes.length - 1);
  forth({ kind: 'tcp', sport, dport, flags: choice.pick([SYN | FIN, 0, SYN | RST, FIN]) });
  if (spoils) forth({ kind: 'udp', sport, dport }, new Uint8Array(8), spoil);
  if (spoils) forth({ kind: 'tcp', sport, dport, flags: SYN }, new Uint8Array(8), spoil);
  forth({ kind: 'other', protocol: 47 }, new Uint8Array(8));
  back({ kind: 'other', protocol: 47 }, new Uint8Array(8));
  forth({ kind: 'other', protocol: 132 }, new Uint8Array(16));
}

/** An ICMP error about the flow's first packet, or about one that never was. */
function addError(
  choice: Choice,
  back: Send,
  packets: readonly HookPacket[],
  { seenClient, seenServer, forth }: Way,
  { errors, quoted, readdress }: FlowWorld,
): void {
  const first = packets[0];
  if (first === undefined) return;
  const original = first.bytes.slice(0, quoted);
  // As the server saw it, if it was sent to it.
  if (first.hook === forth.hook && first.inDevice === forth.inDevice) readdress(original, seenClient, seenServer);
  // Of another source port: eight bytes in front of the end.
  if (choice.chance(0.3)) original.set([0, 9], quoted - 8);
  const [type, code] = choice.pick(errors);
  back({ kind: 'icmp', type, code }, original);
}
