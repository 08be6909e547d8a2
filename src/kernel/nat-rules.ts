// All rules of NAT that packets of a family may meet at PREROUTING, of iptables-legacy and of nftables.

import type { Family } from '../base/family.ts';
import type { NatChains } from '../base/nat.ts';
import { readXtable } from './conntrack.ts';
import { legacyChain, legacyNatChains } from './nat-legacy.ts';
import { nftNatChains } from './nat-nft.ts';

/** Those of the network namespace that the process is in. */
export function natChains(family: Family): NatChains {
  const ofNft = nftNatChains(family);
  const found = readXtable(family, 'nat');
  if (found === undefined) return { ...ofNft, legacy: 0 };
  const { table, first, policy } = found;
  return {
    ...ofNft,
    entered: [legacyChain(first), ...ofNft.entered],
    chains: new Map([...legacyNatChains(family, table, first, policy), ...ofNft.chains]),
    legacy: 1,
  };
}
