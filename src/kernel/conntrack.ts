// Keeping connection tracking on in a network namespace.
//
// The kernel tracks connections of a family while something in the namespace has registered for it: a rule that asks for a
// connection, NAT, and a few more (`nf_ct_netns_get`, net/netfilter/nf_conntrack_proto.c). Programs cannot register, so a rule
// does it for them: in a user chain that nothing jumps to, of a table of iptables-legacy that hardly anyone uses. `iptables
// -F` empties the filter table alone, and `nft flush ruleset` those of nftables alone. The price is the table's own hook,
// with empty chains: `security` comes behind the filter table, so what that drops does not pay it. The table is changed by
// the kernel's own calls, so no iptables need be installed. Where the kernel has none of these tables, nftables must do.

import { readFileSync } from 'node:fs';
import type { Family } from '../base/family.ts';
import { holdByNft, isHeldByNft, releaseByNft } from './conntrack-nft.ts';
import { KernelError } from './errors.ts';
import { addressOf, closeDescriptor, systemCall, trySystemCall } from './syscall.ts';
import { lockFile } from './wait.ts';
import { asksState, entryCount, findChain, type Piece, withoutPiece, withStateChain } from './xtables-blob.ts';

/** The chain, or table of nftables, that says what it is for. */
const HOLDING_NAME = 'bpfilter-conntrack';

/** Tables that may hold it: those with one hook for every packet first. */
const TABLES = ['security', 'raw', 'mangle'] as const;

/** AF_INET and AF_INET6; SOL_IP and SOL_IPV6; lists of tables in /proc. */
const FAMILIES = {
  ipv4: { domain: 2, level: 0, names: 'ip_tables_names' },
  ipv6: { domain: 10, level: 41, names: 'ip6_tables_names' },
} as const;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const IPPROTO_RAW = 255;

/** IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, IPT_SO_SET_REPLACE, IPT_SO_SET_ADD_COUNTERS; those of ip6tables are the same. */
const GET = { info: 64, entries: 65 } as const;
const SET = { replace: 64, addCounters: 65 } as const;
/** `struct ipt_getinfo`, `struct ipt_get_entries`, `struct ipt_replace`, `struct xt_counters_info`. */
const INFO = { hooks: 32, entryCount: 76, size: 80, length: 84 } as const;
const ENTRIES = { size: 32, entries: 40 } as const;
const REPLACE = { hooks: 32, entryCount: 36, size: 40, entryPoints: 44, counterCount: 84, counters: 88, entries: 96 };
const ADD_COUNTERS = { count: 32, counters: 40 } as const;
/** From `hook_entry` to the end of `underflow`, alike in `ipt_getinfo` and `ipt_replace`. */
const ENTRY_POINTS = { from: 36, policies: 56, to: 76 } as const;
const COUNTER_SIZE = 16;
const HOOKS = 5;

/** What iptables takes while it changes a table. */
const LOCK = '/run/xtables.lock';
const LOCK_SECONDS = 10;
const ATTEMPTS = 5;
const EAGAIN = 11;

/** Whether our rule is there. Changes nothing. */
export function isConntrackHeld(family: Family): boolean {
  const isHeldBy = (name: string): boolean => {
    const found = findHolding(family, name);
    return found !== undefined && asksState(family, found.table, found.chain);
  };
  return existing(family).some(isHeldBy) || isHeldByNft(family, HOLDING_NAME);
}

/**
 * Has the kernel track the connections of a family from now on; throws `KernelError` where it cannot. `tables` are those of
 * iptables that may hold the rule, where a test says so.
 */
