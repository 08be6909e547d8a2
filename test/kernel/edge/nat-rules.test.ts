// The rules of NAT as the kernel tells them, of iptables-legacy, iptables-nft and nft: which packets they may change.

import { expect, it } from 'vitest';
import { formatPredicate } from '../../../src/base/predicate.ts';
import { keptPackets } from '../../../src/engine/early-nat.ts';
import { natChains } from '../../../src/kernel/nat-rules.ts';
import { Namespace } from '../../harness/namespace.ts';

const RULES = `*nat
:PREROUTING ACCEPT
:published -
-A PREROUTING -i eth1 -s 10.1.0.0/16 ! -d 10.0.0.1 -p tcp --dport 8080 -j DNAT --to-destination 10.2.0.1:80
-A PREROUTING -i ppp+ -p udp --sport 1000:2000 -j REDIRECT --to-ports 53
-A PREROUTING ! -p tcp -s 10.3.0.0/9 -j DNAT --to-destination 10.2.0.2
-A PREROUTING -p udp -m multiport --dports 1,2 -j ACCEPT
-A PREROUTING -m addrtype --dst-type LOCAL -j published
-A PREROUTING -d 10.9.0.0/24 -j published
-A published ! -i docker0 -p tcp ! --dport 443 -j DNAT --to-destination 10.2.0.3
-A published -p udp -m limit --limit 5/sec -j RETURN
-A OUTPUT -d 10.5.0.1 -p tcp -j DNAT --to-destination 10.2.0.1
-A POSTROUTING -j MASQUERADE
COMMIT
`;

const NFT = `table ip nat {
  chain published {
    iifname != "docker0" tcp dport != 443 dnat to 10.2.0.3
    udp dport 1-1024 limit rate 5/second return
    meta mark set 7
  }
  chain pre {
    type nat hook prerouting priority dstnat;
    iifname "eth1" ip saddr 10.1.0.0/16 ip daddr != 10.0.0.1 tcp dport 8080 counter dnat to 10.2.0.1:80
    iifname "ppp*" udp sport 1000-2000 redirect to :53
    ip saddr 10.0.0.0/9 ip protocol != tcp dnat to 10.2.0.2
    udp dport { 1, 2 } accept
    ip daddr 10.9.0.0/24 tcp dport vmap { 80 : jump published }
    fib daddr type local goto published
  }
  chain post { type nat hook postrouting priority srcnat; masquerade; }
}
`;

const PUBLISHED = ['! inDevice is "docker0"', 'protocol in 6', '! dport in 443'];
const LIMITED = ['protocol in 17'];
/** Of both iptables. */
const KEPT = [
  ['inDevice is "eth1"', 'src in 10.1.0.0-10.1.255.255', '! dst in 10.0.0.1', 'protocol in 6', 'dport in 8080'],
  ['inDevice begins "ppp"', 'protocol in 17', 'sport in 1000-2000'],
  ['src in 10.0.0.0-10.127.255.255', '! protocol in 6'],
  ...[PUBLISHED, LIMITED],
  ...[PUBLISHED, LIMITED].map((asked) => ['dst in 10.9.0.0-10.9.0.255', ...asked]),
];

const KEPT_NFT = [
  KEPT[0]!,
  ['inDevice begins "ppp"', 'protocol in 17', 'sport in 1000-65535', 'sport in 0-2000'],
  KEPT[2]!,
  PUBLISHED,
  ['protocol in 17', 'dport in 1-65535', 'dport in 0-1024'],
  [],
  ['dst in 10.9.0.0-10.9.0.255', 'protocol in 6'],
];

it.each([
  ['iptables-legacy', 'iptables-legacy-restore', RULES, KEPT, [1, 0, false]],
  ['iptables-nft', 'iptables-nft-restore', RULES, KEPT, [0, 1, true]],
  ['nft', 'nft -f -', NFT, KEPT_NFT, [0, 1, true]],
] as const)('tells what rules of %s may change', (_, command, rules, kept, [legacy, nftables, hasNftables]) => {
  const namespace = new Namespace('nat');
  try {
    const [name, ...words] = command.split(' ');
    namespace.exec(name!, words, rules);
    const found = namespace.enter(natChains);
    const told = keptPackets(found)!.map((asked) =>
      asked.map(({ predicate, negated }) => `${negated ? '! ' : ''}${formatPredicate(predicate)}`),
    );
    // iptables asks for any source port where none is asked for, and nft for either end of a range.
    const sorted = (all: readonly (readonly string[])[]) =>
      all.map((asked) => asked.filter((each) => !/in 0-65535$/.test(each)).sort()).sort();
    expect(sorted(told)).toEqual(sorted(kept));
    expect(found).toMatchObject({ legacy, nftables, hasNftables, mayExpect: false });
  } finally {
    namespace.remove();
  }
});

it('tells whether there are none, and what else may be', () => {
  const namespace = new Namespace('nat');
  const nft = (...lines: readonly string[]) => namespace.exec('nft', ['-f', '-'], `${lines.join('\n')}\n`);
  try {
    const empty = { entered: [], legacy: 0, nftables: 0, hasNftables: false, mayExpect: false };
    expect(namespace.enter(natChains)).toMatchObject(empty);
    nft('add table ip t', 'add chain ip t post { type nat hook postrouting priority 100; }');
    expect(namespace.enter(natChains)).toMatchObject({ ...empty, hasNftables: true });
    nft('add chain ip t pre { type nat hook prerouting priority -100; policy drop; }');
    expect(keptPackets(namespace.enter(natChains))).toEqual([[]]);
    nft('add ct helper ip t ftp { type "ftp" protocol tcp; }', 'add rule ip t post tcp dport 21 ct helper set "ftp"');
    expect(namespace.enter(natChains)).toMatchObject({ mayExpect: true });
  } finally {
    namespace.remove();
  }
});
