// Targets that translate addresses, as text. The right sides are what iptables-legacy 1.8.9 answered; most rules are
// compared with it in test/differential/text-cases/nat.ts, here is what must hold without it. CLUSTERIP, which newer
// kernels lack, is as its source has it.

import { describe, expect, it } from 'vitest';
import { namesFrom } from '../../../src/ruleset/names.ts';
import { cases } from '../../differential/text-cases/nat.ts';
import { readBack } from '../../harness/read-back.ts';
import { complaints, type Place, ruleText } from '../../harness/rule-text.ts';

const names = namesFrom('http 80/tcp\ndomain 53/udp\n', 'icmp 1\ntcp 6\nudp 17\n');

const PRE: Place = { family: 'ipv4', table: 'nat', chain: 'PREROUTING', names };
const PRE6: Place = { ...PRE, family: 'ipv6' };
const POST: Place = { ...PRE, chain: 'POSTROUTING' };
const POST6: Place = { ...POST, family: 'ipv6' };
const MANGLE: Place = { ...PRE, table: 'mangle' };
const MANGLE6: Place = { ...MANGLE, family: 'ipv6' };
const FILTER: Place = { ...PRE, table: 'filter', chain: 'INPUT' };

/** Rules that are saved as they are written, or as `printed` says, and what -L shows. */
function shows(place: Place, rows: readonly (readonly [rule: string, listed: string, printed?: string])[]): void {
  for (const [rule, listed, printed = rule] of rows) {
    it(rule, () => {
      const shown = listed && ` ${listed}`;
      expect(ruleText(rule, place)).toEqual({ printed, numeric: shown, named: shown });
    });
  }
}

function refuses(place: Place, rows: readonly (readonly [rule: string, message: string])[]): void {
  it.each(rows)('%s is refused', (rule, message) => {
    expect(complaints(rule, place)[0]).toContain(`: ${message}`);
  });
}

function kernelRefuses(rows: readonly (readonly [place: Place, rule: string])[]): void {
  it.each(rows)('%o %s is refused by the kernel', (place, rule) => {
    expect(complaints(rule, place)[0]).toMatch(/^refused-rule: /);
  });
}

describe('DNAT', () => {
  shows(PRE, [
    ['-j DNAT --to-destination 1.1.1.1-1.1.1.10 --random --persistent', 'to:1.1.1.1-1.1.1.10 random persistent'],
    ['-p tcp -j DNAT --to-destination 1.1.1.1:1000-2000/3000', 'to:1.1.1.1:1000-2000/3000'],
    ['-p tcp -j DNAT --to-destination 12:http', 'to::80', '-p tcp -j DNAT --to-destination :80'],
  ]);
  shows(PRE6, [
    ['-p tcp -j DNAT --to-destination [dead::1-dead::2]:80', 'to:[dead::1-dead::2]:80'],
    ['-j DNAT --to-destination [dead::1]', 'to:dead::1', '-j DNAT --to-destination dead::1'],
  ]);
  refuses(PRE, [
    ['-j DNAT', 'DNAT: option "--to-destination" must be specified'],
    ['-j DNAT --to-destination 1.1.1.1:80 -p tcp', 'Need TCP, UDP, SCTP or DCCP with port specification'],
    ['-p tcp -j DNAT --to-destination 1.1.1.1:80-70', "Port range `70' funky"],
    ['-p tcp -j DNAT --to-destination 1.1.1.1:80x', "Garbage after port value: `x'"],
    ['-p tcp -j DNAT --to-destination 01.1.1.1', 'Bad IP address "01.1.1.1"'],
    ['-p tcp -j DNAT --to-destination [::1]:5', 'Invalid address format'],
  ]);
  kernelRefuses([
    [POST, '-j DNAT --to-destination 1.1.1.1'],
    [FILTER, '-j DNAT --to-destination 1.1.1.1'],
  ]);
});

describe('SNAT, MASQUERADE, REDIRECT', () => {
  shows(POST, [
    ['-j SNAT --to-source 1.1.1.1 --random --random-fully', 'to:1.1.1.1 random random-fully'],
    // Its base never reaches the kernel.
    ['-p tcp -j SNAT --to-source 1.1.1.1:5-6/7', 'to:1.1.1.1:5-6/0'],
    ['-j MASQUERADE', ''],
    ['-p udp -j MASQUERADE --to-ports 5-6 --random', 'masq ports: 5-6 random'],
  ]);
  shows(PRE, [
    ['-p udp -j REDIRECT --to-ports domain', 'redir ports 53', '-p udp -j REDIRECT --to-ports 53'],
    ['-j REDIRECT --random', 'random'],
  ]);
  refuses(PRE, [
    ['-p tcp -j REDIRECT --to-ports 5-6/7', 'Shifted portmap ranges not supported with this kernel'],
    ['-p tcp -j REDIRECT --to-ports 5:6', 'Invalid port:port syntax - use dash'],
  ]);
  kernelRefuses([
    [PRE, '-j SNAT --to-source 1.1.1.1'],
    [{ ...PRE, chain: 'OUTPUT' }, '-j MASQUERADE'],
    [POST6, '-j REDIRECT'],
  ]);
});

