// Entry of the iptables-compatible commands: one program, told apart by the name it is called by. Under any other name
// its first word names the command, as in `xtables-legacy-multi iptables-save`.

import { basename } from 'node:path';
import { CommandError, EXIT } from './compat.ts';
import { type Command, type Context, processContext } from './context.ts';
import { runCommand } from './errors.ts';
import { iptables } from './iptables.ts';
import { restore } from './iptables-restore.ts';
import { save } from './iptables-save.ts';
import { xml } from './iptables-xml.ts';
import { commandName, PROGRAMS, type Program, XML_COMMAND } from './program.ts';

const TOOLS: readonly (readonly [tool: 'restore' | 'save' | undefined, run: Tool])[] = [
  [undefined, iptables],
  ['restore', restore],
  ['save', save],
];

type Tool = (words: readonly string[], context: Context, program: Program) => number;

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ...PROGRAMS.flatMap((program) =>
    TOOLS.map(([tool, run]): [string, Command] => [
      commandName(program, tool),
      (words, context) => run(words, context, program),
    ]),
  ),
  [XML_COMMAND, xml] as const,
]);

/** The names of iptables' own commands, and the short ones, for the first word. */
const BY_WORD: ReadonlyMap<string, string> = new Map([
  ...[...COMMANDS.keys()].flatMap((name) => [[name, name] as const, [name.replace('-bpf', ''), name] as const]),
  ['restore', 'iptables-bpf-restore'],
  ['save', 'iptables-bpf-save'],
  ['xml', XML_COMMAND],
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

// Ends at once: all is written and closed, and Node would take the whole heap apart first.
process.exit(main(process.argv));