export function holdConntrack(family: Family, tables: readonly string[] = TABLES): void {
  if (isConntrackHeld(family)) return;
  // What is left of our chain where its rule was taken away.
  releaseConntrack(family);
  let failed: KernelError | undefined;
  for (const name of tables) {
    const errno = editTable(family, name, (table) => withStateChain(family, table, HOLDING_NAME));
    if (errno === 0) return;
    failed ??= new KernelError(`keep connection tracking on by a rule in iptables' table ${name}`, errno);
  }
  const errno = holdByNft(family, HOLDING_NAME);
  if (errno !== 0) throw failed ?? new KernelError('keep connection tracking on by a rule of nftables', errno);
}

/** Takes our rule away, if it is there. */
export function releaseConntrack(family: Family): void {
  for (const name of existing(family)) {
    if (findHolding(family, name) === undefined) continue;
    const errno = editTable(family, name, (table) => {
      const removed = findChain(family, table, HOLDING_NAME);
      const rest = removed && withoutPiece(family, table, removed);
      return rest === undefined ? undefined : { table: rest, removed };
    });
    if (errno !== 0) throw new KernelError(`take our rule out of iptables' table ${name}`, errno);
  }
  if (!isHeldByNft(family, HOLDING_NAME)) return;
  const errno = releaseByNft(family, HOLDING_NAME);
  if (errno !== 0) throw new KernelError('take our table out of nftables', errno);
}

/** A table, which exists, if it has our chain. */
function findHolding(family: Family, name: string): { readonly table: Buffer; readonly chain: Piece } | undefined {
  const found = withSocket(family, (socket) => readTable(family, socket, name));
  const chain = typeof found === 'number' ? undefined : findChain(family, found.table, HOLDING_NAME);
  return chain === undefined ? undefined : { table: (found as ReadTable).table, chain };
}

/** Those of the tables that exist: asking for one that does not would make it. */
function existing(family: Family): readonly string[] {
  const names = tableNames(family);
  return TABLES.filter((name) => names.includes(name));
}

function tableNames(family: Family): readonly string[] {
  try {
    return readFileSync(`/proc/thread-self/net/${FAMILIES[family].names}`, 'utf8').split('\n');
  } catch {
    return []; // the kernel has no iptables, or none was ever used
  }
}

/** Where a hook's chain begins in a table, and its policy is. */
export interface HookPoint {
  readonly first: number;
  readonly policy: number;
}

/**
 * A table, and what it has at hooks by their numbers, of which only those mean anything that the table is for; nothing
 * where there is none. Throws `KernelError` where it cannot be read.
 */
export function readXtable(
  family: Family,
  name: string,
): { readonly table: Buffer; readonly hooks: readonly HookPoint[] } | undefined {
  if (!tableNames(family).includes(name)) return undefined;
  const found = withSocket(family, (socket) => readTable(family, socket, name));
  if (typeof found === 'number') throw new KernelError(`read iptables' table ${name}`, found);
  const { info, table } = found;
  const hooks = Array.from({ length: HOOKS }, (_, hook) => ({
    first: info.readUInt32LE(ENTRY_POINTS.from + 4 * hook),
    policy: info.readUInt32LE(ENTRY_POINTS.policies + 4 * hook),
  }));
  return { table, hooks };
}

/** A changed table, and which piece is new or gone. */
interface Edit {
  readonly table: Buffer;
  readonly added?: Piece | undefined;
  readonly removed?: Piece | undefined;
}

/** Changes a table; nothing where `edit` has nothing to change. Returns 0 or an errno. */
function editTable(family: Family, name: string, edit: (table: Buffer) => Edit | undefined): number {
  const unlock = lockFile(LOCK, LOCK_SECONDS, 'xtables');
  try {
    return withSocket(family, (socket) => {
      for (let attempt = 1; ; attempt++) {
        const before = readTable(family, socket, name);
        if (typeof before === 'number') return before;
        const after = edit(before.table);
        if (after === undefined) return 0;
        const errno = replaceTable(family, socket, name, before, after);
        // Somebody who takes no lock has changed it in between.
        if (errno !== EAGAIN || attempt === ATTEMPTS) return errno;
      }
    });
  } finally {
    unlock();
  }
}

