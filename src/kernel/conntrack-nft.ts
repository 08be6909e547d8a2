// Keeping connection tracking on by a rule of nftables, where the kernel has no iptables-legacy.
//
// A chain without a hook costs packets nothing, but `nft flush ruleset` takes it away: the second choice.

import type { Family } from '../base/family.ts';
import { KernelError } from './errors.ts';
import { attribute, dump, FAMILY, NetlinkSocket } from './netlink.ts';

/** NFPROTO_IPV4 and NFPROTO_IPV6 */
const NUMBERS = { ipv4: 2, ipv6: 10 } as const;

/** include/uapi/linux/netfilter/nfnetlink.h, .../netfilter/nf_tables.h */
const NFTABLES = 10;
const NEW_TABLE = 0;
const DELETE_TABLE = 2;
const NEW_CHAIN = 3;
const NEW_RULE = 6;
const GET_RULE = 7;
const TABLE_NAME = 1;
const CHAIN = { table: 1, name: 3 } as const;
const RULE = { table: 1, chain: 2, expressions: 4 } as const;
const LIST_ELEMENT = 1;
const EXPRESSION = { name: 1, data: 2 } as const;
const CT = { register: 1, key: 2 } as const;
/** NFT_REG_1, NFT_CT_STATE: the state is loaded, and nothing is done with it. */
const REGISTER = Buffer.from([0, 0, 0, 1]);
const STATE = Buffer.from([0, 0, 0, 0]);

const CHAIN_NAME = text('state');

/** Makes the table of that name with the rule; returns 0 or an errno. */
export function holdByNft(family: Family, table: string): number {
  const ct = Buffer.concat([attribute(CT.register, REGISTER), attribute(CT.key, STATE)]);
  const expression = Buffer.concat([attribute(EXPRESSION.name, text('ct')), attribute(EXPRESSION.data, ct)]);
  return changeNft(family, [
    { type: NEW_TABLE, attributes: [attribute(TABLE_NAME, text(table))] },
    { type: NEW_CHAIN, attributes: [attribute(CHAIN.table, text(table)), attribute(CHAIN.name, CHAIN_NAME)] },
    {
      type: NEW_RULE,
      attributes: [
        attribute(RULE.table, text(table)),
        attribute(RULE.chain, CHAIN_NAME),
        attribute(RULE.expressions, attribute(LIST_ELEMENT, expression)),
      ],
    },
  ]);
}

export function isHeldByNft(family: Family, table: string): boolean {
  const asked = [attribute(RULE.table, text(table)), attribute(RULE.chain, CHAIN_NAME)];
  try {
    const type = (NFTABLES << 8) | GET_RULE;
    return dump('list a chain of nftables', FAMILY.netfilter, type, body(family, asked)).length > 0;
  } catch (error) {
    if (error instanceof KernelError) return false; // no such table, or no nftables
    throw error;
  }
}

/** Takes the table away; returns 0 or an errno. */
export function releaseByNft(family: Family, table: string): number {
  return changeNft(family, [{ type: DELETE_TABLE, attributes: [attribute(TABLE_NAME, text(table))] }]);
}

function changeNft(
  family: Family,
  changes: readonly { readonly type: number; readonly attributes: readonly Buffer[] }[],
): number {
  const socket = new NetlinkSocket('change nftables', FAMILY.netfilter);
  try {
    return socket.changeTogether(
      NFTABLES,
      changes.map(({ type, attributes }) => ({ type, body: body(family, attributes) })),
    );
  } finally {
    socket.close();
  }
}

/** `struct nfgenmsg`, and attributes. */
function body(family: Family, attributes: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([NUMBERS[family], 0, 0, 0]), ...attributes]);
}

function text(name: string): Buffer {
  return Buffer.from(`${name}\0`, 'latin1');
}
