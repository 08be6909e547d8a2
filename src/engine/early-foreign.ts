// What rules of others leave of early verdicts: NAT, the tables raw and mangle, chains of nftables in front of the filter table.
//
// A packet that is dropped early never meets them, so it must be one that they do nothing to. A rule of raw or mangle does
// something to all packets that it applies to: it counts them. All else that these do to a packet is to count it by a policy.
//
// NAT asks its rules of the first packet of a connection alone, at PREROUTING, and what they do is done to all others; so
// packets of known connections are netfilter's, which early verdicts leave to it anyway where connections are tracked, as
// they are where NAT does anything. What a first packet may meet at PREROUTING is taken from the rules: a rule that may
// do something keeps all packets that it might apply to, and those that are led to its chain. Rules that let packets pass
// keep no others from what follows. Without a rule the destination stays as it is (`nf_nat_alloc_null_binding`,
// net/netfilter/nf_nat_core.c), and at POSTROUTING and behind INPUT NAT sees only what the filter table has let through.
// Packets that tracking knows nothing of, or finds invalid, NAT does not touch.
//
// NAT's own counters, and those of policies, do not see packets that are dropped early.

import type { ForeignFacts, ForeignKept, KeptPackets } from '../base/early.ts';
import {
  asksNumber,
  FOREIGN_PLACES,
  type ForeignChains,
  type ForeignConditions,
  type ForeignPlace,
  type ForeignRule,
  LEGACY_TABLES,
  type LegacyTable,
} from '../base/foreign-rules.ts';
import type { Field } from '../base/predicate.ts';
import { HOOK_KIND, MOST_RULE_BYTES, TABLE_PRIORITY } from '../codegen/foreign-words.ts';
import type { Hook, SeenForeign } from '../codegen/surroundings.ts';

/** More ways of packets than this to what rules do would be a table of their own. */
const MOST_WAYS = 500;
const MOST_STEPS = 20_000;

const TOO_MANY = 'there are too many rules in front of the filter table';

/** What of a packet's transport header rules ask for, and how many bytes they take for it, of TCP and of any protocol. */
const TRANSPORT: readonly Field[] = ['sport', 'dport', 'tcpFlags'];
const [TCP, TCP_HEADER, ANY_HEADER] = [6, 20, 8];

export function foreignFacts(found: ForeignChains): ForeignFacts {
  const kept = keptPackets(found);
  if (kept === undefined) return { why: TOO_MANY };
  return { entered: found.entered.map(({ key: _, ...chain }) => chain), mayExpect: found.mayExpect, kept };
}

/** Who hooks in at each place; at that of NAT, what its hook calls. */
export type ForeignHooks = Readonly<Record<ForeignPlace, readonly Hook[]>>;

/** Whose a hook is, if it may be known. */
export function ownerOf({ kind, priority }: Hook): LegacyTable | 'nftables' | undefined {
  if (kind === HOOK_KIND.nftables) return 'nftables';
  return kind === HOOK_KIND.module ? LEGACY_TABLES.find((table) => TABLE_PRIORITY[table] === priority) : undefined;
}

/** Why there are no early verdicts beside rules of others, in words that follow "because". */
export function whyNotBeside(
  { entered, kept }: ForeignKept,
  hooks: ForeignHooks,
  { tableBytes, seesNftables }: SeenForeign,
): string | undefined {
  const strange = FOREIGN_PLACES.find((at) => !areKnown(hooks[at], entered, at));
  if (strange !== undefined)
    return `${strange === 'NAT' ? 'the rules of NAT' : `rules at ${strange}`} are not all known`;
  if (entered.some(({ table }) => table === undefined) && !seesNftables) return 'changes of nftables cannot be seen';
  const tables = LEGACY_TABLES.filter((table) => entered.some((chain) => chain.table === table));
  const unseen = tables.find((table) => tableBytes[table] === 0);
  if (unseen !== undefined) return `changes of iptables-legacy's table ${unseen} cannot be seen`;
  if (tables.reduce((sum, table) => sum + tableBytes[table], 0) > MOST_RULE_BYTES) return TOO_MANY;
  const all = kept.find(({ at, asked }) => isForAll(at) && asked.length === 0);
  return all && `rules of ${all.by} may apply to any packet`;
}

