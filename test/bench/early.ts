// What early verdicts cost, one packet again and again: a server's rules at XDP, with guards and with connections looked
// up, beside the same rules at placement xdp, which has neither, and at netfilter.
//
// The same traffic where frames really arrive, beside iptables-legacy and nftables, is in early-wire.ts.
//
// Three packets: one that is dropped early; one that the rules accept, which XDP leaves to netfilter; one of a connection
// that is known, which it leaves to netfilter as well. Each is above an empty program of its kind.

import { execFileSync } from 'node:child_process';
import type { EarlyFacts } from '../../src/base/early.ts';
import { parseAddress } from '../../src/base/ipv4.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { GUARD_MAP, GUARDS, guardMap } from '../../src/codegen/guards.ts';
import { systemKernel } from '../../src/engine/system-kernel.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import { buildPacket } from '../harness/packet-builder.ts';
import type { Bench, BenchOptions } from './bench.ts';
import { type EarlyRow, earlyTable, partsTable, wireTable } from './early-tables.ts';
import { measureWires } from './early-wire.ts';
import { takeTurns } from './measure.ts';
import { compileForBench, frameOf, SubjectPrograms } from './subject-programs.ts';

const REPEAT = { whole: 100_000, quick: 100 } as const;
const HERE = '10.9.0.1';
const [CLIENT_PORT, OPEN, CLOSED, SERVED] = [4000, 443, 9, 5000];

/** A server that drops what it does not serve; with `stateful`, as nearly all rulesets begin. */
function rulesOf(stateful: boolean): string {
  const state = [
    '-A INPUT -m conntrack --ctstate INVALID -j DROP',
    '-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
  ];
  const open = [22, 80, OPEN].map((port) => `-A INPUT -p tcp --dport ${port} -j ACCEPT`);
  const rules = ['-A INPUT -i lo0 -j ACCEPT', ...(stateful ? state : []), '-A INPUT -p icmp -j ACCEPT', ...open];
  return ['*filter', ':INPUT DROP [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]', ...rules, 'COMMIT', ''].join(
    '\n',
  );
}

function frame(protocol: 'tcp' | 'udp', dport: number): Uint8Array {
  const address = parseAddress(HERE)!;
  const ports = { sport: CLIENT_PORT, dport };
  const transport =
    protocol === 'tcp' ? { kind: 'tcp' as const, flags: 2, ...ports } : { kind: 'udp' as const, ...ports };
  const bytes = buildPacket({ source: address, destination: address, transport });
  return frameOf({ hook: 'INPUT', inDevice: 'lo', outDevice: '', bytes });
}

const PACKETS = [
  { name: 'dropped', frame: frame('tcp', CLOSED) },
  { name: 'accepted', frame: frame('tcp', OPEN) },
  { name: 'of a connection', frame: frame('udp', SERVED) },
] as const;

export const early: Bench = {
  name: 'early',
  summary:
    'early verdicts: guards, looking connections up, leaving packets to netfilter; beside iptables-legacy and nft',
  sizes: [],
  quickSizes: [],
  minutes: 2,
  seconds: 10,
  run: async (options) => {
    const single = await withNamespaces(['early'], ([namespace]) =>
      [false, true].flatMap((stateful) => measure(namespace!, stateful, options)),
    );
    const wire = await measureWires(options);
    return { tables: [earlyTable(single), partsTable(single), wireTable(wire)], data: { single, wire } };
  },
};

function measure(namespace: Namespace, stateful: boolean, options: BenchOptions): EarlyRow[] {
  namespace.ip(`addr replace ${HERE}/32 dev lo`);
  if (stateful) trackConnections(namespace);
  return namespace.enter(() => {
    const { ruleset } = parseRuleset(rulesOf(stateful), { file: 'early' });
    const host = parseAddress(HERE)!;
    const programs = new Map<string, { subject: SubjectPrograms; empty: SubjectPrograms }>();
    const open: SubjectPrograms[] = [];
    const make = (name: string, type: 'xdp' | 'netfilter', image: Image) => {
      const subject = new SubjectPrograms(type, 'INPUT', image);
      const empty = new SubjectPrograms(type, 'INPUT');
      open.push(subject, empty);
      programs.set(name, { subject, empty });
    };
    try {
      const compiled = (placement: 'xdp' | 'netfilter') => {
        const made = compileForBench(ruleset, placement, host);
        if ('refused' in made) throw new Error(made.refused);
        return made.image;
      };
      if (!stateful) make('placement xdp', 'xdp', compiled('xdp'));
      make('early', 'xdp', earlyImage(ruleset, host, stateful));
      programs.get('early')!.subject.write(GUARD_MAP, GUARDS.ipv4, systemKernel.surroundings('ipv4').words);
      make('netfilter', 'netfilter', compiled('netfilter'));
      return PACKETS.flatMap((packet) => {
        options.progress(`${stateful ? 'stateful' : 'stateless'}, ${packet.name}`);
        return compare(stateful, packet, programs, options);
      });
    } finally {
      for (const subject of open) subject.close();
    }
  });
}

/** Lets the namespace track connections, and makes one. */
function trackConnections(namespace: Namespace): void {
  namespace.exec('iptables-legacy', ['-t', 'security', '-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'NEW']);
  const send = `s=require('dgram').createSocket('udp4');s.bind(${CLIENT_PORT},'${HERE}',()=>s.send('x',${SERVED},'${HERE}',()=>s.close()))`;
  execFileSync('ip', ['netns', 'exec', namespace.name, process.execPath, '-e', send]);
}

/** The image of placement exact, with what it compares words with; packets of test runs come in by the loopback device. */
function earlyImage(ruleset: Parameters<typeof compileForBench>[0], host: number, tracked: boolean): Image {
  const devices = [{ name: 'lo', sources: [{ low: 0x01000000, high: 0x7effffff }], forwards: false }];
  const facts: EarlyFacts = { family: 'ipv4', local: [{ low: host, high: host }], routed: [], devices };
  const ground = { facts, tracked, unexpected: true };
  const compiled = compileForBench(ruleset, 'exact', host, { early: ground });
  if ('refused' in compiled) throw new Error(compiled.refused);
  return { ...compiled.image, maps: [...compiled.image.maps, guardMap()] };
}

function compare(
  stateful: boolean,
  packet: (typeof PACKETS)[number],
  programs: ReadonlyMap<string, { subject: SubjectPrograms; empty: SubjectPrograms }>,
  options: BenchOptions,
): EarlyRow[] {
  const repeat = options.isQuick ? REPEAT.quick : REPEAT.whole;
  const subjects = [...programs].flatMap(([name, { subject, empty }]) => [
    { name, sample: () => subject.runSingle(packet.frame, repeat) },
    { name: `empty ${name}`, sample: () => empty.runSingle(packet.frame, repeat) },
  ]);
  const samples = takeTurns(subjects, options);
  return [...programs.keys()].map((name) => ({
    stateful,
    packet: packet.name,
    subject: name,
    above: samples.get(name)!.map((figure, i) => figure - samples.get(`empty ${name}`)![i]!),
    verdict: programs.get(name)!.subject.verdict(packet.frame),
  }));
}