interface ReadTable {
  readonly info: Buffer;
  readonly table: Buffer;
}

/** A table as it is, which makes it where it was not; or the errno. */
function readTable(family: Family, socket: number, name: string): ReadTable | number {
  for (let attempt = 1; ; attempt++) {
    const read = tryReadTable(family, socket, name);
    // Somebody has changed it between the two calls, and its size is another.
    if (read !== EAGAIN || attempt === ATTEMPTS) return read;
  }
}

function tryReadTable(family: Family, socket: number, name: string): ReadTable | number {
  const info = Buffer.alloc(INFO.length);
  let errno = ask(family, socket, GET.info, name, info);
  if (errno !== 0) return errno;
  const size = info.readUInt32LE(INFO.size);
  const request = Buffer.alloc(ENTRIES.entries + size);
  request.writeUInt32LE(size, ENTRIES.size);
  errno = ask(family, socket, GET.entries, name, request);
  return errno === 0 ? { info, table: request.subarray(ENTRIES.entries) } : errno;
}

/** Puts the new table in place, and the counters of the old one's entries back on. */
function replaceTable(family: Family, socket: number, name: string, before: ReadTable, after: Edit): number {
  const { info } = before;
  const oldCount = info.readUInt32LE(INFO.entryCount);
  const counters = Buffer.alloc(oldCount * COUNTER_SIZE);
  const request = Buffer.alloc(REPLACE.entries + after.table.length);
  request.write(name, 0, 'latin1');
  request.writeUInt32LE(info.readUInt32LE(INFO.hooks), REPLACE.hooks);
  request.writeUInt32LE(entryCount(family, after.table), REPLACE.entryCount);
  request.writeUInt32LE(after.table.length, REPLACE.size);
  info.copy(request, REPLACE.entryPoints, ENTRY_POINTS.from, ENTRY_POINTS.to);
  request.writeUInt32LE(oldCount, REPLACE.counterCount);
  request.writeBigUInt64LE(addressOf(counters), REPLACE.counters);
  after.table.copy(request, REPLACE.entries);
  const errno = change(family, socket, SET.replace, request);
  if (errno !== 0) return errno;
  const kept = keptCounters(counters, after);
  const add = Buffer.alloc(ADD_COUNTERS.counters + kept.length);
  add.write(name, 0, 'latin1');
  add.writeUInt32LE(kept.length / COUNTER_SIZE, ADD_COUNTERS.count);
  kept.copy(add, ADD_COUNTERS.counters);
  return change(family, socket, SET.addCounters, add);
}

/** The old counters in the new table's order. */
function keptCounters(counters: Buffer, { added, removed }: Edit): Buffer {
  const [from, to] = (added ?? removed)!.entries;
  const rest = counters.subarray((removed === undefined ? from : to) * COUNTER_SIZE);
  const fresh = Buffer.alloc(added === undefined ? 0 : (to - from) * COUNTER_SIZE);
  return Buffer.concat([counters.subarray(0, from * COUNTER_SIZE), fresh, rest]);
}

/** Has the kernel fill a request about a table; returns 0 or an errno. */
function ask(family: Family, socket: number, option: number, name: string, request: Buffer): number {
  request.write(name, 0, 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(request.length);
  return -Math.min(0, trySystemCall('getsockopt', socket, FAMILIES[family].level, option, request, length));
}

function change(family: Family, socket: number, option: number, request: Buffer): number {
  const { level } = FAMILIES[family];
  return -Math.min(0, trySystemCall('setsockopt', socket, level, option, request, request.length));
}

function withSocket<T>(family: Family, work: (socket: number) => T): T {
  const { domain } = FAMILIES[family];
  const socket = systemCall('open a socket for iptables', 'socket', domain, SOCK_RAW_CLOEXEC, IPPROTO_RAW);
  try {
    return work(socket);
  } finally {
    closeDescriptor(socket);
  }
}
