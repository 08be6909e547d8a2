import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, formatSet } from '../../../src/base/intervals.ts';
import { formatAddress, parseAddress, prefixMask } from '../../../src/base/ipv4.ts';
import { formatAddress6, parseAddress6 } from '../../../src/base/ipv6.ts';
import type { WideIntervalSet } from '../../../src/base/wide-intervals.ts';
import { earlyFacts, earlyFacts6, MOST_ROUTES } from '../../../src/engine/early-facts.ts';
import type { Route } from '../../../src/kernel/routes.ts';

const [LOCAL_TABLE, MAIN] = [255, 254];
const [UNICAST, LOCAL, BROADCAST, ANYCAST, MULTICAST, BLACKHOLE] = [1, 2, 3, 4, 5, 6];
const DEVICES = [
  { ifindex: 2, name: 'eth0', forwards: true },
  { ifindex: 3, name: 'eth1', forwards: false },
];

function route(prefix: string, more: Partial<Route> = {}): Route {
  const [address, length = '32'] = prefix.split('/');
  const plain = { type: UNICAST, table: MAIN, devices: [2], plain: true };
  return { ...plain, destination: parseAddress(address!)!, length: Number(length), ...more };
}

function shown(routes: readonly Route[], tables: readonly number[] | undefined = [LOCAL_TABLE, MAIN, 253]) {
  const facts = earlyFacts(routes, tables, DEVICES)!;
  const text = (set: typeof facts.local) => formatSet(set, formatAddress);
  return { local: text(facts.local), routed: text(facts.routed), sources: facts.devices.map((d) => text(d.sources)) };
}

const HOST = [
  route('10.0.0.1', { table: LOCAL_TABLE, type: LOCAL }),
  route('10.0.0.255', { table: LOCAL_TABLE, type: BROADCAST }),
  route('127.0.0.0/8', { table: LOCAL_TABLE, type: LOCAL, devices: [1] }),
];

describe('early facts', () => {
  it('settle addresses by table, then by prefix', () => {
    const routes = [...HOST, route('10.0.0.0/24'), route('10.0.0.64/26', { devices: [3] })];
    expect(shown(routes)).toEqual({
      local: '10.0.0.1',
      routed: '10.0.0.0,10.0.0.2-10.0.0.254',
      sources: ['10.0.0.0,10.0.0.2-10.0.0.63,10.0.0.128-10.0.0.254', '10.0.0.64-10.0.0.127'],
    });
  });

  it('leave out what the stack treats in its own ways', () => {
    expect(shown([...HOST, route('0.0.0.0/0')]).sources[0]).toBe(
      '1.0.0.0-10.0.0.0,10.0.0.2-10.0.0.254,10.0.1.0-126.255.255.255,128.0.0.0-223.255.255.255',
    );
  });

  it('know nothing of routes that are not for all packets, lead by more than one device, or nowhere', () => {
    const net = route('10.1.0.0/24');
    expect(shown([net, route('10.1.0.0/25', { plain: false })])).toMatchObject({ routed: '10.1.0.128-10.1.0.255' });
    expect(shown([net, route('10.1.0.0/25', { devices: [2, 3] })])).toMatchObject({
      routed: '10.1.0.0-10.1.0.255',
      sources: ['10.1.0.128-10.1.0.255', ''],
    });
    expect(shown([net, route('10.1.0.0/25', { type: BLACKHOLE, devices: [] })]).routed).toBe('10.1.0.128-10.1.0.255');
    expect(shown([net, net, route('10.1.0.7')]).routed).toBe('10.1.0.7');
    expect(shown([route('10.1.0.0/24', { devices: [] })]).sources).toEqual(['', '']);
  });

  it('tell where packets may go back to by the device that they came in by', () => {
    const routes = [
      route('10.1.0.0/26'),
      route('10.1.0.64/26', { devices: [2, 3] }),
      route('10.1.0.128/26', { devices: [3] }),
    ];
    const facts = earlyFacts([...routes, route('10.1.0.192/26', { devices: [] })], [MAIN], DEVICES)!;
    expect(facts.devices.map(({ back }) => formatSet(back!, formatAddress))).toEqual([
      '10.1.0.0-10.1.0.127,10.1.0.192-10.1.0.255',
      '10.1.0.64-10.1.0.255',
    ]);
  });

  it('are none where rules ask more, and where there are too many', () => {
    expect(earlyFacts(HOST, undefined, DEVICES)).toBeUndefined();
    const many = Array.from({ length: MOST_ROUTES + 1 }, (_, i) => route(formatAddress(0x0b000000 + i)));
    expect(earlyFacts(many, [MAIN], DEVICES)).toBeUndefined();
    expect(earlyFacts(many.slice(1), [MAIN], DEVICES)).toBeDefined();
  });

  it('agree with a look-up of each address', () => {
    const prefix = fc.record({
      low: fc.nat(255),
      length: fc.integer({ min: 24, max: 32 }),
      table: fc.constantFrom(LOCAL_TABLE, MAIN),
      type: fc.constantFrom(UNICAST, LOCAL, BLACKHOLE),
      device: fc.constantFrom(2, 3),
      plain: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 12 }), (made) => {
        const routes = made.map(({ low, length, device, ...rest }): Route => {
          return { ...rest, length, destination: ((0x0a000000 + low) & prefixMask(length)) >>> 0, devices: [device] };
        });
        const facts = earlyFacts(routes, [LOCAL_TABLE, MAIN], DEVICES)!;
        const wrong = Array.from({ length: 256 }, (_, i) => 0x0a000000 + i).filter((address) => {
          const taken = lookUp(routes, address);
          return (
            contains(facts.local, address) !== (taken?.type === LOCAL) ||
            contains(facts.routed, address) !== (taken?.type === UNICAST) ||
            contains(facts.devices[1]!.sources, address) !== (taken?.type === UNICAST && taken.devices[0] === 3)
          );
        });
        expect(wrong.map(formatAddress)).toEqual([]);
      }),
    );
  });
});

