// Devices on top of others: VLANs, also two tags deep, macvlan and bond. Rules name them by `-i`, and a packet passes two or
// three of them on its way; iptables asks about it once, under the name of the last. Frames with tags in their bytes, and with
// tags that the sender's device keeps beside them, as cards do, must find the same rules.
//
// The same frames are sent to iptables-legacy and to us, and counters and what was delivered must be the same. At placement
// `xdp` programs stand at the upper devices alone, so only rules that name these are compared.

import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeFeatures } from '../../../src/kernel/features.ts';
import { BpfilterSubject } from '../../harness/bpfilter-subject.ts';
import { FrameSender, PacketReceiver } from '../../harness/inject.ts';
import { legacyIptables } from '../../harness/iptables.ts';
import type { Subject } from '../../harness/lab.ts';
import { connect, Namespace } from '../../harness/namespace.ts';
import { buildFrame, ETHERTYPE } from '../../harness/packet-builder.ts';
import { parsePacket } from '../../harness/packet-notation.ts';
import { flatten } from '../../harness/table-counters.ts';

/** Devices that have addresses, 10.N.0.1 for the N-th, and those that carry them. */
const UPPER = ['eth0.5', 'q.9', 'mac0', 'bond0'];
const LOWER = ['eth0', 'q', 'eth1'];
const ADDRESSED = [...UPPER, ...LOWER];
const EVERY = [...ADDRESSED, 'port0', 'port1'];
const [DROPPED, ACCEPTED, UDP] = [2000, 2001, 17];
const VLAN = { customer: 0x8100, service: 0x88a8 } as const;

const hasNetfilter = probeFeatures().layout.netfilterContext !== undefined;

const RULES = [
  ...EVERY.flatMap((device) => [
    `-A INPUT -i ${device} -p udp -m udp --dport ${DROPPED} -j DROP`,
    `-A INPUT -i ${device} -p udp -m udp --dport ${ACCEPTED} -j ACCEPT`,
  ]),
  ...EVERY.map((device) => `-A FORWARD -i ${device} -p udp -m udp --dport ${DROPPED} -j DROP`),
  ...EVERY.map((device) => `-A FORWARD -i ${device} -j ACCEPT`),
];
const TEXT = `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${RULES.join('\n')}\nCOMMIT\n`;

const addressOf = (device: string): string => `10.${1 + ADDRESSED.indexOf(device)}.0.1`;
const tag = (id: number, etherType: number) => [id >> 8, id & 255, etherType >> 8, etherType & 255];

/** Packets to both ports, to the device itself and beyond it, from one of its neighbours. */
const packetsTo = (device: string): Uint8Array[] =>
  [addressOf(device), '10.99.0.1'].flatMap((to) =>
    [DROPPED, ACCEPTED].map((port) => {
      const from = `${addressOf(device)}29`;
      return parsePacket(`INPUT in=eth0 udp ${from}:1234 > ${to}:${port} payload=20`).bytes;
    }),
  );

interface Sent {
  /** Outside, where the frames are sent by. */
  readonly by: string;
  /** Whose MAC address they are for. */
  readonly to: string;
  readonly packets: readonly Uint8Array[];
  /** The ethertype and tags in the bytes of a frame, from outside to inside, with the ethertype of the packet. */
  readonly types?: readonly number[];
}

interface Case {
  readonly name: string;
  readonly sent: readonly Sent[];
}

const IPV4 = [8, 0];
const inBytes = (kind: number, ...tags: readonly (readonly number[])[]) => [kind >> 8, kind & 255, ...tags.flat()];

