// Random flows in the world of `lab-world.ts`: packets of both directions in their order, as hosts would send them, and
// some that no host would. What connection tracking makes of them is the kernel's business.

import type { HookPacket } from '../../src/base/packet.ts';
import { DEVICES } from './lab-world.ts';
import { buildPacket, internetChecksum, TCP_FLAG, type Transport } from './packet-builder.ts';
import type { Choice } from './random.ts';

/** A source whose packets the raw table leaves untracked. */
export const UNTRACKED_SOURCE = 0x0b0000fe;
/** A destination that is translated to another, and a source. */
export const DNAT = { from: 0x0a800001, to: 0x0ac00001 } as const;
export const SNAT = { from: 0x0b010203, to: 0x0b090909 } as const;

const OUTSIDE = [0x0b000001, 0x0b000002, UNTRACKED_SOURCE, SNAT.from, 0xac100504];
const LOCAL = [0x0a000001, 0x0a000002];
const FOREIGN = [DNAT.from, 0x0ac00102, 0x0ae00001, 0xc6336407];
const SERVICES = [22, 53, 80, 443];
const { syn: SYN, ack: ACK, fin: FIN, rst: RST, psh: PSH } = TCP_FLAG;

/** Where a flow runs: who begins, and which hook sees each direction. */
interface Way {
  readonly client: number;
  readonly server: number;
  /** The same as the server sees and answers them. */
  readonly seenClient: number;
  readonly seenServer: number;
  readonly forth: Omit<HookPacket, 'bytes'>;
  readonly back: Omit<HookPacket, 'bytes'>;
}

/** A packet as one of the ends sends it. */
type Send = (transport: Transport, payload?: Uint8Array, edit?: (bytes: Uint8Array) => void) => void;

/** `count` packets of flows, of which several are under way at a time. */
export function randomFlows(choice: Choice, count: number): HookPacket[] {
  const open: HookPacket[][] = [];
  const packets: HookPacket[] = [];
  while (packets.length < count) {
    while (open.length < 4) open.push(...[randomFlow(choice)].filter(({ length }) => length > 0));
    const flow = choice.pick(open);
    packets.push(flow.shift()!);
    if (flow.length === 0) open.splice(open.indexOf(flow), 1);
  }
  return packets;
}

function randomFlow(choice: Choice): HookPacket[] {
  const way = randomWay(choice);
  const packets: HookPacket[] = [];
  const sender =
    (head: Way['forth'], source: number, destination: number): Send =>
    (transport, payload = new Uint8Array(), edit = () => {}) => {
      const bytes = buildPacket({ source, destination, transport, payload, dontFragment: true });
      edit(bytes);
      packets.push({ ...head, bytes });
    };
  const forth = sender(way.forth, way.client, way.server);
  const back = sender(way.back, way.seenServer, way.seenClient);
  const kind = choice.weighted([
    [6, tcpFlow],
    [5, udpFlow],
    [4, icmpFlow],
    [2, strangeFlow],
  ] as const);
  kind(choice, forth, back);
  if (choice.chance(0.3)) addError(choice, back, packets, way);
  // Parts of what hosts would say get lost.
  return packets.filter(() => choice.chance(0.95));
}

function randomWay(choice: Choice): Way {
  const outside = choice.pick(OUTSIDE);
  const local = choice.pick(LOCAL);
  const [near, far] = [choice.pick(DEVICES), choice.pick(DEVICES)];
  const input = { hook: 'INPUT', inDevice: near, outDevice: '' } as const;
  const output = { hook: 'OUTPUT', inDevice: '', outDevice: far } as const;
  const forward = (inDevice: string) => ({ hook: 'FORWARD', inDevice, outDevice: 'eth1' }) as const;
  const same = (client: number, server: number) => ({ client, server, seenClient: client, seenServer: server });
  switch (choice.pick(['INPUT', 'OUTPUT', 'FORWARD', 'FORWARD'] as const)) {
    case 'INPUT':
      return { ...same(outside, local), forth: input, back: output };
    case 'OUTPUT':
      return { ...same(local, outside), forth: output, back: input };
    case 'FORWARD': {
      const server = choice.pick(FOREIGN);
      return {
        ...{ client: outside, server },
        seenClient: outside === SNAT.from ? SNAT.to : outside,
        seenServer: server === DNAT.from ? DNAT.to : server,
        ...{ forth: forward(near), back: forward(far) },
      };
    }
  }
}

