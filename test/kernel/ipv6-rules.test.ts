// Rules of IPv6 as programs, beside the interpreter: packets whose header chains are as hard as they come, at every hook,
// against rules that ask for everything that lies behind them; in the virtual machine and in the kernel.

import { describe, expect, it } from 'vitest';
import { FILTER_CHAINS } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { FinishName } from '../../src/classify/make-finish.ts';
import { MOST_COUNTED } from '../../src/codegen/ipv6-chain.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { chainLength, randomChain } from '../harness/ipv6-chains.ts';
import { withoutIterators } from '../harness/ipv6-frames.ts';
import { kernelRunner } from '../harness/kernel-runner.ts';
import { disagreements } from '../harness/oracle.ts';
import { vmRunner } from '../harness/vm-runner.ts';

/** Each asks for something else of the chain, and counts. */
const QUESTIONS = [
  '-p udp',
  '! -p tcp',
  '-p esp',
  '-p 59',
  '-p udp -m udp --dport 0:32767',
  '-p tcp -m tcp --tcp-flags SYN,ACK SYN',
  '-p tcp -m tcp ! --sport 1024:65535',
  '-p ipv6-icmp -m icmp6 ! --icmpv6-type 128',
  '-p ipv6-icmp -m icmp6 --icmpv6-type 1/4',
  '-s 2001:db8::/32',
  '-s 2001:db8::2/ffff:0:ffff::ffff -p udp',
  '! -d 2001:db8::1',
  '-d 2001:db8::1 -p 255',
  '-i lo -p udp',
  '-o lo ! -p udp',
];

function rulesetOf(rules: readonly string[]): string {
  const lines = FILTER_CHAINS.flatMap((chain) => rules.flatMap((rule) => lineOf(chain, rule)));
  return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${lines.join('')}COMMIT\n`;
}

/** A device that a chain does not have cannot be asked for there. */
function lineOf(chain: string, rule: string): string[] {
  if ((chain === 'INPUT' && rule.includes('-o ')) || (chain === 'OUTPUT' && rule.includes('-i '))) return [];
  return [`-A ${chain} ${rule}\n`];
}

/** As the kernel's test runs show them: the loopback device is where they go out, at every hook. */
function packetsOf(seed: number): HookPacket[] {
  return Array.from({ length: 150 }, (_, index) => ({
    ...{ family: 'ipv6' as const, hook: FILTER_CHAINS[index % 3]!, inDevice: '', outDevice: 'lo' },
    bytes: randomChain(seededChoice(seed, index)),
  }));
}

/** Where the packets go. */
const HERE = 0x20010db8_00000000_00000000_00000001n;
const runners = [vmRunner(), kernelRunner()];

describe.each<{ finish: FinishName | undefined }>([{ finish: undefined }, { finish: 'dense' }, { finish: 'tuples' }])(
  'rules of IPv6, $finish',
  ({ finish }) => {
    it('count and judge as the interpreter says', () => {
      const options = { family: 'ipv6', placement: 'netfilter', runners, ...(finish && { finish }) } as const;
      expect(disagreements(rulesetOf(QUESTIONS), packetsOf(1), options)).toEqual([]);
      for (const [index, rule] of QUESTIONS.entries()) {
        const rules = finish === undefined ? [rule] : [rule, QUESTIONS[(index + 4) % QUESTIONS.length]!];
        expect(disagreements(rulesetOf(rules), packetsOf(index + 2), options)).toEqual([]);
      }
    });
  },
);

// Kernels without iterators have no netfilter programs either.
it('rules of IPv6 at xdp, headers counted: count and judge as the interpreter says', () => {
  const packets = packetsOf(1)
    .filter(({ hook, bytes }) => hook === 'INPUT' && chainLength(bytes) <= MOST_COUNTED)
    .map((packet) => ({ ...packet, inDevice: 'lo', outDevice: '' }));
  const counted = runners.map((runner) => ({ ...runner, features: withoutIterators(runner.features) }));
  const options = {
    family: 'ipv6',
    placement: 'xdp',
    runners: counted,
    localDestinations6: [{ low: HERE, high: HERE }],
  } as const;
  expect(disagreements(rulesetOf(QUESTIONS), packets, options)).toEqual([]);
  expect(disagreements(rulesetOf(QUESTIONS), packets, { ...options, finish: 'tuples' })).toEqual([]);
});
