// What is done beside iptables-legacy to notice faults in early verdicts: little, but something of each kind.

import type { EarlyChoice, XdpMode } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import { enableGro } from '../bench/gro.ts';
import { type Beside, packetsOf } from './beside.ts';
import type { EARLY_MUTATIONS } from './early-mutations.ts';
import type { World } from './lab-world.ts';
import { PLAIN_WORLD, PLAIN_WORLD6 } from './lab-world-plain.ts';
import type { Namespace } from './namespace.ts';

export interface EarlyScenario {
  readonly world: World;
  readonly mode: XdpMode;
  readonly early: EarlyChoice;
  /** Does to each router what comes before anything else. */
  prepare(router: Namespace): void;
  /** Throws where something differs. Leaves both routers as they were. */
  compare(both: Beside): void;
}

const CLOSED = '*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n';

/** How many are dropped early must be known, too: else a fault might hide by dropping none. */
function pass(both: Beside, packets: readonly HookPacket[], early: number, what: string): void {
  const found = both.pass(packets, what);
  if (found !== early) throw new Error(`${what}: expected ${early} early drops, found ${found}`);
}

const run = (both: Beside, ...lines: readonly string[]) =>
  both.each((router) => {
    for (const line of lines) router.exec('sh', ['-c', line]);
  });

const nft = (both: Beside, text: string) => both.each((router) => void router.exec('nft', ['-f', '-'], text));

const [TO_US, ACROSS] = ['INPUT in=eth1 tcp 11.7.0.1', 'FORWARD in=eth1 out=veth0 udp 11.7.0.1:1000 > 10.192.0.1:53'];
const PACKETS = packetsOf(
  ...['syn', 'ack', 'rst', 'fin ack', 'syn fin', ''].map((flags) => `${TO_US}:1000 > 10.0.0.1:23 ${flags}`),
  ...[`${TO_US}:1001 > 10.0.0.1:22 syn`, `${TO_US}:1001 > 10.0.0.1:22 psh ack`],
  ...['', 'ttl=1', 'df payload=900', 'options=4', 'more payload=8'].map((words) => `${ACROSS} ${words}`),
  'INPUT in=eth1 udp 11.7.0.1:7 > 10.0.0.1:7 options=4',
  'FORWARD in=eth1 out=eth1 tcp 11.7.0.1:1000 > 198.51.100.7:23 syn',
  'FORWARD in=eth0 out=eth1 tcp 11.1.0.1:1000 > 198.51.100.7:23 syn',
);
const EARLY = 8;

const STATEFUL = `${CLOSED}
-A INPUT -m state --state INVALID -j DROP
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -p udp -j DROP
COMMIT
`;

const plain: EarlyScenario = {
  ...{ world: PLAIN_WORLD, mode: 'generic', early: 'fast' },
  prepare: (router) => void router.ip('link set veth0 mtu 600'),
  compare(both) {
    run(both, 'ip addr del 198.51.100.7/32 dev lo 2>/dev/null || true');
    both.load(STATEFUL);
    pass(both, PACKETS, EARLY, 'at first');
    both.each((router) => router.ip('addr add 198.51.100.7/32 dev lo'));
    pass(both, PACKETS, 0, 'with another address');
  },
};

const [TO_US6, ACROSS6] = [
  'INPUT in=eth1 udp [fd00::7]:1000 > [2001:db8::1]:53',
  'FORWARD in=eth1 out=veth0 udp [fd00::7]:1000 > [2001:db8:c000::1]:53',
];
const DISCOVERY = 'INPUT in=eth1 icmp6 fd00::7 > 2001:db8::1';
const ODD6 = packetsOf(
  ...[TO_US6, `${TO_US6} via=hop payload=16`, `${TO_US6} via=dst payload=16`],
  ...[133, 135, 136, 128].map((type) => `${DISCOVERY} type=${type} payload=24 ttl=255`),
  ...['', 'ttl=1', 'ttl=2', 'payload=1233'].map((words) => `${ACROSS6} ${words}`),
);
const EARLY_ODD6 = 4;
const COUNTING6 = `${CLOSED}
-A INPUT -p udp -m udp --dport 53 -j DROP
-A INPUT -p tcp -m tcp --dport 22 -j DROP
-A INPUT -d 2001:db8::2 -j DROP
-A FORWARD -p udp -m udp --dport 53 -j DROP
COMMIT
`;

const ipv6: EarlyScenario = {
  ...{ world: PLAIN_WORLD6, mode: 'generic', early: 'fast' },
  prepare: () => {},
  compare(both) {
    run(both, 'ip -6 route replace 2001:db8:c000::/35 dev veth0');
    both.load(COUNTING6);
    pass(both, ODD6, EARLY_ODD6, 'odd packets');
    both.each((router) => router.ip('-6 route del 2001:db8:c000::/35 dev veth0'));
    pass(both, ODD6, 0, 'without a route');
  },
};

