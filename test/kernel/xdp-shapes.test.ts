// Frames in shapes that a filter at XDP could overlook, through iptables-legacy and through us: what the stack would
// deliver must have been judged, and what iptables never sees must not be counted.

import { describe, expect, it } from 'vitest';
import { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { FrameSender, PacketReceiver } from '../harness/inject.ts';
import { legacyIptables } from '../harness/iptables.ts';
import type { Subject } from '../harness/lab.ts';
import { connect, type Namespace, withNamespaces } from '../harness/namespace.ts';
import { buildFrame } from '../harness/packet-builder.ts';
import { parsePacket } from '../harness/packet-notation.ts';
import { flatten } from '../harness/table-counters.ts';

const UDP = 17;
const PACKET = 'udp 11.0.0.1:1234 > 10.0.0.1:2000 payload=20';
const IPV4 = [0x08, 0x00];
const tag = (id: number, type = 0x8100): number[] => [type >> 8, type & 255, 0xe0 | (id >> 8), id & 255];

const SUBJECTS = [
  ['iptables-legacy', () => legacyIptables],
  ['bpfilter at XDP, native', () => new BpfilterSubject('xdp', 'native')],
  ['bpfilter at XDP, generic', () => new BpfilterSubject('xdp', 'generic')],
] as const;

/** Only what INPUT and FORWARD do with PACKET. */
const rules = (input: string, forward = 'ACCEPT'): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n` +
  `-A INPUT -p udp -m udp --dport 2000 -j ${input}\n-A FORWARD -p udp -m udp --dport 2000 -j ${forward}\nCOMMIT\n`;

/** A host with three devices, 10.0.0.1 on the first, and someone on the other side who sends. */
class Host {
  readonly namespace: Namespace;
  private readonly subject: Subject;
  private readonly wire: { readonly index: number; readonly destination: Uint8Array; readonly source: Uint8Array };
  private readonly sender: FrameSender;
  private readonly receiver: PacketReceiver;

  constructor(subject: Subject, host: Namespace, outside: Namespace) {
    this.subject = subject;
    this.namespace = host;
    host.sysctl('net.ipv4.ip_forward', 1);
    for (const device of ['eth0', 'eth1', 'veth0']) {
      connect(host, device, outside, device);
      host.sysctl(`net.ipv4.conf.${device}.rp_filter`, 0);
    }
    host.sysctl('net.ipv4.conf.all.rp_filter', 0);
    host.ip('addr add 10.0.0.1/24 dev eth0');
    host.ip('route add default via 10.0.0.2 dev eth0');
    this.sender = outside.enter(() => new FrameSender());
    this.receiver = host.enter(() => new PacketReceiver(UDP));
    const [ours, theirs] = [host.device('eth0'), outside.device('eth0')];
    this.wire = { index: theirs.index, destination: ours.mac, source: theirs.mac };
  }

  load(text: string): void {
    this.subject.load(this.namespace, text);
  }

  /** Sends a packet behind an Ethernet header that goes on with these bytes; says whether it was delivered. */
  async send(packet: Uint8Array, types: readonly number[] = IPV4): Promise<boolean> {
    const frame = buildFrame(packet, { ...this.wire, trailer: new Uint8Array(16).fill(0x55) });
    const bytes = Uint8Array.from([...frame.subarray(0, 12), ...types, ...frame.subarray(14)]);
    this.sender.send(bytes, this.wire.index);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return this.receiver.drain().length > 0;
  }

  /** Packets that the rule of a chain has counted. */
  counted(chain: string): bigint {
    return flatten(this.subject.counters(this.namespace)).find(([place]) => place === `${chain}:1`)![1].packets;
  }

  /** Packets dropped because nobody could decide; iptables knows no such thing. */
  undecided(): bigint {
    const { subject } = this;
    return subject instanceof BpfilterSubject
      ? BigInt(subject.status(this.namespace).families.ipv4.dropped.undecided)
      : 0n;
  }

  close(): void {
    this.subject.unload(this.namespace);
    this.sender.close();
    this.receiver.close();
  }
}

async function withHost(make: () => Subject & { close?(): void }, work: (host: Host) => Promise<void>) {
  const subject = make();
  await withNamespaces(['host', 'outside'], async ([inside, outside]) => {
    const host = new Host(subject, inside!, outside!);
    try {
      await work(host);
    } finally {
      host.close();
      subject.close?.();
    }
  });
}

const packetOf = (text: string): Uint8Array => parsePacket(`INPUT in=eth0 ${text}`).bytes;

describe.each(SUBJECTS)('%s', (name, make) => {
  it('judges what has tags of VLAN 0 as what has none', async () => {
    await withHost(make, async (host) => {
      const packet = packetOf(PACKET);
      const shapes = [
        [...tag(0), ...IPV4],
        [...tag(0, 0x88a8), ...IPV4],
        [...tag(0, 0x88a8), ...tag(0), ...IPV4],
      ];
      for (const [verdict, delivered] of [
        ['ACCEPT', true],
        ['DROP', false],
      ] as const) {
        host.load(rules(verdict));
        for (const [index, shape] of shapes.entries()) {
          expect(await host.send(packet, shape), `${verdict}, shape ${index}`).toBe(delivered);
          expect(host.counted('INPUT'), `${verdict}, shape ${index}`).toBe(BigInt(index + 1));
        }
      }
    });
  });

  it('leaves frames of other VLANs alone', async () => {
    await withHost(make, async (host) => {
      host.load(rules('DROP'));
      for (const shape of [tag(5), [...tag(0), ...tag(5)], [...tag(0), ...tag(0), ...tag(5)]])
        expect(await host.send(packetOf(PACKET), [...shape, ...IPV4])).toBe(false);
      expect(host.counted('INPUT')).toBe(0n);
      expect(host.undecided()).toBe(0n);
    });
  });

  it('lets no third tag of VLAN 0 hide a packet', async () => {
    await withHost(make, async (host) => {
      host.load(rules('DROP'));
      expect(await host.send(packetOf(PACKET), [...tag(0), ...tag(0), ...tag(0), ...IPV4])).toBe(false);
      const isOracle = name === 'iptables-legacy';
      expect(host.counted('INPUT')).toBe(isOracle ? 1n : 0n);
      expect(host.undecided()).toBe(isOracle ? 0n : 1n);
    });
  });
});
