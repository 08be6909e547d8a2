// Random rules in front of the filter table, of NAT and of all else, as text for iptables-restore and for nft, and packets that they are
// about.

import type { Family } from '../../src/base/family.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { packetsOf } from './beside.ts';
import type { Choice } from './random.ts';

interface Words {
  readonly destinations: readonly string[];
  /** By device. */
  readonly sources: Readonly<Record<'eth0' | 'eth1' | 'veth0', readonly string[]>>;
  readonly masks: readonly string[];
  /** Destinations that nobody but NAT gives: of the router and of others. */
  readonly given: readonly [string, string];
  /** The family's, in nft. */
  readonly nft: 'ip' | 'ip6';
}

const WORDS: Readonly<Record<Family, Words>> = {
  ipv4: {
    destinations: ['10.0.0.1', '10.0.0.2', '10.64.0.1', '10.192.0.1', '10.224.0.1'],
    sources: {
      eth0: ['11.1.2.3', '192.168.1.1'],
      eth1: ['198.51.100.7', '198.51.100.8', '172.16.5.4'],
      veth0: ['11.0.0.1', '11.0.0.2', '10.192.0.2'],
    },
    masks: ['32', '32', '31', '24', '16', '9', '8', '255.0.0.255', '1'],
    given: ['10.0.0.77', '10.192.0.77'],
    nft: 'ip',
  },
  ipv6: {
    destinations: ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '2001:db8:c000::1', '2001:db8:e000::1'],
    sources: {
      eth0: ['fd00::1', 'fd00::2'],
      eth1: ['fd00::7', '2a01::7', 'fd00:0:1::1'],
      veth0: ['2001:db8:c000::2', 'fd00:1:2:3::4'],
    },
    masks: ['128', '128', '127', '64', '63', '48', '35', '12', 'ffff::ffff', '1'],
    given: ['2001:db8::77', '2001:db8:c000::77'],
    nft: 'ip6',
  },
};
const DEVICES = ['eth0', 'eth1', 'veth0', 'eth+', 'v+', 'eth9'];
const PORTS = [0, 22, 53, 80, 81, 1023, 8080, 65535];
const REDIRECT = 'REDIRECT --to-ports 777';

/** Drops all, and counts apart what NAT has changed. */
export function natFilter(family: Family): string {
  const [ours, others] = WORDS[family].given;
  return `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -d ${ours} -j DROP
-A INPUT -p tcp -m tcp --dport 777 -j DROP
-A INPUT -p udp -m udp --dport 777 -j DROP
-A FORWARD -d ${others} -j DROP
COMMIT
`;
}

/** The table nat with some rules at PREROUTING and in two chains. */
export function randomNat(choice: Choice, family: Family): string {
  const rules = (chain: string, chains: readonly string[]) =>
    Array.from({ length: choice.integer(0, 4) }, () => `-A ${chain} ${randomRule(choice, chains, WORDS[family])}`);
  const lines = [...rules('PREROUTING', ['one', 'two']), ...rules('one', ['two']), ...rules('two', [])];
  return ['*nat', ':PREROUTING ACCEPT', ':one -', ':two -', ...lines, 'COMMIT', ''].join('\n');
}

function randomRule(choice: Choice, chains: readonly string[], words: Words): string {
  const { asked, isPorted } = randomAsked(choice, words);
  // What is translated meets other rules of the filter than what is not.
  const targets = [...words.given.map((address) => `DNAT --to-destination ${address}`), 'RETURN', 'ACCEPT'];
  const target = choice.chance(0.3) ? [...chains, 'RETURN'] : [...targets, ...(isPorted ? [REDIRECT] : [])];
  return `${asked.join(' ')} -j ${choice.pick(target)}`;
}

function randomAsked(choice: Choice, words: Words): { readonly asked: string[]; readonly isPorted: boolean } {
  const not = () => (choice.chance(0.2) ? '! ' : '');
  const asked: string[] = [];
  if (choice.chance(0.3)) asked.push(`${not()}-i ${choice.pick(DEVICES)}`);
  if (choice.chance(0.3)) asked.push(`${not()}-s ${choice.pick(sourcesOf(words))}/${choice.pick(words.masks)}`);
  if (choice.chance(0.4)) asked.push(`${not()}-d ${choice.pick(words.destinations)}/${choice.pick(words.masks)}`);
  const protocol = choice.pick(['', 'tcp', 'tcp', 'udp', 'udp', '47']);
  const isPorted = protocol === 'tcp' || protocol === 'udp';
  if (protocol !== '') asked.push(`${isPorted ? '' : not()}-p ${protocol}`);
  if (isPorted && choice.chance(0.8)) asked.push(randomPorts(choice, protocol, not));
  if (choice.chance(0.1)) asked.push('-m addrtype --dst-type LOCAL');
  return { asked, isPorted };
}

