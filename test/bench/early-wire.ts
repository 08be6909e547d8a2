// What a server's rules cost where frames really arrive: the same traffic through early verdicts, our netfilter programs,
// iptables-legacy and nftables, without connection state and with it.
//
// Of each kind of traffic all frames meet one rule: what is dropped, or what is accepted, for a socket that nobody reads, so
// that what comes behind the rules is the same and little. Each subject has a wire of its own.

import { spawnSync } from 'node:child_process';
import { formatAddress, parseAddress } from '../../src/base/ipv4.ts';
import { closeDescriptor } from '../../src/kernel/bpf.ts';
import { systemCall } from '../../src/kernel/syscall.ts';
import { Commands } from '../harness/commands.ts';
import { readSavedCounters } from '../harness/iptables.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import { buildPacket } from '../harness/packet-builder.ts';
import type { BenchOptions } from './bench.ts';
import { NOTHING, type WireRow } from './early-tables.ts';
import { takeTurns } from './measure.ts';
import { frameOf } from './subject-programs.ts';
import { onSenderCpu, Wire, type WireSample } from './wire.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;
/** Frames sent for a sample. */
const FRAMES = { whole: 200_000, quick: 20_000 } as const;
const [HOST, CLIENT] = [parseAddress('10.9.0.1')!, parseAddress('198.18.0.1')!];
const [SERVED, CLOSED, FIRST_PORT] = [5000, 9, 4000];
/** Connections that are known. */
const FLOWS = 64;
/** Different packets that are dropped. */
const STRANGERS = 8192;

type Traffic = { readonly packet: 'dropped' | 'accepted' | 'of a connection'; readonly frames: readonly Uint8Array[] };

function frame(bytes: Uint8Array): Uint8Array {
  return frameOf({ hook: 'INPUT', inDevice: '', outDevice: '', bytes });
}

const DROPPED: Traffic = {
  packet: 'dropped',
  frames: Array.from({ length: STRANGERS }, (_, i) => {
    const transport = { kind: 'tcp' as const, flags: 2, sport: 1024 + i, dport: CLOSED };
    return frame(buildPacket({ source: CLIENT + 1 + i, destination: HOST, transport }));
  }),
};

const KNOWN = Array.from({ length: FLOWS }, (_, i) => {
  const transport = { kind: 'udp' as const, sport: FIRST_PORT + i, dport: SERVED };
  return frame(buildPacket({ source: CLIENT, destination: HOST, transport }));
});

function trafficOf(stateful: boolean): readonly Traffic[] {
  return [DROPPED, { packet: stateful ? 'of a connection' : 'accepted', frames: KNOWN }];
}

/** A server that drops what it does not serve: as iptables and as nftables say it. */
function rulesOf(stateful: boolean): { readonly iptables: string; readonly nft: string } {
  const rules: readonly (readonly [iptables: string, nft: string])[] = [
    ['-i lo -j ACCEPT', 'iifname lo counter accept'],
    ...(stateful
      ? ([
          ['-m conntrack --ctstate INVALID -j DROP', 'ct state invalid counter drop'],
          ['-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT', 'ct state established,related counter accept'],
        ] as const)
      : []),
    ['-p icmp -j ACCEPT', 'meta l4proto icmp counter accept'],
    ...[22, 80, 443].map((port) => [`-p tcp --dport ${port} -j ACCEPT`, `tcp dport ${port} counter accept`] as const),
    ...(stateful ? [] : ([[`-p udp --dport ${SERVED} -j ACCEPT`, `udp dport ${SERVED} counter accept`]] as const)),
    ['-j DROP', 'counter drop'],
  ];
  const chains = [':INPUT DROP [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]'];
  const hook = 'type filter hook input priority 0; policy drop;';
  return {
    iptables: ['*filter', ...chains, ...rules.map(([rule]) => `-A INPUT ${rule}`), 'COMMIT', ''].join('\n'),
    nft: `table ip server {\nchain input {\n${hook}\n${rules.map(([, rule]) => `${rule}\n`).join('')}}\n}\n`,
  };
}

/** Rules in force. */
interface Enforced {
  /** Packets that the rules have counted; nothing where there are none. */
  counted(): number | undefined;
  /** Those that were dropped before netfilter, where that is what is measured. */
  early?(): number;
  remove(): void;
}

interface Subject {
  readonly name: string;
  enforce(stateful: boolean, namespace: Namespace, device: string): Enforced;
}

const SUBJECTS: readonly Subject[] = [
  {
    name: NOTHING,
    enforce: (stateful, namespace) => {
      const track = '-t security -A INPUT -m conntrack --ctstate INVALID';
      if (stateful) namespace.exec('iptables-legacy', track.split(' '));
      return { counted: () => undefined, remove: () => {} };
    },
  },
  ours('bpfilter, exact, native XDP', (device) => ['--placement', 'exact', '--mode', 'native', '--device', device]),
  ours('bpfilter, exact, generic XDP', (device) => ['--placement', 'exact', '--mode', 'generic', '--device', device]),
  ours('bpfilter, netfilter', () => ['--placement', 'netfilter']),
  {
    name: 'iptables-legacy',
    enforce: (stateful, namespace) => {
      run(namespace, 'iptables-legacy-restore', [], rulesOf(stateful).iptables);
      return { counted: () => saved(run(namespace, 'iptables-legacy-save', ['-c', '-t', 'filter'])), remove: () => {} };
    },
  },
  {
    name: 'nft',
    enforce: (stateful, namespace) => {
      run(namespace, 'nft', ['-f', '-'], rulesOf(stateful).nft);
      return {
        counted: () =>
          [...run(namespace, 'nft', ['list', 'ruleset']).matchAll(/counter packets (\d+)/g)].reduce(
            (sum, [, count]) => sum + Number(count),
            0,
          ),
        remove: () => {},
      };
    },
  },
];

