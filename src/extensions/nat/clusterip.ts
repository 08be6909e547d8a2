// `-j CLUSTERIP`: one address that several machines answer, each for its share. Kernel: net/ipv4/netfilter/ipt_CLUSTERIP.c,
// which newer kernels have no more: the cluster match took its place.

import { ExtensionError, type TargetExtension, ValueError, type ValueType } from '../extension.ts';
import { firstValue, isGiven } from '../uses.ts';
import { choice } from '../values/choice.ts';
import { integer } from '../values/integer.ts';

const MODES = ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport'] as const;

export interface ClusterIp {
  readonly mode: (typeof MODES)[number];
  readonly hardwareAddress: readonly number[];
  readonly nodes: number;
  readonly localNode: number;
  readonly seed: number;
}

/** `null` refers to a cluster that another rule has set up. */
export type ClusterIpData = ClusterIp | null;

/** CLUSTERIP_MAX_NODES */
const NODES_MOST = 16;

const groupAddress: ValueType<readonly number[]> = {
  placeholder: 'address',
  parse(text) {
    const octets = text.split(':');
    if (octets.length !== 6 || !octets.every((octet) => /^[0-9a-fA-F]{0,2}$/.test(octet))) {
      throw new ValueError('Invalid MAC address specified.');
    }
    const numbers = octets.map((octet) => (octet === '' ? 0 : Number.parseInt(octet, 16)));
    if ((numbers[0]! & 1) === 0) throw new ValueError('MAC has to be a multicast ethernet address');
    return numbers;
  },
};

const node = integer(NODES_MOST, 0, 'number');
const NEEDED = ['--new', '--hashmode', '--clustermac', '--total-nodes', '--local-node'];

export const clusterip: TargetExtension<ClusterIpData> = {
  kind: 'target',
  name: 'CLUSTERIP',
  families: ['ipv4'],
  about: 'answers for its share of the connections to an address of several machines',
  tables: ['filter'],
  chains: ['INPUT'],
  options: [
    { name: '--new', values: [], about: 'sets up a cluster' },
    { name: '--hashmode', values: [choice(MODES, (text) => `Unknown hashmode "${text}"`)], about: 'what shares go by' },
    { name: '--clustermac', values: [groupAddress], about: 'the group address of the machines' },
    { name: '--total-nodes', values: [node], about: 'how many machines there are' },
    { name: '--local-node', values: [node], about: 'which of them this is, from 1' },
    { name: '--hash-init', values: [integer(0xffffffff)], about: 'a number that all machines have in common' },
  ],

  precheck(uses) {
    if (uses.length === 0 || NEEDED.every((name) => isGiven(uses, name))) return;
    throw new ExtensionError('missing-option', 'CLUSTERIP target: Invalid parameter combination');
  },

  build(uses) {
    if (uses.length === 0) return null;
    return {
      mode: firstValue<(typeof MODES)[number]>(uses, '--hashmode')!,
      hardwareAddress: firstValue<readonly number[]>(uses, '--clustermac')!,
      nodes: firstValue<number>(uses, '--total-nodes')!,
      localNode: firstValue<number>(uses, '--local-node')!,
      seed: firstValue<number>(uses, '--hash-init') ?? 0,
    };
  },

  check(data) {
    if (data === null) return undefined;
    return data.localNode > data.nodes || data.localNode === 0 ? 'this machine is none of the cluster' : undefined;
  },

  print(data) {
    if (data === null) return [];
    const { mode, nodes, localNode, seed } = data;
    return [
      ...['--new', '--hashmode', mode, '--clustermac', addressText(data), '--total-nodes', `${nodes}`],
      ...['--local-node', `${localNode}`, '--hash-init', `${seed}`],
    ];
  },

  list(data) {
    if (data === null) return 'CLUSTERIP';
    const { mode, nodes, localNode, seed } = data;
    const numbers = `total_nodes=${nodes} local_node=${localNode} hash_init=${seed}`;
    return `CLUSTERIP hashmode=${mode} clustermac=${addressText(data)} ${numbers}`;
  },
};

function addressText({ hardwareAddress }: ClusterIp): string {
  return hardwareAddress.map((octet) => octet.toString(16).toUpperCase().padStart(2, '0')).join(':');
}