function tcpFlow(choice: Choice, forth: Send, back: Send): void {
  const [sport, dport] = [choice.integer(1024, 1030), choice.pick(SERVICES)];
  let [ours, theirs] = [choice.integer(1, 1000), choice.integer(1, 1000)];
  const client = (flags: number, size = 0) => {
    forth({ kind: 'tcp', sport, dport, flags }, new Uint8Array(size), numbered(ours, theirs));
    ours += size + (flags & (SYN | FIN) ? 1 : 0);
  };
  const server = (flags: number, size = 0) => {
    back({ kind: 'tcp', sport: dport, dport: sport, flags }, new Uint8Array(size), numbered(theirs, ours));
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

/** Writes sequence and acknowledgement into a TCP segment, and its checksum anew. */
function numbered(sequence: number, acknowledgement: number): (bytes: Uint8Array) => void {
  return (bytes) => {
    const data = new DataView(bytes.buffer, 20);
    data.setUint32(4, sequence);
    data.setUint32(8, (bytes[33]! & ACK) === 0 ? 0 : acknowledgement);
    data.setUint16(16, 0);
    const length = bytes.length - 20;
    const pseudo = Uint8Array.from([...bytes.subarray(12, 20), 0, 6, length >> 8, length & 255]);
    data.setUint16(16, internetChecksum(pseudo, bytes.subarray(20)));
  };
}

function udpFlow(choice: Choice, forth: Send, back: Send): void {
  const [sport, dport] = [choice.integer(1024, 1030), choice.pick(SERVICES)];
  for (let i = choice.integer(1, 4); i > 0; i--) {
    forth({ kind: 'udp', sport, dport }, new Uint8Array(choice.integer(0, 30)));
    if (choice.chance(0.7)) back({ kind: 'udp', sport: dport, dport: sport }, new Uint8Array(choice.integer(0, 30)));
  }
}

function icmpFlow(choice: Choice, forth: Send, back: Send): void {
  const identifier = (bytes: Uint8Array, value = choice.integer(1, 3)) => {
    bytes.set([0, value], 24);
    fixIcmp(bytes);
  };
  const id = choice.integer(1, 3);
  if (choice.chance(0.8))
    forth({ kind: 'icmp', type: choice.pick([8, 13]), code: 0 }, undefined, (b) => identifier(b, id));
  if (choice.chance(0.8))
    back({ kind: 'icmp', type: choice.pick([0, 0, 14]), code: 0 }, undefined, (b) => identifier(b, id));
  if (choice.chance(0.3)) forth({ kind: 'icmp', type: choice.pick([5, 17, 40]), code: 0 });
}

/** What no host sends: bad checksums, flags that exclude each other, protocols without a tracker of their own. */
function strangeFlow(choice: Choice, forth: Send, back: Send): void {
  const [sport, dport] = [choice.integer(1024, 1030), choice.pick(SERVICES)];
  const spoil = (bytes: Uint8Array) => bytes.set([bytes[bytes.length - 1]! ^ 0x55], bytes.length - 1);
  forth({ kind: 'tcp', sport, dport, flags: choice.pick([SYN | FIN, 0, SYN | RST, FIN]) });
  forth({ kind: 'udp', sport, dport }, new Uint8Array(8), spoil);
  forth({ kind: 'other', protocol: 47 }, new Uint8Array(8));
  back({ kind: 'other', protocol: 47 }, new Uint8Array(8));
  forth({ kind: 'other', protocol: 132 }, new Uint8Array(16));
}

/** An ICMP error about the flow's first packet, or about one that never was. */
function addError(
  choice: Choice,
  back: Send,
  packets: readonly HookPacket[],
  { server, seenClient, seenServer }: Way,
): void {
  const first = packets[0];
  if (first === undefined) return;
  const original = first.bytes.slice();
  const data = new DataView(original.buffer);
  // As the server saw it.
  if (data.getUint32(16) === server) {
    data.setUint32(12, seenClient);
    data.setUint32(16, seenServer);
  }
  if (choice.chance(0.3)) data.setUint16(20, 9);
  original.set([0, 0], 10);
  data.setUint16(10, internetChecksum(original.subarray(0, 20)));
  const [type, code] = choice.pick([
    [3, 1],
    [3, 3],
    [11, 0],
    [3, 4],
  ] as const);
  const quoted = Uint8Array.from([...original.subarray(0, 28)]);
  back({ kind: 'icmp', type, code }, quoted);
}

function fixIcmp(bytes: Uint8Array): void {
  bytes.set([0, 0], 22);
  const sum = internetChecksum(bytes.subarray(20));
  bytes.set([sum >> 8, sum & 255], 22);
}
