// The same as `early-changes.test.ts` for rules of IPv6: what early verdicts rest on changes between two commands.

import { it } from 'vitest';
import { sleep } from '../../src/kernel/wait.ts';
import { packetsOf, withBoth } from '../harness/beside.ts';
import {
  type Change,
  type FrontRules,
  followChanges,
  frontGroups,
  ip,
  type NatRules,
  NOTHING,
  natGroups,
  nft,
  run,
} from '../harness/early-changes.ts';
import { FrameReceiver } from '../harness/inject.ts';
import { PLAIN_WORLD6 } from '../harness/lab-world-plain.ts';
import type { Namespace } from '../harness/namespace.ts';
import { ETHERTYPE } from '../harness/packet-builder.ts';

const RULES = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j DROP
-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT
-A FORWARD -p udp -j DROP
COMMIT
`;

/** Early drops are those of the router, and of FORWARD by another device. */
const PACKETS = packetsOf(
  'INPUT in=eth1 udp [fd00::7]:1000 > [2001:db8::1]:53',
  'INPUT in=eth1 udp [fd00::8]:1000 > [2001:db8::1]:54',
  'INPUT in=eth1 tcp [fd00::7]:1000 > [2001:db8::1]:22 syn',
  'INPUT in=eth1 tcp [fd00::7]:1000 > [2001:db8::1]:23 syn',
  'INPUT in=eth0 tcp [fd00::1]:1000 > [2001:db8::1]:23 syn',
  'INPUT in=eth1 tcp [fd00::7]:1000 > [2a01::7]:22 syn',
  'INPUT in=eth1 tcp [fd00::7]:1000 > [2a01::7]:23 syn',
  'FORWARD in=eth1 out=veth0 udp [fd00::7]:1000 > [2001:db8:c000::1]:53',
  'FORWARD in=eth1 out=veth0 tcp [fd00::7]:1000 > [2001:db8:c000::1]:80 syn',
  'FORWARD in=eth0 out=eth1 tcp [fd00::1]:1000 > [2a01::7]:81 syn',
);
const ALL_EARLY = 6;
/** Those that come in by eth0. */
const EARLY_ETH0 = 2;

const sysctl = (key: string, value: number) => (router: Namespace) => router.sysctl(`net.ipv6.conf.${key}`, value);
/** Hosts and routers listen to other groups, and say so a moment later, by packets that OUTPUT counts. */
const forwarding = (value: number) => (router: Namespace) => {
  sysctl('all.forwarding', value)(router);
  sleep(100);
};
const listeners: FrameReceiver[] = [];

const CHANGES: readonly Change[] = [
  {
    name: 'a local address',
    make: ip('addr add 2a01::7/128 dev lo nodad'),
    undo: ip('addr del 2a01::7/128 dev lo'),
    early: 0,
    synced: 7,
  },
  {
    name: 'a route to nowhere',
    make: ip('-6 route add unreachable 2001:db8:c000::/64'),
    undo: ip('-6 route del unreachable 2001:db8:c000::/64'),
    early: 0,
    synced: 5,
  },
  {
    name: 'a route is taken away',
    make: ip('-6 route del 2001:db8:c000::/35 dev veth0'),
    undo: ip('-6 route add 2001:db8:c000::/35 dev veth0'),
    early: 0,
    synced: 5,
  },
  {
    name: 'a local route is taken away',
    make: ip('-6 route del local 2001:db8::/33 dev lo table local', 'addr del 2001:db8::1/128 dev lo'),
    undo: ip('addr add 2001:db8::1/128 dev lo nodad', '-6 route add local 2001:db8::/33 dev lo table local'),
    early: 0,
    synced: 3,
  },
  {
    name: 'two routes of one prefix',
    make: ip('-6 route add 2001:db8:c000::/35 dev eth1 metric 7'),
    undo: ip('-6 route del 2001:db8:c000::/35 dev eth1 metric 7'),
    early: 0,
    synced: 5,
  },
  {
    name: 'a routing rule',
    make: ip('-6 rule add from fd00::7 blackhole'),
    undo: ip('-6 rule del from fd00::7 blackhole'),
    early: 0,
    synced: /routing rules/,
  },
  {
    name: 'no forwarding',
    make: forwarding(0),
    undo: forwarding(1),
    early: 0,
    synced: 4,
  },
  {
    name: 'a device that takes no packets',
    make: sysctl('eth1.disable_ipv6', 1),
    undo: (router) => {
      sysctl('eth1.disable_ipv6', 0)(router);
      router.ip('-6 route add default dev eth1 table main');
    },
    early: 0,
    synced: 1,
  },
  {
    name: 'a chain of nftables before ours',
    make: nft(
      'add table ip6 t',
      'add chain ip6 t c { type filter hook input priority -10; }',
      'add rule ip6 t c udp dport 53 drop',
    ),
    undo: nft('delete table ip6 t'),
    early: 0,
    synced: ALL_EARLY - 1,
  },
  {
    name: 'a filter of tc',
    make: run(
      'tc qdisc add dev eth1 ingress',
      'tc filter add dev eth1 parent ffff: protocol ipv6 bpf direct-action bytecode "1,6 0 0 2"',
    ),
    undo: run('tc qdisc del dev eth1 ingress'),
    early: EARLY_ETH0,
    synced: EARLY_ETH0,
    isPassing: true,
  },
  {
    name: 'a packet socket on the device',
    make: (router) => {
      const { index } = router.device('eth1');
      listeners.push(router.enter(() => new FrameReceiver(ETHERTYPE.ipv6, 1, index)));
    },
    undo: () => listeners.pop()!.close(),
    early: EARLY_ETH0,
    synced: EARLY_ETH0,
    isPassing: true,
  },
  {
    name: 'a policy of IPsec by which nothing leaves',
    make: ip('xfrm policy add src fd00::/16 dst 2001:db8:c000::/35 dir out action block'),
    undo: ip('xfrm policy del src fd00::/16 dst 2001:db8:c000::/35 dir out'),
    early: 0,
    synced: 0,
    isPassing: true,
  },
];

const FRONT_RULES: FrontRules = [
  ['raw', 'PREROUTING -m rpfilter --invert -j DROP', /PREROUTING of \S+ may apply to any packet/],
  ['mangle', 'PREROUTING -s fd00::1 -p tcp -j MARK --set-mark 1', 4],
  ['mangle', 'FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu', ALL_EARLY - 1],
];

const NAT_RULES: NatRules = {
  rules: [
    ['a rule for addresses', '! -s fd00::1 -d 2001:db8::/64 -j DNAT --to-destination 2001:db8::2', 3],
    ['a rule for some ports', '-p udp -m multiport --dports 54,99 -j REDIRECT --to-ports 53', 5],
  ],
  chain: { from: 'fd00::7', words: '-p tcp --dport 23 -j DNAT --to-destination 2001:db8::2', synced: 5 },
  masquerade: 'fd09::/16',
};

it.each([
  ['changes that pass', NOTHING, CHANGES, ALL_EARLY] as const,
  ...natGroups(['ip6tables-legacy', 'ip6tables-nft'], NAT_RULES, ALL_EARLY),
  ...frontGroups(['ip6tables-legacy', 'ip6tables-nft'], FRONT_RULES, ALL_EARLY),
])(
  'early verdicts of IPv6 stop until it has been looked at, and no verdict and no counter is another: %s',
  (_, prepare, changes, atLast) =>
    withBoth(PLAIN_WORLD6, 'generic', (both) => {
      both.each(prepare);
      both.load(RULES);
      followChanges(both, PACKETS, ALL_EARLY, changes, atLast);
    }),
);
