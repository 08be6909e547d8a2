// The texts of `bpfilter status` and `bpfilter counters`, and the same as data for --json.

import type { Counters } from '../base/counters.ts';
import type { Current, Status } from '../engine/types.ts';
import { printRuleLine, sortedChains } from '../ruleset/print.ts';
import { enforcedTable } from './request.ts';
import type { CountersOutput } from './schemas.ts';

/** `emphasize` marks what an administrator must not miss. */
export function describeStatus(status: Status, emphasize: (text: string) => string): string {
  const { namespace, generation, placement, rules, hooks, devices, dropped, warnings, others } = status;
  const lines = [`namespace   ${nameOf(namespace)}`];
  if (generation === 0) lines.push('enforced    nothing: every packet is accepted');
  else lines.push(`enforced    generation ${generation}, ${rules} rules, placement ${placement ?? 'unknown'}`);
  for (const { hook, attached, priority } of hooks) {
    if (attached) lines.push(`hook        ${hook}, priority ${priority ?? 'unknown'}`);
    else if (placement === 'netfilter') lines.push(`hook        ${emphasize(`${hook}, not attached`)}`);
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

function nameOf({ cookie, name }: { readonly cookie: string; readonly name?: string }): string {
  return name === undefined ? `cookie ${cookie}` : `${name} (cookie ${cookie})`;
}

/** The counters in force, chain by chain. */
export function countersOf(current: Current | undefined): CountersOutput {
  const table = enforcedTable(current?.ruleset);
  const chains = (table === undefined ? [] : sortedChains(table)).map(({ name, policy, counters, rules }) => ({
    chain: name,
    ...(policy && { policy: { verdict: policy, ...decimal(counters) } }),
    rules: rules.map((rule) => ({ rule: printRuleLine(name, rule), ...decimal(rule.counters) })),
  }));
  return { generation: current?.generation ?? 0, chains };
}

function decimal({ packets, bytes }: Counters) {
  return { packets: String(packets), bytes: String(bytes) };
}

export function describeCounters({ generation, chains }: CountersOutput): string {
  if (generation === 0) return 'Nothing is enforced.\n';
  const row = (packets: string, bytes: string, what: string) =>
    `${packets.padStart(12)} ${bytes.padStart(15)}  ${what}\n`;
  const rows = chains.flatMap(({ chain, policy, rules }) => [
    ...rules.map(({ packets, bytes, rule }) => row(packets, bytes, rule)),
    ...(policy ? [row(policy.packets, policy.bytes, `-P ${chain} ${policy.verdict}`)] : []),
  ]);
  return `${row('packets', 'bytes', 'rule')}${rows.join('')}`;
}
