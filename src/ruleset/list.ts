// The tables of `iptables -L` and the lines of `-S`, byte for byte as iptables-legacy 1.8.9 prints them.
//
// One difference is wanted: without -n, iptables asks the resolver for the names of hosts and networks. Here addresses
// stay numbers, because a firewall's listing must not wait for DNS; protocols, services, ICMP types and `anywhere` get
// their names.

import { formatAny, type MaskedAny, prefixLength } from '../base/address.ts';
import type { Counters } from '../base/counters.ts';
import { ADDRESS_BITS, type Family } from '../base/family.ts';
import type { Names } from '../base/names.ts';
import type { MatchExtension, TargetExtension } from '../extensions/extension.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import type { Chain, Negatable, Rule, Table, TargetUse } from './model.ts';
import { printRule, sortedChains } from './print.ts';

export interface ListOptions {
  readonly family: Family;
  /** -n */
  readonly numeric: boolean;
  /** -v: counters and devices too. */
  readonly verbose: boolean;
  /** -x: counters in full. */
  readonly exact: boolean;
  readonly lineNumbers: boolean;
}

/** What of a table is shown: all, one chain, or one rule of it, counted from 1. */
export interface Selection {
  readonly chain?: string;
  readonly rule?: number;
}

/** `-L`. A chain or rule that is not there shows nothing. */
export function listTable(table: Table, selection: Selection, options: ListOptions, names: Names): string {
  const chains = selectedChains(table, selection);
  if (selection.rule !== undefined) {
    return selectedRules(chains, selection)
      .map(({ rule, number }) => row(rule, number, options, names))
      .join('');
  }
  const references = referencesIn(table);
  return chains
    .map((chain) => {
      const rows = chain.rules.map((rule, index) => row(rule, index + 1, options, names));
      return `${title(chain, references.get(chain.name) ?? 0, options)}\n${head(options)}\n${rows.join('')}`;
    })
    .join('\n');
}

