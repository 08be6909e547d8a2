// From the settings of a rule line to rules: what options mean together, and what iptables refuses.
//
// A line with several addresses is several rules, as in iptables: each source with each destination.

import type { Setting, Word } from '../../grammar/getopt.ts';
import type { RuleLine } from '../../grammar/nodes.ts';
import { parseValue } from '../../grammar/parse.ts';
import { type Counters, ZERO } from '../base/counters.ts';
import type { DiagnosticCode, Span } from '../base/diagnostic.ts';
import type { MaskedAddress } from '../base/ipv4.ts';
import { ExtensionError, type OptionUse } from '../extensions/extension.ts';
import { findTarget } from '../extensions/registry.ts';
import type { MatchUse, Negatable, Rule, TargetUse } from './model.ts';
import type { Names } from './names.ts';
import { type BaseOption, shortName } from './options.ts';
import type { Loaded, RuleForm, RuleScope } from './scope.ts';
import {
  evaluateAddresses,
  evaluateCounters,
  evaluateInterface,
  evaluateProtocol,
  evaluateValue,
  ValueError,
} from './values.ts';

/** Longest chain name, in bytes (XT_FUNCTION_MAXNAMELEN less the final zero). */
export const CHAIN_NAME_LIMIT = 28;

/** What the rule is read for: the table around it, and where findings go. */
export interface RuleContext {
  readonly names: Names;
  readonly span: Span;
  isChain(name: string): boolean;
  isBuiltin(name: string): boolean;
  report(code: DiagnosticCode, message: string, word: Word, hint?: string): void;
}

interface Draft {
  chain?: Word;
  otherFamily: boolean;
  counters: Counters;
  sources: readonly MaskedAddress[] | undefined;
  destinations: readonly MaskedAddress[] | undefined;
  protocol: Negatable<number> | undefined;
  inInterface: Negatable<string> | undefined;
  outInterface: Negatable<string> | undefined;
  target: TargetUse;
  readonly base: Map<string, Setting>;
  readonly uses: Map<Loaded, { readonly use: OptionUse; readonly word: Word }[]>;
}

/** The rules of a line and the chain they belong to. Undefined if something was reported or the line is for IPv6. */
export function buildRules(
  line: RuleLine,
  scope: RuleScope,
  context: RuleContext,
): { readonly chain: string; readonly rules: readonly Rule[] } | undefined {
  let sound = true;
  const report: RuleContext['report'] = (code, message, word, hint) => {
    sound = false;
    context.report(code, message, word, hint);
  };
  const checked = { ...context, report };
  const draft: Draft = {
    otherFamily: false,
    counters: ZERO,
    sources: undefined,
    destinations: undefined,
    protocol: undefined,
    inInterface: undefined,
    outInterface: undefined,
    target: { kind: 'none' },
    base: new Map(),
    uses: new Map(),
  };
  if (line.counters)
    attempt(line.counters, 'bad-counters', checked, () => {
      draft.counters = evaluateCounters(line.counters!.text);
    });
  for (const setting of line.settings) readSetting(setting, draft, checked);
  checkChain(draft, line, checked);
  checkAddresses(draft, checked);
  if (scope.target) draft.target = buildTarget(scope.target, draft, checked);
  const matches = scope.matches.map((loaded) => buildMatch(loaded, draft, checked));
  if (!sound || draft.otherFamily) return undefined;
  return { chain: draft.chain!.text, rules: expand(draft, matches as MatchUse[], context.span) };
}

function readSetting(setting: Setting, draft: Draft, context: RuleContext): void {
  const form = setting.form as RuleForm;
  if (form.owner === 'base') readBase(form, setting, draft, context);
  else readExtension(form.loaded, form.spec.negatable, setting, draft, context);
}

