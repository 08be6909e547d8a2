// What each option of a command says by itself: commands and their words, conditions of the rule, manner of doing it.

import type { Setting, Word } from '../../grammar/getopt.ts';
import { parseValue } from '../../grammar/parse.ts';
import { leadingCounter } from '../base/counters.ts';
import { ValueError } from '../extensions/extension.ts';
import { findTarget } from '../extensions/registry.ts';
import { protocolNumber } from '../extensions/values/protocol.ts';
import { type CommandResult, clash, letterOf } from './command.ts';
import { type BaseOption, COMMAND_LETTERS, type CommandName, type SettingName } from './options.ts';
import type { RuleDraft } from './rule.ts';
import { NAME_LIMIT, type RuleForm } from './scope.ts';
import { evaluateInterface } from './values.ts';

/** Settings in front of which `!` may stand. */
const NEGATABLE: ReadonlySet<SettingName> = new Set([
  'source',
  'destination',
  'protocol',
  'in-interface',
  'out-interface',
  'fragments',
]);

/** Takes the settings in order; ends early where one asks for help, for the version, or is for the other family. */
export function readSettings(settings: readonly Setting[], draft: RuleDraft): CommandResult | undefined {
  for (const setting of settings) {
    const form = setting.form as RuleForm;
    if (form.owner === 'extension') {
      draft.readExtension(form, setting);
      continue;
    }
    if (form.id in COMMAND_LETTERS) readCommandOption(form.id as CommandName, setting, draft);
    else {
      const end = readSetting(form, setting, draft);
      if (end !== undefined) return end;
    }
  }
  return undefined;
}

function readCommandOption(id: CommandName, setting: Setting, draft: RuleDraft): void {
  const { word, negation, values } = setting;
  const letter = letterOf(id);
  const [first, second] = values;
  if (id === 'new-chain') checkNewChain(first!, draft);
  if (negation) draft.report('bad-negation', "unexpected '!' flag", negation);
  const other = clash(id, draft.commands);
  if (other !== undefined) draft.report('syntax', `Cannot use -${letter} with -${letterOf(other)}`, word);
  draft.commands.add(id);
  if (first !== undefined) draft.chain = first;
  switch (id) {
    case 'delete':
      if (second === undefined) return;
      draft.byNumber = true;
      break;
    case 'replace':
      if (second === undefined) draft.report('missing-value', '-R requires a rule number', word);
      break;
    case 'insert':
      draft.number = 1;
      break;
    case 'rename-chain':
      if (second !== undefined) draft.newName = second;
      else draft.report('missing-value', '-E requires old-chain-name and new-chain-name', word);
      return;
    case 'policy':
      if (second !== undefined) draft.policy = second;
      else draft.report('missing-value', '-P requires a chain and a policy', word);
      return;
  }
  if (second === undefined) return;
  const parsed = parseValue('integer', second.text);
  if (parsed.ok && parsed.node >= 1n && parsed.node <= 0x7fff_ffffn) draft.number = Number(parsed.node);
  else draft.report('bad-value', `Invalid rule number \`${second.text}'`, second);
}

/** `-N`: what iptables demands of a name. */
function checkNewChain(word: Word, draft: RuleDraft): void {
  const { text } = word;
  const report = (message: string) => draft.report('bad-chain', message, word);
  if (Buffer.byteLength(text) > NAME_LIMIT) {
    report(`chain name \`${text}' too long (must be under ${NAME_LIMIT + 1} chars)`);
  } else if (/^[-!]/.test(text)) {
    report(`chain name not allowed to start with \`${text[0]}'`);
  } else if (text === '' || findTarget(text, draft.context.family)) {
    report('chain name may not clash with target name');
  } else if (/[\s\v]/.test(text)) {
    report(`Invalid chain name \`${text}'`);
  }
}

function readSetting(option: BaseOption, setting: Setting, draft: RuleDraft): CommandResult | undefined {
  const { word, negation, values } = setting;
  const { fileOf, family } = draft.context;
  const id = option.id as SettingName;
  const value = values[0];
  switch (id) {
    case 'help':
    case 'version':
      if (fileOf === undefined) return { kind: id, scope: draft.scope, negated: negation !== undefined };
      draft.report('syntax', `-${option.letter} has no meaning in a file of rules`, word);
      return undefined;
    case 'ipv4':
    case 'ipv6':
      if (id === family) return undefined;
      if (fileOf !== undefined) return { kind: 'other-family' };
      draft.report('wrong-family', `-${option.letter} is not for this command`, word);
      return undefined;
    case 'match':
      if (negation) draft.report('bad-negation', 'unexpected ! flag before --match', negation);
      return undefined;
    case 'table':
      if (negation) draft.report('bad-negation', 'unexpected ! flag before --table', negation);
      if (fileOf !== undefined) draft.report('syntax', `The -t option cannot be used in ${fileOf}.\n`, word);
      draft.table = value!.text;
      draft.settings.set('table', value!);
      return undefined;
    case 'wait':
    case 'wait-interval':
      readWait(id, option, setting, draft);
      return undefined;
    case 'modprobe':
      return undefined;
    case 'verbose':
      draft.verbose++;
      if (draft.verbose > 1) return undefined;
      break;
  }
  if (!setOnce(id, option, setting, draft)) return undefined;
  draft.attempt(value ?? word, () => readCondition(id, setting, draft));
  return undefined;
}

