// What the running kernel is and can, from its BTF and from /sys.

import { readFileSync } from 'node:fs';
import { release, version } from 'node:os';
import type { Family } from '../base/family.ts';
import type {
  ConnectionLayout,
  Features,
  ForeignLayout,
  FunctionId,
  KernelFunction,
  KernelLayout,
  PointedWord,
  SurroundingsLayout,
} from '../base/features.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import type { BtfReader } from '../bpf/btf-reader.ts';
import { CONNTRACK, conntrackTypes, kernelTypes, moduleTypes } from './kernel-types.ts';
import { systemCall } from './syscall.ts';

/** Where each is found: a member of a structure, and on through members that are structures themselves. */
const MEMBERS: Readonly<Record<Exclude<keyof KernelLayout, 'netAddressGeneration6' | 'netfilterContext'>, Path>> = {
  hookStateIn: [['nf_hook_state', 'in']],
  hookStateOut: [['nf_hook_state', 'out']],
  deviceName: [['net_device', 'name']],
  // The same bytes as where `dev_addr` points to, and no pointer to follow: `dev_addr_mod` writes both (net/core/dev_addr_lists.c).
  deviceAddress: [['net_device', 'dev_addr_shadow']],
  // A `possible_net_t`, whose only member is the pointer.
  deviceNet: [['net_device', 'nd_net']],
  netAddressGeneration: [
    ['net', 'ipv4'],
    ['netns_ipv4', 'dev_addr_genid'],
  ],
  skbLen: [['sk_buff', 'len']],
  skbDataLen: [['sk_buff', 'data_len']],
  skbData: [['sk_buff', 'data']],
  xdpRxq: [['xdp_buff', 'rxq']],
  rxqDevice: [['xdp_rxq_info', 'dev']],
};

/** A member, by the structures it lies in. */
type Path = readonly (readonly [struct: string, member: string])[];

const NET_WORDS: Readonly<Record<Family, Readonly<Record<'hooks' | 'routes' | 'addresses', Path>>>> = {
  ipv4: {
    hooks: [
      ['net', 'nf'],
      ['netns_nf', 'hooks_ipv4'],
    ],
    routes: [
      ['net', 'ipv4'],
      ['netns_ipv4', 'rt_genid'],
    ],
    addresses: [
      ['net', 'ipv4'],
      ['netns_ipv4', 'dev_addr_genid'],
    ],
  },
  ipv6: {
    hooks: [
      ['net', 'nf'],
      ['netns_nf', 'hooks_ipv6'],
    ],
    routes: [
      ['net', 'ipv6'],
      ['netns_ipv6', 'fib6_sernum'],
    ],
    addresses: [
      ['net', 'ipv6'],
      ['netns_ipv6', 'dev_addr_genid'],
    ],
  },
};

type PointedPaths = Readonly<Record<keyof PointedWord, Path>>;

/** Routes that have been taken away, which changes no generation; and whether packets are forwarded. */
const IPV6_MORE: readonly PointedPaths[] = [
  {
    pointer: [
      ['net', 'ipv6'],
      ['netns_ipv6', 'rt6_stats'],
    ],
    word: [['rt6_statistics', 'fib_discarded_routes']],
  },
  {
    pointer: [
      ['net', 'ipv6'],
      ['netns_ipv6', 'devconf_all'],
    ],
    word: [['ipv6_devconf', 'forwarding']],
  },
];
const IPV6_OFF: PointedPaths = {
  pointer: [['net_device', 'ip6_ptr']],
  word: [
    ['inet6_dev', 'cnf'],
    ['ipv6_devconf', 'disable_ipv6'],
  ],
};

/**
 * Bridges, bonds and macvlans; VLANs; tc programs and classifiers (`miniq_ingress` before 6.6); netdev hooks of nftables.
 */
const DEVICE_TAKERS = ['rx_handler', 'vlan_info', 'tcx_ingress', 'miniq_ingress', 'nf_hooks_ingress'] as const;
/** Of IPsec, by direction: the second and the third are asked of packets on their way to FORWARD. */
const [OUT, FORWARD] = [1, 2];
const POLICY_COUNT: Path = [
  ['net', 'xfrm'],
  ['netns_xfrm', 'policy_count'],
];
const POLICY_DEFAULT: Path = [
  ['net', 'xfrm'],
  ['netns_xfrm', 'policy_default'],
];
const TCP_LOOSE: Path = [
  ['net', 'ct'],
  ['netns_ct', 'nf_ct_proto'],
  ['nf_ip_net', 'tcp'],
  ['nf_tcp_net', 'tcp_loose'],
];
/** Packet sockets and other users of `dev_add_pack`; those of no device are in `struct net` on kernels of 2025 on. */
const LISTENERS = ['ptype_all', 'ptype_specific'] as const;

const HOOK_MEMBERS = {
  hookCount: [['nf_hook_entries', 'num_hook_entries']],
  hookList: [['nf_hook_entries', 'hooks']],
  hookFunction: [['nf_hook_ops', 'hook']],
  hookPriority: [['nf_hook_ops', 'priority']],
  hookKind: [['nf_hook_ops', 'hook_ops_type']],
} as const;