function readBase(option: BaseOption, setting: Setting, draft: Draft, context: RuleContext): void {
  const { word, negation } = setting;
  const value = setting.values[0];
  const isTarget = option.letter === 'j' || option.letter === 'g';
  if (negation && !option.negatable) {
    context.report('bad-negation', `cannot have ! before ${shortName(option)}`, negation);
  }
  if (option.letter !== 'm' && option.letter !== '4' && option.letter !== '6') {
    const key = isTarget ? '-j' : shortName(option);
    if (draft.base.has(key)) {
      const message = option.role === 'command' ? 'Cannot use -A with -A' : `multiple ${key} flags not allowed`;
      context.report('repeated-option', message, word);
      return;
    }
    draft.base.set(key, setting);
  }
  const negated = negation !== undefined;
  if (value === undefined) {
    if (option.letter === '6') draft.otherFamily = true;
    return;
  }
  attempt(value, 'bad-value', context, () => {
    switch (option.letter) {
      case 'A':
        draft.chain = value;
        break;
      case 's':
        draft.sources = evaluateAddresses(value.text);
        break;
      case 'd':
        draft.destinations = evaluateAddresses(value.text);
        break;
      case 'p':
        draft.protocol = readProtocol(value.text, negated, context.names);
        break;
      case 'i':
        draft.inInterface = readInterface(value.text, negated);
        break;
      case 'o':
        draft.outInterface = readInterface(value.text, negated);
        break;
      case 'j':
      case 'g':
        draft.target = readTarget(option.letter, value, context);
        break;
    }
  });
}

/** All protocols are no condition. */
function readProtocol(text: string, negated: boolean, names: Names): Negatable<number> | undefined {
  const parsed = parseValue('protocol', text);
  const value = parsed.ok ? evaluateProtocol(parsed.node, names) : undefined;
  if (value === undefined) throw new ValueError(`unknown protocol "${text}" specified`);
  if (value === 0 && negated) throw new ValueError('rule would never match protocol');
  return value === 0 ? undefined : { value, negated };
}

/** Every interface is no condition, unless negated: then no packet matches. */
function readInterface(text: string, negated: boolean): Negatable<string> | undefined {
  const value = evaluateInterface(text);
  return value === '+' && !negated ? undefined : { value, negated };
}

function readTarget(letter: 'j' | 'g', word: Word, context: RuleContext): TargetUse {
  const name = word.text;
  if (name === '') throw new ValueError('Invalid target name (too short)');
  if (Buffer.byteLength(name) > CHAIN_NAME_LIMIT) {
    throw new ValueError(`Invalid target name \`${name}' (${CHAIN_NAME_LIMIT} chars max)`);
  }
  if (context.isBuiltin(name)) {
    context.report('bad-chain', `a rule cannot jump to the built-in chain ${name}`, word);
  } else if (context.isChain(name)) {
    return { kind: letter === 'j' ? 'jump' : 'goto', chain: name };
  } else if (letter === 'g') {
    context.report('unknown-chain', `goto '${name}' is not a chain`, word, declareFirst(name));
  } else if (findTarget(name) === undefined) {
    context.report('unknown-target', `neither a target nor a chain is called \`${name}'`, word, declareFirst(name));
  }
  return { kind: 'none' };
}

function declareFirst(name: string): string {
  return `a chain is declared by a line \`:${name} - [0:0]' in front of the first rule that names it`;
}

function readExtension(loaded: Loaded, negatable: boolean, setting: Setting, draft: Draft, context: RuleContext): void {
  const { word, negation, form } = setting;
  const { extension } = loaded;
  if (negation && !negatable) {
    context.report('bad-negation', `${extension.name}: option "${form.name}" cannot be inverted.`, negation);
  }
  const uses = draft.uses.get(loaded) ?? [];
  draft.uses.set(loaded, uses);
  if (uses.some(({ use }) => use.name === form.name)) {
    context.report('repeated-option', `${extension.name}: option "${form.name}" can only be used once.`, word);
    return;
  }
  const spec = (form as Extract<RuleForm, { owner: 'extension' }>).spec;
  const values = setting.values.map((value, i) =>
    attempt(value, 'bad-value', context, () =>
      evaluateValue(spec.values[i]!, value.text, extension.name, context.names),
    ),
  );
  uses.push({ use: { name: form.name, negated: negation !== undefined, values }, word });
}

