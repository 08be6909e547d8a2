// The network that a list of packets tells of: a host with their devices and addresses, and a peer at the other end of
// every wire. Packets are sent as they are, at INPUT and FORWARD as frames from the peer, at OUTPUT from the host, and
// whether each got through is seen behind the hook: at INPUT on a raw socket, else on the peer's end of the wire.
//
// What the host answers by itself must not be counted: it has no route for packets of its own, and what is sent on its
// behalf carries a mark that leads to a routing table of its own. `talk` gives it routes for a while, for real sockets.

import { formatAddress } from '../../src/base/ipv4.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { Ipv4View } from '../../src/base/packet.ts';
import { sleep } from '../../src/kernel/wait.ts';
import { FrameReceiver, FrameSender, PacketReceiver, PacketSender } from './inject.ts';
import { connect, type Namespace } from './namespace.ts';
import { buildFrame, fixHeaderChecksum } from './packet-builder.ts';

const IPV4 = 0x0800;
/** Firewall mark of what is sent from the host, and routing tables. */
const MARK = 1;
const OWN_TABLE = 200;
const FORWARD_TABLE = 100;
/** Gateways that stand for everything behind a wire, and for the host. */
const BEYOND = '169.254.0.1';
const HOST = '169.254.0.2';
/** How long packets may take that should get through, in milliseconds, and how long to look for those that should not. */
const PATIENCE = 3000;
const AFTERMATH = 50;

export class ExampleNetwork {
  readonly host: Namespace;
  readonly peer: Namespace;
  private readonly devices: readonly string[];
  private readonly packets: readonly HookPacket[];
  private readonly sender: FrameSender;
  private readonly loopbackSender: FrameSender;
  private readonly outputSenders: ReadonlyMap<string, PacketSender>;
  private readonly wireReceiver: FrameReceiver;
  private readonly inputReceivers: readonly PacketReceiver[];

  /** Builds the network in two fresh namespaces. */
  constructor(host: Namespace, peer: Namespace, packets: readonly HookPacket[]) {
    this.host = host;
    this.peer = peer;
    this.packets = packets;
    const named = new Set(packets.flatMap(({ inDevice, outDevice }) => [inDevice, outDevice]));
    this.devices = [...named].filter((device) => device !== '' && device !== 'lo');
    this.build();
    const protocols = new Set(packets.map((packet) => new Ipv4View(packet).protocol));
    [this.sender, this.wireReceiver] = peer.enter(() => [new FrameSender(), new FrameReceiver(IPV4, 1)]);
    [this.loopbackSender, this.outputSenders, this.inputReceivers] = host.enter(() => [
      new FrameSender(),
      new Map(this.devices.map((device) => [device, new PacketSender(device, MARK)])),
      [...protocols].map((protocol) => new PacketReceiver(protocol)),
    ]);
  }

  /** Sends the packets the network was made for, and says of each whether it got through; `expected` saves time. */
  send(expected: readonly boolean[]): boolean[] {
    this.receive();
    for (const [index, packet] of this.packets.entries()) {
      // The identification field tells the packets apart; no rule asks for it.
      const bytes = packet.bytes.slice();
      new DataView(bytes.buffer).setUint16(4, index + 1);
      fixHeaderChecksum(bytes);
      this.sendOne({ ...packet, bytes });
    }
    const arrived = new Set<number>();
    const awaited = expected.flatMap((gets, index) => (gets ? [index + 1] : []));
    for (let waited = 0; waited < PATIENCE && !awaited.every((id) => arrived.has(id)); waited += 10) {
      sleep(10);
      for (const id of this.receive()) arrived.add(id);
    }
    sleep(AFTERMATH);
    for (const id of this.receive()) arrived.add(id);
    return this.packets.map((_, index) => arrived.has(index + 1));
  }

