// A host beside whose iptables we are held with packets that could walk around a filter: it has devices of all kinds, and
// someone on the other side of each sends frames byte by byte. It forwards by eth1. Devices take frames of several pages, so
// native XDP sees frames of several buffers.

import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Family } from '../../src/base/family.ts';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { FrameSender, PacketReceiver } from '../harness/inject.ts';
import { legacyIp6tables, legacyIptables } from '../harness/iptables.ts';
import type { Subject } from '../harness/lab.ts';
import { connect, Namespace } from '../harness/namespace.ts';
import { buildFrame, ETHERTYPE } from '../harness/packet-builder.ts';
import { flatten } from '../harness/table-counters.ts';

const ORACLES = { ipv4: legacyIptables, ipv6: legacyIp6tables };
const POINTS = [
  ['netfilter', 'auto'],
  ['exact', 'generic'],
  ['exact', 'native'],
  ['xdp', 'generic'],
  ['xdp', 'native'],
] as const;
const [UDP, MTU] = [17, 9000];
export const VLAN = { customer: 0x8100, service: 0x88a8 } as const;
export const BROADCAST = new Uint8Array(6).fill(255);

/** What differs between the families. */
export interface Outset {
  readonly family: Family;
  readonly rules: string;
  /** Sets addresses and routes of the host, whose devices are there. */
  prepare(inside: Namespace): void;
  /** A packet to the host's port 9 that no rule names, and its bytes. */
  readonly last: Uint8Array;
}

export type Frame = Partial<Parameters<typeof buildFrame>[1]> & { readonly bytes: Uint8Array };

export class Host {
  readonly inside = new Namespace('host');
  readonly outside = new Namespace('outside');
  private readonly subject: Subject;
  private readonly outset: Outset;
  private readonly sender: FrameSender;
  private readonly receiver: PacketReceiver;

  constructor(subject: Subject, outset: Outset) {
    const { inside, outside } = this;
    this.subject = subject;
    this.outset = outset;
    for (const device of ['eth0', 'eth1', 'veth0']) this.wire(device);
    outset.prepare(inside);
    this.sender = outside.enter(() => new FrameSender());
    this.receiver = inside.enter(() => new PacketReceiver(UDP, outset.family));
    subject.load(inside, outset.rules);
  }

  /** Connects a device of the host with one of the same name outside. */
  wire(device: string): void {
    connect(this.inside, device, this.outside, device);
    for (const namespace of [this.inside, this.outside]) namespace.ip(`link set ${device} mtu ${MTU} arp off`);
  }

  /** Sends frames, to the device's own address where nothing else is said; short ones are padded. */
  send(device: string, frames: readonly Frame[]): void {
    const [ours, theirs] = [this.inside.device(device), this.outside.device(device)];
    for (const { bytes, ...said } of frames) {
      const trailer = new Uint8Array(Math.max(0, 46 - bytes.length)).fill(0x55);
      const plain = { destination: ours.mac, source: theirs.mac, trailer, etherType: ETHERTYPE[this.outset.family] };
      const frame = buildFrame(bytes, { ...plain, ...said });
      this.sender.send(frame, theirs.index);
    }
  }

  /** Waits until what was sent has been handled, and says how much UDP was delivered. */
  async settle(): Promise<number> {
    const { last, family } = this.outset;
    this.send('eth0', [{ bytes: last }]);
    const port = family === 'ipv4' ? 22 : 2; // raw sockets of IPv6 give what stands behind the header
    let delivered = 0;
    for (let wait = 0; wait < 1000; wait++) {
      const received = this.receive();
      delivered += received.length;
      if (received.some((each) => each[port] === 0 && each[port + 1] === 9)) break;
      await sleep(1);
    }
    await sleep(10);
    return delivered + this.receive().length - 1;
  }

  /** Packets of UDP that were delivered since it was asked last. */
  receive(): Uint8Array[] {
    return this.receiver.drain();
  }

  /** Counters of INPUT and FORWARD by place. */
  counters(): Map<string, { packets: bigint; bytes: bigint }> {
    return new Map(flatten(this.subject.counters(this.inside)).filter(([place]) => !place.startsWith('OUTPUT')));
  }

  /** Bytes of the packet that is sent behind the others. */
  get lastSize(): number {
    return this.outset.last.length;
  }

  /** What is dropped besides: nobody could decide, or early at XDP. */
  dropped(): { undecided: number; early: number } {
    if (!(this.subject instanceof BpfilterSubject)) return { undecided: 0, early: 0 };
    const { dropped, early } = this.subject.status(this.inside).families[this.outset.family];
    return { undecided: Number(dropped.undecided), early: Number(early?.dropped ?? 0) };
  }

