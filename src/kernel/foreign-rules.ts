// All rules that packets of a family may meet before the filter table, of iptables-legacy and of nftables.

import type { Family } from '../base/family.ts';
import { type EnteredChain, type ForeignChains, type ForeignRule, LEGACY_TABLES } from '../base/foreign-rules.ts';
import { readXtable } from './conntrack.ts';
import { assignsHelper, legacyChain, legacyChains } from './foreign-legacy.ts';
import { nftChains } from './foreign-nft.ts';

/** The hooks of each table whose rules come before the filter table (NF_INET_* of include/uapi/linux/netfilter.h). */
const HOOKS = {
  raw: { PREROUTING: 0 },
  mangle: { PREROUTING: 0, INPUT: 1, FORWARD: 2 },
  nat: { NAT: 0 },
} as const satisfies Record<string, Partial<Record<EnteredChain['at'], number>>>;

/** Those of the network namespace that the process is in. */
export function foreignChains(family: Family): ForeignChains {
  const { entered: ofNft, chains: rulesOfNft, mayExpect: nftMayExpect } = nftChains(family);
  const entered: EnteredChain[] = [];
  const chains = new Map<string, readonly ForeignRule[]>();
  let mayExpect = nftMayExpect;
  for (const table of LEGACY_TABLES) {
    const found = readXtable(family, table);
    if (found === undefined) continue;
    const places = Object.entries(HOOKS[table]) as [EnteredChain['at'], number][];
    const points = places.map(([, hook]) => found.hooks[hook]!);
    for (const [key, rules] of legacyChains(family, table, found.table, points)) chains.set(key, rules);
    places.forEach(([at], i) => {
      const name = `${table} ${at === 'NAT' ? 'PREROUTING' : at} of iptables-legacy`;
      entered.push({ key: legacyChain(table, points[i]!.first), name, at, table });
    });
    mayExpect ||= table === 'raw' && assignsHelper(family, found.table);
  }
  for (const [key, rules] of rulesOfNft) chains.set(key, rules);
  return { entered: [...entered, ...ofNft], chains, mayExpect };
}
