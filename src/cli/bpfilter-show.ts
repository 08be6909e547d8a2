// The texts of `bpfilter status` and `bpfilter counters`, and the same as data for --json.

import type { Counters } from '../base/counters.ts';
import { FAMILIES, FAMILY_NAME, type Family } from '../base/family.ts';
import type { Current, EarlyStatus, FamilyStatus, Status } from '../engine/types.ts';
import { printRuleLine, sortedChains } from '../ruleset/print.ts';
import { enforcedTable } from './request.ts';
import type { CountersOutput } from './schemas.ts';

/** `emphasize` marks what an administrator must not miss. */
export function describeStatus(status: Status, emphasize: (text: string) => string): string {
  const { namespace, families, warnings, others } = status;
  const lines = [
    `namespace   ${nameOf(namespace)}`,
    ...FAMILIES.flatMap((family) => linesOf(FAMILY_NAME[family], families[family], emphasize)),
  ];
  for (const warning of warnings) lines.push(`${emphasize('warning')}     ${warning}`);
  for (const other of others) {
    const { ipv4, ipv6 } = other.generations;
    lines.push(`also in     ${nameOf(other)}: generation ${ipv4} of IPv4, ${ipv6} of IPv6`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** What is in force of a family, and where. */
function linesOf(name: string, family: FamilyStatus, emphasize: (text: string) => string): string[] {
  const { hooks, devices, dropped } = family;
  const lines = [`${name}        ${describeFamily(family)}`];
  for (const { hook, attached, priority } of hooks) {
    lines.push(
      `  hook      ${attached ? `${hook}, priority ${priority ?? 'unknown'}` : emphasize(`${hook}, not attached`)}`,
    );
  }
  for (const { name: device, ifindex, mode, why, note } of devices) {
    const state = mode === undefined ? emphasize('not attached') : `${mode} XDP${why === undefined ? '' : `, ${why}`}`;
    lines.push(`  device    ${device} (${ifindex}), ${state}${note === undefined ? '' : `: ${note}`}`);
  }
  for (const { name: device, why } of family.leftOut ?? []) lines.push(`  left out  ${device}: ${why}`);
  if (family.early !== undefined) lines.push(`  early     ${describeEarly(family.early)}`);
  if (family.generation === 0) return lines;
  const { undecided, emptySlot } = dropped;
  return [...lines, `  dropped   ${undecided} packets that no rule could decide, ${emptySlot} for lack of rules`];
}

function describeEarly({ choice, dropped, waiting, outdated, none, left }: EarlyStatus): string {
  if (choice === 'off') return 'off: no packet is dropped before netfilter';
  if (none !== undefined) return `${choice}: no packet is dropped before netfilter, because ${none}`;
  const more = [waiting === undefined ? [] : `none now, because ${waiting}`, outdated ?? [], left ?? []].flat();
  return [`${choice}: ${dropped} packets dropped before netfilter`, ...more].join('; ');
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

/** The counters of a family in force, chain by chain. */
export function countersOf(family: Family, current: Current | undefined): CountersOutput {
  const table = enforcedTable(current?.ruleset);
  const chains = (table === undefined ? [] : sortedChains(table)).map(({ name, policy, counters, rules }) => ({
    chain: name,
    ...(policy && { policy: { verdict: policy, ...decimal(counters) } }),
    rules: rules.map((rule) => ({
      rule: printRuleLine(name, rule, family),
      ...decimal(rule.counters),
    })),
  }));
  return { family, generation: current?.generation ?? 0, ...(current && { placement: current.placement }), chains };
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
