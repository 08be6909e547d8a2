// A ruleset as written: what iptables-save prints, before anyone asks what it means. All of it is immutable data.

import type { Counters } from '../base/counters.ts';
import type { Span } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { TableName } from '../base/hooks.ts';
import type { AddressTest } from './address-test.ts';

/** Something that `!` may stand in front of. */
export interface Negatable<T> {
  readonly value: T;
  readonly negated: boolean;
}

/** A match with its parsed options; which extension it is of, `extension` says by name. */
export interface MatchUse {
  readonly extension: string;
  /** What the extension's parser returned; only the extension looks into it. */
  readonly data: unknown;
}

/** What a rule does when it matches. */
export type TargetUse =
  | { readonly kind: 'none' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'goto'; readonly chain: string }
  | { readonly kind: 'extension'; readonly extension: string; readonly data: unknown };

/** The part of a line that a rule takes: `Span` without the line. Many rules have the same. */
export type Extent = Omit<Span, 'line'>;

/**
 * One rule. Large rulesets have very many, so they share what they have in common, and who makes one names all fields, in
 * this order: V8 then gives all rules one layout.
 */
export interface Rule {
  readonly source?: AddressTest | undefined;
  readonly destination?: AddressTest | undefined;
  /** As written, with a trailing `+` for a prefix. */
  readonly inInterface?: Negatable<string> | undefined;
  readonly outInterface?: Negatable<string> | undefined;
  /** 1–255; a rule for all protocols has none. */
  readonly protocol?: Negatable<number> | undefined;
  /** `-f`: later fragments only, or with `!` all else. IPv4 alone has it. */
  readonly fragment?: { readonly negated: boolean } | undefined;
  /** In the order given, implicit ones (`-p tcp --dport`) included. */
  readonly matches: readonly MatchUse[];
  readonly target: TargetUse;
  readonly counters: Counters;
  /** Of the text it was read from, counted from 1. */
  readonly line: number;
  readonly extent: Extent;
}

export type Policy = 'ACCEPT' | 'DROP';

export interface Chain {
  readonly name: string;
  /** Built-in chains have a policy, user chains have none. */
  readonly policy?: Policy;
  /** Of the policy. */
  readonly counters: Counters;
  readonly rules: readonly Rule[];
  readonly span: Span;
}

export interface Table {
  readonly name: TableName;
  /** Built-in chains first, in hook order, then user chains in the order in which they were made. */
  readonly chains: readonly Chain[];
  readonly span: Span;
}

export interface Ruleset {
  readonly family: Family;
  readonly tables: readonly Table[];
}

/** Where a rule stands, for diagnostics. */
export function spanOf({ line, extent }: Rule): Span {
  return { line, column: extent.column, length: extent.length };
}
