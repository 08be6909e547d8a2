// What an extension is: one file per match and per target holds everything about it. `registry.ts` lists them.
//
// Its two meanings are written apart on purpose: `clauses` feeds the compiler, `matches` the reference interpreter, and
// the tests hold one against the other. They share no code.

import type { DiagnosticCode } from '../base/diagnostic.ts';
import type { FilterChain } from '../base/hooks.ts';
import type { PacketView } from '../base/packet.ts';
import type { Clause } from '../base/predicate.ts';

/** The value productions of the grammar (`grammar/`) that options may name; `text` is any word as it is. */
export type ValueKind = 'portRange' | 'tcpFlags' | 'icmpType' | 'text';

export interface OptionSpec {
  /** Long name with its dashes; further spellings in `aliases`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** The kind of each word the option takes, in order; empty for a flag. */
  readonly values: readonly ValueKind[];
  readonly negatable: boolean;
  /** The match cannot do without it. */
  readonly required?: boolean;
  /** iptables has it, bpfilter does not enforce it yet. */
  readonly unsupported?: boolean;
}

/** One option as found in a rule, each at most once; the values are of the kinds that its specification names. */
export interface OptionUse {
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly unknown[];
}

/** The names that -L without -n shows for numbers. */
export interface ListNames {
  serviceName(port: number, protocol: string): string | undefined;
}

/** What the match says of one packet: true, false, or "drop it here, uncounted" (hotdrop). */
export type MatchResult = boolean | 'drop';

export interface MatchExtension<Data = unknown> {
  readonly kind: 'match';
  readonly name: string;
  /** The protocol that `-p` must name, where the match needs one; `-p` loads it without `-m` too. */
  readonly protocol?: number;
  readonly options: readonly OptionSpec[];
  /** Turns the options found in a rule into data; throws `ExtensionError` for what cannot be combined. */
  build(options: readonly OptionUse[]): Data;
  /** The option words as iptables-save prints them, without `-m name`; texts already quoted (`quoteText`). */
  print(data: Data): readonly string[];
  /** What -L shows of it; numbers where there are no names (-n). */
  list(data: Data, names: ListNames | undefined): string;
  /** The meaning for the compiler. */
  clauses(data: Data): readonly Clause[];
  /** The meaning for the reference interpreter, written from the man page. */
  matches(data: Data, packet: PacketView): MatchResult;
}

/** What a terminating or returning target does. */
export type TargetVerdict = 'accept' | 'drop' | 'return';

export interface TargetExtension<Data = unknown> {
  readonly kind: 'target';
  readonly name: string;
  readonly options: readonly OptionSpec[];
  /** The built-in chains it may be reached from; absent for all. */
  readonly chains?: readonly FilterChain[];
  build(options: readonly OptionUse[]): Data;
  print(data: Data): readonly string[];
  readonly verdict: TargetVerdict;
}

/** A combination of options that the extension refuses; the parser adds where. */
export class ExtensionError extends Error {
  override readonly name = 'ExtensionError';
  readonly code: DiagnosticCode;

  constructor(code: DiagnosticCode, message: string) {
    super(message);
    this.code = code;
  }
}
