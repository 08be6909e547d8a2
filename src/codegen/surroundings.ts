// What early verdicts rest on: the kernel's words that change when it does, and the program that reads them.
//
// A verdict at XDP is as good as what is known of local addresses, routes and other hooks, and all of these change without
// us. The kernel keeps words for its own use that change with them: `net.ipv4.dev_addr_genid` with addresses,
// `net.ipv4.rt_genid` with routes and routing rules (`rt_cache_flush`, net/ipv4/route.c), for IPv6 `dev_addr_genid`,
// `fib6_sernum` with new routes and with rules (`fib6_new_sernum`, net/ipv6/ip6_fib.c; fib6_rules.c), and a count of the
// routes that were taken away, with which it does not change (`fib6_del_route`); and lists of netfilter hooks, of which each
// change makes a new one at another address (`nf_hook_entries_grow`, net/netfilter/core.c). User space cannot see them. This program, run once on a device of the
// namespace, copies them into a map; early programs compare what was copied with what is there, for every packet.
//
//   0     hook lists: PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING   5 × u64, addresses; 0 where nobody hooks
//   40    route generation, address generation                          2 × u32
//   48    what else a family has: of IPv6 routes taken away, forwarding   2 × u32
//   64    hooks behind the addresses, and rules in front of the filter table: `foreign-words.ts`
//   192   hooks of PREROUTING: number, then (function, priority, kind)  u64, 15 × (u64, s32, u32)
//   440   hooks of INPUT, and so on, and behind them those of NAT at PREROUTING
//
// The first 192 bytes are the words, which are kept with a generation. Who hooks is looked at once.

import type { Family } from '../base/family.ts';
import { type Features, type NetWords, requireFunction, type SurroundingsLayout } from '../base/features.ts';
import type { LegacyTable } from '../base/foreign-rules.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import { Assembler, type Label } from '../bpf/assembler.ts';
import type { MapDefinition, Program } from '../bpf/image.ts';
import { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9 } from '../bpf/instruction.ts';
import { ENTRY_SIZE, emitForeignWords, FOREIGN_WORDS, HOOK_KIND, TABLE_PRIORITY } from './foreign-words.ts';

/** Hooks whose lists are looked at, in the order of NF_INET_* (include/uapi/linux/netfilter.h). */
export const WATCHED_HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;
export type WatchedHook = (typeof WATCHED_HOOKS)[number];

/** Bytes of the words, and where each begins. */
export const WORDS = { hooks: 0, routes: 40, addresses: 44, more: 48, size: FOREIGN_WORDS.end } as const;

const MOST_HOOKS = 15;
const HOOK_SIZE = 16;
const LIST_SIZE = 8 + MOST_HOOKS * HOOK_SIZE;
/** The list of NAT is behind those of the hooks. */
const NAT_PLACE = WATCHED_HOOKS.length;

export const SURROUNDINGS_MAP = 'around';

/** The map that the program fills. */
export function surroundingsMap(): MapDefinition {
  const valueSize = WORDS.size + (NAT_PLACE + 1) * LIST_SIZE;
  return { name: SURROUNDINGS_MAP, type: 'array', valueSize, maxEntries: 1, mmapable: true };
}

export interface Hook {
  /** Address of the function in the kernel, as /proc/kallsyms has it. */
  readonly address: bigint;
  readonly priority: number;
  /** Who registered it: one of `HOOK_KIND`. */
  readonly kind: number;
}

export interface Surroundings {
  readonly words: Uint8Array;
  /** In the order in which packets meet them; absent where there are more than the map has room for. */
  readonly hooks: Readonly<Record<WatchedHook, readonly Hook[] | undefined>>;
  /** Absent where nobody looked. */
  readonly foreign?: SeenForeign;
}

