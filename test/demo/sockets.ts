// Traffic by real sockets: of the packets for INPUT, each TCP connection request becomes a connection attempt, each UDP
// packet a datagram, from the same address and port to the same address and port. The demonstration runs itself again
// in either namespace, once to listen and once to talk.

import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { formatAddress } from '../../src/base/ipv4.ts';
import { type HookPacket, Ipv4View } from '../../src/base/packet.ts';
import { TCP_FLAG } from '../harness/packet-builder.ts';

export interface Talk {
  readonly protocol: 'tcp' | 'udp';
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}

/** Less than the second after which TCP asks again. */
const PATIENCE = 700;

/** What real sockets would send for the packet, if they can. */
export function talkFor(packet: HookPacket): Talk | undefined {
  if (packet.hook !== 'INPUT' || packet.inDevice === 'lo') return undefined;
  const view = new Ipv4View(packet);
  const protocol = ({ 6: 'tcp', 17: 'udp' } as const)[view.protocol];
  const header = view.transport(protocol === 'tcp' ? 20 : 8);
  if (protocol === undefined || header === undefined || view.fragmentOffset > 0) return undefined;
  if (protocol === 'tcp' && header.getUint8(13) !== TCP_FLAG.syn) return undefined;
  const [fromPort, toPort] = [header.getUint16(0), header.getUint16(2)];
  if (fromPort === 0 || toPort === 0) return undefined;
  return { protocol, from: formatAddress(view.source), fromPort, to: formatAddress(view.destination), toPort };
}

/** Listens on all the ports; prints `ready`, and when standard input ends, the datagrams received, as JSON. */
export async function listen(talks: readonly Talk[]): Promise<never> {
  const received: string[] = [];
  const ports = (protocol: string) =>
    new Set(talks.filter((talk) => talk.protocol === protocol).map(({ toPort }) => toPort));
  for (const port of ports('tcp')) {
    const server = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => server.listen(port, '0.0.0.0', resolve));
  }
  for (const port of ports('udp')) {
    const socket = createSocket('udp4');
    socket.on('message', (message) => received.push(message.toString()));
    await new Promise<void>((resolve) => socket.bind(port, '0.0.0.0', resolve));
  }
  console.log('ready');
  await new Promise((resolve) => process.stdin.resume().on('end', resolve));
  console.log(JSON.stringify(received));
  process.exit();
}

/** The datagram for a talk: says which it is. */
export function datagram(talk: Talk): string {
  return `${talk.from}:${talk.fromPort} > ${talk.to}:${talk.toPort}`;
}

/** Does all the talking and prints, as JSON, whether each TCP connection came about. */
export async function talk(talks: readonly Talk[]): Promise<never> {
  console.log(JSON.stringify(await Promise.all(talks.map((one) => (one.protocol === 'tcp' ? call(one) : post(one))))));
  process.exit();
}

function call({ from, fromPort, to, toPort }: Talk): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: to, port: toPort, localAddress: from, localPort: fromPort });
    const end = (connected: boolean) => {
      socket.destroy();
      resolve(connected);
    };
    socket.on('connect', () => end(true)).on('error', () => end(false));
    setTimeout(end, PATIENCE, false);
  });
}

function post(one: Talk): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.bind(one.fromPort, one.from, () => {
      socket.send(datagram(one), one.toPort, one.to, () => setTimeout(resolve, PATIENCE, false));
    });
  });
}