/** `-S`. */
export function listRules(
  table: Table,
  selection: Selection,
  { verbose, family }: Pick<ListOptions, 'verbose' | 'family'>,
  names: Names,
): string {
  const chains = selectedChains(table, selection);
  const lines: string[] = [];
  if (selection.rule === undefined) {
    for (const { name, policy, counters } of chains) {
      if (policy === undefined) lines.push(`-N ${name}`);
      else lines.push(`-P ${name} ${policy}${verbose ? countersOption(counters) : ''}`);
    }
  }
  for (const { chain, rule } of selectedRules(chains, selection)) {
    const conditions = printRule({ ...rule, target: { kind: 'none' } }, family, names);
    const whole = printRule(rule, family, names);
    const counters = verbose ? countersOption(rule.counters) : '';
    // The counters stand between the conditions and the target.
    const rest = whole.slice(conditions.length).trimStart();
    lines.push(`-A ${chain.name}${conditions && ` ${conditions}`}${counters}${rest && ` ${rest}`}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function countersOption({ packets, bytes }: Counters): string {
  return ` -c ${packets} ${bytes}`;
}

function selectedChains(table: Table, selection: Selection): readonly Chain[] {
  return sortedChains(table).filter((chain) => selection.chain === undefined || chain.name === selection.chain);
}

function selectedRules(chains: readonly Chain[], selection: Selection) {
  return chains
    .flatMap((chain) => chain.rules.map((rule, index) => ({ chain, rule, number: index + 1 })))
    .filter(({ number }) => selection.rule === undefined || number === selection.rule);
}

// ----- heads -----

function title(chain: Chain, references: number, options: ListOptions): string {
  if (chain.policy === undefined) return `Chain ${chain.name} (${references} references)`;
  const { packets, bytes } = chain.counters;
  const counters = options.verbose ? ` ${amount(packets, options, 0)} packets, ${amount(bytes, options, 0)} bytes` : '';
  return `Chain ${chain.name} (policy ${chain.policy}${counters})`;
}

/** How many rules lead to each chain. */
function referencesIn(table: Table): ReadonlyMap<string, number> {
  const references = new Map<string, number>();
  for (const { rules } of table.chains) {
    for (const { target } of rules) {
      if ('chain' in target) references.set(target.chain, (references.get(target.chain) ?? 0) + 1);
    }
  }
  return references;
}

function head({ verbose, exact, lineNumbers }: ListOptions): string {
  const columns = [
    lineNumbers ? 'num  ' : '',
    verbose ? (exact ? '    pkts      bytes ' : ' pkts bytes ') : '',
    'target     prot opt ',
    verbose ? 'in     out     ' : '',
    'source               destination         ',
  ];
  return columns.join('');
}

// ----- rows -----

function row(rule: Rule, number: number, options: ListOptions, names: Names): string {
  const { numeric, verbose, exact, lineNumbers, family } = options;
  const width = exact ? 8 : 5;
  const parts: string[] = [];
  if (lineNumbers) parts.push(`${String(number).padEnd(4)} `);
  if (verbose) {
    parts.push(`${amount(rule.counters.packets, options, width)} ${amount(rule.counters.bytes, options, width)} `);
  }
  parts.push(`${targetName(rule.target, family).padEnd(9)} `);
  parts.push(`${mark(rule.protocol)}${protocol(rule, options, names).padEnd(4)} ${fragment(rule)} `);
  if (verbose) parts.push(` ${device(rule.inInterface, numeric)} ${device(rule.outInterface, numeric)} `);
  for (const address of [rule.source, rule.destination]) {
    parts.push(`${mark(address)}${addressText(address, family, numeric).padEnd(19)} `);
  }
  parts.push(...details(rule, options, names));
  return `${parts.join('')}\n`;
}

/** What -v prints of a rule that a command is about, on one line without columns. */
export function describeRule(rule: Rule, family: Family, names: Names): string {
  const parts = [
    `${targetName(rule.target, family)} ${mark(rule.protocol)}${ownProtocolText(rule, names)} opt ${fragment(rule)} `,
  ];
  for (const [side, condition] of [
    ['in', rule.inInterface],
    ['out', rule.outInterface],
  ] as const) {
    parts.push(`${side} ${mark(condition).trim()}${condition?.value ?? '*'} `);
  }
  const [source, destination] = [rule.source, rule.destination].map((each) => addressText(each, family, true));
  parts.push(`${mark(rule.source)}${source} ${mark(rule.destination)}-> ${destination}  `);
  parts.push(...details(rule, { family, numeric: true }, names));
  return `${parts.join('')}\n`;
}

/** Behind the columns: what the matches and the target show of themselves. */
function details(rule: Rule, { family, numeric }: Pick<ListOptions, 'family' | 'numeric'>, names: Names): string[] {
  const context = { family, names, numeric, protocol: rule.protocol?.value ?? 0 };
  const { target } = rule;
  const shown = rule.matches.map(({ extension, data }) => {
    const match = findMatch(extension, family)!;
    return spaced(match.list(data, context), match);
  });
  if (target.kind === 'extension') {
    const extension = findTarget(target.extension, family)!;
    shown.push(spaced(extension.list(target.data, context), extension));
  }
  return [target.kind === 'goto' ? '[goto] ' : '', ...shown];
}

function spaced(text: string, { listsUnspaced }: MatchExtension | TargetExtension): string {
  return text === '' || listsUnspaced ? text : ` ${text}`;
}

function fragment({ fragment: asked }: Rule): string {
  return asked === undefined ? '--' : asked.negated ? '!f' : '-f';
}

function mark(condition: { readonly negated: boolean } | undefined): string {
  return condition?.negated ? '!' : ' ';
}

function targetName(target: TargetUse, family: Family): string {
  switch (target.kind) {
    case 'none':
      return '';
    case 'extension':
      return findTarget(target.extension, family)?.listedAs ?? target.extension;
    default:
      return target.chain;
  }
}

function protocol(rule: Rule, { numeric }: ListOptions, names: Names): string {
  return numeric ? String(rule.protocol?.value ?? 0) : protocolText(rule, names);
}

function protocolText(rule: Rule, names: Names): string {
  const number = rule.protocol?.value ?? 0;
  return number === 0 ? 'all' : (names.protocolName(number) ?? String(number));
}

/** Protocols that iptables has names for without asking anybody. */
const OWN_PROTOCOLS = new Set([0, 1, 6, 17, 50, 51, 58, 132, 135, 136]);

function ownProtocolText(rule: Rule, names: Names): string {
  const number = rule.protocol?.value ?? 0;
  return OWN_PROTOCOLS.has(number) ? protocolText(rule, names) : String(number);
}

function device(condition: Negatable<string> | undefined, numeric: boolean): string {
  const name = condition?.value ?? (numeric ? '*' : 'any');
  return `${condition?.negated ? '!' : ''}${name}`.padEnd(6);
}

function addressText(address: MaskedAny | undefined, family: Family, numeric: boolean): string {
  const length = address === undefined ? 0 : prefixLength(address.mask);
  if (length === 0 && !numeric) return 'anywhere';
  if (address === undefined) return family === 'ipv4' ? '0.0.0.0/0' : '::/0';
  const text = formatAny(address.value);
  return length === ADDRESS_BITS[family] ? text : `${text}/${length ?? formatAny(address.mask)}`;
}

/**
 * A number of packets or bytes. From 100 000 on it is shown in thousands, and so on each time it exceeds four digits,
 * always rounded; with `exact` in full.
 */
function amount(count: bigint, { exact }: Pick<ListOptions, 'exact'>, width: number): string {
  if (exact || count <= 99_999n) return String(count).padStart(width);
  let number = rounded(count);
  let unit = 0;
  while (number > 9999n && unit < UNITS.length - 1) {
    number = rounded(number);
    unit++;
  }
  return `${number}${UNITS[unit]}`.padStart(width);
}

/** Thousands, in 64 bits as iptables has them. */
function rounded(count: bigint): bigint {
  return BigInt.asUintN(64, count + 500n) / 1000n;
}

const UNITS = ['K', 'M', 'G', 'T'] as const;