/** NAT, and the tables of iptables-legacy, may be modules: these have the types then. */
const [NAT_MODULE, TABLES_MODULE] = ['nf_nat', 'x_tables'];
const NAT_MEMBERS = { natEntries: [['nf_nat_lookup_hook_priv', 'entries']] } as const;
const TABLE_MEMBERS = {
  tableRules: [['xt_table', 'private']],
  size: [['xt_table_info', 'size']],
  policies: [['xt_table_info', 'underflow']],
  userChains: [['xt_table_info', 'stacksize']],
  rules: [['xt_table_info', 'entries']],
} as const;
const NFTABLES_CHANGES: Path = [
  ['net', 'nft'],
  ['netns_nftables', 'base_seq'],
];

/** The second of a tuple's ends is a structure without a name, which is alike on all kernels. */
const TUPLE_END = { port: 16, protocol: 18 } as const;

const FUNCTIONS: readonly KernelFunction[] = [
  'bpf_dynptr_from_skb',
  'bpf_dynptr_slice',
  'bpf_cast_to_kern_ctx',
  'bpf_rdonly_cast',
  'bpf_iter_num_new',
  'bpf_iter_num_next',
  'bpf_iter_num_destroy',
];
/** Those of connection tracking, which may be a module's. */
const CONNTRACK_FUNCTIONS: readonly KernelFunction[] = ['bpf_xdp_ct_lookup', 'bpf_ct_release'];

let known: Features | undefined;

/** The facts of this kernel, read once in a process. Throws `UnsupportedError` where it has no BTF. */
export function probeFeatures(): Features {
  known ??= readFeatures();
  return known;
}

function readFeatures(): Features {
  const btf = kernelTypes();
  let connection: ConnectionLayout | undefined;
  const layout = { ...offsetsOf(btf, MEMBERS), ...netfilterOf(btf), ...addressesOf6(btf) };
  const wordsType = btf.structId('rusage');
  if (wordsType === undefined) throw new UnsupportedError("struct rusage in the kernel's BTF", '5.8', release());
  return {
    release: release(),
    possibleCpus: possibleCpus(),
    preemptRt: version().includes('PREEMPT_RT'),
    layout,
    ...surroundingsOf(btf),
    // Most kernels have these types though connection tracking is a module: it is loaded only where they have not.
    get connection() {
      connection ??= connectionOf(btf) ?? connectionOf(conntrackTypes() ?? btf);
      return connection;
    },
    ticksPerSecond: ticksPerSecond(),
    functions: functionsOf(btf),
    wordsType,
  };
}

/** Where each member is; throws `UnsupportedError` where one is not. */
function offsetsOf<Key extends string>(btf: BtfReader, paths: Readonly<Record<Key, Path>>): Record<Key, number> {
  const offsetOf = (path: Path): number =>
    path.reduce((sum, [struct, member]) => {
      const offset = btf.memberOffset(struct, member);
      if (offset === undefined) throw new UnsupportedError(`${struct}.${member} in the kernel's BTF`, '6.1', release());
      return sum + offset;
    }, 0);
  return Object.fromEntries(Object.entries<Path>(paths).map(([key, path]) => [key, offsetOf(path)])) as Record<
    Key,
    number
  >;
}

function netfilterOf(btf: BtfReader): Pick<KernelLayout, 'netfilterContext'> {
  const [state, skb] = [btf.memberOffset('bpf_nf_ctx', 'state'), btf.memberOffset('bpf_nf_ctx', 'skb')];
  return state === undefined || skb === undefined ? {} : { netfilterContext: { state, skb } };
}

/** Functions of the kernel, and of connection tracking, which may be loaded later. */
function functionsOf(btf: BtfReader): Features['functions'] {
  const functions: Partial<Record<KernelFunction, FunctionId>> = {};
  for (const name of FUNCTIONS) {
    const id = btf.functionId(name);
    if (id !== undefined) functions[name] = id;
  }
  for (const name of CONNTRACK_FUNCTIONS) {
    Object.defineProperty(functions, name, { enumerable: true, get: () => conntrackFunction(btf, name) });
  }
  return functions;
}

function conntrackFunction(btf: BtfReader, name: KernelFunction): FunctionId | undefined {
  const id = btf.functionId(name);
  if (id !== undefined) return id;
  const ofModule = conntrackTypes()?.functionId(name);
  return ofModule === undefined ? undefined : { id: ofModule, module: CONNTRACK };
}

function addressesOf6(btf: BtfReader): Pick<KernelLayout, 'netAddressGeneration6'> {
  const namespace = btf.memberOffset('net', 'ipv6');
  const word = btf.memberOffset('netns_ipv6', 'dev_addr_genid');
  return namespace === undefined || word === undefined ? {} : { netAddressGeneration6: namespace + word };
}