const PORTS6 = packetsOf(
  ...[53, 54, 55].map((port) => `INPUT in=eth1 udp [fd00::7]:1000 > [2001:db8::1]:${port}`),
  'INPUT in=eth1 tcp [fd00::7]:1000 > [2001:db8::1]:23 syn',
);

const nat6: EarlyScenario = {
  ...{ world: PLAIN_WORLD6, mode: 'generic', early: 'fast' },
  prepare: () => {},
  compare(both) {
    const nat = (...all: readonly string[]) => run(both, ...all.map((words) => `ip6tables-legacy -w -t nat ${words}`));
    const toOther = '-j DNAT --to-destination 2001:db8::2';
    nat('-F', '-X', `-A PREROUTING -i eth1 -p udp -s fd00::/16 -d 2001:db8::/64 --dport 54 ${toOther}`);
    both.load(COUNTING6);
    pass(both, PORTS6, 3, 'beside NAT');
    nat(`-R PREROUTING 1 -i eth1 -p udp -s fd00::/16 -d 2001:db8::/64 --dport 55 ${toOther}`);
    pass(both, PORTS6, 0, 'beside NAT of another port');
    nat('-N one', `-A one -p tcp --dport 23 ${toOther}`, '-A PREROUTING -i eth1 -j one');
    both.sync();
    pass(both, PORTS6, 2, 'beside NAT in a chain');
  },
};

const PORTS = packetsOf(
  ...[53, 54, 55, 60].map((port) => `INPUT in=eth1 udp 11.7.0.1:1000 > 10.0.0.1:${port}`),
  ...[23, 25].map((port) => `${TO_US}:1000 > 10.0.0.1:${port} syn`),
);
const NFT = `table ip n {
  chain one { dnat to 10.0.0.2; }
  chain pre { type nat hook prerouting priority -100; udp dport { 54-56, 60 } jump one; }
}
table inet m {
  chain pre { type nat hook prerouting priority -99; meta nfproto ipv4 tcp dport 25 dnat ip to 10.0.0.2; }
}
`;

/** To be compared last without a fault: the table of iptables-legacy stays. */
const natNft: EarlyScenario = {
  ...{ world: PLAIN_WORLD, mode: 'generic', early: 'fast' },
  prepare: () => {},
  compare(both) {
    run(both, 'nft flush ruleset');
    // Asked for, the table would be there.
    run(both, 'grep -q nat /proc/net/ip_tables_names && iptables-legacy -w -t nat -F || true');
    nft(both, NFT);
    both.load(`${CLOSED}-A INPUT -d 10.0.0.2 -j DROP\nCOMMIT\n`);
    pass(both, PORTS, 2, 'beside NAT');
    nft(both, 'insert rule ip n pre tcp dport 23 dnat to 10.0.0.2\n');
    pass(both, PORTS, 0, 'beside NAT of another port');
    both.sync();
    pass(both, PORTS, 1, 'beside NAT of another port, looked at');
    run(both, 'iptables-legacy -w -t nat -A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.0.0.2');
    pass(both, PORTS, 0, 'beside NAT of both kinds');
  },
};

const FRONT = packetsOf(
  ...[53, 54, 55].map((port) => `INPUT in=eth1 udp 11.7.0.1:1000 > 10.0.0.1:${port}`),
  `${TO_US}:1000 > 10.0.0.1:23 syn`,
  'INPUT in=eth1 tcp 11.8.0.1:1000 > 10.0.0.1:25 syn cut=12',
  ACROSS,
);

/** To be compared last without a fault: tables of iptables-legacy stay. */
const front: EarlyScenario = {
  ...{ world: PLAIN_WORLD, mode: 'generic', early: 'fast' },
  prepare: () => {},
  compare(both) {
    const change = (...all: readonly string[]) => run(both, ...all.map((words) => `iptables-legacy -w -t ${words}`));
    run(both, 'nft flush ruleset');
    change('raw -F', 'mangle -F');
    const second = '-m statistic --mode nth --every 2 --packet 0';
    change(
      'raw -A PREROUTING -p udp --dport 54',
      `raw -A PREROUTING -s 11.7.0.1 -p tcp ${second} -m tcp --dport 80 -j DROP`,
    );
    change('mangle -A FORWARD -d 10.192.0.1 -j DROP', 'raw -A PREROUTING -p tcp --dport 24 -j DROP');
    both.load(`${CLOSED}COMMIT\n`);
    pass(both, FRONT, 2, 'beside raw and mangle');
    sameRules(both, 'iptables-legacy-save -c -t raw');
    change('mangle -R FORWARD 1 -d 10.192.0.2 -j DROP');
    pass(both, FRONT, 0, 'beside another rule of mangle');
    change('raw -F', 'mangle -F');
    nft(both, 'table ip front {\n chain c { type filter hook input priority -9; counter udp dport 55 drop; }\n}\n');
    both.sync();
    pass(both, FRONT, 1, 'beside a chain of nftables');
    sameRules(both, 'nft list table ip front');
  },
};

