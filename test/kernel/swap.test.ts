// Rulesets replace each other 200 times, and one is edited 200 times, while packets meet all three hooks.
//
// Ports 1000 (always accepted), 1001 (always dropped) and 1002 (now accepted, now dropped): no packet to the first may be
// lost, none to the second may arrive, and every packet must be counted, once, by rules that stay through all changes.
// Rules of IPv6 are replaced while those of IPv4 are, by another process.

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAMILIES, type Family } from '../../src/base/family.ts';
import { ADDRESSES, Network } from './network.ts';

const PORTS = ['1000', '1001', '1002'];
const FLIPS = 200;
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

/** Packets by hook and port. */
type Packets = Record<(typeof HOOKS)[number], Record<string, number>>;

/** Sends packets through all hooks while something is done on the router. */
async function underTraffic(
  network: Network,
  work: () => Promise<unknown>,
  family: Family = 'ipv4',
): Promise<{ sent: Packets; arrived: Packets }> {
  const receive = family === 'ipv4' ? 'receive' : 'receive6';
  const address = ADDRESSES[family];
  const receivers = {
    INPUT: network.start('router', 'node', [UDP, receive, ...PORTS]),
    FORWARD: network.start('right', 'node', [UDP, receive, ...PORTS]),
    OUTPUT: network.start('left', 'node', [UDP, receive, ...PORTS]),
  };
  await new Promise((resolve) => setTimeout(resolve, 500));
  const senders = {
    INPUT: network.start('left', 'node', [UDP, 'send', address.router, ...PORTS]),
    FORWARD: network.start('left', 'node', [UDP, 'send', address.right, ...PORTS]),
    OUTPUT: network.start('router', 'node', [UDP, 'send', address.left, ...PORTS]),
  };
  await new Promise((resolve) => setTimeout(resolve, 300));
  await work();
  for (const sender of Object.values(senders)) sender.stop();
  const sent = await collect(senders);
  for (const receiver of Object.values(receivers)) receiver.stop();
  return { sent, arrived: await collect(receivers) };
}

function expectVerdicts({ sent, arrived }: { sent: Packets; arrived: Packets }): void {
  for (const hook of HOOKS) {
    expect(sent[hook][1000], `${hook}: enough traffic`).toBeGreaterThan(300);
    expect(arrived[hook][1000], `${hook}: what is always accepted`).toBe(sent[hook][1000]);
    expect(arrived[hook][1001], `${hook}: what is always dropped`).toBe(0);
    expect(arrived[hook][1002], `${hook}: some accepted`).toBeGreaterThan(0);
    expect(arrived[hook][1002], `${hook}: some dropped`).toBeLessThan(sent[hook][1002]!);
  }
}