/** What early verdicts look at, or nothing where the kernel's types do not tell. */
function surroundingsOf(btf: BtfReader): Pick<Features, 'surroundings'> {
  let foreign: ForeignLayout | undefined;
  try {
    const find = (path: Path): number | undefined =>
      path.reduce<number | undefined>((sum, [struct, member]) => {
        const offset = btf.memberOffset(struct, member);
        return sum === undefined || offset === undefined ? undefined : sum + offset;
      }, 0);
    const [tcpLoose, policies, defaults] = [find(TCP_LOOSE), find(POLICY_COUNT), find(POLICY_DEFAULT)];
    const [switches, genericProgram] = [find([['net_device', 'features']]), find([['net_device', 'xdp_prog']])];
    const members = (struct: string, names: readonly string[]): number[] =>
      names.flatMap((name) => btf.memberOffset(struct, name) ?? []);
    return {
      surroundings: {
        ...offsetsOf(btf, HOOK_MEMBERS),
        ipv4: { ...offsetsOf(btf, NET_WORDS.ipv4), more: [] },
        ...ipv6WordsOf(btf),
        deviceTakers: members('net_device', DEVICE_TAKERS),
        deviceListeners: members('net_device', LISTENERS),
        netListeners: members('net', LISTENERS),
        ...(tcpLoose !== undefined && { tcpLoose }),
        // Asked for until all is known, as modules may be loaded at any time.
        get foreign() {
          if (foreign?.table === undefined || foreign.natEntries === undefined)
            foreign = foreignOf(btf, find(NFTABLES_CHANGES));
          return foreign;
        },
        ...(switches !== undefined &&
          genericProgram !== undefined && {
            deviceMerging: { features: switches, genericProgram },
          }),
        policies: [OUT, FORWARD].flatMap((way) => (policies === undefined ? [] : [policies + 4 * way])),
        policyDefaults: [OUT, FORWARD].flatMap((way) => (defaults === undefined ? [] : [defaults + way])),
      },
    };
  } catch (error) {
    if (error instanceof UnsupportedError) return {};
    throw error;
  }
}

function foreignOf(btf: BtfReader, nftablesChanges: number | undefined): ForeignLayout {
  const table = offsetsOfModule(btf, TABLES_MODULE, TABLE_MEMBERS);
  return {
    ...offsetsOfModule(btf, NAT_MODULE, NAT_MEMBERS),
    ...(table && { table }),
    ...(nftablesChanges !== undefined && { nftablesChanges }),
  };
}

/** Where members are that the kernel knows, or a module; `undefined` where neither tells of them all. */
function offsetsOfModule<Key extends string>(
  btf: BtfReader,
  module: string,
  paths: Readonly<Record<Key, Path>>,
): Record<Key, number> | undefined {
  for (const types of [btf, moduleTypes(module)]) {
    try {
      if (types !== undefined) return offsetsOf(types, paths);
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
    }
  }
  return undefined;
}

/** What there is of IPv6, or nothing where it is a module and the kernel's types do not tell. */
function ipv6WordsOf(btf: BtfReader): Pick<SurroundingsLayout, 'ipv6'> {
  try {
    const more = IPV6_MORE.map((paths) => offsetsOf(btf, paths));
    return { ipv6: { ...offsetsOf(btf, NET_WORDS.ipv6), more, deviceOff: offsetsOf(btf, IPV6_OFF) } };
  } catch (error) {
    if (error instanceof UnsupportedError) return {};
    throw error;
  }
}

/** Where connections are read, or `undefined` where the types do not tell. */
function connectionOf(btf: BtfReader): ConnectionLayout | undefined {
  const hashSize = btf.structSize('nf_conntrack_tuple_hash');
  const offset = (struct: string, member: string): number => btf.memberOffset(struct, member) ?? Number.NaN;
  const source = offset('nf_conntrack_tuple', 'src');
  const destination = offset('nf_conntrack_tuple', 'dst');
  const original = offset('nf_conn', 'tuplehash') + offset('nf_conntrack_tuple_hash', 'tuple');
  const connection = {
    skbConnection: offset('sk_buff', '_nfct'),
    status: offset('nf_conn', 'status'),
    timeout: offset('nf_conn', 'timeout'),
    original,
    reply: original + (hashSize ?? Number.NaN),
    source,
    sourcePort: source + TUPLE_END.port,
    destination,
    destinationPort: destination + TUPLE_END.port,
    protocol: destination + TUPLE_END.protocol,
  };
  return Object.values(connection).some(Number.isNaN) ? undefined : connection;
}

/** The resolution of clocks that are read from the last tick is one tick. */
function ticksPerSecond(): number {
  const CLOCK_MONOTONIC_COARSE = 6;
  const resolution = Buffer.alloc(16);
  systemCall('ask for the length of a tick', 'clock_getres', CLOCK_MONOTONIC_COARSE, resolution);
  return Math.round(1e9 / Number(resolution.readBigInt64LE(8)));
}

/** Number of CPUs that may ever be online: one more than the last number in a list like `0-3,8`. */
function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8').trim();
  return Number(/(\d+)$/.exec(list)![1]) + 1;
}