function ours(name: string, words: (device: string) => readonly string[]): Subject {
  return {
    name,
    enforce: (stateful, namespace, device) => {
      const commands = new Commands(namespace, DIST);
      try {
        commands.run('bpfilter', ['apply', '-', ...words(device)], rulesOf(stateful).iptables);
      } catch (error) {
        commands.remove();
        throw error;
      }
      const early = () =>
        Number(JSON.parse(commands.run('bpfilter', ['status', '--json'])).families.ipv4.early.dropped);
      return {
        counted: () => saved(commands.run('save', ['-c'])),
        ...(name.includes('exact') && { early }),
        remove: () => commands.remove(),
      };
    },
  };
}

function saved(text: string): number {
  return readSavedCounters(text)
    .get('INPUT')!
    .rules.reduce((sum, { packets }) => sum + Number(packets), 0);
}

function run(namespace: Namespace, command: string, words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = namespace.enter(() => spawnSync(command, words, { input, encoding: 'utf8' }));
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}

export async function measureWires(options: BenchOptions): Promise<WireRow[]> {
  const rows: WireRow[] = [];
  for (const stateful of [false, true]) {
    for (const traffic of trafficOf(stateful)) {
      options.progress(`on a wire: ${stateful ? 'stateful' : 'stateless'}, ${traffic.packet}`);
      // Without rules, packets to a closed port would be answered.
      const subjects = SUBJECTS.filter(({ name }) => name !== NOTHING || traffic !== DROPPED);
      const labels = subjects.flatMap((_, number) => [`send${number}`, `serve${number}`]);
      rows.push(...(await withNamespaces(labels, (made) => compare(stateful, traffic, subjects, made, options))));
    }
  }
  return rows;
}

function compare(
  stateful: boolean,
  { packet, frames }: Traffic,
  subjects: readonly Subject[],
  namespaces: readonly Namespace[],
  options: BenchOptions,
): WireRow[] {
  const running: { name: string; wire: Wire; enforced: Enforced; samples: WireSample[] }[] = [];
  const closers: (() => void)[] = [];
  try {
    for (const [number, { name, enforce }] of subjects.entries()) {
      const [client, server] = [namespaces[2 * number]!, namespaces[2 * number + 1]!];
      const wire = new Wire(number, client, server, frames);
      closers.push(() => wire.close());
      server.ip(`addr add ${formatAddress(HOST)}/32 dev ${wire.device}`);
      server.ip(`route add default dev ${wire.device}`);
      const enforced = enforce(stateful, server, wire.device);
      closers.push(() => enforced.remove());
      const socket = server.enter(openDeafSocket);
      closers.push(() => closeDescriptor(socket));
      // What is sent makes connections, of which the client's packets are answers.
      if (stateful) for (let i = 0; i < FLOWS; i++) sendTo(socket, CLIENT, FIRST_PORT + i);
      running.push({ name, wire, enforced, samples: [] });
    }
    const count = FRAMES[options.isQuick ? 'quick' : 'whole'];
    const taken = onSenderCpu(() =>
      takeTurns(
        running.map(({ name, wire, samples }) => ({
          name,
          sample: () => samples[samples.push(wire.send(count)) - 1]!.cpu,
        })),
        options,
      ),
    );
    return running.map(({ name, enforced, samples }) => {
      const received = samples.reduce((sum, sample) => sum + sample.received, 0);
      const counted = enforced.counted();
      if (counted !== undefined && counted !== received) {
        throw new Error(`${name} counted ${counted} packets, but ${received} arrived`);
      }
      if (packet === DROPPED.packet && enforced.early !== undefined && enforced.early() < received / 2) {
        throw new Error(`${name} dropped ${enforced.early()} of ${received} packets early`);
      }
      return { stateful, packet, subject: name, cpu: samples.slice(-taken.get(name)!.length).map(({ cpu }) => cpu) };
    });
  } finally {
    for (const close of closers.reverse()) close();
  }
}

/** A UDP socket at the served port that nobody reads: once it is full, what comes is thrown away. */
function openDeafSocket(): number {
  const [AF_INET, SOCK_DGRAM_CLOEXEC] = [2, 2 | 0o2000000];
  const socket = systemCall('open a socket', 'socket', AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  const address = socketAddress(HOST, SERVED);
  systemCall('bind a socket', 'bind', socket, address, address.length);
  return socket;
}

function sendTo(socket: number, host: number, port: number): void {
  const address = socketAddress(host, port);
  systemCall('send a datagram', 'sendto', socket, Buffer.from('x'), 1, 0, address, address.length);
}

/** `struct sockaddr_in` */
function socketAddress(host: number, port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(2, 0);
  address.writeUInt16BE(port, 2);
  address.writeUInt32BE(host, 4);
  return address;
}
