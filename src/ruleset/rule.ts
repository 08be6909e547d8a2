// A rule while its words are read, and what it is in the end: a line with several addresses is several rules, as in
// iptables, each source with each destination.

import type { Setting, Word } from '../../grammar/getopt.ts';
import type { MaskedAny } from '../base/address.ts';
import type { Counters } from '../base/counters.ts';
import type { DiagnosticCode } from '../base/diagnostic.ts';
import type { TableName } from '../base/hooks.ts';
import {
  type BuildContext,
  ExtensionError,
  type MatchExtension,
  type OptionSpec,
  type OptionUse,
  type TargetExtension,
  type ValueContext,
  ValueError,
} from '../extensions/extension.ts';
import { maskedAddresses } from '../extensions/values/address.ts';
import { type AddressTest, addressTest } from './address-test.ts';
import type { CommandContext, Finding, Jump, Manner } from './command.ts';
import type { MatchUse, Negatable, Rule } from './model.ts';
import type { CommandName, SettingName } from './options.ts';
import type { ExtensionForm, Loaded, RuleScope } from './scope.ts';

interface AddressWord {
  readonly word: Word;
  readonly negated: boolean;
}

/** An option of an extension in the rule, with the words it came from. */
export interface UseAt {
  readonly use: OptionUse;
  readonly word: Word;
  readonly spec: OptionSpec;
  readonly valueWords: readonly Word[];
  readonly context: ValueContext;
}

export class RuleDraft {
  readonly context: CommandContext;
  readonly scope: RuleScope;
  readonly findings: Finding[] = [];
  readonly commands = new Set<CommandName>();
  /** Every base option that was given, by its word. */
  readonly settings = new Map<SettingName, Word>();
  table: string;
  chain: Word | undefined;
  number: number | undefined;
  /** `-D chain number`. */
  byNumber = false;
  newName: Word | undefined;
  policy: Word | undefined;
  source: AddressWord | undefined;
  destination: AddressWord | undefined;
  protocol: Negatable<number> = { value: 0, negated: false };
  inInterface: Negatable<string> | undefined;
  outInterface: Negatable<string> | undefined;
  /** Where these two stand. */
  inWord: Word | undefined;
  outWord: Word | undefined;
  fragment: { readonly negated: boolean } | undefined;
  jumpWord: Word | undefined;
  isGoto = false;
  counters: Counters | undefined;
  verbose = 0;
  wait: number | undefined;
  readonly notes: string[] = [];
  /** The options of each extension, in order. */
  readonly uses = new Map<Loaded, UseAt[]>();
  private matches: MatchUse[] = [];
  private targetData: unknown;
  private sources: readonly (MaskedAny | undefined)[] = [undefined];
  private destinations: readonly (MaskedAny | undefined)[] = [undefined];

  constructor(context: CommandContext, scope: RuleScope) {
    this.context = context;
    this.scope = scope;
    this.table = context.table;
  }

  report(code: DiagnosticCode, message: string, word: Word, hint?: string): void {
    this.findings.push({ code, message, word, ...(hint !== undefined && { hint }) });
  }

  get manner(): Manner {
    const { verbose, settings, notes, wait } = this;
    return {
      verbose,
      numeric: settings.has('numeric'),
      exact: settings.has('exact'),
      lineNumbers: settings.has('line-numbers'),
      notes,
      ...(wait !== undefined && { wait }),
    };
  }

  /** Takes one option of an extension, with the checks that iptables makes at once. */
  readExtension(form: ExtensionForm, setting: Setting): void {
    const { spec, extension } = form;
    // Of several spellings, iptables' messages have the first one of its table.
    const { name } = spec;
    const loaded = this.loadedFor(extension, setting);
    const { word, negation } = setting;
    const uses = this.uses.get(loaded) ?? [];
    this.uses.set(loaded, uses);
    if (!spec.repeatable && uses.some(({ use }) => use.name === spec.name)) {
      const message = spec.messages?.repeated ?? `${extension.name}: option "${name}" can only be used once.`;
      this.report('repeated-option', message, word);
      return;
    }
    if (negation && !spec.negatable) {
      const message = spec.messages?.negated ?? `${extension.name}: option "${name}" cannot be inverted.`;
      this.report('bad-negation', message, negation);
    }
    const context: ValueContext = {
      ...{ family: this.context.family, names: this.context.names, extension: extension.name, option: name },
      ...{ protocol: this.protocol.value, protocolNegated: this.protocol.negated, negated: negation !== undefined },
    };
    const values: unknown[] = [];
    for (const [i, value] of setting.values.entries()) {
      const type = spec.values[i] ?? spec.optional!;
      this.attempt(value, () => values.push(type.parse(value.text, context)));
    }
    const use = { name: spec.name, negated: negation !== undefined, values };
    if (values.length === setting.values.length) this.checkAtOnce(spec, use, uses, word);
    uses.push({ use, word, spec, valueWords: setting.values, context });
  }

  private checkAtOnce(spec: OptionSpec, use: OptionUse, earlier: readonly UseAt[], word: Word): void {
    if (spec.atOnce === undefined) return;
    try {
      const inFront = earlier.map((each) => each.use);
      spec.atOnce(use, inFront);
    } catch (error) {
      if (!(error instanceof ExtensionError)) throw error;
      this.report(error.code, error.message, word);
    }
  }

