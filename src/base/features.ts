// Facts of a kernel and a host, as plain data. The compiler knows the running machine only through these.

import type { Family } from './family.ts';
import { UnsupportedError } from './unsupported.ts';
import type { WideIntervalSet } from './wide-intervals.ts';

/** Where the generated programs find what they read in kernel structures, in bytes. Read from the kernel's BTF. */
export interface KernelLayout {
  /** `struct bpf_nf_ctx`; absent where the kernel has no netfilter programs. */
  readonly netfilterContext?: { readonly state: number; readonly skb: number };
  /** `struct nf_hook_state` */
  readonly hookStateIn: number;
  readonly hookStateOut: number;
  /** `struct net_device` */
  readonly deviceName: number;
  /** Its bytes, MAX_ADDR_LEN of them. */
  readonly deviceAddress: number;
  readonly deviceNet: number;
  /** `net.ipv4.dev_addr_genid`: bumped whenever an IPv4 address of the namespace comes or goes (net/ipv4/fib_frontend.c). */
  readonly netAddressGeneration: number;
  /**
   * `net.ipv6.dev_addr_genid`: the same for IPv6, whose addresses come once duplicate address detection is over
   * (net/ipv6/addrconf.c). Absent where the kernel knows no IPv6.
   */
  readonly netAddressGeneration6?: number;
  /** `struct sk_buff` */
  readonly skbLen: number;
  readonly skbDataLen: number;
  readonly skbData: number;
  /** `struct xdp_buff`, `struct xdp_rxq_info` */
  readonly xdpRxq: number;
  readonly rxqDevice: number;
}

/** Where programs find what early verdicts rest on, in bytes; see `src/codegen/surroundings.ts`. */
export interface SurroundingsLayout {
  readonly ipv4: NetWords;
  /** Absent where the kernel's types do not tell. */
  readonly ipv6?: NetWords;
  /** `struct nf_hook_entries`: how many, and the first of them. */
  readonly hookCount: number;
  readonly hookList: number;
  /** `struct nf_hook_ops` */
  readonly hookFunction: number;
  readonly hookPriority: number;
  readonly hookKind: number;
  /** Pointers of `struct net_device` that are null where nobody takes frames before netfilter sees them. */
  readonly deviceTakers: readonly number[];
  /** Lists of `struct net_device`, and of `struct net`, which are empty where nobody listens to frames. */
  readonly deviceListeners: readonly number[];
  readonly netListeners: readonly number[];
  /** In `struct net_device`: what is switched on (64 bits), and the program of generic XDP; absent where they cannot be found. */
  readonly deviceMerging?: { readonly features: number; readonly genericProgram: number };
  /** How many policies of IPsec there are for packets that are forwarded, in `struct net`; none where it has no IPsec. */
  readonly policies: readonly number[];
  /** Bytes of `struct net` with what becomes of such packets without a policy: 2 lets them go on. */
  readonly policyDefaults: readonly number[];
  /** `nf_conntrack_tcp_loose` in `struct net`, a byte; absent where the kernel has no connection tracking. */
  readonly tcpLoose?: number;
  readonly foreign: ForeignLayout;
}

/**
 * Where programs find rules in front of the filter table; see `src/codegen/foreign-words.ts`. Absent is what belongs to a
 * module that is not loaded, and what the types do not tell.
 */
export interface ForeignLayout {
  /** `struct nf_nat_lookup_hook_priv.entries` */
  readonly natEntries?: number;
  readonly table?: TableLayout;
  /** `net.nft.base_seq`; absent before 6.17, but for stable kernels that have taken it over. */
  readonly nftablesChanges?: number;
}

/** Of a table of iptables-legacy. */
export interface TableLayout {
  /** `struct xt_table.private` */
  readonly tableRules: number;
  /** `struct xt_table_info`: its size, offsets of the policies by hook, number of user chains, and the first entry. */
  readonly size: number;
  readonly policies: number;
  readonly userChains: number;
  readonly rules: number;
}

/** In `struct net`: pointers to hook lists by hook, and generation words. */
export interface NetWords {
  readonly hooks: number;
  readonly routes: number;
  readonly addresses: number;
  /** Two more words at most that early verdicts rest on. */
  readonly more: readonly PointedWord[];
  /** Of `struct net_device`: a word that is 0 where the device takes the family's packets; no pointer where it takes none. */
  readonly deviceOff?: PointedWord;
}

/** A word of 32 bits behind a pointer of some structure: where the pointer is, and where the word behind it. */
export interface PointedWord {
  readonly pointer: number;
  readonly word: number;
}