function checkChain(draft: Draft, line: RuleLine, context: RuleContext): void {
  const { chain } = draft;
  if (chain === undefined) {
    const word = line.settings[0]?.word ?? line.counters ?? { text: '', offset: 0, length: 1 };
    if (!draft.otherFamily || line.settings.length > 1) context.report('syntax', 'no command specified', word);
    return;
  }
  const name = chain.text;
  if (Buffer.byteLength(name) > CHAIN_NAME_LIMIT) {
    const message = `chain name \`${name}' too long (must be under ${CHAIN_NAME_LIMIT + 1} chars)`;
    context.report('bad-chain', message, chain);
  } else if (!context.isChain(name)) {
    context.report('unknown-chain', `the table has no chain \`${name}'`, chain, declareFirst(name));
  }
  const refused = { INPUT: '-o', PREROUTING: '-o', OUTPUT: '-i', POSTROUTING: '-i' }[name];
  const setting = refused && draft.base.get(refused);
  if (setting) context.report('wrong-chain', `Can't use ${refused} with ${name}`, setting.word);
}

function checkAddresses(draft: Draft, context: RuleContext): void {
  for (const [option, list] of [
    ['-s', draft.sources],
    ['-d', draft.destinations],
  ] as const) {
    const negation = draft.base.get(option)?.negation;
    if (negation && list && list.length > 1) {
      const message = '! not allowed with multiple source or destination IP addresses';
      context.report('bad-negation', message, negation);
    }
  }
}

function buildMatch(loaded: RuleScope['matches'][number], draft: Draft, context: RuleContext): MatchUse | undefined {
  const { extension, word } = loaded;
  if (extension.protocol !== undefined) {
    const { protocol } = draft;
    if (protocol === undefined || protocol.negated || protocol.value !== extension.protocol) {
      const name = context.names.protocolName(extension.protocol) ?? extension.protocol;
      context.report('wrong-protocol', `the match ${extension.name} needs \`-p ${name}'`, word);
      return undefined;
    }
  }
  const uses = draft.uses.get(loaded) ?? [];
  const missing = extension.options.find((spec) => spec.required && !uses.some(({ use }) => use.name === spec.name));
  if (missing) {
    context.report('missing-option', `${extension.name}: option "${missing.name}" must be specified`, word);
    return undefined;
  }
  if (uses.some(({ use }) => use.values.includes(undefined))) return undefined;
  try {
    return { extension: extension.name, data: extension.build(uses.map(({ use }) => use)) };
  } catch (error) {
    if (!(error instanceof ExtensionError)) throw error;
    context.report(error.code, error.message, uses.at(-1)?.word ?? word);
    return undefined;
  }
}

function buildTarget(loaded: NonNullable<RuleScope['target']>, draft: Draft, context: RuleContext): TargetUse {
  const { extension, word } = loaded;
  const uses = draft.uses.get(loaded) ?? [];
  try {
    return { kind: 'extension', extension: extension.name, data: extension.build(uses.map(({ use }) => use)) };
  } catch (error) {
    if (!(error instanceof ExtensionError)) throw error;
    context.report(error.code, error.message, uses.at(-1)?.word ?? word);
    return { kind: 'none' };
  }
}

function expand(draft: Draft, matches: readonly MatchUse[], span: Span): Rule[] {
  const sources = negatable(draft.sources, draft.base.get('-s'));
  const destinations = negatable(draft.destinations, draft.base.get('-d'));
  const { protocol, inInterface, outInterface, target, counters } = draft;
  return sources.flatMap((source) =>
    destinations.map((destination) => ({
      ...(source && { source }),
      ...(destination && { destination }),
      ...(inInterface && { inInterface }),
      ...(outInterface && { outInterface }),
      ...(protocol && { protocol }),
      matches,
      target,
      counters,
      span,
    })),
  );
}

/** An address with an empty mask is no condition, unless negated: then no packet matches. */
function negatable(
  addresses: readonly MaskedAddress[] | undefined,
  setting: Setting | undefined,
): readonly (Negatable<MaskedAddress> | undefined)[] {
  if (addresses === undefined) return [undefined];
  const negated = setting?.negation !== undefined;
  return addresses.map((value) => (value.mask === 0 && !negated ? undefined : { value, negated }));
}

/** Runs `work`; what it says is wrong with a value is reported at the word. */
function attempt<T>(word: Word, code: DiagnosticCode, context: RuleContext, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    context.report(code, error.message, word, error.hint);
    return undefined;
  }
}
