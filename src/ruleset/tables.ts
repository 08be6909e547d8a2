// The tables that iptables has, and what an empty one is like.

import { ZERO } from '../base/counters.ts';
import type { Span } from '../base/diagnostic.ts';
import { type BuiltinChain, TABLE_NAMES, type TableName } from '../base/hooks.ts';
import type { Chain, Table } from './model.ts';

/** The built-in chains of every table, in hook order; the same for both families. */
export const BUILTIN_CHAINS: Readonly<Record<TableName, readonly BuiltinChain[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

/** The table whose rules are enforced. */
export const ENFORCED_TABLE = 'filter';

export function isTable(name: string): name is TableName {
  return (TABLE_NAMES as readonly string[]).includes(name);
}

/** A table as it is before anyone touched it: built-in chains that accept. */
export function emptyTable(name: TableName, span: Span): Table {
  const chains: Chain[] = BUILTIN_CHAINS[name].map((chain) => ({
    ...{ name: chain, policy: 'ACCEPT', counters: ZERO, rules: [], span },
  }));
  return { name, chains, span };
}
