// The demonstration: enforces a ruleset with the real commands on a veth pair between two network namespaces of its own,
// sends traffic, and shows the rules with their hit counters and which packet was dropped where.
//
//   npm run demo -- [RULESET]
//
// Of every packet it knows what the reference interpreter says, whether the packet got through, and, of all together,
// what the counters say; it fails where they differ. Nothing outside its namespaces is touched, and all of it goes away.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { renderDiagnostic } from '../../src/base/diagnostic.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { interpret, type Outcome } from '../../src/reference/interpret.ts';
import type { Table } from '../../src/ruleset/model.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { Commands } from '../harness/commands.ts';
import { ExampleNetwork } from '../harness/example-network.ts';
import { readSavedCounters } from '../harness/iptables.ts';
import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import { formatPacket, parsePacket } from '../harness/packet-notation.ts';
import { differences, formatPlace, Tally } from '../harness/table-counters.ts';
import { packetsFor } from './packets.ts';
import { datagram, listen, type Talk, talk, talkFor } from './sockets.ts';

const DIST = new URL('.', import.meta.url).pathname;
const DEFAULT_RULESET = new URL('../rulesets/web-server.rules', import.meta.url).pathname;

/** A mistake of the user, told without a stack. */
class DemoError extends Error {}

async function main([word, json]: readonly string[]): Promise<number> {
  // In a namespace: this program, run by itself.
  if (word === '--listen') return listen(JSON.parse(json!));
  if (word === '--talk') return talk(JSON.parse(json!));

  if (process.getuid?.() !== 0) throw new DemoError('The demonstration makes network namespaces: it needs root.');
  const path = relative(process.cwd(), word ?? DEFAULT_RULESET);
  const text = readFileSync(path, 'utf8');
  const { ruleset, diagnostics } = parseRuleset(text, { file: path });
  if (diagnostics.length > 0)
    throw new DemoError(diagnostics.map((one) => renderDiagnostic(one, text.split('\n'))).join('\n'));
  const table = ruleset.tables.find(({ name }) => name === 'filter');
  if (table === undefined) throw new DemoError(`${path} has no filter table`);
  const { from, packets } = packetsFor(path);

  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new DemoError('Interrupted.')));
    }
  });
  return withNamespaces(['host', 'peer'], async ([host, peer]) => {
    const network = new ExampleNetwork(host!, peer!, packets);
    const commands = new Commands(host!, DIST);
    try {
      return await Promise.race([demonstrate({ path, text, table, packets, from }, network, commands), interrupted]);
    } finally {
      network.close();
      commands.remove();
    }
  });
}

interface Scene {
  readonly path: string;
  readonly text: string;
  readonly table: Table;
  readonly packets: readonly HookPacket[];
  /** Where the packets come from. */
  readonly from: string;
}