/** Where programs find what is known of a packet's connection, in bytes; see `src/codegen/connection.ts`. */
export interface ConnectionLayout {
  /** `sk_buff._nfct` */
  readonly skbConnection: number;
  /** `struct nf_conn`: the tuples are those of both directions. */
  readonly status: number;
  readonly timeout: number;
  readonly original: number;
  readonly reply: number;
  /** `struct nf_conntrack_tuple` */
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  readonly destinationPort: number;
  readonly protocol: number;
}

/** Kernel functions that programs may call, by name. */
export type KernelFunction = keyof typeof FUNCTION_SINCE;

/** Where things are in the context of netfilter programs; throws `UnsupportedError` where the kernel has none. */
export function netfilterContextOf({ layout, release }: Features): NonNullable<KernelLayout['netfilterContext']> {
  if (layout.netfilterContext === undefined)
    throw new UnsupportedError(
      'placement exact or netfilter',
      '6.4',
      release,
      'rules about what comes in, without connections: bpfilter apply FILE --placement xdp --device NAME',
    );
  return layout.netfilterContext;
}

/** The BTF id of a kernel function; where it is a module's, with the module's name. */
export type FunctionId = number | { readonly id: number; readonly module: string };

export interface Features {
  /** As `uname -r` says, for messages only. */
  readonly release: string;
  /** Number of CPUs that may ever come online: per-CPU areas have one part for each. */
  readonly possibleCpus: number;
  /** Whether a CPU may leave an XDP program for another one in between (PREEMPT_RT). */
  readonly preemptRt: boolean;
  readonly layout: KernelLayout;
  /** Absent where the kernel's types do not tell. */
  readonly surroundings?: SurroundingsLayout;
  /** Absent where the kernel's types do not tell. */
  readonly connection?: ConnectionLayout | undefined;
  /** CONFIG_HZ: what the kernel counts timeouts in. */
  readonly ticksPerSecond: number;
  /** Absent where the kernel lacks one, or the module that has it is not loaded. */
  readonly functions: Readonly<Partial<Record<KernelFunction, FunctionId>>>;
  /** BTF id of a structure of 64-bit words, at least five of them (`struct rusage`), used to read raw memory. */
  readonly wordsType: number;
}

/** What the `xdp` placement must know of the namespace to tell INPUT from FORWARD. */
export interface HostFacts {
  /** Destinations that are delivered locally, from the kernel's local routing table: host, broadcast and subnets. */
  readonly localDestinations: readonly { readonly low: number; readonly high: number }[];
  /**
   * What `net.ipv4.dev_addr_genid` was just before they were read: programs compare it, and take no other destination
   * for another host's once it has changed. Absent where nobody will run the program.
   */
  readonly addressGeneration?: number;
  /** Of IPv6; present where programs for IPv6 are made. Then the generation is IPv6's too. */
  readonly ipv6?: HostFacts6;
}

/** What `localDestinations` is for IPv4. */
export interface HostFacts6 {
  /** Delivered locally whichever device they come in by. */
  readonly localDestinations: WideIntervalSet;
  /** Link-local destinations: each is delivered where it comes in by the device of this index. */
  readonly ofDevices: readonly { readonly ifindex: number; readonly destination: bigint }[];
}

/** The first kernel that has each function. */
const FUNCTION_SINCE = {
  bpf_dynptr_from_skb: '6.4',
  bpf_dynptr_slice: '6.4',
  bpf_cast_to_kern_ctx: '6.2',
  bpf_rdonly_cast: '6.2',
  bpf_iter_num_new: '6.4',
  bpf_iter_num_next: '6.4',
  bpf_iter_num_destroy: '6.4',
  bpf_xdp_ct_lookup: '5.18',
  bpf_ct_release: '5.18',
} as const;

/** Where a family's address generation is in `struct net`; throws `UnsupportedError` where the kernel knows no IPv6. */
export function addressGenerationOf({ layout, release }: Features, family: Family): number {
  const offset = family === 'ipv4' ? layout.netAddressGeneration : layout.netAddressGeneration6;
  if (offset === undefined) throw new UnsupportedError("IPv6 in the kernel's BTF", '6.4', release);
  return offset;
}

/** The BTF id of a kernel function; throws `UnsupportedError` where the kernel lacks it. */
export function requireFunction(features: Features, name: KernelFunction): FunctionId {
  const id = features.functions[name];
  if (id === undefined) throw new UnsupportedError(`kernel function ${name}`, FUNCTION_SINCE[name], features.release);
  return id;
}
