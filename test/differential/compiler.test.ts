// Random rulesets and packets: interpreter = graph = optimized graph = classification = kernel, verdicts and counters.
//
// BPFILTER_RUNS sets how many rulesets (250 for each placement), BPFILTER_SEED the seed (fixed in CI; `random` for a
// new one). A failure is shrunk and printed as a case file.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, normalize } from '../../src/base/intervals.ts';
import { type HookPacket, PacketView } from '../../src/base/packet.ts';
import { rulesetText, scenarios } from '../harness/generate.ts';
import { kernelRunner } from '../harness/kernel-runner.ts';
import { disagreements, failureCase } from '../harness/oracle.ts';
import { EVERYTHING, type Vocabulary, XDP } from '../harness/random-rules.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 250);
const PACKETS = 200;
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

const LOOPBACK: Pick<Vocabulary, 'inDevices' | 'outDevices'> = { inDevices: ['lo'], outDevices: ['lo'] };

// Which chain a packet is for, XDP tells by its destination: half of the addresses are this host's, and groups are.
const isOwn = (_: number, index: number): boolean => index % 2 === 0;
const OWN = EVERYTHING.destinations.INPUT.filter(isOwn);
const FOREIGN = EVERYTHING.destinations.FORWARD.filter((address, index) => !isOwn(address, index));
const LOCAL = normalize([
  { low: 0xe0000000, high: 0xefffffff },
  ...OWN.map((address) => ({ low: address, high: address })),
]);
const settle = (packet: HookPacket): HookPacket => ({
  ...packet,
  hook: contains(LOCAL, new PacketView(packet).destination) ? 'INPUT' : 'FORWARD',
});

// The kernel's test run of netfilter programs takes bytes 12 and 13 of what it is given for an ethertype, also at
// OUTPUT, where it shows the program all of it as the packet: there, only packets from 8.0.0.0/16 get through. At
// every hook packets go out by the loopback device and come in by none.
const TEST_RUN_SOURCES = [...EVERYTHING.sources, 0x08000000, 0x080000ff, 0x08000100, 0x0800ffff];
const fitTestRun = (packet: HookPacket): HookPacket => {
  const bytes = packet.bytes.slice();
  if (packet.hook === 'OUTPUT') bytes.set([8, 0], 12);
  return { ...packet, bytes, inDevice: '', outDevice: 'lo' };
};

describe('compiled programs do what the interpreter says', () => {
  it.each([
    [
      'netfilter',
      { vocabulary: { ...EVERYTHING, ...LOOPBACK, sources: TEST_RUN_SOURCES }, packets: PACKETS, settle: fitTestRun },
    ],
    [
      'xdp',
      {
        vocabulary: { ...XDP, ...LOOPBACK, destinations: { INPUT: OWN, FORWARD: FOREIGN, OUTPUT: [] } },
        packets: PACKETS,
        settle,
      },
    ],
  ] as const)('at placement %s', (placement, options) => {
    const runners = [kernelRunner()];
    fc.assert(
      fc.property(scenarios(options), (found) => {
        const differences = disagreements(rulesetText(found), found.packets, {
          placement,
          runners,
          localDestinations: LOCAL,
        });
        if (differences.length === 0) return;
        const text = failureCase(differences[0]!, rulesetText(found), found.packets);
        expect.fail(`${differences.slice(0, 10).join('\n')}\n\n${text}`);
      }),
      { numRuns: RUNS, seed, endOnFailure: false },
    );
  });
});
