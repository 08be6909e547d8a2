// All chains of nftables that a family's packets may meet before the filter table (include/uapi/linux/netfilter/nf_tables.h).

import type { Family } from '../base/family.ts';
import type { EnteredChain, ForeignChains, ForeignPlace, ForeignRule } from '../base/foreign-rules.ts';
import { KernelError } from './errors.ts';
import { isHelper } from './foreign-legacy.ts';
import { type Expression, expressionOf, ruleOf, TARGET } from './foreign-nft-rule.ts';
import { attribute, attributes, dump, FAMILY, listOf, text } from './netlink.ts';
import { NftSets } from './nft-sets.ts';

/** NFNL_SUBSYS_NFTABLES << 8, with NFT_MSG_GETCHAIN, NFT_MSG_GETRULE and NFT_MSG_GETOBJ */
const [GET_CHAIN, GET_RULE, GET_OBJECT] = [(10 << 8) | 4, (10 << 8) | 7, (10 << 8) | 19];
/** `struct nfgenmsg` */
const NFGENMSG = 4;
/** NFPROTO_INET, and NFPROTO_IPV4 or NFPROTO_IPV6 */
const SEEING: Readonly<Record<Family, readonly number[]>> = { ipv4: [1, 2], ipv6: [1, 10] };
const CHAIN = { table: 1, name: 3, hook: 4, policy: 5, type: 7, hookNumber: 1, priority: 2 } as const;
const RULE = { table: 1, chain: 2, expressions: 4 } as const;
const OBJECT_TYPE = 3;
/** NFT_OBJECT_CT_HELPER and NFT_OBJECT_CT_EXPECT */
const EXPECTING: readonly number[] = [3, 9];
/** The only one that the target CT is for. */
const TABLE_OF_HELPERS = 'raw';
const SET_OF_UPDATE = 1;
const ACCEPT = 1;
/** Hooks before the filter table, in the order of NF_INET_*, and their names. */
const PLACES: readonly ForeignPlace[] = ['PREROUTING', 'INPUT', 'FORWARD'];
const FAMILY_NAMES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 10: 'ip6' };

interface Table {
  readonly family: number;
  readonly name: string;
}

interface Base extends EnteredChain {
  readonly in: Table;
  readonly chain: string;
  readonly policy: number;
}

interface Rule {
  readonly chain: string;
  readonly expressions: readonly Expression[];
}

/** All that packets may meet, and the chains that these lead to. */
export function nftChains(family: Family): ForeignChains {
  const all = listChains();
  const bases = all.flatMap((message) => enteredBy(family, message));
  const chains = new Map<string, ForeignRule[]>();
  let mayExpect = all.length > 0 && mayAssignByObject(family);
  for (const table of all.length > 0 ? tablesOf(bases, family) : []) {
    const rules = listRules(table);
    mayExpect ||= table.name === TABLE_OF_HELPERS && rules.some(({ expressions }) => expressions.some(assigns));
    const reader = new TableReader(family, table, rules);
    for (const base of bases) if (isSame(base.in, table)) reader.follow(base, chains);
  }
  for (const { key, policy } of bases) {
    if (policy !== ACCEPT) chains.set(key, [...(chains.get(key) ?? []), { asks: [], does: 'something' }]);
  }
  return { entered: bases.map(({ key, name, at }) => ({ key, name, at })), chains, mayExpect };
}

/** Reads the rules of a table as far as they are led to. */
class TableReader {
  private readonly family: Family;
  private readonly table: Table;
  private readonly rules = new Map<string, (readonly Expression[])[]>();
  private readonly sets: NftSets;

  constructor(family: Family, table: Table, rules: readonly Rule[]) {
    this.family = family;
    this.table = table;
    const updated = rules.flatMap(({ expressions }) => expressions.flatMap(updates));
    this.sets = new NftSets(table.family, table.name, updated);
    for (const { chain, expressions } of rules) {
      const known = this.rules.get(chain);
      if (known === undefined) this.rules.set(chain, [expressions]);
      else known.push(expressions);
    }
  }

