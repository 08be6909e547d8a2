// Which options exist at a point of a rule line, and the extensions loaded so far.
//
// `-m` and `-j` bring the options of an extension; where no option of that name exists yet, the match of the protocol
// given by `-p` is loaded by itself, once. A name given in full wins; else an abbreviation must mean one option only. Of
// two extensions with the same option the one loaded last gets it.

import type { Failure, OptionForm, OptionScope, Word } from '../../grammar/getopt.ts';
import { parseValue } from '../../grammar/parse.ts';
import type { DiagnosticCode } from '../base/diagnostic.ts';
import type { MatchExtension, OptionSpec, TargetExtension } from '../extensions/extension.ts';
import { KNOWN_MATCHES, KNOWN_TARGETS } from '../extensions/known.ts';
import { findMatch, findProtocolMatch, findTarget } from '../extensions/registry.ts';
import type { Names } from './names.ts';
import { BASE_OPTIONS, type BaseOption, baseOption, shortName } from './options.ts';
import { evaluateProtocol } from './values.ts';

/** An extension in a rule: the same match may be loaded more than once. */
export interface Loaded<E extends MatchExtension | TargetExtension = MatchExtension | TargetExtension> {
  readonly extension: E;
  /** The word that loaded it. */
  readonly word: Word;
  readonly forms: readonly ExtensionForm[];
}

interface ExtensionForm extends OptionForm {
  readonly owner: 'extension';
  readonly spec: OptionSpec;
  readonly loaded: Loaded;
}

export type RuleForm = BaseOption | ExtensionForm;

export interface ScopeFailure {
  readonly code: Failure['code'] | DiagnosticCode;
  readonly message: string;
  readonly word: Word;
  readonly hint?: string;
}

export class RuleScope implements OptionScope {
  readonly matches: Loaded<MatchExtension>[] = [];
  target: Loaded<TargetExtension> | undefined;
  failure: ScopeFailure | undefined;
  /** All that is loaded, the last one first. */
  private readonly loaded: Loaded[] = [];
  private protocol: { readonly number: number; readonly name: string; readonly word: Word } | undefined;
  private protocolLoaded = false;
  private readonly names: Names;
  private readonly isChain: (name: string) => boolean;

  constructor(names: Names, isChain: (name: string) => boolean) {
    this.names = names;
    this.isChain = isChain;
  }

  short(letter: string): RuleForm | undefined {
    return baseOption(letter);
  }

  long(name: string): RuleForm | undefined {
    const found = this.find(name);
    if (found !== undefined || !this.loadProtocolMatch()) return found;
    return this.find(name);
  }

  seen(form: OptionForm, values: readonly Word[], option: Word): boolean {
    const rule = form as RuleForm;
    const value = values[0];
    if (rule.owner === 'extension') {
      if (rule.spec.unsupported) this.fail('unsupported-option', notYet(`option ${rule.name}`), option);
    } else if (rule.refused === 'unsupported') {
      this.fail('unsupported-option', notYet(`option ${shortName(rule)}`), option);
    } else if (rule.refused === 'misplaced') {
      this.fail('syntax', `The ${shortName(rule)} option cannot be used in a rule of a ruleset file`, option);
    } else if (value !== undefined) {
      if (rule.letter === 'm') this.loadMatch(value);
      else if (rule.letter === 'j') this.loadTarget(value);
      else if (rule.letter === 'p') this.noteProtocol(value);
    }
    return this.failure === undefined;
  }

  private find(name: string): RuleForm | undefined {
    for (const { forms } of this.loaded) {
      const exact = forms.find((form) => spellings(form).includes(name));
      if (exact !== undefined) return exact;
    }
    return baseOption(name) ?? this.abbreviated(name);
  }

  private abbreviated(beginning: string): RuleForm | undefined {
    const forms = [...this.loaded.flatMap((loaded) => loaded.forms), ...BASE_OPTIONS];
    const candidates = forms.filter((form) => spellings(form).some((name) => name.startsWith(beginning)));
    const meant = new Set(candidates.map((form) => form.name));
    return meant.size === 1 ? candidates[0] : undefined;
  }

  private loadMatch(word: Word): void {
    const extension = findMatch(word.text);
    if (extension !== undefined) this.load(extension, word);
    else if (KNOWN_MATCHES.has(word.text)) this.fail('unsupported-option', notYet(`match ${word.text}`), word);
    else this.fail('unknown-match', `no match is called \`${word.text}'`, word);
  }

  /** Chains win over extensions of the same name; whether what is left is a chain is asked later. */
  private loadTarget(word: Word): void {
    if (this.isChain(word.text)) return;
    const extension = findTarget(word.text);
    if (extension !== undefined) this.target = this.load(extension, word);
    else if (KNOWN_TARGETS.has(word.text)) this.fail('unsupported-option', notYet(`target ${word.text}`), word);
  }

  private noteProtocol(word: Word): void {
    const parsed = parseValue('protocol', word.text);
    const number = parsed.ok ? evaluateProtocol(parsed.node, this.names) : undefined;
    if (number !== undefined) this.protocol = { number, name: this.names.protocolName(number) ?? word.text, word };
  }

  private loadProtocolMatch(): boolean {
    if (this.protocol === undefined || this.protocolLoaded) return false;
    const extension = findProtocolMatch(this.protocol.number);
    if (extension === undefined) return false;
    this.protocolLoaded = true;
    this.load(extension, this.protocol.word);
    return true;
  }

  /** Whether iptables would look for an unknown option in a match that the rule's protocol has and bpfilter lacks. */
  get unsupportedProtocolMatch(): string | undefined {
    const name = this.protocol?.name;
    return name !== undefined && KNOWN_MATCHES.has(name) ? name : undefined;
  }

  private load<E extends MatchExtension | TargetExtension>(extension: E, word: Word): Loaded<E> {
    const forms: ExtensionForm[] = [];
    const loaded: Loaded<E> = { extension, word, forms };
    for (const spec of extension.options) {
      forms.push({ owner: 'extension', name: spec.name, values: spec.values, spec, loaded });
    }
    this.loaded.unshift(loaded);
    if (extension.kind === 'match') this.matches.push(loaded as Loaded<MatchExtension>);
    return loaded;
  }

  private fail(code: ScopeFailure['code'], message: string, word: Word): void {
    this.failure ??= { code, message, word };
  }
}

function spellings(form: RuleForm): readonly string[] {
  const aliases = form.owner === 'base' ? form.aliases : form.spec.aliases;
  return aliases === undefined ? [form.name] : [form.name, ...aliases];
}

export function notYet(what: string): string {
  return `bpfilter does not enforce the ${what} of iptables yet`;
}