const CASES: readonly Case[] = [
  { name: 'no tag', sent: [{ by: 'eth0', to: 'eth0', packets: packetsTo('eth0') }] },
  {
    name: 'a tag in the bytes',
    sent: [
      {
        ...{ by: 'eth0', to: 'eth0.5', packets: packetsTo('eth0.5') },
        types: inBytes(VLAN.customer, tag(5, ETHERTYPE.ipv4)),
      },
    ],
  },
  { name: 'a tag beside the bytes', sent: [{ by: 'eth0.5', to: 'eth0.5', packets: packetsTo('eth0.5') }] },
  {
    name: 'two tags in the bytes',
    sent: [
      {
        ...{ by: 'eth0', to: 'q.9', packets: packetsTo('q.9') },
        types: inBytes(VLAN.service, tag(7, VLAN.customer), tag(9, ETHERTYPE.ipv4)),
      },
    ],
  },
  { name: 'two tags, the outer one beside the bytes', sent: [{ by: 'q.9', to: 'q.9', packets: packetsTo('q.9') }] },
  { name: 'the outer tag alone', sent: [{ by: 'q', to: 'q', packets: packetsTo('q') }] },
  {
    name: 'tags of no device here',
    sent: [
      {
        ...{ by: 'eth0', to: 'eth0', packets: packetsTo('eth0') },
        types: inBytes(VLAN.customer, tag(6, ETHERTYPE.ipv4)),
      },
      {
        ...{ by: 'eth0', to: 'eth0', packets: packetsTo('q.9') },
        types: inBytes(VLAN.service, tag(7, VLAN.customer), tag(8, ETHERTYPE.ipv4)),
      },
      {
        ...{ by: 'eth0', to: 'eth0.5', packets: packetsTo('eth0.5') },
        types: inBytes(VLAN.service, tag(5, ETHERTYPE.ipv4)),
      },
    ],
  },
  {
    name: 'a tag of VLAN 0, alone and before another',
    sent: [
      {
        ...{ by: 'eth0', to: 'eth0', packets: packetsTo('eth0') },
        types: inBytes(VLAN.customer, tag(0, ETHERTYPE.ipv4)),
      },
      {
        ...{ by: 'eth0', to: 'eth0.5', packets: packetsTo('eth0.5') },
        types: inBytes(VLAN.customer, tag(0, VLAN.customer), tag(5, ETHERTYPE.ipv4)),
      },
      {
        ...{ by: 'eth0.5', to: 'eth0.5', packets: packetsTo('eth0.5') },
        types: inBytes(VLAN.customer, tag(0, ETHERTYPE.ipv4)),
      },
    ],
  },
  {
    name: 'addresses of one device by another',
    sent: [
      { by: 'eth0', to: 'eth0', packets: packetsTo('eth0.5') },
      { by: 'eth0.5', to: 'eth0.5', packets: packetsTo('eth0') },
      { by: 'eth1', to: 'eth1', packets: packetsTo('mac0') },
    ],
  },
  { name: 'macvlan', sent: [{ by: 'eth1', to: 'mac0', packets: packetsTo('mac0') }] },
  { name: 'what macvlan stands on', sent: [{ by: 'eth1', to: 'eth1', packets: packetsTo('eth1') }] },
  { name: 'bond, by the member in use', sent: [{ by: 'port0', to: 'bond0', packets: packetsTo('bond0') }] },
  { name: 'bond, by the other member', sent: [{ by: 'port1', to: 'bond0', packets: packetsTo('bond0') }] },
];

/** A host with all of these devices, and someone outside with the same VLANs. */
class Host {
  readonly inside = new Namespace('host');
  private readonly outside = new Namespace('outside');
  readonly subject: Subject;
  private readonly sender: FrameSender;
  private readonly receiver: PacketReceiver;