/** What programs see of rules in front of the filter table. */
export interface SeenForeign {
  /** What PREROUTING's hook of NAT calls; absent where that is too much to look at, or cannot be seen. */
  readonly nat?: readonly Hook[];
  /** Bytes of the rules of iptables-legacy that are looked at for changes; 0 where they cannot be seen. */
  readonly tableBytes: Readonly<Record<LegacyTable, number>>;
  /** Whether changes of nftables are seen. */
  readonly seesNftables: boolean;
}

/** Reads the map's value. */
export function readSurroundings(value: Uint8Array): Surroundings {
  const data = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const list = (place: number): Hook[] | undefined => {
    const at = WORDS.size + place * LIST_SIZE;
    const count = Number(data.getBigUint64(at, true));
    if (count > MOST_HOOKS) return undefined;
    return Array.from({ length: count }, (_, i) => {
      const entry = at + 8 + i * HOOK_SIZE;
      return {
        address: data.getBigUint64(entry, true),
        priority: data.getInt32(entry + 8, true),
        kind: data.getUint8(entry + 12),
      };
    });
  };
  const hooks = WATCHED_HOOKS.map((hook, place) => [hook, list(place)] as const);
  const bytesOf = (table: LegacyTable) => data.getUint32(FOREIGN_WORDS.tables[table].bytes, true);
  const [seesNat, nat] = [data.getBigUint64(FOREIGN_WORDS.nat, true) !== 0n, list(NAT_PLACE)];
  return {
    words: value.slice(0, WORDS.size),
    hooks: Object.fromEntries(hooks) as unknown as Surroundings['hooks'],
    foreign: {
      ...(seesNat && nat !== undefined && { nat }),
      tableBytes: { raw: bytesOf('raw'), mangle: bytesOf('mangle'), nat: bytesOf('nat') },
      seesNftables: data.getUint32(FOREIGN_WORDS.asksNftables, true) !== 0,
    },
  };
}

/** The layout that early verdicts need; throws `UnsupportedError` where the kernel's types do not tell. */
export function requireSurroundings({ surroundings, release }: Features): SurroundingsLayout {
  if (surroundings === undefined) throw new UnsupportedError('types of routes and hooks in the BTF', '6.4', release);
  return surroundings;
}

/** A family's part of it; throws likewise. */
export function requireWords(features: Features, family: Family): NetWords {
  const words = requireSurroundings(features)[family];
  if (words === undefined) throw new UnsupportedError('types of IPv6 in the BTF', '6.4', features.release);
  return words;
}