/** The one plain route that packets to the address take; nothing where there is none, or more. */
function lookUp(routes: readonly Route[], address: number): Route | undefined {
  for (const table of [LOCAL_TABLE, MAIN]) {
    const all = routes.filter((r) => r.table === table && (address & prefixMask(r.length)) >>> 0 === r.destination);
    const longest = Math.max(...all.map(({ length }) => length));
    const [best, ...others] = all.filter(({ length }) => length === longest);
    if (best !== undefined) return best.plain && others.length === 0 ? best : undefined;
  }
  return undefined;
}

describe('early facts of IPv6', () => {
  const route6 = (prefix: string, more: Partial<Route<bigint>> = {}): Route<bigint> => {
    const [address, length = '128'] = prefix.split('/');
    const plain = { type: UNICAST, table: MAIN, devices: [2], plain: true };
    return { ...plain, destination: parseAddress6(address!)!, length: Number(length), ...more };
  };
  const text = (set: WideIntervalSet) =>
    set.map(({ low, high }) => (low === high ? [low] : [low, high]).map(formatAddress6).join('-'));
  const shown6 = (routes: readonly Route<bigint>[]) => {
    const facts = earlyFacts6(routes, [LOCAL_TABLE, MAIN], DEVICES)!;
    const back = facts.devices.map((each) => text(each.back!));
    return { local: text(facts.local), routed: text(facts.routed), back };
  };

  it('settle addresses by table, then by prefix, and leave out those of one link, groups and the like', () => {
    const routes = [
      route6('::1', { table: LOCAL_TABLE, type: LOCAL, devices: [1] }),
      route6('2001:db8::1', { table: LOCAL_TABLE, type: LOCAL }),
      route6('2001:db8::', { table: LOCAL_TABLE, type: ANYCAST }),
      route6('fe80::1', { table: LOCAL_TABLE, type: LOCAL }),
      route6('ff00::/8', { table: LOCAL_TABLE, type: MULTICAST }),
      route6('2001:db8::/126'),
      route6('2001:db8::3', { type: BLACKHOLE }),
      route6('fe80::/64'),
      route6('fe80::/64', { devices: [3] }),
      route6('2001:db8:1::/48', { devices: [3] }),
      route6('2001:db8:2::/48', { plain: false }),
    ];
    expect(shown6(routes)).toEqual({
      local: ['2001:db8::1'],
      routed: ['2001:db8::2', '2001:db8:1::-2001:db8:1:ffff:ffff:ffff:ffff:ffff'],
      back: [['2001:db8::2'], ['2001:db8:1::-2001:db8:1:ffff:ffff:ffff:ffff:ffff']],
    });
  });

  it('take any ordinary source from any device', () => {
    const { devices } = earlyFacts6([], [MAIN], DEVICES)!;
    for (const { sources } of devices) expect(text(sources)).toEqual(['1::-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff']);
  });
});
