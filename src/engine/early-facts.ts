// What is certain about packets of IPv4 before the stack has seen them, from routes and rules: `src/base/early.ts`.
//
// The tables are asked in the order of the rules, and in each the longest prefix wins (`fib_table_lookup`,
// net/ipv4/fib_trie.c), so an address is settled by the first table that has any route to it. Where a rule asks more than
// that, where a route is for some packets only, or goes by a hop that is down, nothing is certain of what it covers.

import type { EarlyDevice, EarlyFacts } from '../base/early.ts';
import { complement, type Interval, type IntervalSet, intersect, normalize } from '../base/intervals.ts';
import { GROUP_ADDRESSES } from '../base/ipv4.ts';
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

/** More routes than this say nothing: the tables made of them would outgrow those of the rules. */
export const MOST_ROUTES = 2000;

/** An address range, and the route that packets to it take; none where it is not plain. */
interface Settled extends Interval {
  readonly route: Route | undefined;
}

/** `undefined` where there are too many routes, or rules that ask more than the destination (`tables` is undefined). */
export function earlyFacts(
  routes: readonly Route[],
  tables: readonly number[] | undefined,
  devices: readonly { readonly ifindex: number; readonly name: string; readonly forwards: boolean }[],
): EarlyFacts | undefined {
  if (tables === undefined || routes.length > MOST_ROUTES) return undefined;
  const settled: Settled[] = [];
  for (const table of tables) {
    const open = complement(normalize(settled), ALL);
    for (const { route, ...range } of longestPrefixes(routes.filter((each) => each.table === table))) {
      settled.push(...intersect([range], open).map((part) => ({ ...part, route })));
    }
  }
  const where = (holds: (route: Route) => boolean): IntervalSet =>
    intersect(normalize(settled.filter(({ route }) => route !== undefined && holds(route))), ORDINARY);
  return {
    local: where(({ type }) => type === LOCAL),
    routed: where(({ type }) => type === UNICAST),
    devices: devices.map(({ ifindex, name, forwards }): EarlyDevice => {
      const isBy = (route: Route) =>
        route.type === UNICAST && route.devices.length > 0 && route.devices.every((each) => each === ifindex);
      const mayBeBy = ({ type, devices }: Route) =>
        type === UNICAST && (devices.length === 0 || devices.includes(ifindex));
      return { name, sources: where(isBy), forwards, back: where(mayBeBy) };
    }),
  };
}

/** The ranges of a table, each with the route of the longest prefix; prefixes are nested or apart. */
function longestPrefixes(routes: readonly Route[]): Settled[] {
  const found: Settled[] = [];
  const open: { readonly high: number; readonly route: Route | undefined }[] = [];
  let next = 0;
  const settleUpTo = (end: number): void => {
    const top = open.at(-1);
    if (top !== undefined && next <= end) found.push({ low: next, high: end, route: top.route });
    next = end + 1;
  };
  const sorted = [...routes].sort((a, b) => a.destination - b.destination || a.length - b.length);
  for (const [i, route] of sorted.entries()) {
    const low = route.destination;
    while (open.length > 0 && open.at(-1)!.high < low) {
      settleUpTo(open.at(-1)!.high);
      open.pop();
    }
    settleUpTo(low - 1);
    const { destination, length } = sorted[i - 1] ?? { destination: -1, length: -1 };
    const high = low + 2 ** (32 - route.length) - 1;
    if (destination === low && length === route.length) {
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
