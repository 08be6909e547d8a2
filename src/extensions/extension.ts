// What an extension is: one file per match and per target holds everything about it. `registry.ts` lists them.
//
// Language and meaning are apart. The language (options, checks, canonical print, listing) is complete for every
// extension; the meaning is there for those that can be enforced. It is written twice on purpose: `clauses` feeds the
// compiler, `matches` the reference interpreter, and the tests hold one against the other. They share no code.

import type { DiagnosticCode } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { BuiltinChain, TableName } from '../base/hooks.ts';
import type { KernelNames, Names } from '../base/names.ts';
import type { PacketView } from '../base/packet.ts';
import type { Clause } from '../base/predicate.ts';

/** What is known of a rule at the point where a value is read. */
export interface ValueContext {
  readonly family: Family;
  readonly names: Names;
  /** Name of the extension, and of the option as in the table (`--dport`), for messages. */
  readonly extension: string;
  readonly option: string;
  /** What `-p` in front of this option names, 0 for nothing or all. */
  readonly protocol: number;
  readonly protocolNegated: boolean;
  /** The `!` in front of this option. */
  readonly negated: boolean;
}

/** A kind of value: how one word of an option is read. `values/` has them; throws `ValueError`. */
export interface ValueType<T = unknown> {
  /** What stands for it in help and manual: `port[:port]`. */
  readonly placeholder: string;
  parse(text: string, context: ValueContext): T;
  /** Whether a word, with its quotes, is what is always printed of it. Large files are not printed anew where all are. */
  isPrinted?(word: string): boolean;
  /**
   * What `parse` makes of a decimal number without a sign or zeros in front, if that is always printed so; undefined for a
   * number that is no such value. Large files are read without making texts of their numbers.
   */
  ofNumber?(number: number, negated: boolean): T | undefined;
}

export interface OptionSpec {
  /** Long name with its dashes; further spellings, which mean the same, in `aliases`. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** The kind of each word the option takes, in order; empty for a flag. */
  readonly values: readonly ValueType[];
  /** The kind of one more word, taken if it is there and neither an option nor `!`; it cannot be attached with `=`. */
  readonly optional?: ValueType;
  /** Whether `!` may stand in front. */
  readonly negatable?: boolean;
  /** The extension cannot do without it. */
  readonly required?: boolean;
  /** May be given more than once; all uses reach `build`. */
  readonly repeatable?: boolean;
  /** What iptables says where it differs from its usual words: a later word missing, given twice, not negatable. */
  readonly messages?: { readonly missing?: string; readonly repeated?: string; readonly negated?: string };
  /** Names of options that it cannot go with, and of options that must be there too: the first that applies is told. */
  readonly excludes?: readonly string[];
  readonly also?: readonly string[];
  /**
   * What iptables asks of the option before it reads the next one; `earlier` are those of the extension in front of it.
   * Throws `ExtensionError`.
   */
  atOnce?(use: OptionUse, earlier: readonly OptionUse[]): void;
  /** One line for help and manual. */
  readonly about: string;
}

/** One option as found in a rule; the values are what the specification's value types returned. */
export interface OptionUse {
  /** The specification's name, however it was spelled. */
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly unknown[];
}

/** What is known of a rule when all of it is read. */
export interface BuildContext {
  readonly family: Family;
  readonly names: Names;
  /** What `-p` names, 0 for nothing or all. */
  readonly protocol: number;
  readonly protocolNegated: boolean;
  readonly table: TableName;
}

export interface PrintContext {
  readonly family: Family;
  readonly names: Names;
  /** What `-p` names, 0 for nothing or all. */
  readonly protocol: number;
}

export interface ListContext extends PrintContext {
  /** With -n: numbers where there are names. */
  readonly numeric: boolean;
}

