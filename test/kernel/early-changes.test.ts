// What early verdicts rest on changes between two commands: they stop, and packets are judged as iptables-legacy judges them
// beside us; `sync` looks anew, and they go on where there still is ground.

import { it } from 'vitest';
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
import { STRICT_WORLD } from '../harness/lab-world-plain.ts';
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

/** Early drops are those of 10.0.0.1, of FORWARD by another device, and never of packets that leave by where they came in. */
const PACKETS = packetsOf(
  'INPUT in=eth1 udp 11.7.0.1:1000 > 10.0.0.1:53',
  'INPUT in=eth1 udp 11.8.0.1:1000 > 10.0.0.1:54',
  'INPUT in=eth1 tcp 11.7.0.1:1000 > 10.0.0.1:22 syn',
  'INPUT in=eth1 tcp 11.7.0.1:1000 > 10.0.0.1:23 syn',
  'INPUT in=eth0 tcp 11.1.0.1:1000 > 10.0.0.1:23 syn',
  'INPUT in=eth1 tcp 11.7.0.1:1000 > 198.51.100.7:22 syn',
  'INPUT in=eth1 tcp 11.7.0.1:1000 > 198.51.100.7:23 syn',
  'FORWARD in=eth1 out=veth0 udp 11.7.0.1:1000 > 10.192.0.1:53',
  'FORWARD in=eth1 out=veth0 tcp 11.7.0.1:1000 > 10.192.0.1:80 syn',
  'FORWARD in=eth0 out=eth1 tcp 11.1.0.1:1000 > 198.51.100.7:81 syn',
);
const ALL_EARLY = 6;
/** Those that come in by eth0. */
const EARLY_ETH0 = 2;

/** Of each device, one that would be answered by it and one that would not, which the stack throws away. */
const SOURCES = packetsOf(
  'INPUT in=eth1 udp 11.7.0.1:1000 > 10.0.0.1:53',
  'INPUT in=eth1 udp 11.1.0.1:1000 > 10.0.0.1:53',
  'INPUT in=eth0 udp 11.1.0.1:1000 > 10.0.0.1:53',
  'INPUT in=eth0 udp 11.7.0.1:1000 > 10.0.0.1:53',
);

/** Those that are open. */
const listeners: FrameReceiver[] = [];

const CHANGES: readonly Change[] = [
  {
    name: 'a local address',
    make: ip('addr add 198.51.100.7/32 dev lo'),
    undo: ip('addr del 198.51.100.7/32 dev lo'),
    early: 0,
    synced: 7,
  },
  {
    name: 'routes to nowhere, and for sources by another device',
    make: ip('route add unreachable 10.192.0.0/24', 'route add 11.7.0.0/16 dev eth0'),
    undo: ip('route del unreachable 10.192.0.0/24', 'route del 11.7.0.0/16 dev eth0'),
    early: 0,
    synced: 3,
  },
  {
    name: 'a routing rule',
    make: ip('rule add from 11.7.0.1 blackhole'),
    undo: ip('rule del from 11.7.0.1 blackhole'),
    early: 0,
    synced: /routing rules/,
  },
  {
    name: 'no forwarding',
    make: (router) => router.sysctl('net.ipv4.ip_forward', 0),
    undo: (router) => router.sysctl('net.ipv4.ip_forward', 1),
    early: 0,
    synced: 4,
  },
  {
    name: 'no forwarding from one device',
    make: (router) => router.sysctl('net.ipv4.conf.eth1.forwarding', 0),
    undo: (router) => router.sysctl('net.ipv4.conf.eth1.forwarding', 1),
    early: 0,
    synced: 5,
  },
  {
    name: 'a chain of nftables before ours',
    make: nft(
      'add table ip t',
      'add chain ip t c { type filter hook input priority -10; }',
      'add rule ip t c udp dport 53 drop',
    ),
    undo: nft('delete table ip t'),
    early: 0,
    synced: ALL_EARLY - 1,
  },
  {
    name: 'a chain of nftables at ingress',
    make: nft(
      'add table netdev t',
      'add chain netdev t c { type filter hook ingress device "eth1" priority 0; }',
      'add rule netdev t c udp dport 53 drop',
    ),
    undo: nft('delete table netdev t'),
    early: EARLY_ETH0,
    synced: EARLY_ETH0,
    isPassing: true,
  },
  {
    name: 'a filter of tc',
    make: run(
      'tc qdisc add dev eth1 ingress',
      'tc filter add dev eth1 parent ffff: protocol ip bpf direct-action bytecode "1,6 0 0 2"',
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
      listeners.push(router.enter(() => new FrameReceiver(ETHERTYPE.ipv4, 1, index)));
    },
    undo: () => listeners.pop()!.close(),
    early: EARLY_ETH0,
    synced: EARLY_ETH0,
    isPassing: true,
  },
  {
    name: 'a packet socket on all devices',
    make: (router) => void listeners.push(router.enter(() => new FrameReceiver(ETHERTYPE.ipv4, 1))),
    undo: () => listeners.pop()!.close(),
    early: 0,
    synced: 0,
    isPassing: true,
  },
  {
    name: 'a macvlan above the device',
    make: ip('link add mv0 link eth1 type macvlan', 'link set mv0 up'),
    undo: ip('link del mv0'),
    early: 0,
    synced: EARLY_ETH0,
  },
  {
    name: 'a policy of IPsec for forwarded packets',
    make: ip('xfrm policy add src 11.7.0.0/16 dst 10.192.0.0/16 dir fwd action block'),
    undo: ip('xfrm policy del src 11.7.0.0/16 dst 10.192.0.0/16 dir fwd'),
    early: 0,
    synced: 0,
  },
];