/** What the first rule whose line has this text has counted. */
function countedBy(network: Network, text: string, save = 'iptables-save'): number {
  const saved = network.exec('router', process.execPath, [IPTABLES, save, '-c']).out;
  const line = saved.split('\n').find((each) => each.includes(text));
  return Number(/^\[(\d+):/.exec(line ?? '')?.[1]);
}

/** The rules that were there all the time have counted every packet. */
function expectCounts(network: Network, sent: Packets, save?: string): void {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  for (const hook of HOOKS) {
    expect(countedBy(network, `-A ${hook} `, save), hook).toBe(sum(PORTS.map((port) => sent[hook][port]!)));
  }
  expect(countedBy(network, '--dport 1000 -j ACCEPT', save)).toBe(sum(HOOKS.map((hook) => sent[hook][1000]!)));
  expect(countedBy(network, '--dport 1001 -j DROP', save)).toBe(sum(HOOKS.map((hook) => sent[hook][1001]!)));
}

function expectNothingDropped(network: Network, generation: number): void {
  const { families } = JSON.parse(network.bpfilter('status', '--json'));
  expect(families.ipv4.generation).toBe(generation);
  for (const family of FAMILIES) expect(families[family].dropped).toEqual({ emptySlot: '0', undecided: '0' });
}

test('no packet gets a verdict that neither ruleset gives, and none is lost to the counters', async () => {
  const network = new Network();
  try {
    writeFileSync(network.path('a.rules'), rules('ACCEPT', 'first'));
    writeFileSync(network.path('b.rules'), rules('DROP', 'last'));
    network.bpfilter('apply', network.path('a.rules'));
    const files = [network.path('b.rules'), network.path('a.rules')];
    const traffic = await underTraffic(
      network,
      () =>
        network.start('router', 'node', ['--import', 'tsx', FLIPPER, String(FLIPS), 'ipv4', 'netfilter', ...files])
          .ended,
    );
    expectVerdicts(traffic);
    expectNothingDropped(network, FLIPS + 1);
    expectCounts(network, traffic.sent);
  } finally {
    network.remove();
  }
}, 240_000);

// Both give early verdicts, at INPUT and FORWARD: what is dropped is dropped at XDP, but what comes while the rules are new.
test('so it is where drops are early', async () => {
  const network = new Network();
  try {
    writeFileSync(network.path('a.rules'), rules('ACCEPT', 'first'));
    writeFileSync(network.path('b.rules'), rules('DROP', 'last'));
    network.bpfilter(
      'apply',
      network.path('a.rules'),
      '--placement',
      'exact',
      '--mode',
      'generic',
      '--device',
      'in0',
      'out0',
    );
    const files = [network.path('b.rules'), network.path('a.rules')];
    let early = '';
    const traffic = await underTraffic(network, async () => {
      const words = [FLIPPER, String(FLIPS), 'ipv4', 'exact', ...files];
      early = await network.start('router', 'node', ['--import', 'tsx', ...words]).ended;
    });
    expectNothingDropped(network, FLIPS + 1);
    expectCounts(network, traffic.sent);
    expectVerdicts(traffic);
    const dropped = traffic.sent.INPUT[1001]! + traffic.sent.FORWARD[1001]!;
    expect(Number(early), 'dropped early').toBeGreaterThan(dropped / 10);
  } finally {
    network.remove();
  }
}, 240_000);

test('so it is with IPv6, while the rules of IPv4 are replaced too', async () => {
  const network = new Network({ ipv6: true });
  try {
    const flippers = (['ipv4', 'ipv6'] as const).map((family) => {
      const files = (['b', 'a'] as const).map((name) => {
        const file = network.path(`${name}.${family}`);
        writeFileSync(file, name === 'a' ? rules('ACCEPT', 'first', family) : rules('DROP', 'last', family));
        return file;
      });
      network.bpfilter('apply', ...(family === 'ipv6' ? ['--ipv6'] : []), files[1]!);
      return () =>
        network.start('router', 'node', ['--import', 'tsx', FLIPPER, String(FLIPS / 2), family, 'netfilter', ...files])
          .ended;
    });
    const traffic = await underTraffic(network, () => Promise.all(flippers.map((start) => start())), 'ipv6');
    expectVerdicts(traffic);
    expectCounts(network, traffic.sent, 'ip6tables-save');
    const { families } = JSON.parse(network.bpfilter('status', '--json'));
    for (const family of FAMILIES) expect(families[family].dropped).toEqual({ emptySlot: '0', undecided: '0' });
    for (const family of FAMILIES) expect(families[family].generation).toBeGreaterThan(FLIPS / 2);
  } finally {
    network.remove();
  }
}, 240_000);

test('while one process edits the ruleset, nothing is lost to the counters and new rules begin at zero', async () => {
  const network = new Network();
  try {
    writeFileSync(network.path('a.rules'), rules('ACCEPT', 'first'));
    network.bpfilter('apply', network.path('a.rules'));
    let edited = '';
    const traffic = await underTraffic(network, async () => {
      edited = await network.start('router', 'node', ['--import', 'tsx', EDITOR, String(FLIPS)]).ended;
    });
    expectVerdicts(traffic);
    expectNothingDropped(network, FLIPS + 1);
    expectCounts(network, traffic.sent);
    const { counterMaps, dropped } = JSON.parse(edited);
    expect(counterMaps, 'maps were shared, and replaced when they were full').toBeGreaterThan(1);
    expect(counterMaps).toBeLessThan(10);
    const arrived = HOOKS.reduce((sum, hook) => sum + traffic.arrived[hook][1002]!, 0);
    const lost = HOOKS.reduce((sum, hook) => sum + traffic.sent[hook][1002]!, -arrived);
    expect(countedBy(network, '--dport 1002 -j ACCEPT')).toBe(arrived);
    expect(dropped, 'what a rule that came and went has counted, each time anew').toBeGreaterThan(0);
    expect(dropped).toBeLessThanOrEqual(lost);
  } finally {
    network.remove();
  }
}, 240_000);

const IPTABLES = new URL('../../dist/iptables-bpf.cjs', import.meta.url).pathname;

async function collect<K extends string>(
  processes: Record<K, { ended: Promise<string> }>,
): Promise<Record<K, Record<string, number>>> {
  const entries = Object.entries<{ ended: Promise<string> }>(processes);
  const results = await Promise.all(entries.map(async ([key, { ended }]) => [key, JSON.parse(await ended)]));
  return Object.fromEntries(results);
}
