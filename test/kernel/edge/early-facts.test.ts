// What the kernel tells of where packets go, where links are down, and of devices whose packets others have seen before.

import { expect, it } from 'vitest';
import type { EarlyFacts } from '../../../src/base/early.ts';
import type { Family } from '../../../src/base/family.ts';
import { systemKernel } from '../../../src/engine/system-kernel.ts';
import { Namespace } from '../../harness/namespace.ts';

const NETWORKS: Readonly<Record<Family, readonly [version: string, routed: string, special: string]>> = {
  ipv4: ['-4', '198.18.0.0/15', '198.18.0.0/24'],
  ipv6: ['-6', '2001:db8::/32', '2001:db8:1::/48'],
};

const factsOf = (namespace: Namespace, family: Family): EarlyFacts =>
  namespace.enter(() => systemKernel.earlyFacts(family))!;
const wordsOf = (namespace: Namespace, family: Family): Buffer =>
  namespace.enter(() => Buffer.from(systemKernel.surroundings(family).words));

function withIpv6(): Namespace {
  const namespace = new Namespace('facts');
  for (const devices of ['all', 'default']) namespace.sysctl(`net.ipv6.conf.${devices}.disable_ipv6`, 0);
  return namespace;
}

/** How many addresses there is a way to, as the kernel's routes say. */
function routed({ routed }: EarlyFacts): bigint {
  return [...routed].reduce((sum, { low, high }) => sum + BigInt(high) - BigInt(low) + 1n, 0n);
}

it.each(['ipv4', 'ipv6'] as const)('routes of %s by devices without a link lead nowhere for certain', (family) => {
  const namespace = withIpv6();
  const [version, wide, narrow] = NETWORKS[family];
  try {
    namespace.ip('link add up0 type veth peer name up1');
    namespace.ip('link add wire0 type veth peer name wire1');
    for (const device of ['up0', 'up1', 'wire0', 'wire1']) namespace.ip(`link set ${device} up`);
    namespace.ip(`${version} route add ${wide} dev up0`);
    namespace.ip(`${version} route add ${narrow} dev wire0`);
    const all = routed(factsOf(namespace, family));
    const before = wordsOf(namespace, family);
    namespace.ip('link set wire1 down');
    const without = routed(factsOf(namespace, family));
    expect(without).toBeLessThan(all);
    // Of IPv4 the loss of a link shows in the words; of IPv6 it does not, but routes stay in use by themselves.
    if (family === 'ipv4') expect(wordsOf(namespace, family).equals(before)).toBe(false);
    namespace.sysctl(`net.${family}.conf.wire0.ignore_routes_with_linkdown`, 1);
    expect(routed(factsOf(namespace, family))).toBe(without);
    namespace.ip('link set wire1 up');
    // With a link: certain of IPv4, whose words change with it, and of IPv6 not while its loss would change the route.
    expect(routed(factsOf(namespace, family))).toBe(family === 'ipv4' ? all : without);
  } finally {
    namespace.remove();
  }
});

it('packets of bridges, and of what is stacked on them, may have been changed before XDP', () => {
  const namespace = withIpv6();
  try {
    namespace.ip('link add plain0 type veth peer name plain1');
    namespace.ip('link add br0 type bridge');
    namespace.ip('link add mac0 link br0 type macvlan');
    namespace.ip('link add mac1 link plain0 type macvlan');
    for (const family of ['ipv4', 'ipv6'] as const) {
      const names = factsOf(namespace, family).devices.map(({ name }) => name);
      expect(names.filter((name) => /^(plain|br|mac)/.test(name)).sort()).toEqual(['mac1', 'plain0', 'plain1']);
    }
  } finally {
    namespace.remove();
  }
});
