// A ruleset as written: what iptables-save prints, before anyone asks what it means. All of it is immutable data.

import type { MaskedAny } from '../base/address.ts';
import type { Counters } from '../base/counters.ts';
import type { Span } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { TableName } from '../base/hooks.ts';

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

export interface Rule {
  readonly source?: Negatable<MaskedAny>;
  readonly destination?: Negatable<MaskedAny>;
  /** As written, with a trailing `+` for a prefix. */
  readonly inInterface?: Negatable<string>;
  readonly outInterface?: Negatable<string>;
  /** 1–255; a rule for all protocols has none. */
  readonly protocol?: Negatable<number>;
  /** `-f`: later fragments only, or with `!` all else. IPv4 alone has it. */
  readonly fragment?: { readonly negated: boolean };
  /** In the order given, implicit ones (`-p tcp --dport`) included. */
  readonly matches: readonly MatchUse[];
  readonly target: TargetUse;
  readonly counters: Counters;
  readonly span: Span;
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