  constructor(subject: Subject) {
    const { inside, outside } = this;
    this.subject = subject;
    for (const scope of ['all', 'default']) {
      inside.sysctl(`net.ipv4.conf.${scope}.rp_filter`, 0);
      inside.sysctl(`net.ipv4.conf.${scope}.send_redirects`, 0);
    }
    inside.sysctl('net.ipv4.ip_forward', 1);
    inside.ip('link add bond0 type bond mode active-backup');
    for (const device of ['eth0', 'eth1', 'port0', 'port1', 'veth0']) {
      connect(inside, device, outside, device);
      for (const each of [inside, outside]) each.ip(`link set ${device} arp off`);
    }
    for (const each of [inside, outside]) {
      each.ip('link add link eth0 name eth0.5 type vlan id 5');
      each.ip('link add link eth0 name q type vlan protocol 802.1ad id 7');
      each.ip('link add link q name q.9 type vlan id 9');
      for (const device of ['eth0.5', 'q', 'q.9']) each.ip(`link set ${device} arp off up`);
    }
    inside.ip('link add mac0 link eth1 type macvlan mode bridge');
    for (const port of ['port0', 'port1']) {
      inside.ip(`link set ${port} down`);
      inside.ip(`link set ${port} master bond0`);
    }
    inside.ip('link set bond0 arp off up');
    // Without ARP it would send errors to its own address, and get them back from itself, which is a martian's way.
    inside.ip('link set mac0 up');
    inside.ip('link set bond0 type bond active_slave port0');
    for (const device of ADDRESSED) inside.ip(`addr add ${addressOf(device)}/24 dev ${device}`);
    inside.ip('route add default via 10.5.0.2 dev eth0');
    inside.ip('route add 10.99.0.0/16 dev veth0');
    this.sender = outside.enter(() => new FrameSender());
    this.receiver = inside.enter(() => new PacketReceiver(UDP));
  }

  /** Sends the frames of a case; says what was counted and delivered, once that is right, or a while later. */
  async run({ sent }: Case, select: (places: Counted) => Counted, isRight?: (seen: Seen) => boolean): Promise<Seen> {
    const before = this.counters();
    for (const { by, to, packets, types = IPV4 } of sent) {
      const [from, target] = [this.outside.device(by), this.inside.device(to)];
      for (const packet of packets) {
        const frame = buildFrame(packet, { destination: target.mac, source: from.mac });
        this.sender.send(Uint8Array.from([...frame.subarray(0, 12), ...types, ...frame.subarray(14)]), from.index);
      }
    }
    const delivered: Record<string, number> = {};
    for (let wait = 0; ; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const packet of this.receiver.drain()) {
        const to = packet.subarray(16, 20).join('.');
        delivered[to] = (delivered[to] ?? 0) + 1;
      }
      const counted = Object.fromEntries(
        Object.entries(this.counters()).flatMap(([place, count]) => {
          const added = count - (before[place] ?? 0n);
          return added === 0n ? [] : [[place, added]];
        }),
      );
      const seen = { counted: select(counted), delivered };
      if (isRight === undefined ? wait === 10 : wait === 50 || isRight(seen)) return seen;
    }
  }

  /** Packets that each rule of INPUT and FORWARD has counted. */
  private counters(): Counted {
    const places = [...flatten(this.subject.counters(this.inside))].filter(([place]) => /^(IN|FOR).*\d$/.test(place));
    return Object.fromEntries(places.map(([place, { packets }]) => [place, packets]));
  }

  close(): void {
    this.subject.unload(this.inside);
    this.sender.close();
    this.receiver.close();
    for (const namespace of [this.inside, this.outside]) namespace.remove();
  }
}

type Counted = Readonly<Record<string, bigint>>;

interface Seen {
  readonly counted: Counted;
  /** Packets that INPUT let in, by destination. */
  readonly delivered: Readonly<Record<string, number>>;
}

const all = (counted: Counted): Counted => counted;
/** Those of rules that name an upper device. */
const ofUpper = (counted: Counted): Counted =>
  Object.fromEntries(Object.entries(counted).filter(([place]) => UPPER.includes(deviceOf(place))));

function deviceOf(place: string): string {
  const [chain, number] = place.split(':');
  const rules = RULES.filter((rule) => rule.startsWith(`-A ${chain}`));
  return / -i (\S+)/.exec(rules[Number(number) - 1]!)![1]!;
}

const oracle = new Map<string, Seen>();

beforeAll(async () => {
  const host = new Host(legacyIptables);
  try {
    host.subject.load(host.inside, TEXT);
    for (const each of CASES) oracle.set(each.name, await host.run(each, all));
  } finally {
    host.close();
  }
});

