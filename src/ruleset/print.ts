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
import type { Chain, Rule, Ruleset, Table } from './model.ts';
import { systemNames } from './names.ts';
import { readLinesOf } from './read-lines.ts';

export interface PrintOptions {
  /** Rule counters too (`-c`); chains have theirs always. */
  readonly counters?: boolean;
  /** Only these tables. */
  readonly tables?: readonly string[];
  /** Lines in front of and behind each table, without line ends. */
  readonly header?: string;
  readonly footer?: string;
  readonly names?: Names;
  /** The lines of the rules of a table without counters, from who has them. */
  known?(table: Table): RuleLines | undefined;
}

/** Lines as `printRuleLine` gives them. */
export type RuleLines = ReadonlyMap<string, readonly string[]>;

/** The specification of a rule, without `-A chain`; empty for a rule without conditions and target. */
export function printRule(rule: Rule, family: Family, names: Names = systemNames()): string {
  // Printed for every rule of large rulesets: one string that grows, and no list of words.
  const { source, destination, inInterface, outInterface, protocol, fragment, matches, target } = rule;
  const context = { family, names, protocol: protocol?.value ?? 0 };
  let text = '';
  if (source) text += option(' -s ', source, formatMasked(source));
  if (destination) text += option(' -d ', destination, formatMasked(destination));
  if (inInterface) text += option(' -i ', inInterface, bareText(inInterface.value));
  if (outInterface) text += option(' -o ', outInterface, bareText(outInterface.value));
  if (protocol) text += option(' -p ', protocol, protocolName(protocol.value, names));
  if (fragment) text += option(' -f', fragment, '');
  for (const { extension, data } of matches) {
    text += ` -m ${extension}${afterBlanks(findMatch(extension, family)?.print(data, context))}`;
  }
  if (target.kind === 'jump') text += ` -j ${bareText(target.chain)}`;
  else if (target.kind === 'goto') text += ` -g ${bareText(target.chain)}`;
  else if (target.kind === 'extension') {
    text += ` -j ${target.extension}${afterBlanks(findTarget(target.extension, family)?.print(target.data, context))}`;
  }
  return text.slice(1);
}

function option(name: string, { negated }: { readonly negated: boolean }, value: string): string {
  return negated ? ` !${name}${value}` : name + value;
}

/** Each word behind a blank. */
function afterBlanks(words: readonly string[] = []): string {
  return words.length === 0 ? '' : ` ${words.join(' ')}`;
}

/** `-A chain specification` */
export function printRuleLine(chain: string, rule: Rule, family: Family, names: Names = systemNames()): string {
  const specification = printRule(rule, family, names);
  return specification === '' ? `-A ${bareText(chain)}` : `-A ${bareText(chain)} ${specification}`;
}

/** A whole ruleset; ends in a line end unless it is empty. */
export function printRuleset(ruleset: Ruleset, options: PrintOptions = {}): string {
  const lines = printLines(ruleset, options);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** The same line by line, without ends. */
export function printLines(ruleset: Ruleset, options: PrintOptions = {}): string[] {
  const { tables, header, footer, counters = false, names = systemNames() } = options;
  const lines: string[] = [];
  for (const table of ruleset.tables) {
    if (tables && !tables.includes(table.name)) continue;
    const chains = sortedChains(table);
    const known = counters ? undefined : options.known?.(table);
    if (header !== undefined) lines.push(header);
    lines.push(`*${table.name}`);
    for (const chain of chains) lines.push(`:${chain.name} ${chain.policy ?? '-'} ${printCounters(chain.counters)}`);
    for (const chain of chains) {
      const own = known?.get(chain.name);
      if (own !== undefined) {
        for (let i = 0; i < own.length; i++) lines.push(own[i]!);
        continue;
      }
      const read = names === systemNames() ? readLinesOf(chain.rules) : undefined;
      for (const [i, rule] of chain.rules.entries()) {
        const line = read?.[i] ?? printRuleLine(chain.name, rule, ruleset.family, names);
        lines.push(counters ? `${printCounters(rule.counters)} ${line}` : line);
      }
    }
    lines.push('COMMIT');
    if (footer !== undefined) lines.push(footer);
  }
  return lines;
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
