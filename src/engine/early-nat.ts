// What NAT leaves of early verdicts: where a packet goes is certain only if no rule of NAT may change it.
//
// NAT asks its rules of the first packet of a connection alone, at PREROUTING, and what they do is done to all others; so
// packets of known connections are netfilter's, which early verdicts leave to it anyway where connections are tracked, as
// they are where NAT does anything. What a first packet may meet at PREROUTING is taken from the rules: a rule that may
// do something keeps all packets that it might apply to, and those that are led to its chain. Rules that let packets pass
// keep no others from what follows. Without a rule the destination stays as it is (`nf_nat_alloc_null_binding`,
// net/netfilter/nf_nat_core.c), and at POSTROUTING and behind INPUT NAT sees only what the filter table has let through.
// Packets that tracking knows nothing of, or finds invalid, NAT does not touch.
//
// NAT's own counters do not see packets that are dropped early.

import type { NatFacts } from '../base/early.ts';
import type { NatChains, NatConditions, NatRule } from '../base/nat.ts';
import { MOST_RULE_BYTES, NAT } from '../codegen/nat-words.ts';
import type { Hook } from '../codegen/surroundings.ts';

/** More ways of packets than this to what rules do would be a table of their own. */
const MOST_WAYS = 500;
const MOST_STEPS = 20_000;

const TOO_MANY = 'there are too many rules of NAT';

/** What is known of NAT; nothing where nobody does any. */
export function natFacts(found: NatChains): NatFacts | undefined {
  const { legacy, nftables, hasNftables, mayExpect } = found;
  if (legacy === 0 && !hasNftables) return undefined;
  const kept = keptPackets(found);
  if (kept === undefined) return { why: TOO_MANY };
  if (mayExpect) return { why: 'rules beside those of NAT may have connections expected' };
  return { legacy, nftables, hasNftables, kept };
}

/** What programs see of NAT. */
export interface SeenNat {
  /** What PREROUTING's hook of NAT calls; `undefined` where that is too much to look at. */
  readonly called: readonly Hook[] | undefined;
  /** Of iptables-legacy's rules. */
  readonly bytes: number;
  /** Whether they see changes of iptables-legacy's rules, and of nftables. */
  readonly seesLegacy: boolean;
  readonly seesNftables: boolean;
}

/** Why there are no early verdicts beside NAT, in words that follow "because". */
export function whyNotBesideNat(facts: NatFacts, seen: SeenNat, unexpected: boolean): string | undefined {
  if ('why' in facts) return facts.why;
  if (!unexpected) return 'connections may be expected, which NAT changes';
  if (facts.legacy > 0 && !seen.seesLegacy) return "changes of iptables-legacy's rules of NAT cannot be seen";
  if (facts.hasNftables && !seen.seesNftables) return 'changes of nftables, which does NAT, cannot be seen';
  if (seen.bytes > MOST_RULE_BYTES) return TOO_MANY;
  const ofLegacy = seen.called?.filter(({ kind }) => kind === NAT.kind).length;
  const isAll = seen.called?.length === facts.legacy + facts.nftables && ofLegacy === facts.legacy;
  return isAll ? undefined : 'the rules of NAT are not all known';
}

/** What to say of NAT beside early verdicts. */
export function natNotes(facts: NatFacts | undefined): string[] {
  if (facts === undefined || 'why' in facts || facts.kept.length === 0) return [];
  return ['packets that rules of NAT may change are left to netfilter'];
}

/** Whether NAT counts packets, those included that are not changed. */
export function countsPackets(facts: NatFacts | undefined): boolean {
  return facts !== undefined && 'kept' in facts && facts.legacy + facts.nftables > 0;
}

/** The packets that rules may change, as what each of these asks; `undefined` where they are too many. */
export function keptPackets({ entered, chains }: Pick<NatChains, 'entered' | 'chains'>): NatConditions[] | undefined {
  const acting = actingChains(chains);
  const kept = new Map<string, NatConditions>();
  const open = entered.map((chain) => ({ chain, asked: [] as NatConditions }));
  let steps = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { asks, does } of chains.get(next.chain) ?? []) {
      if (++steps > MOST_STEPS || kept.size > MOST_WAYS) return undefined;
      if (does === 'nothing') continue;
      const asked = [...next.asked, ...asks];
      if (does === 'something') kept.set(keyOf(asked), asked);
      else if (acting.has(does.leadsTo)) open.push({ chain: does.leadsTo, asked });
    }
  }
  return [...kept.values()];
}

function keyOf(asked: NatConditions): string {
  return JSON.stringify(asked, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

/** Chains with a rule that does something, or leads to one. */
function actingChains(chains: ReadonlyMap<string, readonly NatRule[]>): Set<string> {
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
