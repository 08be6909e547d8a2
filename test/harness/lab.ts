// The differential test's world made of network namespaces: a router under test and the outside on the other ends of
// its wires. One lab serves any number of rulesets; lab-world.ts says what it looks like and why.
//
// Nobody listens on the router's devices, for that alone would keep it from early verdicts: that it has handled all frames
// is told by its own count of frames that nobody takes, of which the test sends one behind the others.

import { readFileSync } from 'node:fs';
import type { HookPacket } from '../../src/base/packet.ts';
import { FrameReceiver, FrameSender, PacketSender } from './inject.ts';
import { DEVICES, malformed, WORLD, type World } from './lab-world.ts';
import { connect, type Namespace, withNamespaces } from './namespace.ts';
import { buildFrame, ETHERTYPE } from './packet-builder.ts';
import type { TableCounters } from './table-counters.ts';

/** An ethertype for experiments (IEEE 802, local experimental), which nobody takes. */
const MARKER = 0x88b5;
const VLAN = 0x8100;
/** Firewall mark of what the test sends from the router, and the routing table it leads to. */
const MARK = 1;
const OWN_TABLE = 200;
/** Looks in a row, and then looks a millisecond apart: some twenty seconds. */
const [QUICK_LOOKS, MOST_LOOKS] = [50, 20_000];
const FORWARD_TABLE = 100;
const ETHERNET = 14;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** Whoever enforces the filter table in a namespace. */
export interface Subject {
  readonly name: string;
  /** Puts the ruleset into force with all counters at zero. */
  load(namespace: Namespace, rules: string): void;
  counters(namespace: Namespace): TableCounters;
  /** Accepts everything again. */
  unload(namespace: Namespace): void;
}

/** What became of a batch of packets. */
export interface Observed {
  readonly counters: TableCounters;
  /** Packets that left the router by a wire. */
  readonly left: number;
}

interface Wire {
  readonly toRouter: { readonly index: number; readonly destination: Uint8Array; readonly source: Uint8Array };
  readonly toOutside: { readonly index: number; readonly destination: Uint8Array; readonly source: Uint8Array };
}

export class Lab {
  readonly router: Namespace;
  private readonly world: World;
  private readonly outside: Namespace;
  private readonly wires = new Map<string, Wire>();
  private readonly closers: (() => void)[] = [];
  private readonly outsideSender: FrameSender;
  private readonly routerSender: FrameSender;
  private readonly outsideMarkers: FrameReceiver;
  private readonly received: FrameReceiver;
  private readonly senders: ReadonlyMap<string, PacketSender>;

  constructor(router: Namespace, outside: Namespace, world: World) {
    this.router = router;
    this.world = world;
    this.outside = outside;
    this.build();
    const keep = <T extends { close(): void }>(opened: T): T => {
      this.closers.push(() => opened.close());
      return opened;
    };
    [this.outsideSender, this.outsideMarkers, this.received] = outside.enter(() => [
      keep(new FrameSender()),
      keep(new FrameReceiver(MARKER, 5)),
      keep(new FrameReceiver(ETHERTYPE[world.family], 5)),
    ]);
    [this.routerSender, this.senders] = router.enter(() => [
      keep(new FrameSender()),
      new Map(['lo', ...DEVICES].map((device) => [device, keep(new PacketSender(device, MARK, world.family))])),
    ]);
  }

  /** Loads the ruleset, sends the packets, and says what was counted and how many packets, of those that count, got through. */
  runScenario(
    subject: Subject,
    rules: string,
    packets: readonly HookPacket[],
    counts: (left: Uint8Array) => boolean = () => true,
  ): Observed {
    subject.load(this.router, rules);
    const left = this.pass(packets).filter((frame) => counts(frame.subarray(ETHERNET)));
    return { counters: subject.counters(this.router), left: left.length };
  }

  /** Sends the packets, and returns the frames that left the router by a wire. */
  pass(packets: readonly HookPacket[]): Uint8Array[] {
    this.received.drain();
    this.handled(() => {
      for (const packet of packets) this.send(packet);
    });
    return this.received.drain();
  }

  /** The device that a frame left the router by. */
  deviceOf(frame: Uint8Array): string {
    const from = Buffer.from(frame.subarray(6, 12));
    return [...this.wires].find(([, { toOutside }]) => from.equals(toOutside.source))![0];
  }

  /** Sends a packet that comes in to another MAC address than the device's own. */
  sendTo(mac: Uint8Array, { inDevice, bytes }: HookPacket): void {
    const { toRouter } = this.wires.get(inDevice)!;
    const frame = buildFrame(bytes, { ...toRouter, destination: mac });
    this.handled(() => this.outsideSender.send(frame, toRouter.index));
  }

  /** Names of the frames that the router's stack throws away before any hook. */
  malformedFrames(good: HookPacket): string[] {
    return [...this.malformed(good).keys()];
  }

  /** Sends one of them, made of a packet that INPUT would see. */
  sendMalformed(good: HookPacket, name: string): void {
    const frame = this.malformed(good).get(name)!;
    const { index } = this.wires.get(good.inDevice)!.toRouter;
    this.handled(() => this.outsideSender.send(frame, index));
  }