/** The rule that the kernel checks when it is committed (`checkentry` and the fields of `struct xt_match`). */
export interface CheckContext {
  readonly family: Family;
  readonly table: TableName;
  readonly protocol: number;
  readonly protocolNegated: boolean;
  /** The built-in chains from which the rule can be reached. */
  readonly chains: readonly BuiltinChain[];
  /** All matches of the rule, by the name of the extension. */
  readonly matches: readonly { readonly extension: string; readonly data: unknown }[];
  /** What the kernel has by name; absent where nobody asks it. */
  readonly kernel?: KernelNames;
}

/** A sentence of ours, and what iptables says of the kernel's answer where that is not EINVAL. */
export interface Refusal {
  readonly message: string;
  readonly reason: string;
}

interface Extension<Data> {
  readonly name: string;
  /** Other names that load it; rules are printed with `name`. */
  readonly aliases?: readonly string[];
  /** Absent for both. */
  readonly families?: readonly Family[];
  /** One line for help and manual. */
  readonly about: string;
  /** Further lines for help and manual, such as the names that values have. */
  notes?(): readonly string[];
  readonly options: readonly OptionSpec[];
  /** What the kernel demands of the rule around it; absent for anything. `protocols`: one of these, not negated. */
  readonly tables?: readonly TableName[];
  readonly chains?: readonly BuiltinChain[];
  readonly protocols?: readonly number[];
  /** What iptables asks before it looks at `required`, `also` and `excludes`; throws `ExtensionError`. */
  precheck?(options: readonly OptionUse[], context: BuildContext): void;
  /** Turns the options found in a rule, in order, into data; throws `ExtensionError` for what cannot be combined. */
  build(options: readonly OptionUse[], context: BuildContext): Data;
  /** What the kernel refuses besides. */
  check?(data: Data, rule: CheckContext): string | Refusal | undefined;
  /** The option words as iptables-save prints them, without `-m name`; texts already quoted (`quoteText`). */
  print(data: Data, context: PrintContext): readonly string[];
  /** What -L shows of it; empty for nothing. */
  list(data: Data, context: ListContext): string;
  /** No blank stands in front of what -L shows (bpf). */
  readonly listsUnspaced?: true;
}

/** What the match says of one packet: true, false, or "drop it here, uncounted" (hotdrop). */
export type MatchResult = boolean | 'drop';

/** How a match is enforced; absent while bpfilter cannot do it. */
export interface MatchMeaning<Data = unknown> {
  /** For the compiler, in a rule of the family. */
  clauses(data: Data, family: Family): readonly Clause[];
  /** For the reference interpreter, written from the man page. */
  matches(data: Data, packet: PacketView): MatchResult;
  /** The option in use that cannot be enforced, if there is one. */
  unsupported?(data: Data): string | undefined;
}

export interface MatchExtension<Data = unknown> extends Extension<Data> {
  readonly kind: 'match';
  /** The protocol whose `-p` loads it without `-m`. */
  readonly protocol?: number;
  readonly meaning?: MatchMeaning<Data>;
}

/** What a terminating or returning target does. */
export type TargetVerdict = 'accept' | 'drop' | 'return';

export interface TargetExtension<Data = unknown> extends Extension<Data> {
  readonly kind: 'target';
  /** What -L shows in the column of targets, where it is not the name. */
  readonly listedAs?: string;
  /** How it is enforced; absent while bpfilter cannot do it. */
  readonly meaning?: { readonly verdict: TargetVerdict };
}

/** A combination of options that the extension refuses; the parser adds where. */
export class ExtensionError extends Error {
  override readonly name = 'ExtensionError';
  readonly code: DiagnosticCode;
  /** The option it is about; absent for the extension as a whole. */
  readonly option: string | undefined;

  constructor(code: DiagnosticCode, message: string, option?: string) {
    super(message);
    this.code = code;
    this.option = option;
  }
}

/** Says what is wrong with a value, in iptables' words; the parser adds where. */
export class ValueError extends Error {
  override readonly name = 'ValueError';
  readonly hint?: string;

  constructor(message: string, hint?: string) {
    super(message);
    if (hint !== undefined) this.hint = hint;
  }
}