async function demonstrate(scene: Scene, network: ExampleNetwork, commands: Commands): Promise<number> {
  const { table, packets } = scene;
  console.log(`$ iptables-bpf-restore ${scene.path}`);
  commands.run('restore', [], scene.text);
  console.log(`$ bpfilter status\n${commands.run('bpfilter', ['status'])}`);

  const wrong = [...(await byRealSockets(scene, network)), ...byCraftedPackets(scene, network, commands)];

  console.log(`\n$ iptables-bpf -L -v -n --line-numbers`);
  console.log(commands.run('iptables', ['-L', '-v', '-n', '--line-numbers']));
  if (wrong.length > 0) {
    console.log(`Not as the reference interpreter says:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
    return 1;
  }
  const rules = table.chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  console.log(
    `All ${packets.length} packets and the counters of all ${rules} rules are as the reference interpreter says.`,
  );
  return 0;
}

/** Connections and datagrams between sockets of the two namespaces. Returns what is not as it should be. */
async function byRealSockets({ table, packets }: Scene, network: ExampleNetwork): Promise<string[]> {
  const pairs = packets.flatMap((packet) => {
    const one = talkFor(packet);
    return one === undefined ? [] : [{ packet, talk: one }];
  });
  const first = [...new Map(pairs.map((pair) => [`${pair.talk.protocol} ${datagram(pair.talk)}`, pair])).values()];
  if (first.length === 0) return [];
  const heard = await network.talk(() =>
    exchange(
      network.host,
      network.peer,
      first.map((pair) => pair.talk),
    ),
  );
  console.log('Real sockets, from the one namespace to the other:');
  return first.flatMap(({ packet, talk: one }, index) => {
    const blockedBy = obstacle(table, packet, one);
    const outcome = heard[index] ? (one.protocol === 'tcp' ? 'connected' : 'received') : 'no answer';
    const line = `${one.protocol} ${datagram(one)}`;
    const why = blockedBy === undefined ? '' : `dropped by ${blockedBy}`;
    console.log(`  ${line.padEnd(50)} ${outcome.padEnd(10)} ${why}`.trimEnd());
    return heard[index] === (blockedBy === undefined) ? [] : [`${line}: ${outcome}`];
  });
}

/** Who drops the packet, or the answer that a connection needs. */
function obstacle(
  table: Table,
  packet: HookPacket,
  { protocol, from, fromPort, to, toPort }: Talk,
): string | undefined {
  const request = interpret(table, packet);
  if (request.verdict === 'drop') return decider(request);
  if (protocol === 'udp') return undefined;
  const line = `OUTPUT out=${packet.inDevice} tcp ${to}:${toPort} > ${from}:${fromPort} syn ack`;
  const answer = interpret(table, parsePacket(line));
  return answer.verdict === 'drop' ? decider(answer) : undefined;
}

/** Has one namespace listen and the other talk; says of each whether it was heard. */
async function exchange(host: Namespace, peer: Namespace, talks: readonly Talk[]): Promise<boolean[]> {
  const start = (namespace: Namespace, role: string) => {
    const words = [process.execPath, process.argv[1]!, role, JSON.stringify(talks)];
    const child = spawn('ip', ['netns', 'exec', namespace.name, ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines: string[] = [];
    const ended = new Promise<string[]>((resolve) => child.on('close', () => resolve(lines.join('').split('\n'))));
    const spoke = new Promise<void>((resolve) => {
      child.stdout.on('data', (data) => resolve(void lines.push(String(data))));
      child.on('close', resolve);
    });
    // A child that is left behind would keep its namespace.
    process.once('exit', () => child.kill());
    return { child, spoke, ended };
  };
  const listener = start(host, '--listen');
  await listener.spoke;
  const connected = JSON.parse((await start(peer, '--talk').ended)[0]!) as boolean[];
  listener.child.stdin.end();
  const received = JSON.parse((await listener.ended)[1]!) as string[];
  return talks.map((one, index) => connected[index]! || received.includes(datagram(one)));
}

/** All the packets as they are written, with counters from zero. Returns what is not as it should be. */
function byCraftedPackets({ table, packets, from }: Scene, network: ExampleNetwork, commands: Commands): string[] {
  commands.run('iptables', ['-Z']);
  const outcomes = packets.map((packet) => interpret(table, packet));
  const expected = outcomes.map(({ verdict }) => verdict === 'accept');
  const arrived = network.send(expected);
  console.log(`\nPackets of ${from}, after \`iptables-bpf -Z\`:`);
  const wrong: string[] = [];
  const tally = new Tally(table);
  for (const [index, packet] of packets.entries()) {
    const outcome = outcomes[index]!;
    const line = formatPacket(packet).split('\n')[0]!;
    const fate = arrived[index] ? 'got through' : 'dropped';
    console.log(`  ${line.padEnd(84)} ${fate.padEnd(11)} ${decider(outcome)}`);
    if (arrived[index] !== expected[index]) wrong.push(`${line}: ${fate}`);
    tally.add(outcome, packet.bytes.length);
  }
  return [...wrong, ...differences(tally.counters, readSavedCounters(commands.run('save', ['-c'])))];
}

/** The rule or policy that decided. */
function decider({ counted, hotdrop }: Outcome): string {
  return hotdrop ? 'a match, for its header is cut' : formatPlace(counted.at(-1)!);
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    console.error(error instanceof DemoError ? error.message : error);
    process.exit(1);
  },
);