  /** Adds a chain and what it leads to. What counts matters but in NAT, whose counters are left out. */
  follow({ chain: first, at }: Base, chains: Map<string, ForeignRule[]>): void {
    const { family, sets } = this;
    const open = [first];
    const chainOf = (chain: string): string => {
      const key = keyOf(this.table, chain, at);
      if (!chains.has(key)) open.push(chain);
      return key;
    };
    for (let chain = open.pop(); chain !== undefined; chain = open.pop()) {
      const key = keyOf(this.table, chain, at);
      if (chains.has(key)) continue;
      const around = { family, chainOf, sets, counts: at !== 'NAT' };
      chains.set(
        key,
        (this.rules.get(chain) ?? []).flatMap((expressions) => ruleOf(expressions, around)),
      );
    }
  }
}

/** What names a chain, as packets of NAT meet it or as all others do. */
function keyOf({ family, name }: Table, chain: string, at: ForeignPlace): string {
  return JSON.stringify([family, name, chain, at === 'NAT']);
}

function isSame(a: Table, b: Table): boolean {
  return a.family === b.family && a.name === b.name;
}

/** The tables of chains, and those whose rules may assign helpers. */
function tablesOf(bases: readonly Base[], family: Family): Table[] {
  const ofHelpers = SEEING[family].map((each): Table => ({ family: each, name: TABLE_OF_HELPERS }));
  const all = [...bases.map((base) => base.in), ...ofHelpers];
  return all.filter((table, i) => all.findIndex((other) => isSame(other, table)) === i);
}

function listChains(): Buffer[] {
  try {
    return dump('list the nftables chains', FAMILY.netfilter, GET_CHAIN, Buffer.alloc(NFGENMSG));
  } catch (error) {
    if (error instanceof KernelError) return []; // the kernel has no nftables
    throw error;
  }
}

/** A chain, if packets enter it before the filter table. */
function enteredBy(family: Family, message: Buffer): Base[] {
  const protocol = message.readUInt8(0);
  const found = attributes(message, NFGENMSG);
  const hook = attributes(found.get(CHAIN.hook) ?? Buffer.alloc(0), 0);
  const place = PLACES[hook.get(CHAIN.hookNumber)?.readUInt32BE(0) ?? PLACES.length];
  if (place === undefined || !SEEING[family].includes(protocol)) return [];
  const isNat = text(found.get(CHAIN.type)) === 'nat';
  const isBehind = isNat || hook.get(CHAIN.priority)!.readInt32BE(0) >= 0;
  if (isBehind && place !== 'PREROUTING') return [];
  const [table, chain] = [text(found.get(CHAIN.table))!, text(found.get(CHAIN.name))!];
  const at = isNat ? 'NAT' : place;
  const inTable = { family: protocol, name: table };
  return [
    {
      ...{ key: keyOf(inTable, chain, at), in: inTable, chain, at },
      name: `${FAMILY_NAMES[protocol]} ${table} ${chain} of nftables`,
      policy: found.get(CHAIN.policy)?.readUInt32BE(0) ?? ACCEPT,
    },
  ];
}

function listRules({ family, name }: Table): Rule[] {
  const request = Buffer.concat([
    Buffer.from([family, 0, 0, 0]),
    attribute(RULE.table, Buffer.from(`${name}\0`, 'latin1')),
  ]);
  return dump('list the nftables rules', FAMILY.netfilter, GET_RULE, request).flatMap((message) => {
    const found = attributes(message, NFGENMSG);
    // Kernels that do not look at the table tell all rules.
    if (message.readUInt8(0) !== family || text(found.get(RULE.table)) !== name) return [];
    const expressions = listOf(found.get(RULE.expressions)).map(expressionOf);
    return [{ chain: text(found.get(RULE.chain))!, expressions }];
  });
}

/** Sets that packets change. */
function updates({ name, data }: Expression): string[] {
  return name === 'dynset' ? [text(data.get(SET_OF_UPDATE))!] : [];
}

/** Whether an expression assigns a helper, by which connections are expected. */
function assigns({ name, data }: Expression): boolean {
  if (name !== 'target') return false;
  return isHelper({ name: text(data.get(TARGET.name))!, data: data.get(TARGET.data)! });
}

/** Whether there are objects by which rules may assign helpers, or have connections expected. */
function mayAssignByObject(family: Family): boolean {
  return SEEING[family].some((protocol) =>
    dump('list the objects of nftables', FAMILY.netfilter, GET_OBJECT, Buffer.from([protocol, 0, 0, 0])).some(
      (message) => EXPECTING.includes(attributes(message, NFGENMSG).get(OBJECT_TYPE)?.readUInt32BE(0) ?? 0),
    ),
  );
}