describe('NETMAP, DNPT, SNPT', () => {
  shows(PRE, [
    ['-j NETMAP --to 10.1.2.3/255.255.0.0', 'to:10.1.0.0/16', '-j NETMAP --to 10.1.0.0/16'],
    ['-j NETMAP --to 10.1', 'to:10.0.0.1/32', '-j NETMAP --to 10.0.0.1/32'],
    ['-j NETMAP --to 10.1.2.3/255.0.255.0', 'to:10.1.2.3/32', '-j NETMAP --to 10.1.2.3/32'],
  ]);
  shows(PRE6, [['-j NETMAP --to dead::beef/64', 'to:dead::/64', '-j NETMAP --to dead::/64']]);
  shows(MANGLE6, [
    ['-j DNPT --src-pfx dead::/64 --dst-pfx 1c3::/64', 'DNPT src-pfx dead::/64 dst-pfx 1c3::/64'],
    ['-j DNPT --src-pfx ::/0 --dst-pfx ::/0', 'DNPT src-pfx ::/0 dst-pfx ::/0'],
  ]);
  refuses(PRE, [
    [
      '-j NETMAP --to 10.1/x',
      'NETMAP: bad value for option "--to", neither a valid network mask nor valid CIDR (0-32).',
    ],
  ]);
  refuses(MANGLE6, [['-j SNPT --dst-pfx 1c3::/64', 'SNPT: option "--src-pfx" must be specified']]);
  kernelRefuses([
    [MANGLE6, '-j SNPT --src-pfx dead::/64 --dst-pfx 1c3::/64'],
    [MANGLE6, '-j DNPT --src-pfx dead::/65 --dst-pfx 1c3::/64'],
    [MANGLE6, '-j DNPT --src-pfx dead::1/64 --dst-pfx 1c3::/64'],
    [MANGLE6, '-j DNPT --src-pfx dead::/f:f:: --dst-pfx 1c3::/64'],
  ]);
});

describe('TPROXY', () => {
  const bare = '--on-ip 0.0.0.0 --tproxy-mark 0x0/0x0';
  shows(MANGLE, [
    [
      '-p tcp -j TPROXY --on-port http',
      'TPROXY redirect 0.0.0.0:80 mark 0x0/0x0',
      `-p tcp -j TPROXY --on-port 80 ${bare}`,
    ],
    [
      '-p udp -j TPROXY --on-port 70000 --on-ip 10.1 --tproxy-mark 5',
      'TPROXY redirect 10.0.0.1:4464 mark 0x5/0xffffffff',
      '-p udp -j TPROXY --on-port 4464 --on-ip 10.0.0.1 --tproxy-mark 0x5/0xffffffff',
    ],
  ]);
  refuses(MANGLE, [
    ['-p tcp -j TPROXY', 'TPROXY: option "--on-port" must be specified'],
    ['-p tcp -j TPROXY --on-port nope', 'Port "nope" does not resolve to anything.'],
  ]);
  kernelRefuses([
    [MANGLE, '! -p tcp -j TPROXY --on-port 1'],
    [{ ...MANGLE, chain: 'INPUT' }, '-p tcp -j TPROXY --on-port 1'],
  ]);
});

describe('CLUSTERIP', () => {
  const words = '--new --hashmode sourceip --clustermac 01:AA:7B:47:F7:D7 --total-nodes 2 --local-node 1 --hash-init 1';
  shows(FILTER, [
    ['-j CLUSTERIP', 'CLUSTERIP'],
    [
      `-j CLUSTERIP ${words}`,
      'CLUSTERIP hashmode=sourceip clustermac=01:AA:7B:47:F7:D7 total_nodes=2 local_node=1 hash_init=1',
    ],
  ]);
  refuses(FILTER, [
    ['-j CLUSTERIP --new', 'CLUSTERIP target: Invalid parameter combination'],
    ['-j CLUSTERIP --hashmode x', 'Unknown hashmode "x"'],
    ['-j CLUSTERIP --clustermac 1:2', 'Invalid MAC address specified.'],
    ['-j CLUSTERIP --clustermac 00:1:2:3:4:5', 'MAC has to be a multicast ethernet address'],
    ['-j CLUSTERIP --local-node 17', 'CLUSTERIP: bad value for option "--local-node", or out of range (0-16).'],
  ]);
  kernelRefuses([[FILTER, `-j CLUSTERIP ${words.replace('local-node 1', 'local-node 3')}`]]);
});

it('what is printed reads back as the same', () => {
  const all = readBack(cases);
  expect(all.length).toBeGreaterThan(100);
  for (const { rule, first, again } of all) expect(again, rule).toEqual(first);
});
