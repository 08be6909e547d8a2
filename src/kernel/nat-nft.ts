// All chains of nftables of type nat that a family's packets may meet at PREROUTING (include/uapi/linux/netfilter/nf_tables.h).

import type { Family } from '../base/family.ts';
import type { NatChains, NatRule } from '../base/nat.ts';
import { KernelError } from './errors.ts';
import { type Expression, expressionOf, ruleOf } from './nat-nft-rule.ts';
import { attribute, attributes, dump, FAMILY, listOf, text } from './netlink.ts';
import { NftSets } from './nft-sets.ts';

/** NFNL_SUBSYS_NFTABLES << 8, with NFT_MSG_GETCHAIN and NFT_MSG_GETRULE */
const [GET_CHAIN, GET_RULE] = [(10 << 8) | 4, (10 << 8) | 7];
/** `struct nfgenmsg` */
const NFGENMSG = 4;
/** NFPROTO_INET, and NFPROTO_IPV4 or NFPROTO_IPV6 */
const SEEING: Readonly<Record<Family, readonly number[]>> = { ipv4: [1, 2], ipv6: [1, 10] };
const CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7, hookNumber: 1 } as const;
const RULE = { table: 1, chain: 2, expressions: 4 } as const;
const SET_OF_UPDATE = 1;
const ACCEPT = 1;
const PREROUTING = 0;

interface Base {
  readonly family: number;
  readonly table: string;
  readonly key: string;
  readonly hook: number;
  readonly policy: number;
}

type NftChains = Pick<NatChains, 'entered' | 'chains' | 'nftables' | 'hasNftables' | 'mayExpect'>;

/** All chains of tables with chains of NAT. */
export function nftNatChains(family: Family): NftChains {
  const bases = natBases(family);
  const chains = new Map<string, NatRule[]>();
  const at = bases.filter(({ hook }) => hook === PREROUTING);
  let mayExpect = false;
  for (const [protocol, table] of tablesOf(bases)) {
    const rules = listRules(protocol, table);
    const updated = rules.flatMap(({ expressions }) => expressions.flatMap(updates));
    const sets = new NftSets(protocol, table, updated);
    const chainOf = (chain: string) => keyOf(protocol, table, chain);
    for (const { chain, expressions } of rules) {
      const key = chainOf(chain);
      if (!chains.has(key)) chains.set(key, []);
      chains.get(key)!.push(...ruleOf(expressions, { family, chainOf, sets }));
      mayExpect ||= expressions.some(mayAssign);
    }
  }
  for (const { key, policy } of at) {
    if (policy !== ACCEPT) chains.set(key, [...(chains.get(key) ?? []), { asks: [], does: 'something' }]);
  }
  return {
    ...{ entered: at.map(({ key }) => key), chains, nftables: at.length },
    ...{ hasNftables: bases.length > 0, mayExpect },
  };
}

function keyOf(family: number, table: string, chain: string): string {
  return JSON.stringify([family, table, chain]);
}

function tablesOf(bases: readonly Base[]): (readonly [family: number, table: string])[] {
  const found = bases.map(({ family, table }) => [keyOf(family, table, ''), [family, table]] as const);
  return [...new Map(found).values()];
}

function natBases(family: Family): Base[] {
  let messages: Buffer[];
  try {
    messages = dump('list the nftables chains', FAMILY.netfilter, GET_CHAIN, Buffer.alloc(NFGENMSG));
  } catch (error) {
    if (error instanceof KernelError) return []; // the kernel has no nftables
    throw error;
  }
  return messages.flatMap((message) => {
    const protocol = message.readUInt8(0);
    const found = attributes(message, NFGENMSG);
    if (!SEEING[family].includes(protocol) || text(found.get(CHAIN.type)) !== 'nat') return [];
    const [table, name] = [text(found.get(CHAIN.table))!, text(found.get(CHAIN.name))!];
    const hook = attributes(found.get(CHAIN.hook)!, 0).get(CHAIN.hookNumber)!.readUInt32BE(0);
    const policy = found.get(CHAIN.policy)?.readUInt32BE(0) ?? ACCEPT;
    return [{ family: protocol, table, key: keyOf(protocol, table, name), hook, policy }];
  });
}

interface Rule {
  readonly chain: string;
  readonly expressions: readonly Expression[];
}

function listRules(family: number, table: string): Rule[] {
  const request = Buffer.concat([
    Buffer.from([family, 0, 0, 0]),
    attribute(RULE.table, Buffer.from(`${table}\0`, 'latin1')),
  ]);
  return dump('list the nftables rules', FAMILY.netfilter, GET_RULE, request).flatMap((message) => {
    const found = attributes(message, NFGENMSG);
    // Kernels that do not look at the table tell all rules.
    if (message.readUInt8(0) !== family || text(found.get(RULE.table)) !== table) return [];
    const expressions = listOf(found.get(RULE.expressions)).map(expressionOf);
    return [{ chain: text(found.get(RULE.chain))!, expressions }];
  });
}

/** Sets that packets change. */
function updates({ name, data }: Expression): string[] {
  return name === 'dynset' ? [text(data.get(SET_OF_UPDATE))!] : [];
}

/** Whether an expression may assign a helper, by which connections are expected. */
function mayAssign({ name, data }: Expression): boolean {
  return name === 'objref' || (name === 'target' && text(data.get(1)) === 'CT');
}
