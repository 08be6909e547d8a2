// What the kernel refuses of a table when it is committed: loops, and rules that stand where their extensions cannot.
//
// Kernel: net/ipv4/netfilter/ip_tables.c (mark_source_chains, check_match), net/netfilter/x_tables.c (xt_check_match).

import type { Family } from '../base/family.ts';
import type { BuiltinChain } from '../base/hooks.ts';
import type { KernelNames } from '../base/names.ts';
import type { MatchExtension, Refusal, TargetExtension } from '../extensions/extension.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import { findLoops } from './loops.ts';
import type { Rule, Table } from './model.ts';

export interface KernelFinding {
  readonly code: 'chain-loop' | 'refused-rule';
  readonly message: string;
  readonly chain: string;
  readonly rule: Rule;
  /** What iptables says of the kernel's answer on a command line. */
  readonly reason: string;
}

/** All that the kernel would refuse; nothing for a table that it takes. */
export function checkTable(table: Table, family: Family, kernel?: KernelNames): KernelFinding[] {
  const loops = findLoops(table).map(
    ({ chain, rule }): KernelFinding => ({
      ...{ code: 'chain-loop', chain, rule, reason: 'Too many levels of symbolic links' },
      message: `the rule leads from the chain ${chain} back into itself`,
    }),
  );
  const reaching = chainsReaching(table);
  const refused = table.chains.flatMap(({ name, rules }) => {
    const chains = reaching.get(name) ?? [];
    return rules.flatMap((rule) =>
      checkRule(rule, table, chains, family, kernel).map((why) => ({ ...why, chain: name, rule })),
    );
  });
  return [...loops, ...refused];
}

interface RefusedRule extends Refusal {
  readonly code: 'refused-rule';
}

function checkRule(
  rule: Rule,
  table: Table,
  chains: readonly BuiltinChain[],
  family: Family,
  kernel: KernelNames | undefined,
): RefusedRule[] {
  const refusals: RefusedRule[] = [];
  const { value: protocol, negated: protocolNegated } = rule.protocol ?? { value: 0, negated: false };
  const context = {
    family,
    table: table.name,
    protocol,
    protocolNegated,
    chains,
    matches: rule.matches,
    ...(kernel && { kernel }),
  };
  const check = (extension: MatchExtension | TargetExtension, data: unknown): void => {
    const what = `the ${extension.kind} ${extension.name}`;
    const refuse = (message: string, reason = "Invalid argument. Run `dmesg' for more information") =>
      refusals.push({ code: 'refused-rule', message, reason });
    const wrong = extension.chains && chains.find((chain) => !extension.chains!.includes(chain));
    const needed = extension.protocols;
    if (extension.tables && !extension.tables.includes(table.name)) {
      refuse(`${what} is only for the ${listed(extension.tables, 'table')}, not for ${table.name}`);
    } else if (wrong) {
      refuse(`${what} can only be reached from ${extension.chains!.join(', ')}, and this one is from ${wrong}`);
    } else if (needed && (protocolNegated || !needed.includes(protocol))) {
      refuse(`${what} needs \`-p\` to name ${needed.length === 1 ? 'its protocol' : 'one of its protocols'}`);
    } else {
      const why = extension.check?.(data, context);
      if (typeof why === 'string') refuse(why);
      else if (why !== undefined) refuse(why.message, why.reason);
    }
  };
  for (const use of rule.matches) {
    const extension = findMatch(use.extension, family);
    if (extension !== undefined) check(extension, use.data);
  }
  if (rule.target.kind === 'extension') {
    const extension = findTarget(rule.target.extension, family);
    if (extension !== undefined) check(extension, rule.target.data);
  }
  return refusals;
}

function listed(names: readonly string[], noun: string): string {
  return names.length === 1 ? `${noun} ${names[0]}` : `${noun}s ${names.join(', ')}`;
}

/** For each chain, the built-in chains from which it can be reached. */
function chainsReaching(table: Table): ReadonlyMap<string, readonly BuiltinChain[]> {
  const leads = new Map<string, Set<string>>();
  for (const { name, rules } of table.chains) {
    const to = new Set<string>();
    for (const { target } of rules) if ('chain' in target) to.add(target.chain);
    leads.set(name, to);
  }
  const reaching = new Map<string, BuiltinChain[]>();
  for (const { name, policy } of table.chains) {
    if (policy === undefined) continue;
    const seen = new Set([name]);
    for (const each of seen) for (const to of leads.get(each) ?? []) seen.add(to);
    for (const each of seen) {
      const from = reaching.get(each);
      if (from === undefined) reaching.set(each, [name as BuiltinChain]);
      else from.push(name as BuiltinChain);
    }
  }
  return reaching;
}