/** Whether a place's hooks are those of the chains that packets enter there. */
function areKnown(hooks: readonly Hook[], entered: ForeignKept['entered'], at: ForeignPlace): boolean {
  const found = hooks.map(ownerOf).sort();
  const known = entered.flatMap((chain) => (chain.at === at ? [chain.table ?? 'nftables'] : [])).sort();
  return found.join() === known.join();
}

/** Whether packets come to a place before it is known where they go. */
function isForAll(at: ForeignPlace): boolean {
  return at === 'NAT' || at === 'PREROUTING';
}

/** What to say of rules of others beside early verdicts. */
export function foreignNotes(facts: ForeignFacts | undefined): string[] {
  if (facts === undefined || 'why' in facts) return [];
  const names = facts.kept.flatMap(({ at, by }) => (at === 'NAT' ? [] : [by]));
  return [
    ...(facts.kept.some(({ at }) => at === 'NAT')
      ? ['packets that rules of NAT may change are left to netfilter']
      : []),
    ...(names.length > 0
      ? [`packets that rules of ${[...new Set(names)].join(', ')} may apply to are left to netfilter`]
      : []),
  ];
}

/** The first chain of others that counts packets, those included that no rule applies to. */
export function countingChain(facts: ForeignFacts | undefined): string | undefined {
  return facts !== undefined && 'entered' in facts ? facts.entered[0]?.name : undefined;
}

/** The packets that rules may do something to, as what each of these asks; `undefined` where they are too many. */
export function keptPackets({ entered, chains }: Pick<ForeignChains, 'entered' | 'chains'>): KeptPackets[] | undefined {
  const acting = actingChains(chains);
  const kept = new Map<string, KeptPackets>();
  const keep = (packets: KeptPackets): void => {
    const key = keyOf(packets);
    if (!kept.has(key)) kept.set(key, packets);
  };
  let steps = 0;
  for (const { key, name: by, at } of entered) {
    const open = [{ chain: key, asked: [] as ForeignConditions }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const { asks, does } of chains.get(next.chain) ?? []) {
        if (++steps > MOST_STEPS || kept.size > MOST_WAYS) return undefined;
        if (does === 'nothing') continue;
        const asked = [...next.asked, ...asks];
        if (does === 'something') keep({ at, by, asked });
        else if (acting.has(does.leadsTo)) open.push({ chain: does.leadsTo, asked });
      }
    }
  }
  for (const { at, by, asked } of [...kept.values()])
    if (asksTransport(at, asked)) for (const shape of CUT_OFF) keep({ at, by, asked: shape });
  return [...kept.values()];
}

/** What matches of iptables drop, wherever it goes: packets that lack the header which they ask for. */
const CUT_OFF: readonly ForeignConditions[] = [
  asksNumber('transportLength', [{ low: 0, high: ANY_HEADER - 1 }], false),
  [
    ...asksNumber('protocol', [{ low: TCP, high: TCP }], false),
    ...asksNumber('transportLength', [{ low: 0, high: TCP_HEADER - 1 }], false),
  ],
];

/** Of NAT, such packets are of no connection. */
function asksTransport(at: ForeignPlace, asked: ForeignConditions): boolean {
  return at !== 'NAT' && asked.some(({ predicate }) => TRANSPORT.includes(predicate.field));
}

/** Who keeps them does not matter. */
function keyOf({ at, asked }: KeptPackets): string {
  return JSON.stringify([at, asked], (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

/** Chains with a rule that does something, or leads to one. */
function actingChains(chains: ReadonlyMap<string, readonly ForeignRule[]>): Set<string> {
  const leading = new Map<string, string[]>();
  const acting: string[] = [];
  for (const [chain, rules] of chains) {
    if (rules.some(({ does }) => does === 'something')) acting.push(chain);
    for (const { does } of rules) {
      if (typeof does === 'string') continue;
      const from = leading.get(does.leadsTo);
      if (from === undefined) leading.set(does.leadsTo, [chain]);
      else from.push(chain);
    }
  }
  const found = new Set(acting);
  for (let next = acting.pop(); next !== undefined; next = acting.pop()) {
    for (const chain of leading.get(next) ?? []) {
      if (found.has(chain)) continue;
      found.add(chain);
      acting.push(chain);
    }
  }
  return found;
}