it('iptables counts packets under the name of the upper device, whatever the tag lies in', () => {
  const inRules = (name: string, device: string) => {
    const { counted, delivered } = oracle.get(name)!;
    expect(Object.entries(counted).map(([place, count]) => [deviceOf(place), count])).toEqual(
      Array.from({ length: 4 }, () => [device, 1n]),
    );
    expect(delivered).toEqual({ [addressOf(device)]: 1 });
  };
  inRules('a tag in the bytes', 'eth0.5');
  inRules('a tag beside the bytes', 'eth0.5');
  inRules('two tags in the bytes', 'q.9');
  inRules('two tags, the outer one beside the bytes', 'q.9');
  inRules('macvlan', 'mac0');
  inRules('bond, by the member in use', 'bond0');
  for (const name of ['tags of no device here', 'bond, by the other member'])
    expect(oracle.get(name)).toEqual({ counted: {}, delivered: {} });
});

const SUBJECTS: readonly (readonly [name: string, make: () => BpfilterSubject])[] = [
  ...(hasNetfilter
    ? ([
        ['at netfilter', () => new BpfilterSubject('netfilter')],
        [
          'at placement exact',
          () => new BpfilterSubject('exact', 'generic', {}, 'ipv4', 'fast', [...ADDRESSED, 'veth0']),
        ],
      ] as const)
    : []),
  ['at XDP', () => new BpfilterSubject('xdp', 'generic', {}, 'ipv4', 'fast', UPPER)],
];

describe.each(SUBJECTS)('%s', (place, make) => {
  const subject = make();
  let host: Host | undefined;

  beforeAll(() => {
    host = new Host(subject);
    subject.load(host.inside, TEXT);
  });

  afterAll(() => {
    host?.close();
    subject.close();
  });

  it.each(CASES)('$name', async (each) => {
    const { counted, delivered } = oracle.get(each.name)!;
    const atXdp = place === 'at XDP';
    // What comes in by a device without a program is not dropped.
    const judged = ({ counted: places, delivered: packets }: Seen): Seen => ({
      counted: places,
      delivered: atXdp ? onlyTo(UPPER, packets) : packets,
    });
    const wanted = judged({ counted: atXdp ? ofUpper(counted) : counted, delivered });
    if (atXdp && each.name === 'addresses of one device by another') {
      // Two of the three ways end at devices without programs.
      const seen = await host!.run(each, ofUpper, (found) => isDeepStrictEqual(found.counted, wanted.counted));
      expect(seen.counted).toEqual(wanted.counted);
      return;
    }
    const isRight = (seen: Seen) => isDeepStrictEqual(judged(seen), wanted);
    expect(judged(await host!.run(each, atXdp ? ofUpper : all, isRight))).toEqual(wanted);
  });

  if (place === 'at placement exact') {
    it('drops early at the upper devices, and nowhere below', () => {
      const { early } = subject.status(host!.inside).families.ipv4;
      expect(Number(early?.dropped)).toBeGreaterThan(0);
    });
  }
});

function onlyTo(devices: readonly string[], delivered: Seen['delivered']): Seen['delivered'] {
  const addresses = devices.map(addressOf);
  return Object.fromEntries(Object.entries(delivered).filter(([to]) => addresses.includes(to)));
}

describe('placement xdp', () => {
  let host: Host | undefined;

  beforeAll(() => {
    host = new Host(legacyIptables);
  });

  afterAll(() => host?.close());

  it.each([
    ['eth0', 'generic', /^eth0 carries the packets of (eth0\.5|q)/],
    ['eth0', 'native', /^eth0 carries the packets of (eth0\.5|q)/],
    ['q', 'generic', /^q carries the packets of q\.9/],
    ['eth1', 'generic', /^eth1 carries the packets of mac0/],
    ['port0', 'generic', /^port0 belongs to bond0/],
    ['port1', 'native', /^port1 belongs to bond0/],
    ['bond0', 'native', /^native XDP on bond0 runs on its members/],
  ] as const)('is refused at %s, %s', (device, mode, message) => {
    const subject = new BpfilterSubject('xdp', mode, {}, 'ipv4', 'fast', [device]);
    try {
      expect(() => subject.load(host!.inside, TEXT)).toThrow(message);
    } finally {
      subject.unload(host!.inside);
      subject.close();
    }
  });
});