/** Throws where rules of others, as a command shows them, have counted differently; policies are left out. */
function sameRules(both: Beside, command: string): void {
  const [expected, found] = both.labs.map(({ router }) =>
    router.exec('sh', ['-c', command]).replace(/^[:#].*\n/gm, ''),
  );
  if (found !== expected) throw new Error(`expected 0 differences:\n${expected}found\n${found}`);
}

const STRICT = packetsOf(
  `${TO_US}:3000 > 10.0.0.1:23 syn`,
  `${TO_US}:3001 > 10.0.0.1:23 fin psh urg`,
  'INPUT in=eth1 udp 11.7.0.1:3002 > 10.0.0.1:53 payload=8',
);
/** The same with another checksum behind the IP header. */
const SPOILT = STRICT.map((packet) => {
  const bytes = packet.bytes.slice();
  bytes[20 + (bytes[9] === 6 ? 16 : 6)]! ^= 0x40;
  return { ...packet, bytes };
});
const STATES = [
  '-A INPUT -m conntrack --ctstate INVALID -j DROP',
  '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
];

const strict: EarlyScenario = {
  ...{ world: PLAIN_WORLD, mode: 'native', early: 'strict' },
  prepare: (router) => router.enter(() => enableGro(router.device('eth1').index)),
  compare(both) {
    const load = (states: readonly string[]) => both.load(`${CLOSED}${states.join('\n')}\nCOMMIT\n`);
    run(both, 'nft flush ruleset');
    // The policy drops what both are; UDP may be put together.
    load(STATES.slice(1));
    pass(both, STRICT, 2, 'good checksums');
    load(STATES);
    for (const packets of [STRICT, SPOILT]) pass(both, packets, 1, 'INVALID packets told apart');
    nft(both, 'table ip n {\n chain p { type nat hook prerouting priority -100; }\n}\n');
    load(STATES);
    pass(both, STRICT, 0, 'beside NAT, which counts');
  },
};

const host = (number: number) => `11.7.0.${number}`;
const HOSTS = Array.from({ length: 40 }, (_, i) => `-A INPUT -s ${host(i + 1)}/32 -j DROP\n`).join('');
const MANY = `*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${HOSTS}COMMIT\n`;
/** Those with options are netfilter's. */
const FROM_HOSTS = packetsOf(
  ...[1, 2, 3, 5, 40, 50, 51, 52]
    .map((number) => `INPUT in=eth1 udp ${host(number)}:1000 > 10.0.0.1:53`)
    .flatMap((line) => [line, `${line} options=4`]),
  'OUTPUT out=eth1 udp 10.0.0.1:53 > 198.51.100.7:1000',
);
/** By all but those of policies, programs are used again. */
const EDITS = [
  ...[1, 2, 3].map((number) => `-R INPUT ${number} -s ${host(49 + number)}/32 -j DROP`),
  `-R INPUT 3 -s ${host(3)}/32 -j DROP`,
  ...['OUTPUT DROP', 'OUTPUT ACCEPT', 'INPUT ACCEPT', 'INPUT DROP'].map((words) => `-P ${words}`),
  // The same rule with a counter of its own.
  `-R INPUT 5 -s ${host(5)}/32 -j DROP`,
];

const edits: EarlyScenario = {
  ...{ world: PLAIN_WORLD, mode: 'generic', early: 'fast' },
  prepare: () => {},
  compare(both) {
    // The second time, programs of the first are there, which count elsewhere.
    for (const time of ['first', 'second']) {
      both.load(MANY);
      for (const words of EDITS) {
        both.change({ tool: 'iptables', words: words.split(' '), input: '' });
        both.pass(FROM_HOSTS, `${words}, the ${time} time`);
      }
    }
    if (both.rewritten < EDITS.length) throw new Error(`expected ${EDITS.length} tables, found ${both.rewritten}`);
  },
};

export const EARLY_SCENARIOS: Readonly<Record<keyof typeof EARLY_MUTATIONS, EarlyScenario>> = {
  'early verdicts': plain,
  'early verdicts of IPv6': ipv6,
  'early verdicts beside NAT of IPv6': nat6,
  'early verdicts beside NAT of nftables': natNft,
  'early verdicts beside raw and mangle': front,
  'strict early verdicts': strict,
  'programs and tables that are used again': edits,
};
