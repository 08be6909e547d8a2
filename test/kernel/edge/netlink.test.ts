// What rtnetlink and nfnetlink say of a namespace.

import { describe, expect, it } from 'vitest';
import { foreignFilters } from '../../../src/kernel/foreign.ts';
import { listRoutes, listRoutes6, routingTables, takesIpv6 } from '../../../src/kernel/routes.ts';
import { localDestinations, localDestinations6 } from '../../../src/kernel/rtnetlink.ts';
import { withNamespace } from './test-namespace.ts';

const MULTICAST = { low: 0xe0000000, high: 0xefffffff };
const GROUPS = { low: 0xff00n << 112n, high: (1n << 128n) - 1n };
const BROADCAST = { low: 0xffffffff, high: 0xffffffff };

it('devices, with kind and master', () =>
  withNamespace((namespace) => {
    for (const line of ['br0 type bridge', 'v0 type veth peer name v1']) namespace.ip(`link add ${line}`);
    namespace.ip('link set v0 master br0');
    const { ifindex, ...bridge } = namespace.link('br0');
    expect(bridge).toEqual({ name: 'br0', kind: 'bridge', loopback: false, ethernet: true });
    expect(namespace.link('v0')).toMatchObject({ kind: 'veth', master: ifindex });
    expect(namespace.link('lo')).toEqual({ ifindex: 1, name: 'lo', loopback: true, ethernet: false });
  }));

it('devices by the text of their names', () =>
  withNamespace((namespace) => {
    namespace.ip('link add brücke0 type bridge');
    expect(namespace.link('brücke0')).toMatchObject({ kind: 'bridge' });
  }));

it('more devices than one answer holds', () =>
  withNamespace((namespace) => {
    for (let i = 0; i < 60; i++) namespace.ip(`link add b${i} type bridge`);
    expect(namespace.link('b59')).toMatchObject({ kind: 'bridge' });
    expect(namespace.link('b0')).toMatchObject({ kind: 'bridge' });
  }));

it('local destinations: nothing but groups in a new namespace, then what its addresses bring', () =>
  withNamespace((namespace) => {
    const local = () => namespace.inside(localDestinations);
    expect(local()).toEqual([MULTICAST, BROADCAST]);
    namespace.ip('link add v0 type veth peer name v1');
    namespace.ip('addr add 10.1.2.3/24 brd + dev v0');
    for (const device of ['lo', 'v0', 'v1']) namespace.ip(`link set ${device} up`);
    namespace.ip('route add 192.0.2.0/24 via 10.1.2.4'); // not local
    namespace.ip('route add local 198.51.100.0/28 dev lo');
    expect(local()).toEqual([
      { low: 0x0a010203, high: 0x0a010203 },
      { low: 0x0a0102ff, high: 0x0a0102ff },
      { low: 0x7f000000, high: 0x7fffffff },
      { low: 0xc6336400, high: 0xc633640f },
      MULTICAST,
      BROADCAST,
    ]);
  }));

it('routes, and which hold for every packet as it is; tables, where rules ask for nothing else', () =>
  withNamespace((namespace) => {
    for (const line of ['v0 type veth peer name v1', 'v2 type veth peer name v3']) namespace.ip(`link add ${line}`);
    for (const device of ['v0', 'v1', 'v2', 'v3']) namespace.ip(`link set ${device} up`);
    const [v0, v2] = ['v0', 'v2'].map((name) => namespace.link(name).ifindex);
    const added = [
      '198.51.100.0/28 dev v0',
      '198.51.100.16/28 dev v0 tos 0x10',
      '198.51.100.32/28 nexthop dev v0 nexthop dev v2',
      '198.51.100.48/28 encap ip id 7 dst 192.0.2.1 dev v0',
      '198.51.100.64/28 nexthop dev v0 nexthop encap ip id 7 dst 192.0.2.1 dev v2',
      'blackhole 198.51.100.80/28',
      '198.51.100.96/28 dev v0 table 77',
    ];
    for (const line of added) namespace.ip(`route add ${line}`);
    const routes = namespace.inside(listRoutes).filter(({ destination }) => destination >>> 8 === 0xc63364);
    const shown = routes.map(({ destination, table, type, devices, plain }) => [
      destination & 255,
      table,
      type,
      devices,
      plain,
    ]);
    expect(shown.sort((a, b) => (a[0] as number) - (b[0] as number))).toEqual([
      [0, 254, 1, [v0], true],
      [16, 254, 1, [v0], false],
      [32, 254, 1, [v0, v2], true],
      [48, 254, 1, [v0], false],
      [64, 254, 1, [v0, v2], false],
      [80, 254, 6, [], true],
      [96, 77, 1, [v0], true],
    ]);
    expect(namespace.inside(routingTables)).toEqual([255, 254, 253]);
    namespace.ip('rule add lookup 77 priority 100');
    expect(namespace.inside(routingTables)).toEqual([255, 77, 254, 253]);
    namespace.ip('rule add iif v0 lookup 78 priority 101');
    expect(namespace.inside(routingTables)).toBeUndefined();
  }));

