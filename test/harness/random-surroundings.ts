// Random changes of what is around a filter table, the same on two routers: addresses, routes, settings, devices and their
// names, and who else looks at packets. None of them is told to us, and each is taken back sometime.

import type { Family } from '../../src/base/family.ts';
import type { Beside } from './beside.ts';
import { ip, nft, run } from './early-changes.ts';
import type { Namespace } from './namespace.ts';
import type { Choice } from './random.ts';

/** What is so or not. */
interface Circumstance {
  readonly name: string;
  make(router: Namespace): void;
  undo(router: Namespace): void;
}

/** What is given, by `ip`, and taken away. */
const given = (words: string): Circumstance => {
  const [object, rest] = words.split(/ (?:add) (.*)/) as [string, string];
  return { name: words, make: ip(words), undo: ip(`${object} del ${rest}`) };
};

const setting = (key: string, usual: number, other: number): Circumstance => ({
  name: `${key}=${other}`,
  make: (router) => router.sysctl(key, other),
  undo: (router) => router.sysctl(key, usual),
});

/** All others ask for devices that keep their names. */
const SWAP = ip('link set eth0 name other', 'link set eth1 name eth0', 'link set other name eth1');

const ANY: readonly Circumstance[] = [
  { name: 'two devices have exchanged their names', make: SWAP, undo: SWAP },
  {
    name: 'a chain of nftables before ours',
    make: nft('add table inet t', 'add chain inet t c { type filter hook input priority -10; }'),
    undo: nft('delete table inet t'),
  },
  { name: 'a qdisc for tc', make: run('tc qdisc add dev veth0 clsact'), undo: run('tc qdisc del dev veth0 clsact') },
  {
    name: 'another device',
    make: ip('link add new0 type veth peer name new1'),
    undo: ip('link del new0'),
  },
  { name: 'a smaller MTU', make: ip('link set veth0 mtu 1300'), undo: ip('link set veth0 mtu 1500') },
];

const OF_FAMILY: Readonly<Record<Family, readonly Circumstance[]>> = {
  ipv4: [
    given('addr add 10.192.0.1/32 dev lo'),
    given('addr add 198.51.100.7/32 dev veth0'),
    given('route add 192.168.1.0/24 via 169.254.0.1 dev veth0 onlink'),
    given('route add blackhole 10.224.0.0/16'),
    given('route add unreachable 11.1.0.0/24'),
    given('rule add from 11.0.0.1 blackhole'),
    setting('net.ipv4.conf.all.rp_filter', 0, 1),
    setting('net.ipv4.conf.all.accept_local', 1, 0),
    setting('net.ipv4.conf.veth0.forwarding', 1, 0),
    setting('net.ipv4.conf.veth0.route_localnet', 0, 1),
  ],
  ipv6: [
    given('addr add 2001:db8:c000::1/128 dev lo nodad'),
    given('-6 route add 2001:dead::/16 dev veth0'),
    given('-6 route add blackhole 2001:db8:e000::/48'),
    given('-6 route add unreachable 2001:dead::/32'),
    given('-6 rule add from fd00::2 blackhole'),
  ],
};

/** What is as it usually is not, on both routers. */
export class Surroundings {
  private readonly all: readonly Circumstance[];
  private readonly present = new Set<Circumstance>();

  constructor(family: Family) {
    this.all = [...ANY, ...OF_FAMILY[family]];
  }

  /** Makes one of the circumstances so, or not so any more; returns what to call it. */
  change(choice: Choice, both: Beside): string {
    const one = this.present.size > 0 && choice.chance(0.5) ? choice.pick([...this.present]) : choice.pick(this.all);
    const isThere = this.present.delete(one);
    if (!isThere) this.present.add(one);
    both.each(isThere ? one.undo : one.make);
    return `${isThere ? 'no more: ' : ''}${one.name}`;
  }
}
