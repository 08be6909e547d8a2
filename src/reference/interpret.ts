// The reference interpreter: what a filter table does to one packet, found by walking the rules as they are written.
//
// It is the yardstick for everything that compiles, so it is slow, short and independent: it knows no graph, no pass
// and no predicate, and each extension answers through `matches`, which is written from the man page. The walk is the
// one of the kernel's net/ipv4/netfilter/ip_tables.c and net/ipv6/netfilter/ip6_tables.c, as observed with iptables-legacy:
// a rule counts when everything it asks holds, before its target acts; a jump remembers where to go on, a goto does
// not; RETURN, and the end of a user chain, go on behind the last jump, and where there is none, with the policy, which
// counts like a rule; a match may drop the packet, and then nobody counts it.

import type { Address, MaskedAny } from '../base/address.ts';
import { nameInBytes } from '../base/device-name.ts';
import { type HookPacket, type PacketView, viewOf } from '../base/packet.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import type { Chain, Rule, Table } from '../ruleset/model.ts';

/** A counter that the packet bumped: of a rule, by its index from 0, or of a built-in chain's policy. */
export interface Counted {
  readonly chain: string;
  readonly rule: number | 'policy';
}

export interface Outcome {
  readonly verdict: 'accept' | 'drop';
  /** In the order in which they were met. Each counts one packet and the packet's whole length in bytes. */
  readonly counted: readonly Counted[];
  /** A match dropped the packet: no rule and no policy decided. */
  readonly hotdrop: boolean;
}

/** Hears of every question asked on the way: of a rule's own fields by their option (`-s`), of a match by its index. */
export type Observer = (rule: Rule, asked: RuleField | number, holds: boolean | 'drop') => void;

export type RuleField = '-s' | '-d' | '-i' | '-o' | '-p';

interface Position {
  readonly chain: Chain;
  readonly index: number;
}

/** Walks the table for one packet. Throws where the table names a chain or an extension that does not exist. */
export function interpret(table: Table, packet: HookPacket, observe?: Observer): Outcome {
  const view = viewOf(packet);
  const counted: Counted[] = [];
  const stack: Position[] = [];
  const base = chainOf(table, packet.hook);
  let at: Position = { chain: base, index: 0 };
  const back = (): Position => stack.pop() ?? { chain: base, index: base.rules.length };

  for (;;) {
    const { chain, index } = at;
    const rule = chain.rules[index];
    if (rule === undefined) {
      if (chain !== base) {
        at = back();
        continue;
      }
      counted.push({ chain: base.name, rule: 'policy' });
      return { verdict: base.policy === 'DROP' ? 'drop' : 'accept', counted, hotdrop: false };
    }
    const next: Position = { chain, index: index + 1 };
    const holds = ruleHolds(rule, view, observe);
    if (holds === 'drop') return { verdict: 'drop', counted, hotdrop: true };
    if (!holds) {
      at = next;
      continue;
    }
    counted.push({ chain: chain.name, rule: index });
    const { target } = rule;
    switch (target.kind) {
      case 'none':
        at = next;
        break;
      case 'jump':
        stack.push(next);
        at = { chain: chainOf(table, target.chain), index: 0 };
        break;
      case 'goto':
        at = { chain: chainOf(table, target.chain), index: 0 };
        break;
      case 'extension': {
        const extension = findTarget(target.extension, view.family);
        if (extension?.meaning === undefined) throw new Error(`target ${target.extension} has no meaning`);
        const { verdict } = extension.meaning;
        if (verdict !== 'return') return { verdict, counted, hotdrop: false };
        at = back();
      }
    }
  }
}

function chainOf(table: Table, name: string): Chain {
  const chain = table.chains.find((c) => c.name === name);
  if (chain === undefined) throw new Error(`table ${table.name} has no chain ${name}`);
  return chain;
}

/** Asks the rule's own fields first, then its matches in order, and stops at the first that does not hold. */
function ruleHolds(rule: Rule, view: PacketView, observe?: Observer): boolean | 'drop' {
  const { inDevice, outDevice } = view.packet;
  if (rule.fragment !== undefined) throw new Error('-f has no meaning');
  const fieldsHold =
    fieldHolds('-s', rule.source, (asked) => addressMatches(asked, view.source)) &&
    fieldHolds('-d', rule.destination, (asked) => addressMatches(asked, view.destination)) &&
    fieldHolds('-i', rule.inInterface, (asked) => deviceMatches(asked.value, inDevice)) &&
    fieldHolds('-o', rule.outInterface, (asked) => deviceMatches(asked.value, outDevice));
  if (!fieldsHold) return false;
  if (rule.protocol !== undefined && view.malformed) return 'drop';
  if (!fieldHolds('-p', rule.protocol, (asked) => asked.value === view.protocol)) return false;
  for (const [i, use] of rule.matches.entries()) {
    const extension = findMatch(use.extension, view.family);
    if (extension?.meaning === undefined) throw new Error(`match ${use.extension} has no meaning`);
    const result = extension.meaning.matches(use.data, view);
    observe?.(rule, i, result);
    if (result !== true) return result;
  }
  return true;

  function fieldHolds<T extends { readonly negated: boolean }>(
    field: RuleField,
    asked: T | undefined,
    test: (asked: T) => boolean,
  ): boolean {
    if (asked === undefined) return true;
    const holds = test(asked) !== asked.negated;
    observe?.(rule, field, holds);
    return holds;
  }
}

function addressMatches({ value, mask }: MaskedAny, address: Address): boolean {
  if (typeof address === 'number') return (address & Number(mask)) >>> 0 === value;
  return (address & BigInt(mask)) === value;
}

/** iptables(8), `-i`: a name that ends in `+` stands for all that begin with it. A device that is not there is ''. */
function deviceMatches(pattern: string, device: string): boolean {
  const name = nameInBytes(pattern);
  return name.endsWith('+') ? device.startsWith(name.slice(0, -1)) : device === name;
}
