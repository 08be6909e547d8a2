// The management command: its subcommands and their options. What they do is in bpfilter-commands.ts.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { FINISHES } from '../classify/make-finish.ts';
import { apply, compile, counters, detach, explain, format, status, sync } from './bpfilter-commands.ts';
import { STAGES } from './bpfilter-compile.ts';
import { EXIT } from './compat.ts';
import { EARLY, INEXACT, MODES, PLACEMENTS } from './config.ts';
import type { Context } from './context.ts';
import { placementHelp } from './placements.ts';
import { IPTABLES_VERSION, VERSION } from './version.ts';

export function bpfilter(words: readonly string[], context: Context): number {
  let exitCode: number = EXIT.ok;
  const program = bpfilterProgram((action) => (...values) => {
    exitCode = action(context, ...values);
  })
    .exitOverride()
    .configureOutput({
      writeOut: context.print,
      writeErr: context.printError,
      outputError: (text, write) => write(text.replace(/^error: /, 'bpfilter: ')),
    });
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    program.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.parameter;
  }
  return exitCode;
}

type Action<T extends unknown[]> = (context: Context, ...values: T) => number;

/** All subcommands with their options; `run` makes of an action what commander calls. */
export function bpfilterProgram(run: <T extends unknown[]>(action: Action<T>) => (...values: T) => void): Command {
  const program = new Command('bpfilter')
    .description('Enforces an iptables ruleset with eBPF, in the network namespace that it is run in.')
    .version(`bpfilter ${VERSION} (iptables ${IPTABLES_VERSION})`, '-V, --version', 'print the version');

  placementOptions(program.command('apply'), PLACEMENTS)
    .description('bring an iptables-save file into force; counters of rules that stay are kept')
    .argument('<file>', 'ruleset, - for the standard input')
    .option(...IPV6)
    .addOption(deviceOption('a device to attach to at placements exact and xdp'))
    .addOption(new Option('--mode <mode>', 'how XDP programs are attached').choices(MODES))
    .option('--test', 'compile and have the kernel verify, change nothing')
    .option('-w, --wait <seconds>', 'how long to wait for another command to end', seconds)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', placementHelp())
    .action(run(apply));

  program
    .command('status')
    .description('show what is enforced, where, and what is wrong')
    .option('--json', 'print JSON')
    .action(run(status));

  program
    .command('counters')
    .description('show the hit counters of all rules')
    .option('--ipv6', 'of the rules of ip6tables')
    .option('--json', 'print JSON')
    .action(run(counters));

  placementOptions(program.command('compile'), ENFORCING_PLACEMENTS)
    .description('show what the compiler makes of a ruleset; needs no root')
    .argument('<file>', 'ruleset, - for the standard input')
    .option(...IPV6)
    .addOption(new Option('--dump <stage>', 'what to show').choices(STAGES).default('after:all'))
    .addOption(
      new Option('--finish <finish>', 'the finish of the stages from classification on; chosen if absent').choices(
        FINISHES,
      ),
    )
    .option(...HERE)
    .action(run(compile));

  program
    .command('explain')
    .description(
      'show how packets find their rules in a ruleset, which rules no packet meets, and at placement exact which drop packets before netfilter, and why not the others; needs no root',
    )
    .argument('<file>', 'ruleset, - for the standard input')
    .option(...IPV6)
    .addOption(placementOption(ENFORCING_PLACEMENTS))
    .addOption(new Option('--finish <finish>', 'the finish of all lists that can have it').choices(FINISHES))
    .option(...HERE)
    .addOption(deviceOption('a device to explain with --here'))
    .addOption(new Option('--mode <mode>', 'how XDP programs would be attached').choices(MODES))
    .addOption(earlyOption())
    .option('--rules', 'name every rule that is or is not dropped early, not only the first of each kind')
    .option('--json', 'print the result as JSON')
    .action(run(explain));

  program
    .command('fmt')
    .description('print a ruleset in the form of iptables-save; tells every mistake; needs no root')
    .argument('<file>', 'ruleset, - for the standard input')
    .option(...IPV6)
    .option('--json', 'print the result as JSON')
    .action(run(format));

  program
    .command('sync')
    .description('look anew at addresses, routes and other filters, on which early verdicts rest (placement exact)')
    .option('-w, --wait <seconds>', 'how long to wait for another command to end', seconds)
    .action(run(sync));

  program
    .command('detach')
    .description(
      'accept everything again in both families, take all that is ours out of the kernel, and forget rules that are only kept',
    )
    .option('-w, --wait <seconds>', 'how long to wait for another command to end', seconds)
    .action(run(detach));

  return program;
}

const HERE = [
  '--here',
  'at placement exact: with the addresses, routes and other filters of this network namespace (needs root), not of an assumed host',
] as const;

const IPV6 = ['--ipv6', 'the rules are those of ip6tables'] as const;

function earlyOption(): Option {
  return new Option('--early <choice>', 'which packets are dropped at XDP at placement exact').choices(EARLY);
}

const ENFORCING_PLACEMENTS = PLACEMENTS.filter((placement) => placement !== 'none');

function placementOption(placements: readonly string[]): Option {
  return new Option('--placement <placement>', 'where rules are enforced').choices(placements);
}

/** One name each time, so that a file may follow. */
function deviceOption(about: string): Option {
  const add = (name: string, before: readonly string[] | undefined) => [...(before ?? []), name];
  const all = 'may be given several times (default: those of the configuration)';
  return new Option('--device <name>', `${about}; ${all}`).argParser(add);
}

function placementOptions(command: Command, placements: readonly string[]): Command {
  const list = (value: string) => value.split(',').filter((word) => word !== '');
  return command
    .addOption(placementOption(placements))
    .addOption(earlyOption())
    .addOption(
      new Option('--allow-inexact <losses>', `what placement xdp may ignore: ${INEXACT.join(',')}`).argParser(
        (value) => {
          const words = list(value);
          const unknown = words.find((word) => !(INEXACT as readonly string[]).includes(word));
          if (unknown !== undefined) throw new InvalidArgumentError(`no such loss: ${unknown}.`);
          return words;
        },
      ),
    );
}

function seconds(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('not a number of seconds.');
  return Number(value);
}
