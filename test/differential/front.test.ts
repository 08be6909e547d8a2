// Rules of others in front of the filter table, on two routers alike: the tables raw and mangle, and chains of nftables. The
// kernel's iptables-legacy enforces the filter table on one, we on the other; all that those rules count must be the same, too.
//
// BPFILTER_RUNS sets how many rulesets each command gets (3), BPFILTER_SEED the seed (fixed in CI; `random` for a new one).

import { expect, it } from 'vitest';
import { seededChoice } from '../fuzz/seeded.ts';
import { type Beside, packetsOf, withBoth } from '../harness/beside.ts';
import { PLAIN_WORLD6 } from '../harness/lab-world-plain.ts';
import { NAT_WORLD } from '../harness/nat-world.ts';
import { natFilter, randomFirstPackets, randomFront, randomNftFront } from '../harness/random-nat.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 3);
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 5);

/** Throws unless rules of others have counted the same on both; policies are left out. Returns how many have counted. */
function compareForeign(both: Beside, show: readonly string[], what: string): number {
  const [expected, found] = both.labs.map(({ router }) =>
    show
      .map((line) => router.exec('sh', ['-c', line]))
      .join('')
      .replace(/^[:#].*\n/gm, ''),
  );
  expect(found, what).toBe(expected);
  return found!.match(/\[[1-9]\d*:|packets [1-9]/g)?.length ?? 0;
}

const saved = (command: string, tables: readonly string[]) => tables.map((table) => `${command}-save -c -t ${table}`);

it.each([
  ['ipv4', 'iptables-legacy', NAT_WORLD] as const,
  ['ipv4', 'iptables-nft', NAT_WORLD] as const,
  ['ipv4', 'nft', NAT_WORLD] as const,
  ['ipv6', 'ip6tables-legacy', PLAIN_WORLD6] as const,
  ['ipv6', 'ip6tables-nft', PLAIN_WORLD6] as const,
])(
  'drops nothing early that random rules for %s of %s apply to, and nothing before it has looked at them',
  (family, command, world) =>
    withBoth(world, 'generic', (both) => {
      const [make, restore, show] =
        command === 'nft'
          ? [randomNftFront, ['-f', '-'], [`nft list table ${family === 'ipv4' ? 'ip' : 'ip6'} front`]]
          : [randomFront, ['-w'], saved(command, ['raw', 'mangle'])];
      both.load(natFilter(family));
      let [early, counting] = [0, 0];
      for (let i = 0; i < RUNS; i++) {
        const choice = seededChoice(seed, i);
        const rules = make(choice, family);
        both.each((router) => router.exec(command === 'nft' ? 'nft' : `${command}-restore`, restore, rules));
        expect([rules, both.pass(randomFirstPackets(choice, 20, family), rules)]).toEqual([rules, 0]);
        both.sync();
        early += both.pass(randomFirstPackets(choice, 150, family), rules);
        counting += compareForeign(both, show, rules);
      }
      expect(early).toBeGreaterThan(RUNS * 10);
      // Of nftables' rules few have a counter.
      expect(counting).toBeGreaterThan(command === 'nft' ? 0 : RUNS * 2);
    }),
);

/** What Docker writes of a container, 10.192.0.1, of which port 80 is published as 8080. Its bridge is veth0 here. */
const DOCKER_FRONT = `*raw
-A PREROUTING -d 10.192.0.1/32 ! -i veth0 -j DROP
COMMIT
*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.192.0.0/11 ! -o veth0 -j MASQUERADE
-A DOCKER ! -i veth0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.192.0.1:80
COMMIT
`;
const DOCKER_FILTER = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 10.192.0.1/32 ! -i veth0 -o veth0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i veth0 -o veth0 -j DROP
-A DOCKER-BRIDGE -o veth0 -j DOCKER
-A DOCKER-CT -o veth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i veth0 -j ACCEPT
-A DOCKER-USER -s 11.66.0.0/16 -j DROP
COMMIT
`;
const FROM_OUTSIDE = packetsOf(
  // Early: closed ports, and who is not let through at all.
  'INPUT in=eth1 tcp 198.51.100.7:1000 > 10.0.0.1:23 syn',
  'INPUT in=eth1 udp 198.51.100.7:1000 > 10.0.0.1:53',
  'INPUT in=eth1 udp 198.51.100.8:1000 > 10.0.0.1:54',
  'FORWARD in=eth1 out=veth0 tcp 11.66.0.1:1000 > 10.192.0.2:80 syn',
  // The published port, as it is called and as it is; the open one; another container.
  'INPUT in=eth1 tcp 198.51.100.7:1001 > 10.0.0.1:8080 syn',
  'FORWARD in=eth1 out=veth0 tcp 198.51.100.7:1002 > 10.192.0.1:80 syn',
  'INPUT in=eth1 tcp 198.51.100.7:1003 > 10.0.0.1:22 syn',
  'FORWARD in=eth1 out=veth0 udp 198.51.100.7:1004 > 10.192.0.2:53',
);
const EARLY_OUTSIDE = 4;

it.each(['iptables-legacy', 'iptables-nft'])('serves beside what Docker writes by %s', (command) =>
  withBoth(NAT_WORLD, 'generic', (both) => {
    both.each((router) => router.exec(`${command}-restore`, ['-w'], DOCKER_FRONT));
    both.load(DOCKER_FILTER);
    expect(both.pass(FROM_OUTSIDE, 'from outside')).toBe(EARLY_OUTSIDE);
    expect(compareForeign(both, saved(command, ['raw']), 'raw')).toBe(1);
    expect(both.status.early!.left).toMatch(
      /^packets that rules of NAT may change are left to netfilter; packets that rules of .*raw PREROUTING of \S+ may apply to /,
    );
  }),
);
