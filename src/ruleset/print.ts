// Prints rules and rulesets in the form of iptables-save (legacy).
//
// Options come in a fixed order, matches in the order given, user chains sorted by name. Conditions that iptables-save
// leaves out although no packet fulfils them (`! -i +`, `! --dport 0:65535`) are printed, so that nothing is lost.

import { formatMasked } from '../base/address.ts';
import type { Counters } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import type { Names } from '../base/names.ts';
import { bareText } from '../extensions/quote.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import type { Chain, Negatable, Rule, Ruleset, Table } from './model.ts';
import { systemNames } from './names.ts';

export interface PrintOptions {
  /** Rule counters too (`-c`); chains have theirs always. */
  readonly counters?: boolean;
  /** Only these tables. */
  readonly tables?: readonly string[];
  /** Lines in front of and behind each table, without line ends. */
  readonly header?: string;
  readonly footer?: string;
  readonly names?: Names;
}

/** The specification of a rule, without `-A chain`; empty for a rule without conditions and target. */
export function printRule(rule: Rule, family: Family, names: Names = systemNames()): string {
  const words: string[] = [];
  const add = (option: string, condition: Negatable<unknown> | undefined, value: string) => {
    if (condition) words.push(...(condition.negated ? ['!'] : []), option, value);
  };
  const protocol = rule.protocol?.value ?? 0;
  const context = { family, names, protocol };
  add('-s', rule.source, rule.source ? formatMasked(rule.source.value) : '');
  add('-d', rule.destination, rule.destination ? formatMasked(rule.destination.value) : '');
  add('-i', rule.inInterface, bareText(rule.inInterface?.value ?? ''));
  add('-o', rule.outInterface, bareText(rule.outInterface?.value ?? ''));
  add('-p', rule.protocol, protocolName(protocol, names));
  if (rule.fragment) words.push(...(rule.fragment.negated ? ['!'] : []), '-f');
  for (const { extension, data } of rule.matches) {
    words.push('-m', extension, ...(findMatch(extension, family)?.print(data, context) ?? []));
  }
  const { target } = rule;
  if (target.kind === 'jump') words.push('-j', bareText(target.chain));
  else if (target.kind === 'goto') words.push('-g', bareText(target.chain));
  else if (target.kind === 'extension') {
    words.push('-j', target.extension, ...(findTarget(target.extension, family)?.print(target.data, context) ?? []));
  }
  return words.join(' ');
}

/** `-A chain specification` */
export function printRuleLine(chain: string, rule: Rule, family: Family, names: Names = systemNames()): string {
  const specification = printRule(rule, family, names);
  return specification === '' ? `-A ${bareText(chain)}` : `-A ${bareText(chain)} ${specification}`;
}

/** A whole ruleset; ends in a line end unless it is empty. */
export function printRuleset(ruleset: Ruleset, options: PrintOptions = {}): string {
  const { tables, header, footer, counters = false, names = systemNames() } = options;
  const lines: string[] = [];
  for (const table of ruleset.tables) {
    if (tables && !tables.includes(table.name)) continue;
    const chains = sortedChains(table);
    if (header !== undefined) lines.push(header);
    lines.push(`*${table.name}`);
    for (const chain of chains) lines.push(`:${chain.name} ${chain.policy ?? '-'} ${printCounters(chain.counters)}`);
    for (const chain of chains) {
      for (const rule of chain.rules) {
        const line = printRuleLine(chain.name, rule, ruleset.family, names);
        lines.push(counters ? `${printCounters(rule.counters)} ${line}` : line);
      }
    }
    lines.push('COMMIT');
    if (footer !== undefined) lines.push(footer);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** The tables in the order in which iptables-save prints them: the one made last comes first. */
export function newestFirst(ruleset: Ruleset): Ruleset {
  return { ...ruleset, tables: ruleset.tables.toReversed() };
}

/** Built-in chains in hook order, then user chains by the bytes of their names: the order of iptables-save and -L. */
export function sortedChains(table: Table): readonly Chain[] {
  const users = table.chains.filter((chain) => chain.policy === undefined);
  users.sort((a, b) => byBytes(a.name, b.name));
  return [...table.chains.filter((chain) => chain.policy !== undefined), ...users];
}

/** The order of the names of user chains. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** `[packets:bytes]` */
function printCounters({ packets, bytes }: Counters): string {
  return `[${packets}:${bytes}]`;
}

/** The name of a protocol, or its number where it has none. */
function protocolName(protocol: number, names: Names): string {
  return names.protocolName(protocol) ?? `${protocol}`;
}
