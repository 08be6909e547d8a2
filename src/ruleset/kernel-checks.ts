// What the kernel refuses of a table when it is committed: loops, and rules that stand where their extensions cannot.
//
// Kernel: net/ipv4/netfilter/ip_tables.c (mark_source_chains, check_match), net/netfilter/x_tables.c (xt_check_match).

import type { Family } from '../base/family.ts';
import type { BuiltinChain, TableName } from '../base/hooks.ts';
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
  // Without chains of the user's, no rule leads anywhere.
  const isFlat = table.chains.every(({ policy }) => policy !== undefined);
  const loops = (isFlat ? [] : findLoops(table)).map(
    ({ chain, rule }): KernelFinding => ({
      ...{ code: 'chain-loop', chain, rule, reason: 'Too many levels of symbolic links' },
      message: `the rule leads from the chain ${chain} back into itself`,
    }),
  );
  const reaching = chainsReaching(table, isFlat);
  const findings: KernelFinding[] = loops;
  for (const { name, rules } of table.chains) {
    const place: Place = { family, table: table.name, chains: reaching.get(name) ?? [], kernel };
    let like: Rule | undefined;
    for (const rule of rules) {
      if (like !== undefined && usesTheSame(rule, like)) continue;
      const count = findings.length;
      for (const use of rule.matches) checkUse(findMatch(use.extension, family), use.data, rule, name, place, findings);
      const { target } = rule;
      if (target.kind === 'extension') {
        checkUse(findTarget(target.extension, family), target.data, rule, name, place, findings);
      }
      like = findings.length === count ? rule : undefined;
    }
  }
  return findings;
}

/** Whether two rules use the very same extensions, as rules of one shape do. */
function usesTheSame(a: Rule, b: Rule): boolean {
  return a.matches === b.matches && a.target === b.target && a.protocol === b.protocol;
}

/** What all rules of a chain have in common. */
interface Place {
  readonly family: Family;
  readonly table: TableName;
  readonly chains: readonly BuiltinChain[];
  readonly kernel: KernelNames | undefined;
}

function checkUse(
  extension: MatchExtension | TargetExtension | undefined,
  data: unknown,
  rule: Rule,
  chain: string,
  place: Place,
  findings: KernelFinding[],
): void {
  const refusal = extension && refusalOf(extension, data, rule, place);
  if (refusal !== undefined) findings.push({ code: 'refused-rule', chain, rule, ...refusal });
}

const INVALID = "Invalid argument. Run `dmesg' for more information";

function refusalOf(
  extension: MatchExtension | TargetExtension,
  data: unknown,
  rule: Rule,
  { family, table, chains, kernel }: Place,
): Refusal | undefined {
  const { tables, chains: allowed, protocols } = extension;
  const protocol = rule.protocol?.value ?? 0;
  const protocolNegated = rule.protocol?.negated ?? false;
  if (tables && !tables.includes(table))
    return refuse(extension, `is only for the ${listed(tables, 'table')}, not for ${table}`);
  const wrong = allowed && chains.find((chain) => !allowed.includes(chain));
  if (wrong) return refuse(extension, `can only be reached from ${allowed.join(', ')}, and this one is from ${wrong}`);
  if (protocols && (protocolNegated || !protocols.includes(protocol))) {
    return refuse(
      extension,
      `needs \`-p\` to name ${protocols.length === 1 ? 'its protocol' : 'one of its protocols'}`,
    );
  }
  if (extension.check === undefined) return undefined;
  const { matches } = rule;
  const why = extension.check(data, {
    ...{ family, table, protocol, protocolNegated, chains, matches },
    ...(kernel && { kernel }),
  });
  return typeof why === 'string' ? { message: why, reason: INVALID } : why;
}

function refuse({ kind, name }: MatchExtension | TargetExtension, message: string): Refusal {
  return { message: `the ${kind} ${name} ${message}`, reason: INVALID };
}

function listed(names: readonly string[], noun: string): string {
  return names.length === 1 ? `${noun} ${names[0]}` : `${noun}s ${names.join(', ')}`;
}

/** For each chain, the built-in chains from which it can be reached. */
function chainsReaching(table: Table, isFlat: boolean): ReadonlyMap<string, readonly BuiltinChain[]> {
  const leads = new Map<string, Set<string>>();
  for (const { name, rules } of table.chains) {
    const to = new Set<string>();
    if (!isFlat) {
      for (const { target } of rules) if (target.kind === 'jump' || target.kind === 'goto') to.add(target.chain);
    }
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
