// iptables-bpf-restore and ip6tables-bpf-restore: put a file of rules into force, all of it or nothing.
//
// The whole file is read, compiled and verified by the kernel before anything changes. In contrast to iptables, every
// mistake is told, not the first alone, and a mistake in one table keeps the others from being committed too.

import type { TableName } from '../base/hooks.ts';
import type { ApplyRequest, Engine } from '../engine/types.ts';
import { describeRule } from '../ruleset/list.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { systemNames } from '../ruleset/names.ts';
import { type ParseObserver, parseRuleset } from '../ruleset/parse.ts';
import { isTable } from '../ruleset/tables.ts';
import { CommandError, EXIT, parseSeconds, refuseFile } from './compat.ts';
import { loadConfig } from './config.ts';
import type { Context } from './context.ts';
import { hintAtFamily } from './family-hint.ts';
import { describeProblem, type OptionDefinition, OptionReader } from './getopt.ts';
import { expectWork } from './large-input.ts';
import { commandNames } from './names.ts';
import { helpOfDefinitions, optionLines } from './options-help.ts';
import { commandName, PROGRAMS, type Program } from './program.ts';
import { enforcedTable, whereToEnforce, withEngine } from './request.ts';
import { versionLine } from './version.ts';

export const RESTORE_OPTIONS: readonly OptionDefinition[] = [
  { short: 'b', long: 'binary', argument: 'none' },
  { short: 'c', long: 'counters', argument: 'none', about: 'take the counters that the file has' },
  { short: 'v', long: 'verbose', argument: 'none', about: 'say what is read and done' },
  { short: 'V', long: 'version', argument: 'none', about: 'print the version' },
  {
    ...{ short: 't', long: 'test', argument: 'optional', value: '[=syntax]' },
    about: 'compile and have the kernel verify, change nothing; =syntax reads the file only and needs no rights',
  },
  { short: 'h', long: 'help', argument: 'none', about: 'print this text' },
  { short: 'n', long: 'noflush', argument: 'none', about: 'add to the rules in force instead of replacing them' },
  { short: 'M', long: 'modprobe', argument: 'required' },
  { short: 'T', long: 'table', argument: 'required', value: 'TABLE', about: 'of several tables, take only this one' },
  {
    ...{ short: 'w', long: 'wait', argument: 'optional', value: '[SECONDS]' },
    about: 'how long to wait for another command to end (default: for ever)',
  },
  { short: 'W', long: 'wait-interval', argument: 'optional' },
];

export const RESTORE_ABOUT = 'Makes the rules of an iptables-save FILE (default: standard input) the ones in force.';

function help(command: string): string {
  return `Usage: ${command} [OPTIONS] [FILE]

${RESTORE_ABOUT}

${optionLines(helpOfDefinitions(RESTORE_OPTIONS))}
Where rules are enforced is set in /etc/bpfilter/config.json and by BPFILTER_* variables.
`;
}

interface Options {
  counters: boolean;
  test: 'no' | 'syntax' | 'verify';
  noflush: boolean;
  verbose: boolean;
  wait?: number;
  table?: string;
  file?: string;
}

export function restore(words: readonly string[], context: Context, program: Program): number {
  const options = readOptions(words, context, program);
  if (options === undefined) return EXIT.ok;
  const whole = readText(options.file, context);
  expectWork(whole);
  if (options.test === 'syntax') {
    read(whole, undefined, options, context, program);
    return EXIT.ok;
  }
  const config = loadConfig(context.environment);
  return withEngine(config, context, (engine) => {
    const enforce = () => {
      const { noflush } = options;
      const replaced = noflush || options.verbose ? undefined : tablesIn(whole, options.table);
      const before = engine.basis(program.family, noflush ? 'throw' : 'nothing', replaced);
      const ruleset = read(whole, before?.ruleset, options, context, program);
      const unchanged = ruleset.tables.every((table) => before?.ruleset.tables.includes(table));
      if (unchanged) return EXIT.ok;
      const where = whereToEnforce(config, context.kernel, { before });
      const source = { file: options.file ?? '<stdin>' };
      const counters = counting(noflush, ruleset, before?.ruleset);
      const request: ApplyRequest = { ruleset, source, before, counters, ...where };
      return hand(request, whole, engine, options, context, program);
    };
    return engine.withLock(options.wait ?? config.wait, enforce);
  });
}

/** The ruleset of the file; ends the command where it has a mistake. */
function read(
  whole: string,
  existing: Ruleset | undefined,
  options: Options,
  context: Context,
  program: Program,
): Ruleset {
  const { counters, noflush, file = '<stdin>', table, verbose } = options;
  const text = table === undefined ? whole : onlyTable(whole, table);
  const parsed = parseRuleset(text, {
    ...{ file, family: program.family, noflush, counters },
    names: options.test === 'syntax' ? systemNames() : commandNames(context),
    ...(existing && { existing }),
    ...(verbose && { observer: narrator(context, program, noflush) }),
  });
  if (parsed.diagnostics.length > 0) {
    const { family } = program;
    const other = commandName(PROGRAMS.find((each) => each.family !== family)!, 'restore');
    throw refuseFile(hintAtFamily(parsed.diagnostics, text, family, `by ${other}`), whole, `${program.name}-restore`);
  }
  return parsed.ruleset;
}

