// Rulesets replace each other 1 000 times at each placement, and one is edited 200 times, while packets of both families meet
// all three hooks.
//
// Ports 1000 (always accepted), 1001 (always dropped) and 1002 (now accepted, now dropped): no packet to the first may be
// lost, none to the second may get through, and every packet must be counted, once, by rules that stay through all changes.
//
// What gets through is counted right behind our hooks, by chains of nftables that then drop it: sockets, neighbours and other
// hosts, which may lose packets of their own, are not in between. On the wire in front of the router packets are lost where
// the machine's queue of incoming packets is full; the device that sends them counts these.

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAMILIES, type Family } from '../../src/base/family.ts';
import { ADDRESSES, Network } from './network.ts';

const PORTS = ['1000', '1001', '1002'];
/** Of each family. */
const FLIPS = 500;
const EDITS = 200;
const UDP = new URL('udp.mjs', import.meta.url).pathname;
const FLIPPER = new URL('flipper.ts', import.meta.url).pathname;
const EDITOR = new URL('editor.ts', import.meta.url).pathname;

function rules(verdict: 'ACCEPT' | 'DROP', order: 'first' | 'last', family: Family = 'ipv4'): string {
  const stranger = (i: number) => (family === 'ipv4' ? `192.0.2.${i}/32` : `2001:db8::${i}/128`);
  const filler = Array.from({ length: 50 }, (_, i) => `-A work -s ${stranger(i)} -j DROP`);
  const work = [
    '-A work -p udp -m udp --dport 1000 -j ACCEPT',
    '-A work -p udp -m udp --dport 1001 -j DROP',
    `-A work -p udp -m udp --dport 1002 -j ${verdict}`,
  ];
  return `${[
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':work - [0:0]',
    ...['INPUT', 'FORWARD', 'OUTPUT'].map((chain) => `-A ${chain} -p udp -m udp --dport 1000:1002 -j work`),
    ...(order === 'first' ? [...work, ...filler] : [...filler, ...work]),
    'COMMIT',
  ].join('\n')}\n`;
}

const HOOKS = ['INPUT', 'FORWARD', 'OUTPUT'] as const;
type Hook = (typeof HOOKS)[number];

/** Packets by hook and port. */
type Packets = Record<Hook, Record<string, number>>;

interface Traffic {
  readonly sent: Packets;
  /** What the rules let through. */
  readonly passed: Packets;
}

