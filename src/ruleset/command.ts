// One command of iptables, from its words: a line of a file (`-A INPUT …`) or the words of a command line.
//
// Words are taken from left to right as iptables takes them, so the first finding is the one at which iptables stops;
// the others are what could be found besides. What all words mean together is asked only if each is sound.

import { type Failure, findExcess, splitLine, type Word } from '../../grammar/getopt.ts';
import { parseRule } from '../../grammar/parse.ts';
import { type Counters, ZERO } from '../base/counters.ts';
import type { DiagnosticCode, Span } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { Names } from '../base/names.ts';
import type { Rule } from './model.ts';
import {
  allows,
  CHECKED_SETTINGS,
  COMMAND_LETTERS,
  type CommandName,
  RULE_COMMANDS,
  type SettingName,
} from './options.ts';
import { RuleDraft } from './rule.ts';
import { NAME_LIMIT, RuleScope } from './scope.ts';
import { readSettings } from './settings.ts';

/** Something wrong, at the word that it is about. */
export interface Finding {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly word: Word;
  readonly hint?: string;
}

/** What a command is read for. */
export interface CommandContext {
  readonly family: Family;
  readonly names: Names;
  /** The table that is meant without `-t`. */
  readonly table: string;
  /** Where the rule came from. */
  readonly span: Span;
  /** In a file, whether a chain line has named it so far. */
  isDeclared?(name: string): boolean;
  /** In a file, the name of the program that reads it: some options cannot stand there. Absent on a command line. */
  readonly fileOf?: string;
  /** The line may be longer than a file's: it was printed here. */
  readonly anyLength?: boolean;
}

/** How a command is done, apart from what it does. */
export interface Manner {
  readonly verbose: number;
  readonly numeric: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** Seconds to wait for the lock, as written after -w; negative for ever. */
  readonly wait?: number;
  readonly notes: readonly string[];
}

/** Where the rule goes when it matches, before it is known whether that is a chain. */
export interface Jump {
  readonly name: string;
  readonly word: Word;
  readonly goto: boolean;
  /** The target's data, if an extension has this name. */
  readonly extension?: { readonly name: string; readonly data: unknown };
}

export interface Command {
  /** More than one where -Z goes with -L or -S. */
  readonly names: ReadonlySet<CommandName>;
  readonly table: string;
  readonly chain?: Word;
  /** The rule's number, counted from 1. */
  readonly number?: number;
  readonly newName?: Word;
  readonly policy?: Word;
  /** What `-c` or the file says. */
  readonly counters?: Counters;
  /** One per combination of addresses, none for a command about no rule; their targets are still to be resolved. */
  readonly rules: readonly Rule[];
  readonly jump?: Jump;
  readonly manner: Manner;
  /** The options given, for checks and messages. */
  readonly settings: ReadonlyMap<SettingName, Word>;
}

export type CommandResult =
  /** `draft` knows from which words it was made. */
  | { readonly kind: 'command'; readonly command: Command; readonly draft: RuleDraft }
  | { readonly kind: 'findings'; readonly findings: readonly Finding[] }
  /** A line for the other family in a file that serves both: iptables leaves it out, whatever else it says. */
  | { readonly kind: 'other-family' }
  | { readonly kind: 'help' | 'version'; readonly scope: RuleScope; readonly negated: boolean };

/** Reads a line of a file. `counters`: whether what it begins with in brackets counts. */
export function readLineCommand(line: string, context: CommandContext, counters: Counters | undefined): CommandResult {
  const { words, counters: bracketed } = splitLine(line);
  const excess = context.anyLength ? undefined : findExcess(words);
  if (excess !== undefined) return { kind: 'findings', findings: [excess] };
  return readCommand(words, context, counters, bracketed);
}

/** Reads the words of a command line; they are placed as if they stood in a line with blanks between them. */
export function readWordsCommand(words: readonly string[], context: CommandContext): CommandResult {
  let offset = 0;
  const placed = words.map((text) => {
    const word = { text, offset, length: Math.max(1, text.length) };
    offset += text.length + 1;
    return word;
  });
  return readCommand(placed, context);
}

