// What each option of the compatible commands is for: one table for -h, the manual and the completions.

import {
  BASE_OPTIONS,
  type BaseOption,
  COMMAND_LETTERS,
  type CommandName,
  type SettingName,
} from '../ruleset/options.ts';
import type { OptionDefinition } from './getopt.ts';

/** How an option is shown: its spellings, what it takes, and one line on it. */
export interface OptionHelp {
  readonly names: readonly string[];
  readonly value: string;
  readonly about: string;
}

interface Text {
  readonly value?: string;
  readonly about: string;
}

const COMMANDS: Readonly<Record<CommandName, Text>> = {
  append: { value: 'CHAIN', about: 'add rules at the end' },
  check: { value: 'CHAIN', about: 'say by the exit code whether there is such a rule' },
  delete: { value: 'CHAIN [NUMBER]', about: 'delete a rule, by what it says or by its number' },
  insert: { value: 'CHAIN [NUMBER]', about: 'add rules in front of that number, 1 by default' },
  replace: { value: 'CHAIN NUMBER', about: 'put a rule in the place of another' },
  list: { value: '[CHAIN [NUMBER]]', about: 'list rules' },
  'list-rules': { value: '[CHAIN [NUMBER]]', about: 'print rules as commands' },
  flush: { value: '[CHAIN]', about: 'delete the rules of a chain, or of all' },
  zero: { value: '[CHAIN [NUMBER]]', about: 'set counters to zero; may go with -L and -S' },
  'new-chain': { value: 'CHAIN', about: 'make a chain' },
  'delete-chain': { value: '[CHAIN]', about: 'remove an empty chain that no rule leads to, or all' },
  'rename-chain': { value: 'OLD NEW', about: 'give a chain another name' },
  policy: { value: 'CHAIN POLICY', about: 'ACCEPT or DROP what no rule of a built-in chain decides' },
};

const RULE: Readonly<Partial<Record<SettingName, Text>>> = {
  source: { value: 'ADDRESS[/MASK][,...]', about: 'where the packet comes from' },
  destination: { value: 'ADDRESS[/MASK][,...]', about: 'where it goes' },
  'in-interface': { value: 'NAME', about: 'device it came in by; a + at the end stands for any rest' },
  'out-interface': { value: 'NAME', about: 'device it goes out by' },
  protocol: { value: 'PROTOCOL', about: 'number or name; brings the match of that name with its options' },
  fragments: { about: 'second and later fragments (IPv4)' },
  match: { value: 'MATCH', about: 'what else must hold' },
  jump: { value: 'TARGET', about: 'what to do: a target or a chain' },
  goto: { value: 'CHAIN', about: 'go on in a chain and do not come back' },
  'set-counters': { value: 'PACKETS BYTES', about: 'begin with these counters' },
};

const MANNER: Readonly<Partial<Record<SettingName, Text>>> = {
  table: { value: 'TABLE', about: 'raw, mangle, nat, filter (default) or security' },
  numeric: { about: 'numbers for protocols, ports, flags and ICMP types' },
  verbose: { about: 'counters and devices too; say what is changed' },
  exact: { about: 'counters in full' },
  'line-numbers': { about: 'the number of each rule' },
  wait: { value: '[SECONDS]', about: 'how long to wait for another command to end (default: for ever)' },
  'wait-interval': { value: 'MICROSECONDS', about: 'taken for compatibility, does nothing' },
  modprobe: { value: 'COMMAND', about: 'taken for compatibility, does nothing' },
  ipv4: { about: 'refused by a command for IPv6, which leaves such a line of a file out' },
  ipv6: { about: 'refused by a command for IPv4, which leaves such a line of a file out' },
  help: { about: 'print this text; behind -m or -j also the options of what is named' },
  version: { about: 'print the version' },
};

function helpOf(texts: Readonly<Partial<Record<BaseOption['id'], Text>>>): OptionHelp[] {
  return Object.entries(texts).map(([id, { value = '', about }]) => {
    const options = BASE_OPTIONS.filter((option) => option.id === id);
    const letter = id in COMMAND_LETTERS ? COMMAND_LETTERS[id as CommandName] : options[0]!.letter;
    const short = letter === '0' ? [] : [`-${letter}`];
    return { names: [...short, ...options.map(({ name }) => name)], value, about };
  });
}

/** The options of `iptables-bpf` and `ip6tables-bpf`, by what they are about. */
export const OPTION_GROUPS: readonly { readonly title: string; readonly options: readonly OptionHelp[] }[] = [
  { title: 'Commands', options: helpOf(COMMANDS) },
  { title: 'Rules', options: helpOf(RULE) },
  { title: 'Options', options: helpOf(MANNER) },
];

/** The options of a command with a table of its own; those without a text are silent. */
export function helpOfDefinitions(definitions: readonly OptionDefinition[]): OptionHelp[] {
  return definitions.flatMap(({ short, long, value = '', about }) =>
    about === undefined ? [] : [{ names: [...(short ? [`-${short}`] : []), `--${long}`], value, about }],
  );
}

const COLUMN = 38;

/** One line for each option, as -h shows them. */
export function optionLines(options: readonly OptionHelp[]): string {
  return options
    .map(({ names, value, about }) => {
      const spelled = [names.join(' '), value].filter((word) => word !== '').join(' ');
      const text = names[0]!.startsWith('--') ? `     ${spelled}` : `  ${spelled}`;
      return text.length < COLUMN ? `${text.padEnd(COLUMN)}${about}\n` : `${text}\n${' '.repeat(COLUMN)}${about}\n`;
    })
    .join('');
}