/** The tables raw and mangle with some rules, in front of the filter table and elsewhere, and in a chain of theirs. */
export function randomFront(choice: Choice, family: Family): string {
  const rules = (most: number, ...chains: readonly string[]) =>
    chains.flatMap((chain) =>
      Array.from(
        { length: choice.integer(0, most) },
        () => `-A ${chain} ${randomFrontRule(choice, chain === 'one' ? [] : ['one'], WORDS[family])}`,
      ),
    );
  const begin = (name: string) => [`*${name}`, ':PREROUTING ACCEPT', ':OUTPUT ACCEPT', ':one -'];
  return [
    ...[...begin('raw'), ...rules(2, 'PREROUTING', 'one'), 'COMMIT'],
    ...[
      ...begin('mangle'),
      `:INPUT ${choice.chance(0.1) ? 'DROP' : 'ACCEPT'}`,
      ':FORWARD ACCEPT',
      ':POSTROUTING ACCEPT',
    ],
    ...[...rules(2, 'PREROUTING', 'INPUT', 'FORWARD', 'one'), 'COMMIT', ''],
  ].join('\n');
}

/** Matches that remember packets tell whether one was left out. */
const EVERY_SECOND = '-m statistic --mode nth --every 2 --packet 0';

function randomFrontRule(choice: Choice, chains: readonly string[], words: Words): string {
  const { asked } = randomAsked(choice, words);
  if (choice.chance(0.1)) asked.splice(choice.integer(0, asked.length), 0, EVERY_SECOND);
  if (!asked.some((each) => /-p /.test(each)) && choice.chance(0.8))
    asked.push(`-p tcp --tcp-flags ${choice.pick(['SYN,RST SYN', 'SYN,RST,ACK,FIN SYN', 'ALL ACK', 'ACK ACK'])}`);
  return `${asked.join(' ')} ${choice.pick(['', ...[...chains, 'DROP', 'ACCEPT', 'RETURN'].map((each) => `-j ${each}`)])}`;
}