  close(): void {
    this.subject.unload(this.inside);
    this.sender.close();
    this.receiver.close();
    for (const namespace of [this.inside, this.outside]) namespace.remove();
  }
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const plainly = (bytes: readonly Uint8Array[]): Frame[] => bytes.map((each) => ({ bytes: each }));
export const tag = (id: number, etherType: number) => Uint8Array.of(id >> 8, id & 255, etherType >> 8, etherType & 255);
export const tagged = (bytes: Uint8Array, ...tags: Uint8Array[]) => Uint8Array.from(Buffer.concat([...tags, bytes]));

export interface Case {
  readonly name: string;
  run(host: Host): void;
  /** At placement `xdp`, where that is not what iptables does. */
  readonly atXdp?: Seen;
}

export interface Seen {
  /** Packets and bytes that a case has added to counters, by place. */
  readonly counted: Readonly<Record<string, string>>;
  /** Packets of UDP that INPUT has let in. */
  readonly delivered: number;
}

/** A case of frames that come in by eth0. */
export const frames = (name: string, sent: readonly Frame[], atXdp?: Seen): Case => ({
  name,
  run: (host) => host.send('eth0', sent),
  ...(atXdp !== undefined && { atXdp }),
});

/** Networks of a family, for devices that are not eth0 and eth1. */
export interface Networks {
  /** The host's address of a network by number, with the length of its prefix. */
  host(network: number): string;
  /** A datagram to the host's address of a network, from within it. */
  within(network: number, port: number): Uint8Array;
  /** What eth0 gets: a datagram to the host, and one that carries what a tunnel is given. */
  datagram(port: number): Uint8Array;
  tunnelled(frame: Uint8Array): Uint8Array;
  readonly tunnel: string;
  readonly etherType: number;
}

const TUNNEL_MAC = Uint8Array.of(2, 0, 0, 0, 0, 7);
const PORTS = [2000, 2001] as const;

/** Ways to the host by devices that came later, or lie above others. Placement `xdp` sees eth0 alone. */
export function deviceCases(networks: Networks, bytes: { readonly inner: number; readonly outer: number }): Case[] {
  const { host: address, within, datagram, tunnelled, tunnel, etherType } = networks;
  const add = (host: Host, network: number, device: string) =>
    host.inside.ip(`addr add ${address(network)} dev ${device}`);
  const to = (network: number, destination?: Uint8Array): Frame[] =>
    PORTS.map((port) => ({ bytes: within(network, port), ...(destination && { destination }) }));
  return [
    {
      name: 'a device that appears later',
      run(host) {
        host.wire('late0');
        add(host, 7, 'late0');
        host.send('late0', to(7));
      },
      atXdp: { counted: {}, delivered: 2 },
    },
    {
      name: 'a tunnel',
      run(host) {
        host.inside.ip(`link add vx0 address 02:00:00:00:00:07 type vxlan id 7 ${tunnel} dstport 4789`);
        host.inside.ip('link set vx0 up');
        add(host, 8, 'vx0');
        const head = Uint8Array.of(8, 0, 0, 0, 0, 0, 7, 0);
        const source = Uint8Array.of(2, 0, 0, 0, 0, 9);
        const inner = PORTS.map((port) => buildFrame(within(8, port), { destination: TUNNEL_MAC, source, etherType }));
        host.send('eth0', plainly(inner.map((frame) => tunnelled(Uint8Array.from(Buffer.concat([head, frame]))))));
      },
      atXdp: { counted: { 'INPUT:policy': `2 packets, ${2 * bytes.outer} bytes` }, delivered: 4 },
    },
    {
      name: 'a bridge',
      run(host) {
        host.wire('port0');
        host.inside.ip('link add br0 type bridge');
        host.inside.ip('link set port0 master br0');
        host.inside.ip('link set br0 mtu 9000 up');
        add(host, 6, 'br0');
        host.send('port0', to(6, host.inside.device('br0').mac));
      },
      atXdp: { counted: {}, delivered: 2 },
    },
    {
      name: 'a macvlan device',
      run(host) {
        host.inside.ip('link add mac0 link eth0 type macvlan mode bridge');
        host.inside.ip('link set mac0 up');
        add(host, 5, 'mac0');
        host.send('eth0', to(5, host.inside.device('mac0').mac));
        host.send('eth0', plainly(PORTS.map(datagram)));
      },
      atXdp: {
        counted: Object.fromEntries(['INPUT:1', 'INPUT:2'].map((place) => [place, `1 packets, ${bytes.inner} bytes`])),
        delivered: 3,
      },
    },
  ];
}

async function runCase(host: Host, { run }: Case, isRight: (seen: Seen) => boolean = () => true): Promise<Seen> {
  const before = host.counters();
  run(host);
  let delivered = await host.settle();
  for (let wait = 0; ; wait++) {
    const counted: Record<string, string> = {};
    for (const [place, { packets, bytes }] of host.counters()) {
      const old = before.get(place)!;
      // Without the packet that was sent behind the others.
      const own = place === 'INPUT:policy' ? 1n : 0n;
      const added = packets - old.packets - own;
      if (added !== 0n) counted[place] = `${added} packets, ${bytes - old.bytes - BigInt(host.lastSize) * own} bytes`;
    }
    const seen = { counted, delivered };
    if (isRight(seen) || wait === 20) return seen;
    await sleep(20);
    delivered += host.receive().length;
  }
}

/** Holds us, at every placement, against the machine's iptables. `early` is how much of the first case exact drops early. */
export function describeCases(outset: Outset, cases: readonly Case[], early: number): void {
  const oracle = new Map<string, Seen>();

  beforeAll(async () => {
    const host = new Host(ORACLES[outset.family], outset);
    try {
      for (const each of cases) oracle.set(each.name, await runCase(host, each));
    } finally {
      host.close();
    }
  });

  describe.each(POINTS)('%s, %s', (placement, mode) => {
    const subject = new BpfilterSubject(placement, mode, {}, outset.family);
    let host: Host | undefined;

    beforeAll(() => {
      host = new Host(subject, outset);
    });

    afterAll(() => {
      host?.close();
      subject.close();
    });

    it.each(cases)('$name', async (each) => {
      const expected = (placement === 'xdp' ? each.atXdp : undefined) ?? oracle.get(each.name)!;
      const seen = await runCase(host!, each, (found) => isDeepStrictEqual(found, expected));
      expect(seen).toEqual(expected);
      if (placement === 'exact' && each === cases[0]) expect(host!.dropped().early).toBe(early);
    });
  });
}