it('routes of IPv6', () =>
  withNamespace((namespace) => {
    expect(namespace.inside(() => takesIpv6('v0'))).toBe(false);
    namespace.ip('link add v0 type veth peer name v1');
    for (const device of ['v0', 'v1']) namespace.ip(`link set ${device} up addrgenmode none`);
    expect(namespace.inside(() => ['v0', 'all'].map(takesIpv6))).toEqual([true, true]);
    const [v0, v1] = ['v0', 'v1'].map((name) => namespace.link(name).ifindex);
    const added = [
      '2001:db8::/32 dev v0',
      '2001:db8:1::/48 from 2001:db8:9::/48 dev v0',
      '2001:db8:2::/48 nexthop via fe80::1 dev v0 nexthop via fe80::2 dev v1',
      'unreachable 2001:db8:3::/48',
      'local 2001:db8:4::/128 dev v1 table local',
      '2001:db8:5::/48 encap ip6 id 7 dst 2001:db8::1 dev v0',
      '2001:db8:6::/48 dev v0 table 77',
    ];
    for (const line of added) namespace.ip(`-6 route add ${line}`);
    const ours = namespace.inside(listRoutes6).filter(({ destination }) => destination >> 96n === 0x20010db8n);
    const shown = ours.map(({ destination, length, table, type, devices, plain }) => [
      ...[Number((destination >> 80n) & 0xffffn), length, table, type, devices, plain],
    ]);
    expect(shown.sort((a, b) => (a[0] as number) - (b[0] as number))).toEqual([
      [0, 32, 254, 1, [v0], true],
      [1, 48, 254, 1, [v0], false],
      [2, 48, 254, 1, [v0, v1], true],
      [3, 48, 254, 7, [1], true],
      [4, 128, 255, 2, [v1], true],
      [5, 48, 254, 1, [v0], false],
      [6, 48, 77, 1, [v0], true],
    ]);
    const tables = () => namespace.inside(() => routingTables('ipv6'));
    expect(tables()).toEqual([255, 254]);
    namespace.ip('-6 rule add lookup 77 priority 100');
    expect(tables()).toEqual([255, 77, 254]);
    namespace.ip('-6 rule add to 2001:db8::/32 lookup 78 priority 101');
    expect(tables()).toBeUndefined();
  }));

it('local destinations of IPv6: what belongs to one device apart from what belongs to all', () =>
  withNamespace((namespace) => {
    const local = () => namespace.inside(localDestinations6);
    expect(local()).toEqual({ localDestinations: [GROUPS], ofDevices: [] });
    namespace.ip('link add v0 type veth peer name v1');
    for (const device of ['v0', 'v1']) namespace.ip(`link set ${device} addrgenmode none`);
    namespace.ip('addr add 2001:db8::1/64 dev v0 nodad');
    namespace.ip('addr add fe80::7/64 dev v0 nodad');
    for (const device of ['lo', 'v0', 'v1']) namespace.ip(`link set ${device} up`);
    namespace.ip('route add 2001:db8:1::/64 via 2001:db8::9'); // not local
    namespace.ip('route add local 2001:db8:2::/48 dev lo');
    const { ifindex } = namespace.link('v0');
    const address = 0x20010db8n << 96n;
    const routed = address | (2n << 80n);
    expect(local()).toEqual({
      localDestinations: [
        { low: 1n, high: 1n },
        { low: address | 1n, high: address | 1n },
        { low: routed, high: routed | ((1n << 80n) - 1n) },
        GROUPS,
      ],
      ofDevices: [{ ifindex, destination: (0xfe80n << 112n) | 7n }],
    });
  }));

describe.each(['iptables-legacy', 'ip6tables-legacy'])('the filter table of %s', (command) => {
  it.each([
    ['a rule', '-A INPUT -p tcp -j DROP'],
    ['a policy', '-P FORWARD DROP'],
  ])('is reported for %s, not for being there', (_, words) =>
    withNamespace((namespace) => {
      const found = () => namespace.inside(foreignFilters);
      expect(found()).toEqual([]);
      namespace.exec(command, '-N', 'UNUSED');
      expect(found()).toEqual([]);
      namespace.exec(command, ...words.split(' '));
      expect(found()).toEqual([`${command}'s filter table is in force too: a packet needs both to accept it`]);
    }),
  );
});

it('nftables chains are reported where they judge packets of IPv4 or IPv6', () =>
  withNamespace((namespace) => {
    const nft = (line: string) => namespace.exec('nft', line);
    const found = () => namespace.inside(foreignFilters);
    nft('table ip a { chain empty { type filter hook input priority 0; }; }');
    nft('table ip6 b { chain six { type filter hook input priority 0; }; }');
    nft('table inet c { chain later { type filter hook prerouting priority 0; policy drop; }; }');
    expect(found()).toEqual([]);
    nft('add chain inet c strict { type filter hook output priority 5; policy drop; }');
    nft('add rule ip a empty udp dport 9 drop');
    nft('add rule ip6 b six udp dport 9 drop');
    expect(found()).toEqual([
      expect.stringContaining('nftables chain ip a empty (input)'),
      expect.stringContaining('nftables chain ip6 b six (input)'),
      expect.stringContaining('nftables chain inet c strict (output)'),
    ]);
  }));