/** The kernel keeps the hooks of these, whatever becomes of them. */
const LASTING: readonly Change[] = [
  {
    name: 'a bridge with the device',
    make: ip('link add br0 type bridge mcast_snooping 0', 'link set br0 up', 'link set eth1 master br0'),
    undo: ip('link set eth1 nomaster', 'link del br0'),
    early: 0,
    synced: EARLY_ETH0,
  },
  {
    name: 'the first rule of NAT',
    make: run('iptables-legacy -t nat -A PREROUTING -p tcp --dport 23 -j DNAT --to-destination 10.0.0.1:22'),
    undo: () => {},
    early: 0,
    synced: 4,
  },
  {
    name: 'the first chain of NAT of nftables',
    make: nft(
      'add table ip n',
      'add chain ip n pre { type nat hook prerouting priority -100; }',
      'add rule ip n pre udp dport 53 dnat to 10.0.0.2:54',
    ),
    undo: nft('delete table ip n'),
    early: 0,
    synced: 4,
  },
];

/** How many are dropped early when each of these has been undone: connections that were made are known. */
const LAST_EARLY = [ALL_EARLY, 4, ALL_EARLY];

const NAT_RULES: NatRules = {
  rules: [
    ['a rule for a port', '-p udp --dport 54 -j DNAT --to-destination 10.0.0.2', 5],
    ['a rule for addresses', '! -s 11.1.0.0/16 -d 10.0.0.0/28 -j DNAT --to-destination 10.0.0.2', 3],
    ['a rule for a device', '-i eth0 -j DNAT --to-destination 10.0.0.2', ALL_EARLY - EARLY_ETH0],
    ['a rule for all others', '! -i eth0 -p udp -j DNAT --to-destination 10.0.0.2', 3],
    ['a rule for some ports', '-p udp -m multiport --dports 53,99 -j DNAT --to-destination 10.0.0.2', 4],
    ['a rule that is not understood', '-p udp -m u32 --u32 "0=1" -j DNAT --to-destination 10.0.0.2', 3],
    ['a rule that only looks', '-p udp -m addrtype --dst-type LOCAL -j ACCEPT', ALL_EARLY],
  ],
  chain: { from: '11.7.0.0/16', words: '-p tcp --dport 23 -j DNAT --to-destination 10.0.0.2', synced: 5 },
  masquerade: '11.9.0.0/16',
};

const FRONT_RULES: FrontRules = [
  ['raw', 'PREROUTING -d 10.192.0.0/16 ! -i docker0 -j DROP', ALL_EARLY - 1],
  ['mangle', 'PREROUTING -p tcp --dport 23 -j MARK --set-mark 1', 4],
  ['mangle', 'PREROUTING -j MARK --set-mark 1', /PREROUTING of \S+ may apply to any packet/],
  ['mangle', 'INPUT -p tcp --syn -j DROP', 4],
  ['mangle', 'FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu', ALL_EARLY - 1],
  ['mangle', 'POSTROUTING -j MARK --set-mark 1', ALL_EARLY],
];

it.each([
  ['changes that pass', NOTHING, CHANGES, ALL_EARLY] as const,
  ...LASTING.map((change, i) => [change.name, NOTHING, [change], LAST_EARLY[i]!] as const),
  ...natGroups(['iptables-legacy', 'iptables-nft'], NAT_RULES, ALL_EARLY),
  ...frontGroups(['iptables-legacy', 'iptables-nft'], FRONT_RULES, ALL_EARLY),
])(
  'early verdicts stop until it has been looked at, and no verdict and no counter is another: %s',
  (_, prepare, changes, atLast) =>
    withBoth(STRICT_WORLD, 'generic', (both) => {
      both.each(prepare);
      both.load(RULES);
      followChanges(both, PACKETS, ALL_EARLY, changes, atLast);
    }),
);

it('what is certain of a device is so of no other that takes its name', () =>
  withBoth(STRICT_WORLD, 'generic', (both) => {
    both.load(RULES);
    const exchange = ip('link set eth0 name other', 'link set eth1 name eth0', 'link set other name eth1');
    followChanges(
      both,
      SOURCES,
      2,
      [{ name: 'two devices exchange their names', make: exchange, undo: exchange, early: 0, synced: 2 }],
      2,
    );
  }));