/** The same in nft, with chains before others and behind us. */
export function randomNftFront(choice: Choice, family: Family): string {
  const words = WORDS[family];
  const rules = (chains: readonly string[]) =>
    Array.from({ length: choice.integer(1, 3) }, () => `    ${randomNftRule(choice, chains, words, FRONT_TARGETS)}`);
  const base = (hook: string, priority: number) => [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority ${priority};`,
    ...[...rules(['one', 'two']), '  }'],
  ];
  return [
    ...[`table ${words.nft} front`, `delete table ${words.nft} front`, `table ${words.nft} front {`],
    ...['  set ports { type inet_service; counter; elements = { 7, 22, 53 } }'],
    ...['  chain two {', ...rules([]), '  }', '  chain one {', ...rules(['two']), '  }'],
    ...[...base('prerouting', choice.pick([-310, -150, 5])), ...base('input', choice.pick([-20, -1]))],
    ...[...base('forward', -150), ...base('postrouting', 0), '}', ''],
  ].join('\n');
}

const FRONT_TARGETS = ['counter drop', 'counter accept', 'counter', 'accept', 'drop', 'return', 'meta mark set 1'];

function sourcesOf({ sources }: Words): string[] {
  return Object.values(sources).flat();
}

function randomPorts(choice: Choice, protocol: string, not: () => string): string {
  const port = () => choice.pick(PORTS);
  if (choice.chance(0.3))
    return `-m multiport ${not()}${choice.pick(['--dports', '--sports'])} ${port()},${range(choice)}`;
  return `-m ${protocol} ${not()}${choice.pick(['--dport', '--dport', '--sport'])} ${range(choice)}`;
}

function range(choice: Choice, separator = ':'): string {
  const [low, high] = [choice.pick(PORTS), choice.pick(PORTS)].sort((a, b) => a - b);
  return choice.chance(0.4) && low! < high! ? `${low}${separator}${high}` : `${low}`;
}

/** The same in nft, with sets and maps, which iptables has not. */
export function randomNft(choice: Choice, family: Family): string {
  const words = WORDS[family];
  const rules = (chains: readonly string[]) =>
    Array.from({ length: choice.integer(2, 5) }, () => `    ${randomNftRule(choice, chains, words)}`);
  const named = someOf(choice, PORTS).filter((port) => port > 0);
  return [
    `table ${words.nft} nat`,
    `delete table ${words.nft} nat`,
    `table ${words.nft} nat {`,
    `  set ports { type inet_service; elements = { ${[7, ...named].join(', ')} } }`,
    ...['  chain two {', ...rules([]), '  }', '  chain one {', ...rules(['two']), '  }'],
    ...['  chain pre {', '    type nat hook prerouting priority dstnat;', ...rules(['one', 'two']), '  }', '}', ''],
  ].join('\n');
}

function randomNftRule(
  choice: Choice,
  chains: readonly string[],
  words: Words,
  targets: readonly string[] = natTargets(words),
): string {
  const { nft } = words;
  const not = () => (choice.chance(0.2) ? '!= ' : '');
  const protocol = choice.pick(['tcp', 'udp']);
  const devices = () => `{ ${someOf(choice, ['eth0', 'eth1', 'veth0', 'eth9']).join(', ')} }`;
  const networks = (all: readonly string[]) =>
    `{ ${someOf(choice, all)
      .map((each) => network(choice, each, words))
      .join(', ')} }`;
  const asked: string[] = [];
  if (choice.chance(0.3))
    asked.push(`iifname ${not()}${choice.chance(0.5) ? devices() : choice.pick(['eth0', 'eth*'])}`);
  if (choice.chance(0.2)) asked.push(`${nft} saddr ${not()}${networks(sourcesOf(words))}`);
  if (choice.chance(0.2)) asked.push(`${nft} daddr ${not()}${network(choice, choice.pick(words.destinations), words)}`);
  const ports = `{ ${[...new Set([7, ...someOf(choice, PORTS)])].join(', ')} }`;
  const portAsked = [
    `${protocol} dport ${not()}${ports}`,
    `${protocol} sport ${range(choice, '-')}`,
    `${protocol} dport @ports`,
  ];
  const both = `${nft} daddr . ${protocol} dport { ${someOf(choice, words.destinations)
    .map((each) => `${each} . ${range(choice, '-')}`)
    .join(', ')} }`;
  asked.push(choice.pick([...portAsked, both, `meta l4proto ${protocol}`]));
  if (chains.length > 0 && choice.chance(0.4)) {
    const led = someOf(choice, [22, 53, 80, 8080]).map(
      (port) => `${port} : ${choice.pick(['jump', 'goto'])} ${choice.pick(chains)}`,
    );
    return `${asked.join(' ')} ${protocol} dport vmap { ${led.join(', ')}, 90-99 : accept }`;
  }
  return `${asked.join(' ')} ${choice.pick(targets)}`;
}

function natTargets({ given }: Words): string[] {
  return [...given.map((address) => `dnat to ${address}`), 'redirect to :777', 'redirect to :777', 'return'];
}

/** An address, or a network with it in it. */
function network(choice: Choice, address: string, { nft }: Words): string {
  return choice.chance(0.5) ? address : `${address}/${choice.pick(nft === 'ip' ? [32, 31, 30] : [128, 127, 126])}`;
}

function someOf<T>(choice: Choice, all: readonly T[]): T[] {
  const some = all.filter(() => choice.chance(0.6));
  return some.length > 0 ? some : [choice.pick(all)];
}

/** First packets of TCP and UDP. */
export function randomFirstPackets(choice: Choice, count: number, family: Family): HookPacket[] {
  const { destinations, sources } = WORDS[family];
  const lines = Array.from({ length: count }, () => {
    const device = choice.pick(['eth0', 'eth1', 'veth0'] as const);
    const [sport, dport] = [choice.chance(0.5) ? choice.pick(PORTS) : choice.integer(1024, 60_000), choice.pick(PORTS)];
    const [source, destination] = [choice.pick(sources[device]), choice.pick(destinations)];
    const [from, to] = family === 'ipv4' ? [source, destination] : [`[${source}]`, `[${destination}]`];
    return `INPUT in=${device} ${choice.pick(['udp', 'tcp'])} ${from}:${sport} > ${to}:${dport} syn`;
  });
  return packetsOf(...lines.map((line) => (line.includes(' udp ') ? line.replace(/ syn$/, '') : line)));
}
