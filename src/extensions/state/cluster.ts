// `-m cluster`: connections that belong to this node of a cluster. Kernel: net/netfilter/xt_cluster.c.

import { ExtensionError, type MatchExtension, type OptionUse } from '../extension.ts';
import { hex, negatable } from '../print-words.ts';
import { isGiven, useOf } from '../uses.ts';
import { integer, uint32 } from '../values/integer.ts';

export interface ClusterData {
  readonly total: number;
  /** A bit for each node, the first one the lowest. */
  readonly nodes: number;
  readonly seed: number;
  readonly negated: boolean;
}

/** XT_CLUSTER_NODES_MAX in include/uapi/linux/netfilter/xt_cluster.h. */
const MOST_NODES = 32;
const nodeNumber = integer(MOST_NODES, 1);

const TOTAL = '--cluster-total-nodes';
const NODE = '--cluster-local-node';
const NODES = '--cluster-local-nodemask';
const SEED = '--cluster-hash-seed';

export const cluster: MatchExtension<ClusterData> = {
  kind: 'match',
  name: 'cluster',
  about: 'connections that belong to this node of a cluster',
  options: [
    { name: TOTAL, values: [nodeNumber], required: true, about: 'nodes in the cluster' },
    { name: NODE, values: [nodeNumber], negatable: true, excludes: [NODES], about: 'number of this node' },
    { name: NODES, values: [nodeNumber], negatable: true, about: 'this node as a bit, or several' },
    { name: SEED, values: [uint32], required: true, about: 'seed of the hash, equal on all nodes' },
  ],

  precheck(options) {
    const has = (name: string) => isGiven(options, name);
    if (!has(NODE) && !has(NODES)) {
      const message = `cluster match: \`${NODE}' or\`${NODES}' is missing`;
      throw new ExtensionError('missing-option', message);
    }
    if (!has(TOTAL) || !has(SEED)) return;
    const { total, nodes } = read(options);
    if (nodes < 2 ** total) return;
    const complaint = has(NODE) ? `\`${NODE}' must be <= \`${TOTAL}'` : `\`${NODES}' too big for \`${TOTAL}'`;
    throw new ExtensionError('bad-value', `cluster match: ${complaint}`, has(NODE) ? NODE : NODES);
  },

  build: read,

  print({ total, nodes, seed, negated }) {
    return [...negatable(negated, NODES, hex(nodes, 8)), TOTAL, `${total}`, SEED, hex(seed, 8)];
  },

  list({ total, nodes, seed, negated }) {
    const mask = `${negated ? '!' : ''}node_mask=${hex(nodes, 8)}`;
    return `cluster ${mask} total_nodes=${total} hash_seed=${hex(seed, 8)}`;
  },
};

function read(options: readonly OptionUse[]): ClusterData {
  const value = (name: string) => useOf(options, name)?.values[0] as number;
  const use = options.findLast(({ name }) => name === NODE || name === NODES)!;
  const given = use.values[0] as number;
  return {
    total: value(TOTAL),
    nodes: use.name === NODE ? 2 ** (given - 1) : given,
    seed: value(SEED),
    negated: options.some(({ name, negated }) => negated && (name === NODE || name === NODES)),
  };
}
