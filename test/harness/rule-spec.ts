// Rulesets as the generators make them: a model apart from the parser's, with all that is needed to write the rule down
// and to aim a packet at it. Printing it exercises the parser; shrinking it stays within what iptables accepts.

import type { Address } from '../../src/base/address.ts';

export interface AddressSpec {
  readonly negated: boolean;
  /** Already masked. */
  readonly value: Address;
  readonly mask: Address;
  /** As written: `10.0.0.0/8`, `10.0.1.0/255.0.255.0`, `2001:db8::/32`. */
  readonly text: string;
}

export interface DeviceSpec {
  readonly negated: boolean;
  /** As written, with `+` at the end for a prefix. */
  readonly name: string;
}

export interface ProtocolSpec {
  readonly negated: boolean;
  /** 0 for all. */
  readonly number: number;
  /** As written: `tcp` or `6`. */
  readonly text: string;
}

export interface RangeSpec {
  readonly negated: boolean;
  readonly low: number;
  readonly high: number;
  /** As written: `22`, `1:5`, `:5`, `5:`. */
  readonly text: string;
}

export interface FlagsSpec {
  readonly negated: boolean;
  readonly mask: number;
  readonly value: number;
  /** The option's words as written: `--syn`, `--tcp-flags SYN,ACK SYN`. */
  readonly text: string;
}

export interface IcmpSpec {
  readonly negated: boolean;
  /** Absent for `any`. */
  readonly type?: number;
  /** Absent for all codes. */
  readonly code?: number;
  /** The last of a range of codes. */
  readonly lastCode?: number;
  readonly text: string;
}

/** The match of the rule's protocol; empty for a bare `-m tcp`. */
export interface TransportMatchSpec {
  /** Written with `-m`, or left to `-p`. */
  readonly explicit: boolean;
  readonly sport?: RangeSpec;
  readonly dport?: RangeSpec;
  readonly flags?: FlagsSpec;
  readonly icmp?: IcmpSpec;
}

export type TargetSpec =
  | { readonly kind: 'none' | 'ACCEPT' | 'DROP' | 'RETURN' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

export interface RuleSpec {
  readonly source?: AddressSpec;
  readonly destination?: AddressSpec;
  readonly inDevice?: DeviceSpec;
  readonly outDevice?: DeviceSpec;
  readonly protocol?: ProtocolSpec;
  readonly match?: TransportMatchSpec;
  /** What is asked about the connection, as written: `-m state --state NEW`. */
  readonly connection?: string;
  readonly comment?: string;
  readonly target: TargetSpec;
}

export interface ChainSpec {
  readonly name: string;
  /** Only of built-in chains. */
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly RuleSpec[];
}

export interface RulesetSpec {
  /** The three built-in chains, then user chains; a rule names only user chains further down. */
  readonly chains: readonly ChainSpec[];
}

/** The ruleset as an iptables-save file that iptables-restore and our own parser read. */
export function formatRuleset(ruleset: RulesetSpec): string {
  const lines = ['*filter'];
  for (const chain of ruleset.chains) lines.push(`:${chain.name} ${chain.policy ?? '-'} [0:0]`);
  for (const chain of ruleset.chains) {
    for (const rule of chain.rules) lines.push(`-A ${chain.name}${formatRule(rule)}`);
  }
  return [...lines, 'COMMIT', ''].join('\n');
}

/** The rule's options, with a blank in front of each. */
export function formatRule(rule: RuleSpec): string {
  const { match, protocol, target } = rule;
  const words: string[] = [];
  const option = (name: string, value: { negated: boolean } | undefined, text: string): void => {
    if (value !== undefined) words.push(value.negated ? '!' : '', name, text);
  };
  option('-s', rule.source, rule.source?.text ?? '');
  option('-d', rule.destination, rule.destination?.text ?? '');
  option('-i', rule.inDevice, rule.inDevice?.name ?? '');
  option('-o', rule.outDevice, rule.outDevice?.name ?? '');
  option('-p', protocol, protocol?.text ?? '');
  if (match !== undefined) {
    if (match.explicit) words.push('-m', { 1: 'icmp', 6: 'tcp', 58: 'icmp6' }[protocol!.number] ?? 'udp');
    option('--sport', match.sport, match.sport?.text ?? '');
    option('--dport', match.dport, match.dport?.text ?? '');
    option(match.flags?.text ?? '', match.flags, '');
    option(protocol?.number === 58 ? '--icmpv6-type' : '--icmp-type', match.icmp, match.icmp?.text ?? '');
  }
  if (rule.connection !== undefined) words.push(rule.connection);
  if (rule.comment !== undefined) words.push('-m', 'comment', '--comment', JSON.stringify(rule.comment));
  if (target.kind === 'jump') words.push('-j', target.chain);
  else if (target.kind === 'goto') words.push('-g', target.chain);
  else if (target.kind !== 'none') words.push('-j', target.kind);
  return words
    .filter((word) => word !== '')
    .map((word) => ` ${word}`)
    .join('');
}