/** The program, of which a run on a device fills the map for the device's namespace. */
export function surroundingsProgram(features: Features, family: Family): Program {
  const { layout, wordsType } = features;
  const layoutOfHooks = requireSurroundings(features);
  const words = requireWords(features, family);
  const a = new Assembler();
  a.from({ file: 'bpfilter', line: 1, column: 1, text: 'surroundings' });
  const cast = () => a.mov(R2, wordsType).callKernel('bpf_rdonly_cast', requireFunction(features, 'bpf_rdonly_cast'));
  a.callKernel('bpf_cast_to_kern_ctx', requireFunction(features, 'bpf_cast_to_kern_ctx'));
  a.load(8, R6, R0, layout.xdpRxq).load(8, R6, R6, layout.rxqDevice).load(8, R6, R6, layout.deviceNet);
  a.loadMapValue(R7, SURROUNDINGS_MAP);
  a.load(4, R1, R6, words.routes).store(4, R7, WORDS.routes, R1);
  a.load(4, R1, R6, words.addresses).store(4, R7, WORDS.addresses, R1);
  words.more.forEach(({ pointer, word }, place) => {
    a.load(8, R1, R6, pointer).load(4, R1, R1, word);
    a.store(4, R7, WORDS.more + 4 * place, R1);
  });
  for (let word = FOREIGN_WORDS.lists as number; word < WORDS.size; word += 8) a.store(8, R7, word, 0);
  const { natEntries, table, nftablesChanges } = layoutOfHooks.foreign;
  /** Copies what is in the list at R1. `look` is given each entry: R2 has the priority, R3 the kind. */
  const readList = (place: number, look: (entry: number, next: Label) => void): void => {
    const done = a.label(`list ${place} is read`);
    const at = WORDS.size + place * LIST_SIZE;
    // Pointers that come back from the map are numbers, which may be added up.
    a.store(8, R7, at + 8, R1).store(8, R7, at, 0);
    a.load(8, R8, R7, at + 8).jump('eq', R8, 0, done);
    a.mov(R1, R8);
    cast();
    a.load(2, R9, R0, layoutOfHooks.hookCount).store(8, R7, at, R9);
    a.alu('add', R8, layoutOfHooks.hookList);
    for (let i = 0; i < MOST_HOOKS; i++) {
      const entry = at + 8 + i * HOOK_SIZE;
      a.jump('le', R9, i, done);
      // Behind the hooks, a pointer to the full description of each.
      a.mov(R1, R9)
        .alu('mul', R1, ENTRY_SIZE)
        .alu('add', R1, R8)
        .alu('add', R1, 8 * i);
      cast();
      a.load(8, R1, R0, 0)
        .store(8, R7, entry + 8, R1)
        .load(8, R1, R7, entry + 8);
      cast();
      a.load(4, R2, R0, layoutOfHooks.hookPriority).store(4, R7, entry + 8, R2);
      a.load(1, R3, R0, layoutOfHooks.hookKind).store(4, R7, entry + 12, R3);
      a.load(8, R1, R0, layoutOfHooks.hookFunction).store(8, R7, entry, R1);
      const next = a.label('next hook');
      look(i, next);
      a.bind(next);
    }
    a.bind(done);
  };
  /** Keeps in a word what an entry is for, if it is of a module and of this priority. */
  const keepPrivate = (entry: number, priority: number, word: number, next: Label): void => {
    const other = a.label('another hook');
    a.jump32('ne', R2, priority, other).jump('ne', R3, HOOK_KIND.module, other);
    a.mov(R1, R8).alu('add', R1, entry * ENTRY_SIZE);
    cast();
    a.load(8, R1, R0, 8).store(8, R7, word, R1).goto(next).bind(other);
  };
  const { tables, nat, asksNftables } = FOREIGN_WORDS;
  WATCHED_HOOKS.forEach((hook, place) => {
    a.load(8, R1, R6, words.hooks + 8 * place).store(8, R7, WORDS.hooks + 8 * place, R1);
    readList(place, (entry, next) => {
      if (hook === 'OUTPUT' || hook === 'POSTROUTING') return;
      if (hook === 'PREROUTING') {
        if (natEntries !== undefined) keepPrivate(entry, TABLE_PRIORITY.nat, nat, next);
        for (const name of table === undefined ? [] : (['raw', 'mangle'] as const))
          keepPrivate(entry, TABLE_PRIORITY[name], tables[name].address, next);
      }
      if (nftablesChanges === undefined) return;
      a.jump('ne', R3, HOOK_KIND.nftables, next);
      if (hook !== 'PREROUTING') a.jump32('sge', R2, 0, next);
      a.store(8, R7, asksNftables, 1);
    });
  });
  if (natEntries !== undefined) {
    const none = a.label('nobody translates');
    a.load(8, R1, R7, nat).jump('eq', R1, 0, none);
    if (nftablesChanges !== undefined) a.store(8, R7, asksNftables, 1);
    cast();
    a.load(8, R1, R0, natEntries).bind(none);
    readList(NAT_PLACE, (entry, next) => {
      if (table !== undefined) keepPrivate(entry, TABLE_PRIORITY.nat, tables.nat.address, next);
    });
  }
  a.mov(R4, R6);
  emitForeignWords(a, words.hooks, {
    ...{ features, layout: layoutOfHooks, family },
    known: (word) => a.load(8, R1, R7, word),
    take: (word, size) => a.store(size, R7, word, R5),
  });
  a.mov(R0, 2).exit();
  return { name: 'around', type: 'xdp', ...a.finish() };
}
