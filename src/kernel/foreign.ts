// Other packet filters in force in this network namespace.

import { readFileSync } from 'node:fs';
import { KernelError } from './errors.ts';
import { attributes, dump, FAMILY, text } from './netlink.ts';

/** NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN */
const GET_CHAIN = (10 << 8) | 4;
/** `struct nfgenmsg` */
const NFGENMSG = 4;
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, hooknum: 1 } as const;
const HOOKS: Readonly<Record<number, string>> = { 1: 'input', 2: 'forward', 3: 'output' };
const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip' };

/** One sentence for each filter of iptables or nftables that also judges IPv4 packets. */
export function foreignFilters(): string[] {
  const legacy = readNames().includes('filter')
    ? ["iptables-legacy's filter table is in force too: a packet needs both to accept it"]
    : [];
  return [...legacy, ...nftChains()];
}

/** Tables of iptables-legacy that exist in this namespace. */
function readNames(): string[] {
  try {
    return readFileSync('/proc/net/ip_tables_names', 'utf8').trim().split('\n');
  } catch {
    return []; // the kernel has no iptables, or none was ever used
  }
}

function nftChains(): string[] {
  let chains: Buffer[];
  try {
    chains = dump('list the nftables chains', FAMILY.netfilter, GET_CHAIN, Buffer.alloc(NFGENMSG));
  } catch (error) {
    if (error instanceof KernelError) return []; // the kernel has no nftables
    throw error;
  }
  return chains.flatMap((message) => {
    const family = FAMILIES[message.readUInt8(0)];
    const found = attributes(message, NFGENMSG);
    const number = attributes(found.get(NFTA_CHAIN.hook) ?? Buffer.alloc(0), 0).get(NFTA_CHAIN.hooknum);
    const hook = number === undefined ? undefined : HOOKS[number.readUInt32BE(0)];
    if (family === undefined || hook === undefined) return [];
    const chain = `${text(found.get(NFTA_CHAIN.table))} ${text(found.get(NFTA_CHAIN.name))}`;
    return [`nftables chain ${family} ${chain} (${hook}) is in force too: a packet needs both to accept it`];
  });
}