  /** Runs `work` while host and peer are able to talk: the peer has the addresses of those who send to the host. */
  async talk<T>(work: () => Promise<T>): Promise<T> {
    const incoming = this.packets.filter(({ hook, inDevice }) => hook === 'INPUT' && inDevice !== 'lo');
    for (const { source, device } of unique(incoming, (view) => view.source)) {
      this.peer.ip(`address add ${source}/32 dev ${device}`);
      this.host.ip(`route add ${source} via ${BEYOND} dev ${device} onlink`);
    }
    for (const { destination, device } of unique(incoming, (view) => view.destination)) {
      this.peer.ip(`route add ${destination} via ${HOST} dev ${device} onlink`);
    }
    try {
      return await work();
    } finally {
      this.host.ip('route flush table main');
      for (const device of this.devices) this.peer.ip(`address flush dev ${device}`);
    }
  }

  close(): void {
    const sockets = [this.sender, this.loopbackSender, this.wireReceiver, ...this.inputReceivers];
    for (const socket of [...sockets, ...this.outputSenders.values()]) socket.close();
  }

  private sendOne(packet: HookPacket): void {
    if (packet.hook === 'OUTPUT') {
      this.outputSenders.get(packet.outDevice)!.send(packet.bytes);
      return;
    }
    const device = packet.inDevice;
    const [here, sender] = device === 'lo' ? [this.host, this.loopbackSender] : [this.peer, this.sender];
    const { index, mac: source } = here.device(device);
    const destination = this.host.device(device).mac;
    const trailer = new Uint8Array(Math.max(0, 46 - packet.bytes.length)).fill(0x55);
    sender.send(buildFrame(packet.bytes, { destination, source, trailer }), index);
  }

  /** The identifications of what has got through. */
  private receive(): number[] {
    const packets = [
      ...this.wireReceiver.drain().map((frame) => frame.subarray(14)),
      ...this.inputReceivers.flatMap((receiver) => receiver.drain()),
    ];
    return packets.map((bytes) => (bytes[4]! << 8) | bytes[5]!);
  }

  private build(): void {
    const { host, peer } = this;
    for (const scope of ['all', 'default', 'lo']) {
      host.sysctl(`net.ipv4.conf.${scope}.rp_filter`, 0);
      host.sysctl(`net.ipv4.conf.${scope}.accept_local`, 1);
      host.sysctl(`net.ipv4.conf.${scope}.route_localnet`, 1);
      host.sysctl(`net.ipv4.conf.${scope}.send_redirects`, 0);
    }
    host.sysctl('net.ipv4.ip_forward', 1);
    for (const device of this.devices) {
      connect(host, device, peer, device);
      const [hostEnd, peerEnd] = [host.device(device), peer.device(device)];
      host.ip(`neighbour add ${BEYOND} lladdr ${formatMac(peerEnd.mac)} dev ${device}`);
      peer.ip(`neighbour add ${HOST} lladdr ${formatMac(hostEnd.mac)} dev ${device}`);
      host.ip(`rule add iif ${device} lookup ${FORWARD_TABLE}`);
      host.ip(`route add default via ${BEYOND} dev ${device} onlink table ${OWN_TABLE} metric ${hostEnd.index}`);
    }
    host.ip(`rule add fwmark ${MARK} lookup ${OWN_TABLE}`);
    const incoming = this.packets.filter(({ hook, inDevice }) => hook === 'INPUT' && inDevice !== 'lo');
    for (const { destination } of unique(incoming, (view) => view.destination)) {
      host.ip(`route add local ${destination} dev lo table local`);
    }
    const forwarded = this.packets.filter(({ hook }) => hook === 'FORWARD');
    for (const { destination, outDevice } of unique(forwarded, (view) => view.destination)) {
      host.ip(`route add ${destination} via ${BEYOND} dev ${outDevice} onlink table ${FORWARD_TABLE}`);
    }
  }
}

/** The packets' ends, the first of each that `key` tells apart. */
function unique(packets: readonly HookPacket[], key: (view: Ipv4View) => number) {
  const first = new Map<number, Ipv4View>();
  for (const packet of packets) {
    const view = new Ipv4View(packet);
    if (!first.has(key(view))) first.set(key(view), view);
  }
  return [...first.values()].map(({ source, destination, packet: { inDevice, outDevice } }) => ({
    source: formatAddress(source),
    destination: formatAddress(destination),
    device: inDevice,
    outDevice,
  }));
}

function formatMac(mac: Uint8Array): string {
  return [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
