// Entry of the iptables-compatible commands: one program, told apart by the name it is called by. Under any other name
// its first word names the command, as in `xtables-legacy-multi iptables-save`.

import { basename } from 'node:path';
import { CommandError, EXIT } from './compat.ts';
import { type Command, processContext } from './context.ts';
import { runCommand } from './errors.ts';
import { iptables } from './iptables.ts';
import { restore } from './iptables-restore.ts';
import { save } from './iptables-save.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['iptables-bpf', iptables],
  ['iptables-bpf-restore', restore],
  ['iptables-bpf-save', save],
]);

/** The short names too, for the first word. */
const BY_WORD: ReadonlyMap<string, string> = new Map([
  ...[...COMMANDS.keys()].map((name) => [name, name] as const),
  ['iptables', 'iptables-bpf'],
  ['iptables-restore', 'iptables-bpf-restore'],
  ['iptables-save', 'iptables-bpf-save'],
  ['restore', 'iptables-bpf-restore'],
  ['save', 'iptables-bpf-save'],
]);

function main(argv: readonly string[]): number {
  const context = processContext();
  const called = basename(argv[1] ?? '');
  const words = argv.slice(2);
  const name = COMMANDS.has(called) ? called : BY_WORD.get(words.shift() ?? '');
  const command = name === undefined ? unknownCommand(called) : COMMANDS.get(name)!;
  return runCommand(name ?? called, command, words, context);
}

function unknownCommand(called: string): Command {
  return () => {
    const names = [...COMMANDS.keys()].join(', ');
    throw new CommandError(`${called}: the first word must name a command: ${names}\n`, EXIT.parameter);
  };
}

process.exitCode = main(process.argv);
