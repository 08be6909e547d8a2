// Strict early verdicts beside iptables-legacy: counters are the same for wrong checksums too, with and without rules that ask
// for INVALID packets, and nothing is dropped early that software behind XDP might put together with others.

import { expect, it } from 'vitest';
import type { HookPacket } from '../../src/base/packet.ts';
import { enableGro } from '../bench/gro.ts';
import { packetsOf, withBoth } from '../harness/beside.ts';
import { PLAIN_WORLD } from '../harness/lab-world-plain.ts';

const CLOSED = '*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n';
const ANSWERS = '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n';
const INVALID = '-A INPUT -m conntrack --ctstate INVALID -j DROP\n';

/** Of each kind, one that is NEW by its headers and one that is INVALID. */
const [SYN, XMAS, UDP, SHORT] = packetsOf(
  'INPUT in=eth1 tcp 11.7.0.1:3000 > 10.0.0.1:23 syn',
  'INPUT in=eth1 tcp 11.7.0.1:3001 > 10.0.0.1:23 fin psh urg',
  'INPUT in=eth1 udp 11.7.0.1:3002 > 10.0.0.1:53 payload=8',
  'INPUT in=eth1 tcp 11.7.0.1:3003 > 10.0.0.1:23 syn cut=12',
) as [HookPacket, HookPacket, HookPacket, HookPacket];

/** The same with another checksum behind the IP header. */
function spoilt(packet: HookPacket): HookPacket {
  const bytes = packet.bytes.slice();
  bytes[20 + (bytes[9] === 6 ? 16 : 6)]! ^= 0x40;
  return { ...packet, bytes };
}

it('checksums count, where rules tell INVALID packets apart, and early drops are as many as are certain', () =>
  withBoth(
    PLAIN_WORLD,
    'generic',
    (both) => {
      // [rules, of good packets, of spoilt ones: how many are dropped early]
      const cases: readonly (readonly [more: string, good: number, bad: number])[] = [
        // Whatever they are, the policy drops them.
        [ANSWERS, 4, 4],
        // Those alone that are INVALID by their headers.
        [INVALID + ANSWERS, 2, 2],
        [`${ANSWERS}${INVALID}-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n`, 2, 2],
        [`${ANSWERS}-A INPUT -m conntrack --ctstate NEW\n`, 2, 2],
        // Both are counted by one rule.
        [`-A INPUT -m conntrack --ctstate NEW,INVALID -j DROP\n`, 4, 4],
        [`-A INPUT -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP\n`, 4, 4],
        // Only packets that come to the rule are left alone.
        [`${ANSWERS}-A INPUT -p tcp -j DROP\n${INVALID}`, 3, 3],
      ];
      for (const [more, good, bad] of cases) {
        both.load(`${CLOSED}${more}COMMIT\n`);
        const packets = [SYN, XMAS, UDP, SHORT];
        expect([more, both.pass(packets, more)]).toEqual([more, good]);
        expect([more, both.pass(packets.map(spoilt), `${more}, spoilt`)]).toEqual([more, bad]);
      }
    },
    'exact',
    'strict',
  ));

it('what may be put together is left to netfilter', () =>
  withBoth(
    PLAIN_WORLD,
    'native',
    (both) => {
      both.load(`${CLOSED}COMMIT\n`);
      const flags = ['syn', 'rst', 'urg', 'syn ack', 'ack', 'psh ack', 'fin ack', ''];
      const tcp = packetsOf(
        ...flags.flatMap((words) =>
          [0, 100].map((payload) => `INPUT in=eth1 tcp 11.7.0.1:3000 > 10.0.0.1:23 ${words} payload=${payload}`),
        ),
      );
      const echo = packetsOf('INPUT in=eth1 icmp 11.7.0.1 > 10.0.0.1 type=8 id=1');
      const early = () => [both.pass(tcp, 'TCP'), both.pass([UDP], 'UDP'), both.pass(echo, 'ICMP')];
      // A veth puts nothing together unless it is told to.
      expect(early()).toEqual([16, 1, 1]);
      both.each((router) => router.enter(() => enableGro(router.device('eth1').index)));
      expect(early()).toEqual([8, 0, 1]);
    },
    'exact',
    'strict',
  ));
