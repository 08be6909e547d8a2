// iptables-bpf-restore: enforces the filter table of an iptables-save file, all of it or nothing.
//
// The whole file is read, compiled and verified by the kernel before anything changes. In contrast to iptables, every
// mistake is told, not the first alone, and a mistake in one table keeps the others from being committed too.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { ApplyRequest, Engine } from '../engine/types.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { parseRuleset } from '../ruleset/parse.ts';
import { CommandError, EXIT, exitCodeOf, parseSeconds, versionLine } from './compat.ts';
import { loadConfig } from './config.ts';
import type { Context } from './context.ts';
import { describeProblem, type OptionDefinition, OptionReader } from './getopt.ts';
import { enforcedTable, isUnchanged, printWarnings, renderDiagnostics, whereToEnforce, withEngine } from './request.ts';

const PROGRAM = 'iptables-restore';
const COMMAND = 'iptables-bpf-restore';

const OPTIONS: readonly OptionDefinition[] = [
  { short: 'c', long: 'counters', argument: 'none' },
  { short: 'v', long: 'verbose', argument: 'none' },
  { short: 'V', long: 'version', argument: 'none' },
  { short: 't', long: 'test', argument: 'none' },
  { short: 'h', long: 'help', argument: 'none' },
  { short: 'n', long: 'noflush', argument: 'none' },
  { short: 'M', long: 'modprobe', argument: 'required' },
  { short: 'T', long: 'table', argument: 'required' },
  { short: 'w', long: 'wait', argument: 'optional' },
  { short: 'W', long: 'wait-interval', argument: 'optional' },
];

const HELP = `Usage: ${COMMAND} [-c] [-t] [-n] [-w [SECONDS]] [-T TABLE] [-v] [FILE]

Makes the filter table of an iptables-save FILE (default: standard input) the one in force.

  -c --counters          take the counters that the file has
  -t --test              compile and have the kernel verify, change nothing
  -n --noflush           add to the rules in force instead of replacing them
  -w --wait [SECONDS]    how long to wait for another command to end (default: for ever)
  -T --table TABLE       of several tables in the file, take only this one
  -v --verbose           say what was enforced, and how
  -h --help              print this text
  -V --version           print the version

Where rules are enforced is set in /etc/bpfilter/config.json and by BPFILTER_* variables.
`;

interface Options {
  counters: boolean;
  test: boolean;
  noflush: boolean;
  verbose: boolean;
  wait?: number;
  table?: string;
  file?: string;
}

export function restore(words: readonly string[], context: Context): number {
  const options = readOptions(words, context);
  if (options === undefined) return EXIT.ok;
  const config = loadConfig(context.environment);
  const whole = readText(options.file, context);
  const text = options.table === undefined ? whole : onlyTable(whole, options.table);
  return withEngine(config, context, (engine) => {
    const enforce = () => {
      const { counters, noflush } = options;
      const before = engine.current('ipv4', noflush ? 'throw' : 'nothing')?.ruleset;
      const file = options.file ?? '<stdin>';
      const existing = before && { existing: before };
      const { ruleset, diagnostics } = parseRuleset(text, { file, noflush, counters, ...existing });
      if (diagnostics.length > 0) return refuse(diagnostics, whole, context);
      if (isUnchanged(ruleset, before)) return EXIT.ok;
      const where = whereToEnforce(config, context.kernel);
      const source = { file, text: whole };
      const request: ApplyRequest = { ruleset, source, ...counting(noflush, ruleset, before), ...where };
      return hand(request, engine, options, context);
    };
    return engine.withLock(options.wait ?? config.wait, enforce);
  });
}

/**
 * A restore begins with the counters that it sets; with -n, the rules that were there before go on counting, and always
 * where the file does not have the table.
 */
function counting(
  noflush: boolean,
  ruleset: Ruleset,
  before: Ruleset | undefined,
): Pick<ApplyRequest, 'counters' | 'kept'> {
  if (!noflush && enforcedTable(ruleset) !== enforcedTable(before)) return { counters: 'ruleset' };
  const chains = before?.tables.flatMap((table) => table.chains) ?? [];
  return { counters: 'carry', kept: new Set(chains.flatMap((chain) => chain.rules)) };
}

function hand(request: ApplyRequest, engine: Engine, options: Options, context: Context): number {
  const result = options.test ? engine.verify(request) : engine.apply(request);
  if (!result.ok) return refuse(result.diagnostics, request.source.text, context);
  printWarnings(COMMAND, result.warnings, context);
  if (options.verbose) for (const note of result.notes) context.print(`${note}\n`);
  return EXIT.ok;
}

function refuse(diagnostics: readonly Diagnostic[], text: string, context: Context): number {
  context.printError(renderDiagnostics(diagnostics, text));
  return exitCodeOf(diagnostics);
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
function readOptions(words: readonly string[], context: Context): Options | undefined {
  const options: Options = { counters: false, test: false, noflush: false, verbose: false };
  const files: string[] = [];
  const reader = new OptionReader(words, OPTIONS);
  let interval = false;
  for (let item = reader.next(); item !== undefined; item = reader.next()) {
    if (item.kind === 'word') {
      files.push(item.word);
      continue;
    }
    if (item.kind === 'problem') {
      const text = `${COMMAND}: ${describeProblem(item)}\nTry \`${PROGRAM} -h' for more information.\n`;
      throw new CommandError(text, EXIT.other);
    }
    switch (item.name) {
      case 'help':
        context.print(HELP);
        return undefined;
      case 'version':
        context.print(`${versionLine(PROGRAM)}\n`);
        return undefined;
      case 'counters':
      case 'test':
      case 'noflush':
      case 'verbose':
        options[item.name] = true;
        break;
      case 'table':
        options.table = item.value!;
        break;
      case 'wait': {
        const value = item.value ?? reader.takeWord();
        options.wait = value === undefined ? Number.POSITIVE_INFINITY : parseSeconds(PROGRAM, value);
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
