// What early verdicts rest on: the kernel's words that change when it does, and the program that reads them.
//
// A verdict at XDP is as good as what is known of local addresses, routes and other hooks, and all of these change without
// us. The kernel keeps words for its own use that change with them: `net.ipv4.dev_addr_genid` with addresses,
// `net.ipv4.rt_genid` with routes and routing rules (`rt_cache_flush`, net/ipv4/route.c), for IPv6 `dev_addr_genid` and
// `fib6_sernum`; and lists of netfilter hooks, of which each change makes a new one at another address
// (`nf_hook_entries_grow`, net/netfilter/core.c). User space cannot see them. This program, run once on a device of the
// namespace, copies them into a map; early programs compare what was copied with what is there, for every packet.
//
//   0     hook lists: PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING   5 × u64, addresses; 0 where nobody hooks
//   40    route generation, address generation                          2 × u32
//   48    unused, to 64
//   64    hooks of PREROUTING: number, then (function, priority, kind)  u64, 15 × (u64, s32, u32)
//   312   hooks of INPUT, and so on
//
// The first 64 bytes are the words, which are kept with a generation. Who hooks is looked at once.

import type { Family } from '../base/family.ts';
import { type Features, requireFunction, type SurroundingsLayout } from '../base/features.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import { Assembler } from '../bpf/assembler.ts';
import type { MapDefinition, Program } from '../bpf/image.ts';
import { R0, R1, R2, R6, R7, R8, R9 } from '../bpf/instruction.ts';

/** Hooks whose lists are looked at, in the order of NF_INET_* (include/uapi/linux/netfilter.h). */
export const WATCHED_HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;
export type WatchedHook = (typeof WATCHED_HOOKS)[number];

/** Bytes of the words, and where each begins. */
export const WORDS = { hooks: 0, routes: 40, addresses: 44, size: 64 } as const;

/** `struct nf_hook_entry`: two pointers. */
const ENTRY_SIZE = 16;
const MOST_HOOKS = 15;
const HOOK_SIZE = 16;
const LIST_SIZE = 8 + MOST_HOOKS * HOOK_SIZE;

export const SURROUNDINGS_MAP = 'around';

/** The map that the program fills. */
export function surroundingsMap(): MapDefinition {
  const valueSize = WORDS.size + WATCHED_HOOKS.length * LIST_SIZE;
  return { name: SURROUNDINGS_MAP, type: 'array', valueSize, maxEntries: 1, mmapable: true };
}

export interface Hook {
  /** Address of the function in the kernel, as /proc/kallsyms has it. */
  readonly address: bigint;
  readonly priority: number;
  /** Who registered it (`enum nf_hook_ops_type`, include/linux/netfilter.h): 0 a module, 1 nftables, 2 a BPF program. */
  readonly kind: number;
}

export interface Surroundings {
  readonly words: Uint8Array;
  /** In the order in which packets meet them; absent where there are more than the map has room for. */
  readonly hooks: Readonly<Record<WatchedHook, readonly Hook[] | undefined>>;
}

/** Reads the map's value. */
export function readSurroundings(value: Uint8Array): Surroundings {
  const data = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const hooks = WATCHED_HOOKS.map((hook, place) => {
    const at = WORDS.size + place * LIST_SIZE;
    const count = Number(data.getBigUint64(at, true));
    if (count > MOST_HOOKS) return [hook, undefined] as const;
    const list = Array.from({ length: count }, (_, i) => {
      const entry = at + 8 + i * HOOK_SIZE;
      return {
        address: data.getBigUint64(entry, true),
        priority: data.getInt32(entry + 8, true),
        kind: data.getUint8(entry + 12),
      };
    });
    return [hook, list] as const;
  });
  return { words: value.slice(0, WORDS.size), hooks: Object.fromEntries(hooks) as unknown as Surroundings['hooks'] };
}

/** The layout that early verdicts need; throws `UnsupportedError` where the kernel's types do not tell. */
export function requireSurroundings({ surroundings, release }: Features): SurroundingsLayout {
  if (surroundings === undefined) throw new UnsupportedError('types of routes and hooks in the BTF', '6.4', release);
  return surroundings;
}

/** The program, of which a run on a device fills the map for the device's namespace. */
export function surroundingsProgram(features: Features, family: Family): Program {
  const { layout, wordsType } = features;
  const { hookCount, hookList, hookPriority, hookFunction, hookKind, ...net } = requireSurroundings(features);
  const words = net[family];
  const a = new Assembler();
  a.from({ file: 'bpfilter', line: 1, column: 1, text: 'surroundings' });
  const cast = () => a.mov(R2, wordsType).callKernel('bpf_rdonly_cast', requireFunction(features, 'bpf_rdonly_cast'));
  a.callKernel('bpf_cast_to_kern_ctx', requireFunction(features, 'bpf_cast_to_kern_ctx'));
  a.load(8, R6, R0, layout.xdpRxq).load(8, R6, R6, layout.rxqDevice).load(8, R6, R6, layout.deviceNet);
  a.loadMapValue(R7, SURROUNDINGS_MAP);
  a.load(4, R1, R6, words.routes).store(4, R7, WORDS.routes, R1);
  a.load(4, R1, R6, words.addresses).store(4, R7, WORDS.addresses, R1);
  WATCHED_HOOKS.forEach((hook, place) => {
    const done = a.label(`${hook} is read`);
    const at = WORDS.size + place * LIST_SIZE;
    const word = WORDS.hooks + 8 * place;
    // Pointers that come back from the map are numbers, which may be added up.
    a.load(8, R1, R6, words.hooks + 8 * place)
      .store(8, R7, word, R1)
      .store(8, R7, at, 0);
    a.load(8, R8, R7, word).jump('eq', R8, 0, done);
    a.mov(R1, R8);
    cast();
    a.load(2, R9, R0, hookCount).store(8, R7, at, R9);
    // Behind the hooks, a pointer to the full description of each.
    a.mov(R1, R9).alu('mul', R1, ENTRY_SIZE).alu('add', R8, hookList).alu('add', R8, R1);
    for (let i = 0; i < MOST_HOOKS; i++) {
      const entry = at + 8 + i * HOOK_SIZE;
      a.jump('le', R9, i, done);
      a.mov(R1, R8).alu('add', R1, 8 * i);
      cast();
      a.load(8, R1, R0, 0).store(8, R7, entry + 8, R1);
      cast();
      a.load(4, R2, R0, hookPriority).store(4, R7, entry + 8, R2);
      a.load(1, R2, R0, hookKind).store(4, R7, entry + 12, R2);
      a.load(8, R2, R0, hookFunction).store(8, R7, entry, R2);
    }
    a.bind(done);
  });
  a.mov(R0, 2).exit();
  return { name: 'around', type: 'xdp', ...a.finish() };
}
