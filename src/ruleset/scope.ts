// Which options exist at a point of a command, and the extensions loaded so far.
//
// `-m` and `-j` bring the options of an extension; where no option of that name exists yet, the match named like the
// protocol of `-p` is loaded by itself, once. A name given in full wins, the options of iptables itself before those of
// extensions and the extension loaded last before the others; else an abbreviation must mean one option only.

import type { OptionForm, OptionScope, Word } from '../../grammar/getopt.ts';
import { parseValue } from '../../grammar/parse.ts';
import type { DiagnosticCode } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { Names } from '../base/names.ts';
import type { MatchExtension, OptionSpec, TargetExtension } from '../extensions/extension.ts';
import { findMatch, findTarget, matchName } from '../extensions/registry.ts';
import { BASE_OPTIONS, type BaseOption, optionOfLetter } from './options.ts';

/** An extension in a rule: the same match may be loaded more than once. */
export interface Loaded<E extends MatchExtension | TargetExtension = MatchExtension | TargetExtension> {
  readonly extension: E;
  /** The word that loaded it. */
  readonly word: Word;
}

/** One spelling of an option of an extension. */
export interface ExtensionForm extends OptionForm {
  readonly owner: 'extension';
  readonly spec: OptionSpec;
  readonly extension: MatchExtension | TargetExtension;
}

export type RuleForm = BaseOption | ExtensionForm;

/** What stopped the reading, at the word that did. */
export interface ScopeFailure {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly word: Word;
  readonly hint?: string;
}

/** Longest name of an extension or chain, in bytes (XT_EXTENSION_MAXNAMELEN less the final zero). */
export const NAME_LIMIT = 28;

/** ip6tables has no `--fragments`, only the letter. */
const LONG_OPTIONS: Readonly<Record<Family, readonly BaseOption[]>> = {
  ipv4: BASE_OPTIONS,
  ipv6: BASE_OPTIONS.filter(({ id }) => id !== 'fragments'),
};

export class RuleScope implements OptionScope {
  readonly matches: Loaded<MatchExtension>[] = [];
  target: Loaded<TargetExtension> | undefined;
  failure: ScopeFailure | undefined;
  /** The extensions whose options exist, the last one first. */
  private readonly merged: (MatchExtension | TargetExtension)[] = [];
  private protocol: { readonly name: string; readonly word: Word } | undefined;
  private protocolLoaded = false;
  private readonly names: Names;
  private readonly family: Family;
  private readonly base: readonly BaseOption[];

  private readonly isDeclared: (name: string) => boolean;

  /** `isDeclared`: whether a file has a line `:name`, so that iptables looks for no target of that name any more. */
  constructor(names: Names, family: Family, isDeclared: (name: string) => boolean = () => false) {
    this.names = names;
    this.family = family;
    this.isDeclared = isDeclared;
    this.base = LONG_OPTIONS[family];
  }

  short(letter: string): RuleForm | undefined {
    return optionOfLetter(letter);
  }

  long(name: string): RuleForm | undefined {
    const found = this.find(name);
    if (found !== undefined || !this.loadProtocolMatch()) return found;
    return this.find(name);
  }

  seen(form: OptionForm, values: readonly Word[]): boolean {
    const rule = form as RuleForm;
    const value = values[0];
    if (rule.owner === 'base' && value !== undefined) {
      if (rule.id === 'match') this.loadMatch(value);
      else if (rule.id === 'jump') this.loadTarget(value);
      else if (rule.id === 'protocol') this.noteProtocol(value);
    }
    return this.failure === undefined;
  }

  private find(name: string): RuleForm | undefined {
    const base = this.base.find((option) => option.name === name);
    if (base !== undefined) return base;
    for (const extension of this.merged) {
      const exact = formsOf(extension).find((form) => form.name === name);
      if (exact !== undefined) return exact;
    }
    return this.abbreviated(name);
  }

  private abbreviated(beginning: string): RuleForm | undefined {
    const forms: RuleForm[] = [...this.base, ...this.merged.flatMap(formsOf)];
    const candidates = forms.filter(({ name }) => name.startsWith(beginning));
    const meant = new Set(candidates.map((form) => (form.owner === 'base' ? form.id : form.spec)));
    return meant.size === 1 ? candidates[0] : undefined;
  }

  private loadMatch(word: Word): void {
    const name = word.text;
    const extension = findMatch(name, this.family);
    if (extension !== undefined) this.load(extension, word);
    else if (Buffer.byteLength(name) > NAME_LIMIT) {
      this.fail('unknown-match', `Invalid match name "${name}" (${NAME_LIMIT} chars max)`, word);
    } else {
      this.fail('unknown-match', `Couldn't load match \`${matchName(name)}':No such file or directory`, word);
    }
  }

  /** A chain of the same name wins in the end; whether what is left is a chain is asked when the rule is put in. */
  private loadTarget(word: Word): void {
    const extension = this.isDeclared(word.text) ? undefined : findTarget(word.text, this.family);
    if (extension !== undefined && this.target === undefined) this.target = this.load(extension, word);
  }

  private noteProtocol(word: Word): void {
    const name = word.text.toLowerCase();
    const parsed = parseValue('protocol', name);
    const isNumber = parsed.ok && 'number' in parsed.node;
    this.protocol = { name: isNumber ? (this.names.protocolName(parsed.node.number) ?? name) : name, word };
  }

  /** The match named like the protocol of `-p`. */
  get protocolMatch(): MatchExtension | undefined {
    return this.protocol && findMatch(this.protocol.name, this.family);
  }

  private loadProtocolMatch(): boolean {
    const extension = this.protocolMatch;
    if (this.protocol === undefined || this.protocolLoaded || extension === undefined) return false;
    this.protocolLoaded = true;
    this.load(extension, this.protocol.word);
    return true;
  }

  private load<E extends MatchExtension | TargetExtension>(extension: E, word: Word): Loaded<E> {
    const loaded: Loaded<E> = { extension, word };
    if (!this.merged.includes(extension)) this.merged.unshift(extension);
    if (extension.kind === 'match') this.matches.push(loaded as Loaded<MatchExtension>);
    return loaded;
  }

  private fail(code: DiagnosticCode, message: string, word: Word): void {
    this.failure ??= { code, message, word };
  }
}

const formsByExtension = new Map<MatchExtension | TargetExtension, readonly ExtensionForm[]>();

/** All spellings of an extension's options. */
function formsOf(extension: MatchExtension | TargetExtension): readonly ExtensionForm[] {
  let forms = formsByExtension.get(extension);
  if (forms === undefined) {
    forms = extension.options.flatMap((spec) =>
      [spec.name, ...(spec.aliases ?? [])].map(
        (name): ExtensionForm => ({
          ...{ owner: 'extension', name, arity: spec.values.length, spec, extension },
          ...(spec.optional !== undefined && { optional: 1, detached: true }),
          ...(spec.messages?.missing !== undefined && { missing: spec.messages.missing }),
        }),
      ),
    );
    formsByExtension.set(extension, forms);
  }
  return forms;
}