  private malformed({ inDevice, bytes }: HookPacket): Map<string, Uint8Array> {
    const { toRouter } = this.wires.get(inDevice)!;
    const trailer = new Uint8Array(32).fill(0x55);
    const frames = malformed(bytes).map(({ name, bytes }) => [name, buildFrame(bytes, toRouter)] as const);
    const tag = Uint8Array.of(0, 5, ETHERTYPE.ipv4 >> 8, ETHERTYPE.ipv4 & 255);
    return new Map([
      ...frames,
      ['another host’s MAC address', buildFrame(bytes, { ...toRouter, destination: Uint8Array.of(2, 0, 0, 0, 0, 99) })],
      ['a VLAN', buildFrame(Uint8Array.from([...tag, ...bytes]), { ...toRouter, etherType: VLAN, trailer })],
    ]);
  }

  close(): void {
    for (const close of this.closers) close();
  }

  private send(packet: HookPacket): void {
    if (packet.hook === 'OUTPUT') this.senders.get(packet.outDevice)!.send(packet.bytes);
    else for (const bytes of this.world.piecesOf(packet)) this.sendFrame(packet, bytes);
  }

  /** Short frames are padded to Ethernet's least length, with bytes that are not zero. */
  private sendFrame({ inDevice, family = 'ipv4' }: HookPacket, bytes: Uint8Array): void {
    const { index, ...addresses } = this.wires.get(inDevice)!.toRouter;
    const etherType = ETHERTYPE[family];
    const trailer = new Uint8Array(Math.max(0, 46 - bytes.length)).fill(0x55);
    this.outsideSender.send(buildFrame(bytes, { ...addresses, etherType, trailer }), index);
  }

  /** Sends frames, and waits until the router has handled all of them, and the outside all that the router let out. */
  private handled(send: () => void): void {
    const wanted = this.router.enter(untakenFrames) + this.wires.size;
    send();
    for (const { toRouter } of this.wires.values()) this.outsideSender.send(markerFrame(toRouter), toRouter.index);
    this.router.enter(() => {
      for (let look = 0; untakenFrames() < wanted; look++) {
        if (look > MOST_LOOKS) throw new Error('the router has not handled all frames');
        // On a busy machine the stack needs this very processor.
        if (look > QUICK_LOOKS) Atomics.wait(PAUSE, 0, 0, 1);
      }
    });
    for (const { toOutside } of this.wires.values()) {
      this.routerSender.send(markerFrame(toOutside), toOutside.index);
      this.outsideMarkers.wait();
    }
  }

  private build(): void {
    const { router, outside, world } = this;
    const version = world.family === 'ipv6' ? '-6 ' : '';
    for (const [key, value] of world.sysctls) router.sysctl(key, value);
    for (const device of DEVICES) {
      connect(router, device, outside, device);
      // No ARP: there is one neighbour behind each device, and whoever is behind it takes every frame.
      router.ip(`link set ${device} arp off`);
      const [inside, beyond] = [router.device(device), outside.device(device)];
      this.wires.set(device, {
        toRouter: { index: beyond.index, destination: inside.mac, source: beyond.mac },
        toOutside: { index: inside.index, destination: beyond.mac, source: inside.mac },
      });
      if (!world.byRules) continue;
      router.ip(`${version}rule add iif ${device} lookup ${FORWARD_TABLE}`);
      this.addRoute('default', device, `table ${OWN_TABLE} metric ${inside.index}`);
    }
    const table = world.byRules ? FORWARD_TABLE : 'main';
    for (const { prefix, device } of world.routes) this.addRoute(prefix, device, `table ${table}`);
    if (world.byRules) router.ip(`${version}rule add fwmark ${MARK} lookup ${OWN_TABLE}`);
    for (const words of world.addressCommands) router.ip(words);
  }

  private addRoute(prefix: string, device: string, words: string): void {
    const { family, via } = this.world;
    const version = family === 'ipv6' ? ['-6'] : [];
    this.router.ip(
      [...version, 'route add', prefix, via, 'dev', device, words].filter((word) => word !== '').join(' '),
    );
  }
}

/** How many frames nobody has taken (`rx_dropped`), of all devices of the network namespace that this thread is in. */
function untakenFrames(): number {
  const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').trim().split('\n').slice(2);
  return lines.reduce((sum, line) => sum + Number(line.split(':')[1]!.trim().split(/\s+/)[3]), 0);
}

function markerFrame(addresses: { readonly destination: Uint8Array; readonly source: Uint8Array }): Uint8Array {
  return buildFrame(new Uint8Array(46), { ...addresses, etherType: MARKER });
}

/** Makes a lab, runs `work` in it, and removes it. */
export async function withLab<T>(work: (lab: Lab) => T | Promise<T>, world = WORLD): Promise<T> {
  return withNamespaces(['router', 'outside'], async ([router, outside]) => {
    const lab = new Lab(router!, outside!, world);
    try {
      return await work(lab);
    } finally {
      lab.close();
    }
  });
}
