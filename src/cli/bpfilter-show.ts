// The texts of `bpfilter status` and `bpfilter counters`, and the same as data for --json.

import type { Counters } from '../base/counters.ts';
import type { Current, FamilyStatus, Status } from '../engine/types.ts';
import { printRuleLine, sortedChains } from '../ruleset/print.ts';
import { enforcedTable } from './request.ts';
import type { CountersOutput } from './schemas.ts';

/** `emphasize` marks what an administrator must not miss. */
export function describeStatus(status: Status, emphasize: (text: string) => string): string {
  const { namespace, families, hooks, devices, dropped, warnings, others } = status;
  const lines = [
    `namespace   ${nameOf(namespace)}`,
    `IPv4        ${describeFamily(families.ipv4)}`,
    `IPv6        ${describeFamily(families.ipv6)}`,
  ];
  for (const { hook, attached, priority } of hooks) {
    if (attached) lines.push(`hook        ${hook}, priority ${priority ?? 'unknown'}`);
    else if (families.ipv4.placement === 'netfilter') lines.push(`hook        ${emphasize(`${hook}, not attached`)}`);
  }
  for (const { name, ifindex, mode, note } of devices) {
    const state = mode === undefined ? emphasize('not attached') : `${mode} XDP`;
    lines.push(`device      ${name} (${ifindex}), ${state}${note === undefined ? '' : `: ${note}`}`);
  }
  lines.push(
    `dropped     ${dropped.undecided} packets that no rule could decide, ${dropped.emptySlot} for lack of rules`,
  );
  for (const warning of warnings) lines.push(`${emphasize('warning')}     ${warning}`);
  for (const other of others) lines.push(`also in     ${nameOf(other)}: generation ${other.generation}`);
  return lines.map((line) => `${line}\n`).join('');
}

function describeFamily({ generation, placement, rules }: FamilyStatus): string {
  if (placement === 'none') return `nothing enforced, every packet is accepted; ${count(rules)} kept, placement none`;
  if (generation === 0) return 'nothing enforced: every packet is accepted';
  return `generation ${generation}, ${count(rules)}, placement ${placement ?? 'unknown'}`;
}

function count(rules: number): string {
  return rules === 1 ? '1 rule' : `${rules} rules`;
}

function nameOf({ cookie, name }: { readonly cookie: string; readonly name?: string }): string {
  return name === undefined ? `cookie ${cookie}` : `${name} (cookie ${cookie})`;
}

/** The counters in force, chain by chain. */
export function countersOf(current: Current | undefined): CountersOutput {
  const table = enforcedTable(current?.ruleset);
  const chains = (table === undefined ? [] : sortedChains(table)).map(({ name, policy, counters, rules }) => ({
    chain: name,
    ...(policy && { policy: { verdict: policy, ...decimal(counters) } }),
    rules: rules.map((rule) => ({
      rule: printRuleLine(name, rule, current!.ruleset.family),
      ...decimal(rule.counters),
    })),
  }));
  return { generation: current?.generation ?? 0, ...(current && { placement: current.placement }), chains };
}

function decimal({ packets, bytes }: Counters) {
  return { packets: String(packets), bytes: String(bytes) };
}

export function describeCounters({ placement, chains }: CountersOutput): string {
  if (placement === undefined) return 'Nothing is enforced.\n';
  const row = (packets: string, bytes: string, what: string) =>
    `${packets.padStart(12)} ${bytes.padStart(15)}  ${what}\n`;
  const rows = chains.flatMap(({ chain, policy, rules }) => [
    ...rules.map(({ packets, bytes, rule }) => row(packets, bytes, rule)),
    ...(policy ? [row(policy.packets, policy.bytes, `-P ${chain} ${policy.verdict}`)] : []),
  ]);
  const head = placement === 'none' ? 'Nothing is enforced: placement none keeps these rules.\n' : '';
  return `${head}${row('packets', 'bytes', 'rule')}${rows.join('')}`;
}