function readCommand(
  words: readonly Word[],
  context: CommandContext,
  counters?: Counters,
  bracketed?: Word,
): CommandResult {
  const scope = new RuleScope(context.names, context.family, context.isDeclared);
  const { line, failure, leftOver } = parseRule(words, bracketed, scope);
  const draft = new RuleDraft(context, scope);
  if (counters !== undefined) draft.settings.set('set-counters', bracketed ?? nowhere(words));
  const end = readSettings(line.settings, draft);
  if (end !== undefined && draft.findings.length === 0) return end;
  for (const found of [scope.failure, failure]) if (found !== undefined) draft.findings.push(found);
  if (draft.findings.length === 0) finish(draft, words, leftOver);
  // What only makes sense together is not asked of a line that has mistakes, but addresses have theirs by themselves.
  else draft.buildAddresses(true);
  if (draft.findings.length > 0) return { kind: 'findings', findings: draft.findings };
  const { rules, jump } = draft.build(counters ?? draft.counters ?? ZERO);
  if (draft.findings.length > 0) return { kind: 'findings', findings: draft.findings };
  const { commands, chain, number, newName, policy, settings, table, manner, byNumber } = draft;
  const isRule = !byNumber && [...commands].some((name) => RULE_COMMANDS.has(name));
  const given = counters ?? draft.counters;
  return {
    kind: 'command',
    draft,
    command: {
      ...{ names: commands, table, rules: isRule ? rules : [], manner, settings },
      ...(chain && { chain }),
      ...(number !== undefined && { number }),
      ...(newName && { newName }),
      ...(policy && { policy }),
      ...(given && { counters: given }),
      ...(isRule && jump && { jump }),
    },
  };
}

function nowhere(words: readonly Word[]): Word {
  return words[0] ?? { text: '', offset: 0, length: 1 };
}

/** The side of which a chain knows no device. */
const OTHER_SIDE: ReadonlyMap<string, 'in' | 'out'> = new Map([
  ['INPUT', 'out'],
  ['PREROUTING', 'out'],
  ['OUTPUT', 'in'],
  ['POSTROUTING', 'in'],
]);

/** What iptables asks when all words are read, in its order. */
function finish(draft: RuleDraft, words: readonly Word[], leftOver: Failure | undefined): void {
  const first = nowhere(words);
  const { findings, commands, settings, chain, manner } = draft;
  const report = (code: DiagnosticCode, message: string, word: Word) => findings.push({ code, message, word });
  const dropped = [draft.policy, draft.jumpWord].find((word) => word?.text === 'DROP');
  if (draft.table === 'nat' && dropped) {
    const message = 'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.';
    report('wrong-table', `\n${message}\n\n`, dropped);
  }
  if (settings.has('wait-interval') && manner.wait === undefined) {
    report('syntax', '--wait-interval only makes sense with --wait\n', settings.get('wait-interval')!);
  }
  draft.buildExtensions();
  if (leftOver?.code === 'syntax') findings.push(leftOver);
  if (commands.size === 0) report('syntax', 'no command specified', first);
  if (leftOver?.code === 'bad-negation') findings.push(leftOver);
  const isRule = [...commands].some((name) => RULE_COMMANDS.has(name)) && !draft.byNumber;
  draft.buildAddresses(isRule || draft.commands.has('delete'));
  const [command] = commands;
  if (command === 'replace' && draft.addressCount !== 1) {
    report('bad-value', 'Replacement rule does not specify a unique address', settings.get('source') ?? first);
  }
  const asked = [...commands].map((name) => (name === 'delete' && draft.byNumber ? 'delete-number' : name));
  for (const [id, letter] of CHECKED_SETTINGS) {
    const word = settings.get(id);
    if (word !== undefined && asked.length > 0 && !allows(asked, id)) {
      report('syntax', `Illegal option \`-${letter}' with this command`, word);
    }
  }
  if (chain !== undefined && Buffer.byteLength(chain.text) > NAME_LIMIT) {
    const message = `chain name \`${chain.text}' too long (must be under ${NAME_LIMIT + 1} chars)`;
    report('bad-chain', message, chain);
  }
  if (chain === undefined || command === undefined || !RULE_COMMANDS.has(command)) return;
  const refused = OTHER_SIDE.get(chain.text);
  const word = refused && settings.get(refused === 'out' ? 'out-interface' : 'in-interface');
  if (word) report('wrong-chain', `Can't use -${refused === 'out' ? 'o' : 'i'} with ${chain.text}\n`, word);
}

/** `Cannot use -A with -D`: which command was given before. */
export function clash(name: CommandName, given: ReadonlySet<CommandName>): CommandName | undefined {
  const mayJoin = (other: CommandName) =>
    (name === 'zero' && (other === 'list' || other === 'list-rules')) ||
    (other === 'zero' && (name === 'list' || name === 'list-rules'));
  const others = [...given].filter((other) => !mayJoin(other));
  // Of two given together, iptables names the one with the higher bit.
  return others.includes('list') ? (others.findLast((other) => other !== 'list') ?? 'list') : others[0];
}

export function letterOf(name: CommandName): string {
  return COMMAND_LETTERS[name];
}