/** Notes that the setting is there; -j and -g are the same to iptables. */
function setOnce(id: SettingName, { letter }: BaseOption, { word, negation }: Setting, draft: RuleDraft): boolean {
  const key = id === 'goto' ? 'jump' : id;
  const shown = id === 'goto' ? 'j' : letter;
  if (draft.settings.has(key)) {
    draft.report('repeated-option', `multiple -${shown} flags not allowed`, word);
    return false;
  }
  draft.settings.set(key, word);
  if (negation && !NEGATABLE.has(id)) draft.report('bad-negation', `cannot have ! before -${shown}`, negation);
  return true;
}

function readCondition(id: SettingName, setting: Setting, draft: RuleDraft): void {
  const { negation, values } = setting;
  const value = values[0];
  const negated = negation !== undefined;
  switch (id) {
    case 'source':
      draft.source = { word: value!, negated };
      break;
    case 'destination':
      draft.destination = { word: value!, negated };
      break;
    case 'protocol': {
      const number = protocolNumber(value!.text.toLowerCase(), draft.context.names);
      if (number === 0 && negated) throw new ValueError('rule would never match protocol');
      draft.protocol = { value: number, negated };
      break;
    }
    case 'in-interface':
      draft.inInterface = { value: evaluateInterface(value!.text), negated };
      draft.inWord = value!;
      break;
    case 'out-interface':
      draft.outInterface = { value: evaluateInterface(value!.text), negated };
      draft.outWord = value!;
      break;
    case 'fragments':
      if (draft.context.family === 'ipv6') {
        throw new ValueError("`-f' is not supported in IPv6, use -m frag instead");
      }
      draft.fragment = { negated };
      break;
    case 'jump':
    case 'goto':
      draft.jumpWord = value!;
      draft.isGoto = id === 'goto';
      checkTargetName(value!.text);
      break;
    case 'set-counters':
      draft.counters = countersOf(values);
      break;
  }
}

function checkTargetName(name: string): void {
  if (name === '') throw new ValueError('Invalid target name (too short)');
  if (Buffer.byteLength(name) > NAME_LIMIT) {
    throw new ValueError(`Invalid target name \`${name}' (${NAME_LIMIT} chars max)`);
  }
  if (/[\s\v]/.test(name)) throw new ValueError(`Invalid target name \`${name}'`);
}

/** `-c PACKETS BYTES` or `-c PACKETS,BYTES`; each as far as it is a number. */
function countersOf([first, second]: readonly Word[]): RuleDraft['counters'] {
  const text = first!.text;
  const comma = text.indexOf(',', 1);
  const bytes = comma >= 0 ? text.slice(comma + 1) : second?.text;
  if (bytes === undefined) throw new ValueError('-c requires packet and byte counter');
  const counters = [text, bytes].map(leadingCounter);
  if (counters[0] === undefined) throw new ValueError('-c packet counter not numeric');
  if (counters[1] === undefined) throw new ValueError('-c byte counter not numeric');
  return { packets: counters[0], bytes: counters[1] };
}

function readWait(id: 'wait' | 'wait-interval', { letter }: BaseOption, setting: Setting, draft: RuleDraft): void {
  const { word, values } = setting;
  const { fileOf } = draft.context;
  if (fileOf !== undefined) {
    draft.report('syntax', `You cannot use \`-${letter}' from iptables-restore`, word);
    return;
  }
  const text = values[0]?.text;
  draft.settings.set(id, word);
  if (id === 'wait') {
    const seconds = text === undefined ? '-1' : /^\s*[+-]?\d+/.exec(text)?.[0];
    if (seconds === undefined) draft.report('bad-value', 'wait seconds not numeric', values[0]!);
    else draft.wait = Number(seconds);
    return;
  }
  const micros = text === undefined ? undefined : /^\s*\+?(\d+)/.exec(text)?.[1];
  if (text === undefined) draft.report('missing-value', 'wait interval value required', word);
  else if (micros === undefined) draft.report('bad-value', 'wait interval not numeric', values[0]!);
  else if (Number(micros) > 999_999) {
    draft.report('bad-value', `too long usec wait ${Number(micros)} > 999999 usec`, values[0]!);
  } else draft.notes.push('Ignoring deprecated --wait-interval option.');
}