/** What -v says of a file while it is read. With -n, iptables says nothing of tables and rules. */
function narrator(context: Context, { family }: Program, noflush: boolean): ParseObserver {
  return {
    comment: (line) => context.print(`${line}\n`),
    table: (draft) => {
      if (noflush) return;
      const names = draft.chainNames();
      const users = names.filter((name) => !draft.isBuiltin(name));
      context.print(names.map((name) => `Flushing chain \`${name}'\n`).join(''));
      context.print(users.map((name) => `Deleting chain \`${name}'\n`).join(''));
    },
    command: (_, rules) => {
      if (!noflush) context.print(rules.map((rule) => describeRule(rule, family, systemNames())).join(''));
    },
  };
}

/**
 * A restore begins with the counters that it sets; with -n, the rules that were there before go on counting. Tables
 * that the file does not have keep theirs.
 */
function counting(noflush: boolean, ruleset: Ruleset, before: Ruleset | undefined): ApplyRequest['counters'] {
  // What counts goes on to count while the ruleset is compiled.
  return !noflush && enforcedTable(ruleset) !== enforcedTable(before) ? 'ruleset' : 'kept';
}

/** The tables that a file has, or the one of them that is to be taken: of what is there, their rules need not be read. */
function tablesIn(text: string, only: string | undefined): ReadonlySet<TableName> {
  const names = Array.from(text.matchAll(/^\*\s*(\S+)/gm), ([, name]) => name!);
  return new Set(names.filter(isTable).filter((name) => only === undefined || name === only));
}

function hand(
  request: ApplyRequest,
  whole: string,
  engine: Engine,
  options: Options,
  context: Context,
  program: Program,
): number {
  const result = options.test === 'verify' ? engine.verify(request) : engine.apply(request);
  if (!result.ok) throw refuseFile(result.diagnostics, whole, `${program.name}-restore`);
  // What there is to note, `bpfilter status` shows: iptables would not say it.
  if (options.test !== 'verify') engine.settle();
  for (const warning of result.warnings) context.printError(`${commandName(program, 'restore')}: ${warning}\n`);
  return EXIT.ok;
}

/** The text with the lines of all other tables emptied, so that lines keep their numbers. */
function onlyTable(text: string, name: string): string {
  let inside: string | undefined;
  return text
    .split('\n')
    .map((line) => {
      const start = inside === undefined ? /^\*\s*(\S*)/.exec(line) : null;
      if (start !== null) inside = start[1]!;
      const keep = inside === undefined || inside === name;
      if (line === 'COMMIT') inside = undefined;
      return keep ? line : '';
    })
    .join('\n');
}

function readText(file: string | undefined, context: Context): string {
  try {
    return context.readInput(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'No such file or directory' : message;
    throw new CommandError(`Can't open ${file ?? '<stdin>'}: ${reason}\n`, EXIT.other);
  }
}

/** `undefined` where an option asked for something to be printed, and it was. */
function readOptions(words: readonly string[], context: Context, program: Program): Options | undefined {
  const command = commandName(program, 'restore');
  const name = `${program.name}-restore`;
  const options: Options = { counters: false, test: 'no', noflush: false, verbose: false };
  const files: string[] = [];
  const reader = new OptionReader(words, RESTORE_OPTIONS);
  let interval = false;
  for (let item = reader.next(); item !== undefined; item = reader.next()) {
    if (item.kind === 'word') {
      files.push(item.word);
      continue;
    }
    if (item.kind === 'problem') {
      const text = `${command}: ${describeProblem(item)}\nTry \`${name} -h' for more information.\n`;
      throw new CommandError(text, EXIT.other);
    }
    switch (item.name) {
      case 'help':
        context.print(help(command));
        return undefined;
      case 'version':
        context.print(`${versionLine(name)}\n`);
        return undefined;
      case 'binary':
        context.printError('-b/--binary option is not implemented\n');
        break;
      case 'test':
        options.test = testOf(item.value, command);
        break;
      case 'counters':
      case 'noflush':
      case 'verbose':
        options[item.name] = true;
        break;
      case 'table':
        options.table = item.value!;
        break;
      case 'wait': {
        const value = item.value ?? reader.takeWord();
        options.wait = value === undefined ? Number.POSITIVE_INFINITY : parseSeconds(name, value);
        break;
      }
      case 'wait-interval':
        if (item.value === undefined) reader.takeWord();
        context.printError('Ignoring deprecated --wait-interval option.\n');
        interval = true;
        break;
    }
  }
  if (files.length > 1) throw new CommandError('Unknown arguments found on commandline\n', EXIT.other);
  if (interval && options.wait === undefined) {
    throw new CommandError('Option --wait-interval requires option --wait\n', EXIT.other);
  }
  const [file] = files;
  return file === undefined ? options : { ...options, file };
}

function testOf(value: string | undefined, command: string): Options['test'] {
  if (value === undefined) return 'verify';
  if (value === 'syntax') return 'syntax';
  throw new CommandError(`${command}: --test takes nothing, or =syntax\n`, EXIT.other);
}
