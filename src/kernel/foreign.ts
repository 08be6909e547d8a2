// Other packet filters in force in this network namespace.
//
// A table or chain that exists but has no rules and accepts everything changes no verdict: a mere `iptables -L` makes
// such a table. It is not reported.

import { readFileSync } from 'node:fs';
import { KernelError } from './errors.ts';
import { attributes, dump, FAMILY, text } from './netlink.ts';
import { closeDescriptor, systemCall, trySystemCall } from './syscall.ts';

/** One sentence for each filter of iptables, ip6tables or nftables that also judges packets. */
export function foreignFilters(): string[] {
  const legacy = LEGACY.filter(legacyFilterJudges).map(
    ({ command }) => `${command}'s filter table is in force too: a packet needs both to accept it`,
  );
  return [...legacy, ...nftChains()];
}

/** The filter table's hooks as netfilter numbers them, for tables of iptables-legacy and chains of nftables alike. */
const HOOKS: Readonly<Record<number, string>> = { 1: 'input', 2: 'forward', 3: 'output' };

/** Where the tables of a legacy command are, and how they are read. */
interface Legacy {
  readonly command: string;
  /** Names of the tables that exist, in /proc/net. */
  readonly names: string;
  /** AF_… and SOL_…, which are not the same numbers for IPv6. */
  readonly domain: number;
  readonly level: number;
  /** Bytes of an entry's head: `struct ipt_entry`, `struct ip6t_entry`. */
  readonly entry: number;
}

/** Layouts and numbers of include/uapi/linux/netfilter_ipv4/ip_tables.h and netfilter_ipv6/ip6_tables.h. */
const LEGACY: readonly Legacy[] = [
  { command: 'iptables-legacy', names: 'ip_tables_names', domain: 2, level: 0, entry: 112 },
  { command: 'ip6tables-legacy', names: 'ip6_tables_names', domain: 10, level: 41, entry: 168 },
];
const SO_GET_INFO = 64;
const SO_GET_ENTRIES = 65;
const GETINFO = { hookEntry: 36, underflow: 56, size: 80, length: 84 } as const;
const GET_ENTRIES = { size: 32, entries: 40 } as const;
/** From a target's header to a standard target's verdict. */
const VERDICT = 32;
/** NF_ACCEPT as a standard target stores it. */
const VERDICT_ACCEPT = -2;

/** Whether a filter table has a rule, or a policy other than ACCEPT. */
function legacyFilterJudges(legacy: Legacy): boolean {
  // Asking for the table itself would make it.
  if (!tablesOf(legacy).includes('filter')) return false;
  const operation = `read ${legacy.command}'s filter table`;
  const [SOCK_RAW_CLOEXEC, IPPROTO_RAW] = [3 | 0o2000000, 255];
  const socket = systemCall(operation, 'socket', legacy.domain, SOCK_RAW_CLOEXEC, IPPROTO_RAW);
  try {
    const info = ask(legacy, socket, SO_GET_INFO, Buffer.alloc(GETINFO.length));
    if (info === undefined) return true; // it cannot be read, but it is there
    const word = (base: number, hook: number): number => info.readUInt32LE(base + 4 * hook);
    const hooks = Object.keys(HOOKS).map(Number);
    if (hooks.some((hook) => word(GETINFO.hookEntry, hook) !== word(GETINFO.underflow, hook))) return true;
    const size = info.readUInt32LE(GETINFO.size);
    const request = Buffer.alloc(GET_ENTRIES.entries + size);
    request.writeUInt32LE(size, GET_ENTRIES.size);
    const table = ask(legacy, socket, SO_GET_ENTRIES, request);
    if (table === undefined) return true;
    return hooks.some((hook) => {
      const policy = GET_ENTRIES.entries + word(GETINFO.underflow, hook);
      return table.readInt32LE(policy + legacy.entry + VERDICT) !== VERDICT_ACCEPT;
    });
  } finally {
    closeDescriptor(socket);
  }
}

/** Has the kernel fill a request about the filter table; `undefined` where it does not, as while the table changes. */
function ask({ level }: Legacy, socket: number, option: number, request: Buffer): Buffer | undefined {
  request.write('filter', 0, 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(request.length);
  return trySystemCall('getsockopt', socket, level, option, request, length) < 0 ? undefined : request;
}

/** Tables of a legacy command that exist in this namespace. */
function tablesOf({ names }: Legacy): string[] {
  try {
    return readFileSync(`/proc/thread-self/net/${names}`, 'utf8').trim().split('\n');
  } catch {
    return []; // the kernel has no such tables, or none was ever used
  }
}

/** NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN */
const GET_CHAIN = (10 << 8) | 4;
/** `struct nfgenmsg` */
const NFGENMSG = 4;
const NFTA_CHAIN = { table: 1, name: 3, hook: 4, policy: 5, use: 6, type: 7, hooknum: 1 } as const;
const NF_ACCEPT = 1;
const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 10: 'ip6' };

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
    if (family === undefined || hook === undefined || text(found.get(NFTA_CHAIN.type)) === 'nat') return [];
    const rules = found.get(NFTA_CHAIN.use)?.readUInt32BE(0) ?? 0;
    const policy = found.get(NFTA_CHAIN.policy)?.readUInt32BE(0) ?? NF_ACCEPT;
    if (rules === 0 && policy === NF_ACCEPT) return [];
    const chain = `${text(found.get(NFTA_CHAIN.table))} ${text(found.get(NFTA_CHAIN.name))}`;
    return [`nftables chain ${family} ${chain} (${hook}) is in force too: a packet needs both to accept it`];
  });
}
