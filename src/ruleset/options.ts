// The options that every command of iptables 1.8.9 may have: what it does, the conditions of a rule, and how it is done.
//
// A rule line of a file is such a command too, so files and the command line are read by the same table.

import type { OptionForm } from '../../grammar/getopt.ts';

/** What a command does. `zero` may go with the two that list. */
export type CommandName =
  | 'append'
  | 'check'
  | 'delete'
  | 'insert'
  | 'replace'
  | 'list'
  | 'list-rules'
  | 'flush'
  | 'zero'
  | 'new-chain'
  | 'delete-chain'
  | 'rename-chain'
  | 'policy';

/** Everything else: conditions of the rule, and ways of doing it. */
export type SettingName =
  | 'source'
  | 'destination'
  | 'protocol'
  | 'in-interface'
  | 'out-interface'
  | 'jump'
  | 'goto'
  | 'match'
  | 'fragments'
  | 'table'
  | 'numeric'
  | 'verbose'
  | 'exact'
  | 'line-numbers'
  | 'wait'
  | 'wait-interval'
  | 'modprobe'
  | 'set-counters'
  | 'ipv4'
  | 'ipv6'
  | 'version'
  | 'help';

export interface BaseOption extends OptionForm {
  readonly owner: 'base';
  readonly id: CommandName | SettingName;
  /** As messages show it, behind a dash. */
  readonly letter: string;
}

/** Commands whose words describe a rule. */
export const RULE_COMMANDS: ReadonlySet<string> = new Set(['append', 'check', 'delete', 'insert', 'replace']);

export const COMMAND_LETTERS: Readonly<Record<CommandName, string>> = {
  append: 'A',
  check: 'C',
  delete: 'D',
  insert: 'I',
  replace: 'R',
  list: 'L',
  'list-rules': 'S',
  flush: 'F',
  zero: 'Z',
  'new-chain': 'N',
  'delete-chain': 'X',
  'rename-chain': 'E',
  policy: 'P',
};

const option = (
  letter: string,
  id: BaseOption['id'],
  arity: number,
  optional?: number,
  name: string = id,
): BaseOption => ({
  ...{ owner: 'base', id, letter, name: `--${name}`, arity },
  ...(optional !== undefined && { optional }),
});

/** In getopt's order, which decides nothing but the words of an ambiguity. */
export const BASE_OPTIONS: readonly BaseOption[] = [
  option('A', 'append', 1),
  option('D', 'delete', 1, 1),
  option('C', 'check', 1),
  option('I', 'insert', 1, 1),
  option('R', 'replace', 1, 1),
  option('L', 'list', 0, 2),
  option('S', 'list-rules', 0, 2),
  option('F', 'flush', 0, 1),
  option('Z', 'zero', 0, 2),
  option('N', 'new-chain', 1),
  option('X', 'delete-chain', 0, 1),
  option('E', 'rename-chain', 1, 1),
  option('P', 'policy', 1, 1),
  option('s', 'source', 1),
  option('d', 'destination', 1),
  option('s', 'source', 1, undefined, 'src'),
  option('d', 'destination', 1, undefined, 'dst'),
  option('p', 'protocol', 1),
  option('i', 'in-interface', 1),
  option('j', 'jump', 1),
  option('t', 'table', 1),
  option('m', 'match', 1),
  option('n', 'numeric', 0),
  option('o', 'out-interface', 1),
  option('v', 'verbose', 0),
  option('w', 'wait', 0, 1),
  option('W', 'wait-interval', 0, 1),
  option('x', 'exact', 0),
  option('f', 'fragments', 0),
  option('V', 'version', 0),
  option('h', 'help', 0, 1),
  option('0', 'line-numbers', 0),
  option('M', 'modprobe', 1),
  option('c', 'set-counters', 1, 1),
  option('g', 'goto', 1),
  option('4', 'ipv4', 0),
  option('6', 'ipv6', 0),
];

const byLetter = new Map(BASE_OPTIONS.toReversed().map((each) => [each.letter, each]));
byLetter.delete('0');

/** The option of a letter, without its dash. */
export function optionOfLetter(letter: string): BaseOption | undefined {
  return byLetter.get(letter);
}

/** What each command allows besides its own words: `generic_opt_check` of iptables(8) as measured; all allow -v. */
const RULE_SETTINGS = ['source', 'destination', 'protocol', 'jump', 'verbose', 'in-interface', 'out-interface'];
const CONDITIONS = [...RULE_SETTINGS, 'fragments'];
const ALLOWED: Readonly<Record<CommandName | 'delete-number', readonly string[]>> = {
  append: [...CONDITIONS, 'set-counters'],
  insert: [...CONDITIONS, 'set-counters'],
  replace: [...CONDITIONS, 'set-counters'],
  delete: CONDITIONS,
  check: CONDITIONS,
  'delete-number': ['verbose'],
  list: ['numeric', 'verbose', 'exact', 'line-numbers'],
  'list-rules': ['verbose'],
  flush: ['verbose'],
  zero: ['verbose'],
  'new-chain': ['verbose'],
  'delete-chain': ['verbose'],
  'rename-chain': ['verbose'],
  policy: ['verbose', 'set-counters'],
};

/** Settings that are checked against the command, in the order in which iptables complains, with their letters. */
export const CHECKED_SETTINGS: readonly (readonly [id: SettingName, letter: string])[] = [
  ['numeric', 'n'],
  ['source', 's'],
  ['destination', 'd'],
  ['protocol', 'p'],
  ['jump', 'j'],
  ['verbose', 'v'],
  ['exact', 'x'],
  ['in-interface', 'i'],
  ['out-interface', 'o'],
  ['line-numbers', '0'],
  ['set-counters', 'c'],
  ['fragments', 'f'],
];

/** Whether one of the commands given together allows the setting. */
export function allows(commands: readonly (CommandName | 'delete-number')[], setting: SettingName): boolean {
  return commands.some((command) => ALLOWED[command].includes(setting));
}