  /** Where the same match is loaded twice, options are those of the one loaded last in front of them. */
  private loadedFor(extension: MatchExtension | TargetExtension, { word }: Setting): Loaded {
    if (extension.kind === 'target') return this.scope.target!;
    const all = this.scope.matches.filter((each) => each.extension === extension);
    return all.findLast((each) => each.word.offset <= word.offset) ?? all[0]!;
  }

  /** Asks each extension whether its options make sense together: the matches in order, then the target. */
  buildExtensions(): void {
    const context = this.buildContext;
    this.matches = this.scope.matches.map((loaded) => ({
      extension: loaded.extension.name,
      data: this.buildOne(loaded, context),
    }));
    const { target } = this.scope;
    if (target !== undefined) this.targetData = this.buildOne(target, context);
  }

  get buildContext(): BuildContext {
    const { family, names } = this.context;
    const { value: protocol, negated: protocolNegated } = this.protocol;
    return { family, names, protocol, protocolNegated, table: this.table as TableName };
  }

  private buildOne(loaded: Loaded, context: BuildContext): unknown {
    const { extension, word } = loaded;
    const uses = this.uses.get(loaded) ?? [];
    const has = (name: string) => uses.some(({ use }) => use.name === name);
    const fail = (code: DiagnosticCode, message: string, at: Word) => {
      this.report(code, message, at);
      return undefined;
    };
    const refuse = (error: unknown) => {
      if (!(error instanceof ExtensionError)) throw error;
      const at = uses.findLast(({ use }) => use.name === error.option)?.word ?? uses.at(-1)?.word ?? word;
      return fail(error.code, error.message, at);
    };
    const given = uses.map((each) => each.use);
    try {
      extension.precheck?.(given, context);
    } catch (error) {
      return refuse(error);
    }
    for (const spec of extension.options) {
      const told = `${extension.name}: option "${spec.name}"`;
      if (spec.required && !has(spec.name)) return fail('missing-option', `${told} must be specified`, word);
      if (!has(spec.name)) continue;
      const at = uses.find(({ use }) => use.name === spec.name)!.word;
      const lacking = spec.also?.find((name) => !has(name));
      if (lacking !== undefined) return fail('missing-option', `${told} also requires "${lacking}".`, at);
      const excluded = spec.excludes?.find((name) => name !== spec.name && has(name));
      if (excluded !== undefined) {
        return fail('excluded-option', `${told} cannot be used together with "${excluded}".`, at);
      }
    }
    try {
      return extension.build(given, context);
    } catch (error) {
      return refuse(error);
    }
  }

  /** Reads the addresses: iptables leaves them to the end. `isRule`: whether the command has a rule at all. */
  buildAddresses(isRule: boolean): void {
    this.sources = this.readAddresses(this.source, isRule);
    this.destinations = this.readAddresses(this.destination, isRule);
    const negated = [this.source, this.destination].find((side) => side?.negated);
    if (negated && (this.sources.length > 1 || this.destinations.length > 1)) {
      const message = '! not allowed with multiple source or destination IP addresses';
      this.report('bad-negation', message, negated.word);
    }
  }

  private readAddresses(given: AddressWord | undefined, isRule: boolean): readonly (MaskedAny | undefined)[] {
    if (given === undefined || !isRule) return [undefined];
    const { family, names } = this.context;
    return this.attempt(given.word, () => maskedAddresses(given.word.text, family, names)) ?? [undefined];
  }

  get addressCount(): number {
    return this.sources.length * this.destinations.length;
  }

  /** The rules, without their targets. */
  build(counters: Counters): { readonly rules: readonly Rule[]; readonly jump?: Jump } {
    const { matches, fragment, jumpWord, isGoto, scope } = this;
    const { line, ...extent } = this.context.span;
    const rules = this.sources.flatMap((source) =>
      this.destinations.map(
        (destination): Rule => ({
          source: condition(source, this.source),
          destination: condition(destination, this.destination),
          inInterface: asked(this.inInterface),
          outInterface: asked(this.outInterface),
          protocol: this.protocol.value === 0 ? undefined : this.protocol,
          fragment,
          matches,
          target: { kind: 'none' },
          counters,
          line,
          extent,
        }),
      ),
    );
    if (jumpWord === undefined) return { rules };
    const name = jumpWord.text;
    const { target } = scope;
    const extension = target && { name: target.extension.name, data: this.targetData };
    return { rules, jump: { name, word: jumpWord, goto: isGoto, ...(extension && { extension }) } };
  }

  /** Runs `work`; what it says is wrong with a value is reported at the word. */
  attempt<T>(word: Word, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      this.report('bad-value', error.message, word, error.hint);
      return undefined;
    }
  }
}

/** Every interface is no condition, unless negated: then no packet matches. */
function asked(part: Negatable<string> | undefined): Negatable<string> | undefined {
  return part?.value === '+' && !part.negated ? undefined : part;
}

/** An address with an empty mask is no condition, unless negated: then no packet matches. */
function condition(value: MaskedAny | undefined, word: AddressWord | undefined): AddressTest | undefined {
  if (value === undefined || word === undefined) return undefined;
  const isEmpty = value.mask === 0 || value.mask === 0n;
  return isEmpty && !word.negated ? undefined : addressTest(value, word.negated);
}
