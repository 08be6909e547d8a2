// Two rulesets replace each other 200 times while packets meet all three hooks.
//
// Ports 1000 (both accept), 1001 (both drop) and 1002 (one accepts, the other drops): no packet to the first may be
// lost, none to the second may arrive, and every packet must be counted, once, by rules that stay through all flips.

import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ADDRESS, Network } from './network.ts';

const PORTS = ['1000', '1001', '1002'];
const FLIPS = 200;
const UDP = new URL('udp.mjs', import.meta.url).pathname;
const FLIPPER = new URL('flipper.ts', import.meta.url).pathname;

function rules(verdict: 'ACCEPT' | 'DROP', order: 'first' | 'last'): string {
  const filler = Array.from({ length: 50 }, (_, i) => `-A work -s 192.0.2.${i}/32 -j DROP`);
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

test('no packet gets a verdict that neither ruleset gives, and none is lost to the counters', async () => {
  const network = new Network();
  try {
    writeFileSync(network.path('a.rules'), rules('ACCEPT', 'first'));
    writeFileSync(network.path('b.rules'), rules('DROP', 'last'));
    network.bpfilter('apply', network.path('a.rules'));

    const receivers = {
      INPUT: network.start('router', 'node', [UDP, 'receive', ...PORTS]),
      FORWARD: network.start('right', 'node', [UDP, 'receive', ...PORTS]),
      OUTPUT: network.start('left', 'node', [UDP, 'receive', ...PORTS]),
    };
    await new Promise((resolve) => setTimeout(resolve, 500));
    const senders = {
      INPUT: network.start('left', 'node', [UDP, 'send', ADDRESS.router, ...PORTS]),
      FORWARD: network.start('left', 'node', [UDP, 'send', ADDRESS.right, ...PORTS]),
      OUTPUT: network.start('router', 'node', [UDP, 'send', ADDRESS.left, ...PORTS]),
    };
    await new Promise((resolve) => setTimeout(resolve, 300));
    const files = [network.path('b.rules'), network.path('a.rules')];
    await network.start('router', 'node', ['--import', 'tsx', FLIPPER, String(FLIPS), ...files]).ended;

    const work: Record<string, number> = { 1000: 0, 1001: 0, 1002: 0 };
    const perHook: Record<string, number> = {};
    for (const sender of Object.values(senders)) sender.stop();
    const sent = await collect(senders);
    for (const receiver of Object.values(receivers)) receiver.stop();
    const arrived = await collect(receivers);
    for (const hook of ['INPUT', 'FORWARD', 'OUTPUT'] as const) {
      perHook[hook] = 0;
      for (const port of PORTS) {
        work[port]! += sent[hook][port]!;
        perHook[hook] += sent[hook][port]!;
      }
      expect(sent[hook][1000], `${hook}: enough traffic`).toBeGreaterThan(300);
      expect(arrived[hook][1000], `${hook}: what both accept`).toBe(sent[hook][1000]);
      expect(arrived[hook][1001], `${hook}: what both drop`).toBe(0);
      expect(arrived[hook][1002], `${hook}: some by each`).toBeGreaterThan(0);
      expect(arrived[hook][1002], `${hook}: some by each`).toBeLessThan(sent[hook][1002]!);
    }

    const status = JSON.parse(network.bpfilter('status', '--json'));
    expect(status.families.ipv4.generation).toBe(FLIPS + 1);
    expect(status.dropped).toEqual({ emptySlot: '0', undecided: '0' });
    const saved = network.exec('router', process.execPath, [IPTABLES, 'save', '-c']).out;
    const packets = (pattern: string): number => {
      const line = saved.split('\n').find((l) => l.includes(pattern));
      return Number(/^\[(\d+):/.exec(line ?? '')?.[1]);
    };
    for (const hook of ['INPUT', 'FORWARD', 'OUTPUT']) expect(packets(`-A ${hook} `), hook).toBe(perHook[hook]);
    expect(packets('--dport 1000 -j ACCEPT')).toBe(work[1000]);
    expect(packets('--dport 1001 -j DROP')).toBe(work[1001]);
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
