// The tables that iptables has, and what an empty one is like.

import { ZERO } from '../base/counters.ts';
import type { Span } from '../base/diagnostic.ts';
import type { Chain, Table } from './model.ts';

/** The built-in chains of every IPv4 table, in hook order. */
export const BUILTIN_CHAINS: Readonly<Record<string, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** The table whose rules are enforced. */
export const ENFORCED_TABLE = 'filter';

/** A table as it is before anyone touched it: built-in chains that accept. */
export function emptyTable(name: string, span: Span): Table {
  const chains: Chain[] = (BUILTIN_CHAINS[name] ?? []).map((chain) => ({
    ...{ name: chain, policy: 'ACCEPT', counters: ZERO, rules: [], span },
  }));
  return { name, chains, span };
}
