// What is certain about packets before the stack has seen them, from routes and rules: `src/base/early.ts`.
//
// The tables are asked in the order of the rules, and in each the longest prefix wins (`fib_table_lookup`,
// net/ipv4/fib_trie.c; `fib6_table_lookup`, net/ipv6/route.c), so an address is settled by the first table that has any
// route to it. Where a rule asks more than that, where a route is for some packets only, or goes by a hop that is down,
// nothing is certain of what it covers.

import type { EarlyDevice, EarlyFacts4, EarlyFacts6, FamilyFacts } from '../base/early.ts';
import { complement, type IntervalSet, normalize } from '../base/intervals.ts';
import { GROUP_ADDRESSES } from '../base/ipv4.ts';
import {
  complementWide,
  intersectWide,
  normalizeWide,
  type WideInterval,
  type WideIntervalSet,
} from '../base/wide-intervals.ts';
import type { Route } from '../kernel/routes.ts';

/** RTN_UNICAST, RTN_LOCAL (include/uapi/linux/rtnetlink.h). */
const [UNICAST, LOCAL] = [1, 2];
const ALL = 0xffffffff;

/** Addresses that the stack treats in ways of their own: 0.0.0.0/8, 127.0.0.0/8, and everything from 224.0.0.0 on. */
const SPECIAL = normalize([
  ...GROUP_ADDRESSES,
  { low: 0, high: 0x00ffffff },
  { low: 0x7f000000, high: 0x7fffffff },
  { low: 0xe0000000, high: ALL },
]);
/** All others. */
export const ORDINARY = complement(SPECIAL, ALL);

/** Neither ::/16, with no address, loopback and IPv4 in it, nor everything from fe80:: on: of one link, of a site, groups. */
export const ORDINARY6: WideIntervalSet = [{ low: 1n << 112n, high: (0xfe80n << 112n) - 1n }];

/** More routes than this say nothing: the tables made of them would outgrow those of the rules. */
export const MOST_ROUTES = 2000;

/** A device that packets come in by. */
export interface Entrance {
  readonly ifindex: number;
  readonly name: string;
  readonly forwards: boolean;
}

/** An address range, and the route that packets to it take; none where it is not plain. */
interface Settled extends WideInterval {
  readonly route: Route<bigint> | undefined;
}

/** `undefined` where there are too many routes, or rules that ask more than the destination (`tables` is undefined). */
export function earlyFacts(
  routes: readonly Route[],
  tables: readonly number[] | undefined,
  devices: readonly Entrance[],
): EarlyFacts4 | undefined {
  const wide = routes.map((route) => ({ ...route, destination: BigInt(route.destination) }));
  const facts = factsOf(wide, 32, tables, devices, widened(ORDINARY));
  if (facts === undefined) return undefined;
  return {
    family: 'ipv4',
    local: narrowed(facts.local),
    routed: narrowed(facts.routed),
    devices: facts.devices.map(({ sources, back = [], ...device }) => {
      return { ...device, sources: narrowed(sources), back: narrowed(back) };
    }),
  };
}

/** The same of IPv6, where any ordinary source comes in by any device. */
export function earlyFacts6(
  routes: readonly Route<bigint>[],
  tables: readonly number[] | undefined,
  devices: readonly Entrance[],
): EarlyFacts6 | undefined {
  const facts = factsOf(routes, 128, tables, devices, ORDINARY6);
  if (facts === undefined) return undefined;
  return { ...facts, family: 'ipv6', devices: facts.devices.map((device) => ({ ...device, sources: ORDINARY6 })) };
}

/** The facts of addresses of so many bits. */
function factsOf(
  routes: readonly Route<bigint>[],
  bits: number,
  tables: readonly number[] | undefined,
  devices: readonly Entrance[],
  ordinary: WideIntervalSet,
): FamilyFacts<WideIntervalSet> | undefined {
  if (tables === undefined || routes.length > MOST_ROUTES) return undefined;
  const settled: Settled[] = [];
  for (const table of tables) {
    const open = complementWide(normalizeWide(settled));
    const ranges = longestPrefixes(
      routes.filter((each) => each.table === table),
      bits,
    );
    for (const { route, ...range } of ranges) {
      settled.push(...intersectWide([range], open).map((part) => ({ ...part, route })));
    }
  }
  const where = (holds: (route: Route<bigint>) => boolean): WideIntervalSet =>
    intersectWide(normalizeWide(settled.filter(({ route }) => route !== undefined && holds(route))), ordinary);
  return {
    local: where(({ type }) => type === LOCAL),
    routed: where(({ type }) => type === UNICAST),
    devices: devices.map(({ ifindex, name, forwards }): EarlyDevice<WideIntervalSet> => {
      const isBy = (route: Route<bigint>) =>
        route.type === UNICAST && route.devices.length > 0 && route.devices.every((each) => each === ifindex);
      const mayBeBy = ({ type, devices }: Route<bigint>) =>
        type === UNICAST && (devices.length === 0 || devices.includes(ifindex));
      return { name, ifindex, sources: where(isBy), forwards, back: where(mayBeBy) };
    }),
  };
}

function widened(set: IntervalSet): WideIntervalSet {
  return set.map(({ low, high }) => ({ low: BigInt(low), high: BigInt(high) }));
}

function narrowed(set: WideIntervalSet): IntervalSet {
  return set.map(({ low, high }) => ({ low: Number(low), high: Number(high) }));
}

/** The ranges of a table, each with the route of the longest prefix; prefixes are nested or apart. */
function longestPrefixes(routes: readonly Route<bigint>[], bits: number): Settled[] {
  const found: Settled[] = [];
  const open: { readonly high: bigint; readonly route: Route<bigint> | undefined }[] = [];
  let next = 0n;
  const settleUpTo = (end: bigint): void => {
    const top = open.at(-1);
    if (top !== undefined && next <= end) found.push({ low: next, high: end, route: top.route });
    next = end + 1n;
  };
  const sorted = [...routes].sort((a, b) => compare(a.destination, b.destination) || a.length - b.length);
  for (const [i, route] of sorted.entries()) {
    const low = route.destination;
    while (open.length > 0 && open.at(-1)!.high < low) {
      settleUpTo(open.at(-1)!.high);
      open.pop();
    }
    settleUpTo(low - 1n);
    const before = sorted[i - 1];
    const high = low + (1n << BigInt(bits - route.length)) - 1n;
    if (before?.destination === low && before.length === route.length) {
      // Two of one prefix: which is taken depends on metrics and more.
      open.pop();
      open.push({ high, route: undefined });
    } else {
      open.push({ high, route: route.plain ? route : undefined });
    }
  }
  while (open.length > 0) {
    settleUpTo(open.at(-1)!.high);
    open.pop();
  }
  return found;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