/** Sends packets of the families through all hooks while something is done on the router. */
async function underTraffic(
  network: Network,
  families: readonly Family[],
  work: () => Promise<unknown>,
): Promise<{ readonly traffic: ReadonlyMap<Family, Traffic>; readonly lost: number }> {
  knowTheRouter(network);
  for (const family of families) countBehind(network, family);
  const senders = families.flatMap((family) =>
    HOOKS.map((hook) => {
      const { from, to } = WAYS[hook];
      const { ended, stop } = network.start(from, 'node', [UDP, 'send', ADDRESSES[family][to], ...PORTS]);
      return { family, hook, ended, stop };
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  await work();
  for (const { stop } of senders) stop();
  const sent = await Promise.all(senders.map(async ({ ended }) => JSON.parse(await ended) as Record<string, number>));
  const sentOf = (family: Family, hook: Hook) =>
    sent[senders.findIndex((sender) => sender.family === family && sender.hook === hook)]!;
  const traffic = families.map((family) => {
    const ofHooks = (packets: (hook: Hook) => Record<string, number>): Packets => ({
      INPUT: packets('INPUT'),
      FORWARD: packets('FORWARD'),
      OUTPUT: packets('OUTPUT'),
    });
    return [
      family,
      { sent: ofHooks((hook) => sentOf(family, hook)), passed: ofHooks((hook) => passed(network, family, hook)) },
    ] as const;
  });
  return { traffic: new Map(traffic), lost: lostOnTheWire(network) };
}

const WAYS = {
  INPUT: { from: 'left', to: 'router' },
  FORWARD: { from: 'left', to: 'right' },
  OUTPUT: { from: 'router', to: 'left' },
} as const;

/** Tells the sending host once and for all where the router is. */
function knowTheRouter(network: Network): void {
  const mac = '02:00:00:00:00:01';
  network.exec('router', 'ip', ['link', 'set', 'in0', 'address', mac]);
  for (const family of FAMILIES) {
    network.exec('left', 'ip', ['neigh', 'replace', ADDRESSES[family].router, 'lladdr', mac, 'dev', 'eth0']);
  }
}

const TABLE: Readonly<Record<Family, string>> = { ipv4: 'ip', ipv6: 'ip6' };

/** Counts by port, and drops, what gets through the rules. */
function countBehind(network: Network, family: Family): void {
  const counts = PORTS.map((port) => `udp dport ${port} counter drop`).join('\n');
  const chains = HOOKS.map(
    (hook) => `chain ${hook} {\ntype filter hook ${hook.toLowerCase()} priority 10\n${counts}\n}`,
  );
  const { code, err } = network.exec(
    'router',
    'nft',
    ['-f', '-'],
    `table ${TABLE[family]} behind {\n${chains.join('\n')}\n}`,
  );
  if (code !== 0) throw new Error(err);
}

function passed(network: Network, family: Family, hook: Hook): Record<string, number> {
  const { out } = network.exec('router', 'nft', ['list', 'chain', TABLE[family], 'behind', hook]);
  const count = (port: string) => Number(new RegExp(`dport ${port} counter packets (\\d+)`).exec(out)?.[1]);
  return Object.fromEntries(PORTS.map((port) => [port, count(port)]));
}

/** Packets of INPUT and FORWARD that never came to the router. */
function lostOnTheWire(network: Network): number {
  return Number(network.exec('left', 'cat', ['/sys/class/net/eth0/statistics/tx_dropped']).out);
}

/** Expects as many as were sent, but for what was lost on the wire. */
function expectAll(found: number, sent: number, lost: number, what: string): void {
  if (found < sent - lost || found > sent) expect.fail(`${what}: ${found} of ${sent}, and ${lost} lost on the wire`);
}

function expectVerdicts({ sent, passed }: Traffic, lost: number): void {
  for (const hook of HOOKS) {
    expect(sent[hook][1000], `${hook}: enough traffic`).toBeGreaterThan(300);
    expectAll(passed[hook][1000]!, sent[hook][1000]!, hook === 'OUTPUT' ? 0 : lost, `${hook}: what is always accepted`);
    expect(passed[hook][1001], `${hook}: what is always dropped`).toBe(0);
    expect(passed[hook][1002], `${hook}: some accepted`).toBeGreaterThan(0);
    expect(passed[hook][1002], `${hook}: some dropped`).toBeLessThan(sent[hook][1002]!);
  }
}

/** What the first rule whose line has this text has counted. */
function countedBy(network: Network, text: string, family: Family = 'ipv4'): number {
  const save = family === 'ipv4' ? 'iptables-save' : 'ip6tables-save';
  const saved = network.exec('router', process.execPath, [IPTABLES, save, '-c']).out;
  const line = saved.split('\n').find((each) => each.includes(text));
  return Number(/^\[(\d+):/.exec(line ?? '')?.[1]);
}

/** The rules that were there all the time have counted every packet. */
function expectCounts(network: Network, { sent, passed }: Traffic, lost: number, family: Family = 'ipv4'): void {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  const counted = (text: string) => countedBy(network, text, family);
  for (const hook of HOOKS) {
    const all = sum(PORTS.map((port) => sent[hook][port]!));
    expectAll(counted(`-A ${hook} `), all, hook === 'OUTPUT' ? 0 : lost, `${hook}: counted`);
  }
  expect(counted('--dport 1000 -j ACCEPT')).toBe(sum(HOOKS.map((hook) => passed[hook][1000]!)));
  const dropped = sum(HOOKS.map((hook) => sent[hook][1001]!));
  expectAll(counted('--dport 1001 -j DROP'), dropped, lost, 'counted of what is always dropped');
}

/** Expects that no packet has found no rules; returns the generation of each family. */
function expectNothingDropped(network: Network): Readonly<Record<Family, number>> {
  const { families } = JSON.parse(network.bpfilter('status', '--json'));
  for (const family of FAMILIES) expect(families[family].dropped).toEqual({ emptySlot: '0', undecided: '0' });
  return { ipv4: families.ipv4.generation, ipv6: families.ipv6.generation };
}

// At placement exact what is dropped at INPUT and FORWARD is dropped at XDP, but what comes while the rules are new.
test.each(['netfilter', 'exact'] as const)(
  '%s: no packet gets a verdict that neither ruleset gives, and none is lost to the counters',
  async (placement) => {
    const network = new Network({ ipv6: true });
    try {
      const place = placement === 'exact' ? ['--mode', 'generic', '--device', 'in0', '--device', 'out0'] : [];
      const flippers = FAMILIES.map((family) => {
        const [a, b] = [network.path(`a.${family}`), network.path(`b.${family}`)];
        writeFileSync(a, rules('ACCEPT', 'first', family));
        writeFileSync(b, rules('DROP', 'last', family));
        network.bpfilter('apply', ...(family === 'ipv6' ? ['--ipv6'] : []), a, '--placement', placement, ...place);
        const words = [FLIPPER, String(FLIPS), family, placement, b, a];
        return () => network.start('router', 'node', ['--import', 'tsx', ...words]).ended;
      });
      let early: string[] = [];
      const { traffic, lost } = await underTraffic(network, FAMILIES, async () => {
        early = await Promise.all(flippers.map((start) => start()));
      });
      const generations = expectNothingDropped(network);
      for (const family of FAMILIES) {
        expect(generations[family]).toBeGreaterThan(FLIPS);
        expectVerdicts(traffic.get(family)!, lost);
        expectCounts(network, traffic.get(family)!, lost, family);
      }
      if (placement === 'netfilter') return;
      const { sent } = traffic.get('ipv4')!;
      expect(Number(early[0]), 'dropped early').toBeGreaterThan((sent.INPUT[1001]! + sent.FORWARD[1001]!) / 100);
    } finally {
      network.remove();
    }
  },
  900_000,
);

test('while one process edits the ruleset, nothing is lost to the counters and new rules begin at zero', async () => {
  const network = new Network();
  try {
    writeFileSync(network.path('a.rules'), rules('ACCEPT', 'first'));
    network.bpfilter('apply', network.path('a.rules'), '--placement', 'netfilter');
    let edited = '';
    const { traffic, lost } = await underTraffic(network, ['ipv4'], async () => {
      edited = await network.start('router', 'node', ['--import', 'tsx', EDITOR, String(EDITS)]).ended;
    });
    const { sent, passed } = traffic.get('ipv4')!;
    expect(expectNothingDropped(network).ipv4).toBe(EDITS + 1);
    expectVerdicts({ sent, passed }, lost);
    expectCounts(network, { sent, passed }, lost);
    const { counterMaps, dropped } = JSON.parse(edited);
    expect(counterMaps, 'maps were shared, and replaced when they were full').toBeGreaterThan(1);
    expect(counterMaps).toBeLessThan(10);
    const accepted = HOOKS.reduce((sum, hook) => sum + passed[hook][1002]!, 0);
    const others = HOOKS.reduce((sum, hook) => sum + sent[hook][1002]!, -accepted);
    expect(countedBy(network, '--dport 1002 -j ACCEPT')).toBe(accepted);
    expect(dropped, 'what a rule that came and went has counted, each time anew').toBeGreaterThan(0);
    expect(dropped).toBeLessThanOrEqual(others);
  } finally {
    network.remove();
  }
}, 240_000);

const IPTABLES = new URL('../../dist/iptables-bpf.cjs', import.meta.url).pathname;
