// Packets whose transport header lies in a page and not in the linear part of the `sk_buff`, as the kernel makes them of
// what a raw socket sends in one large piece: netfilter programs must read them like any other.

import { expect, it } from 'vitest';
import { HOOK_NUMBER } from '../../src/base/hooks.ts';
import { compileRuleset } from '../../src/engine/compile.ts';
import { readSlots } from '../../src/engine/counters.ts';
import {
  attachNetfilter,
  closeDescriptor,
  createMap,
  loadProgram,
  mapMemory,
  unmapMemory,
} from '../../src/kernel/bpf.ts';
import { probeFeatures } from '../../src/kernel/features.ts';
import { systemCall } from '../../src/kernel/syscall.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { withNamespaces } from '../harness/namespace.ts';

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --sport 7 --dport 1001 -j DROP
-A OUTPUT -p udp -m udp --sport 7 --dport 1001
-A OUTPUT -p udp -m udp --sport 8 --dport 1001 -j DROP
COMMIT
`;
/** Slots in the order of the chains: a rule and a policy, a policy, two rules and a policy. */
const SLOT = { input: 0, output7: 3, output8: 4, outputPolicy: 5 } as const;
/** Beyond what the kernel still allocates in one piece (SKB_MAX_ALLOC, linux/skbuff.h). */
const SIZE = 30_000;

/** Sends a UDP datagram to the loopback address, its header as part of the payload. */
function sendRaw(sport: number, dport: number): void {
  const [AF_INET, SOCK_RAW, IPPROTO_UDP] = [2, 3, 17];
  const socket = systemCall('open a raw socket', 'socket', AF_INET, SOCK_RAW, IPPROTO_UDP);
  try {
    const datagram = Buffer.alloc(SIZE);
    for (const [index, value] of [sport, dport, SIZE, 0].entries()) datagram.writeUInt16BE(value, 2 * index);
    const address = Buffer.from([AF_INET, 0, 0, 0, 127, 0, 0, 1, ...new Array(8).fill(0)]);
    systemCall('send a datagram', 'sendto', socket, datagram, SIZE, 0, address, address.length);
  } catch (error) {
    // What OUTPUT drops is EPERM to its sender.
    if (!(error as Error).message.includes('EPERM')) throw error;
  } finally {
    closeDescriptor(socket);
  }
}

it('headers outside of the linear part are read as well', async () => {
  await withNamespaces(['pages'], ([namespace]) =>
    namespace!.enter(() => {
      const compiled = compileRuleset(parseRuleset(RULES, { file: 'test.rules' }).ruleset, {
        placement: 'netfilter',
        allowInexact: [],
        features: probeFeatures(),
        facts: { localDestinations: [] },
        file: 'test.rules',
      });
      if (!compiled.ok) throw new Error('not compiled');
      const { image } = compiled;
      const maps = new Map(image.maps.map((definition) => [definition.name, createMap(definition)]));
      const open: number[] = [...maps.values()];
      const { map } = image.manifest.banks[0]!;
      const memory = mapMemory(maps.get(map)!, image.maps.find(({ name }) => name === map)!.valueSize);
      try {
        for (const { point, program } of image.programs) {
          const loaded = loadProgram(program, maps);
          open.push(loaded, attachNetfilter(loaded, 'ipv4', HOOK_NUMBER[point as 'INPUT'], -1)!);
        }
        for (let count = 0; count < 5; count++) sendRaw(7, 1001);
        for (let count = 0; count < 3; count++) sendRaw(8, 1001);
        sendRaw(7, 1002); // nobody listens: an ICMP packet goes back through OUTPUT
        const packets = readSlots(1, image.manifest, () => memory).map(({ packets: n }) => Number(n));
        expect({ output7: packets[SLOT.output7], output8: packets[SLOT.output8] }).toEqual({ output7: 5, output8: 3 });
        expect({ policy: packets[SLOT.outputPolicy], input: packets[SLOT.input] }).toEqual({ policy: 7, input: 5 });
      } finally {
        unmapMemory(memory);
        for (const descriptor of open) closeDescriptor(descriptor);
      }
    }),
  );
});
