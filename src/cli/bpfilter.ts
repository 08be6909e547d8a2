// The management command: its subcommands and their options.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { type Diagnostic, severityOf } from '../base/diagnostic.ts';
import { FAMILIES, FAMILY_NAME, type Family } from '../base/family.ts';
import type { EarlyChoice, EnforcingPlacement } from '../base/hooks.ts';
import { FINISHES, type FinishName } from '../classify/make-finish.ts';
import { chooseDevices } from '../engine/devices.ts';
import { earlyNotes, type GroundOrWhy } from '../engine/early-ground.ts';
import { currentGround } from '../engine/early-sync.ts';
import { explainRuleset } from '../engine/explain.ts';
import type { ApplyRequest } from '../engine/types.ts';
import { parseRuleset } from '../ruleset/parse.ts';
import { printRuleset } from '../ruleset/print.ts';
import { dumpStage, STAGES } from './bpfilter-compile.ts';
import { describeExplanation, explanationData } from './bpfilter-explain.ts';
import { countersOf, describeCounters, describeStatus } from './bpfilter-show.ts';
import { CommandError, EXIT } from './compat.ts';
import { type Config, EARLY, INEXACT, loadConfig, MODES, PLACEMENTS } from './config.ts';
import type { Context } from './context.ts';
import { commandNames } from './names.ts';
import { placementHelp } from './placements.ts';
import { isUnchanged, printWarnings, renderDiagnostics, whereToEnforce, withEngine } from './request.ts';
import type { ApplyOutput, ExplainOutput, FormatOutput, StatusOutput } from './schemas.ts';
import { IPTABLES_VERSION, VERSION } from './version.ts';

type WhereOptions = Partial<Pick<Config, 'placement' | 'mode' | 'early' | 'allowInexact'>>;

/** Whose rules a command is about. */
interface FamilyOption {
  readonly ipv6?: boolean;
}

const familyOf = ({ ipv6 }: FamilyOption): Family => (ipv6 ? 'ipv6' : 'ipv4');

interface ApplyOptions extends WhereOptions, FamilyOption {
  readonly device?: readonly string[];
  readonly test?: boolean;
  readonly wait?: number;
  readonly json?: boolean;
}

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

/** The configuration with what the command line says otherwise. */
function configFor(context: Context, { placement, mode, early, allowInexact }: WhereOptions): Config {
  const config = loadConfig(context.environment);
  return {
    ...config,
    placement: placement ?? config.placement,
    mode: mode ?? config.mode,
    early: early ?? config.early,
    allowInexact: allowInexact ?? config.allowInexact,
  };
}

interface Source {
  readonly file: string;
  readonly text: string;
}

function readSource(file: string, context: Context): Source {
  const path = file === '-' ? undefined : file;
  try {
    return { file: path ?? '<stdin>', text: context.readInput(path) };
  } catch (error) {
    throw new CommandError(`bpfilter: cannot read ${path ?? '<stdin>'}: ${(error as Error).message}\n`, EXIT.other);
  }
}

function apply(context: Context, file: string, options: ApplyOptions): number {
  const config = configFor(context, options);
  const family = familyOf(options);
  const source = readSource(file, context);
  return withEngine(config, context, (engine) =>
    engine.withLock(options.wait ?? config.wait, () => {
      const before = engine.basis(family, 'nothing');
      const { ruleset, diagnostics } = parseRuleset(source.text, {
        file: source.file,
        family,
        names: commandNames(context),
        ...(before && { existing: before.ruleset }),
      });
      if (diagnostics.length > 0) return refuse(diagnostics, source, options, context);
      if (isUnchanged(ruleset, before?.ruleset)) throw noTable(source);
      const where = whereToEnforce(config, context.kernel, { before, devices: options.device });
      const request: ApplyRequest = { ruleset, source, before, counters: 'carry', ...where };
      const result = options.test ? engine.verify(request) : engine.apply(request);
      if (!result.ok) return refuse(result.diagnostics, source, options, context);
      const { generation, warnings } = result;
      const unused = withoutEffect(options, where.placement);
      const notes = [...unused, ...result.notes, ...(options.test ? [] : engine.settle())];
      printWarnings('bpfilter', warnings, context);
      if (options.json) {
        const { placement, mode, early, devices, allowInexact } = where;
        printJson<ApplyOutput>(context, {
          ...{ ok: true, family, generation, placement, mode },
          ...(early !== undefined && { early }),
          devices: [...devices],
          allowInexact: [...allowInexact],
          diagnostics: result.diagnostics.map(diagnosticData),
          notes,
          warnings: [...warnings],
        });
      } else {
        for (const note of notes) context.print(`${note}\n`);
        context.print(outcome(options.test === true, generation));
      }
      return EXIT.ok;
    }),
  );
}

/** Tells of options that the placement does not look at. */
function withoutEffect(options: ApplyOptions, placement: Config['placement']): string[] {
  const hasDevices = placement === 'exact' || placement === 'xdp';
  const isUsed = {
    early: placement === 'exact',
    device: hasDevices,
    mode: hasDevices,
    allowInexact: placement === 'xdp',
  };
  const unused = Object.entries(isUsed).filter(([name, used]) => !used && name in options);
  return unused.map(
    ([name]) => `--${name === 'allowInexact' ? 'allow-inexact' : name} has no effect at placement ${placement}`,
  );
}

function outcome(isTest: boolean, generation: number): string {
  if (isTest) return 'The ruleset is sound; nothing was changed.\n';
  return generation === 0 ? 'The ruleset is kept.\n' : `Generation ${generation} is in force.\n`;
}

function noTable(source: Source): CommandError {
  return new CommandError(`bpfilter: ${source.file} has no table; nothing was changed\n`, EXIT.other);
}

function refuse(
  diagnostics: readonly Diagnostic[],
  source: Source,
  options: { readonly json?: boolean },
  context: Context,
): number {
  if (options.json) printJson<ApplyOutput>(context, { ok: false, diagnostics: diagnostics.map(diagnosticData) });
  else context.printError(renderDiagnostics(diagnostics, source.text));
  return EXIT.other;
}

function diagnosticData(diagnostic: Diagnostic) {
  const { code, message, file, span, hint } = diagnostic;
  return { code, severity: severityOf(diagnostic), message: message.trim(), file, span, ...(hint && { hint }) };
}

function status(context: Context, options: { readonly json?: boolean }): number {
  const found = withEngine(loadConfig(context.environment), context, (engine) => engine.status());
  if (options.json) printJson<StatusOutput>(context, found as StatusOutput);
  else context.print(describeStatus(found, (text) => (context.colour ? `\x1b[1;31m${text}\x1b[0m` : text)));
  return EXIT.ok;
}

function counters(context: Context, options: FamilyOption & { readonly json?: boolean }): number {
  const family = familyOf(options);
  const current = withEngine(loadConfig(context.environment), context, (engine) => engine.current(family));
  const found = countersOf(family, current);
  if (options.json) printJson(context, found);
  else context.print(describeCounters(found));
  return EXIT.ok;
}

/** Whose facts early verdicts are made with. */
interface HereOption {
  readonly here?: boolean;
}

interface CompileOptions extends WhereOptions, FamilyOption, HereOption {
  readonly dump: string;
  readonly finish?: FinishName;
}

function compile(context: Context, file: string, options: CompileOptions): number {
  const { placement, allowInexact, early } = whereToEnforce(configFor(context, options), context.kernel);
  if (placement === 'none') {
    throw new CommandError('bpfilter: placement none compiles nothing; name one with --placement\n', EXIT.parameter);
  }
  const where = { placement, allowInexact, early, finish: options.finish };
  const source = readSource(file, context);
  const { ruleset, diagnostics } = parseRuleset(source.text, { file: source.file, family: familyOf(options) });
  if (diagnostics.length > 0) return refuse(diagnostics, source, {}, context);
  const hostFacts = () => context.kernel.hostFacts(false, ruleset.family);
  const ground = groundFor(options, where, ruleset.family, context);
  if (ground !== undefined) {
    printWarnings('bpfilter', earlyNotes(ground, 'why' in ground ? undefined : ground), context);
  }
  const dump = dumpStage(options.dump, { ruleset, file: source.file, where, hostFacts, ground });
  if (typeof dump !== 'string') return refuse(dump, source, {}, context);
  context.print(dump);
  return EXIT.ok;
}

interface ExplainCommandOptions extends FamilyOption, HereOption, Pick<WhereOptions, 'mode' | 'early'> {
  readonly placement?: EnforcingPlacement;
  readonly finish?: FinishName;
  readonly device?: readonly string[];
  readonly rules?: boolean;
  readonly json?: boolean;
}

function explain(context: Context, file: string, options: ExplainCommandOptions): number {
  const { finish, json } = options;
  const config = configFor(context, options);
  const asked = whereToEnforce(config, context.kernel, { devices: options.device });
  const placement = asked.placement === 'none' ? 'netfilter' : asked.placement;
  const source = readSource(file, context);
  const { ruleset, diagnostics } = parseRuleset(source.text, { file: source.file, family: familyOf(options) });
  if (diagnostics.length > 0) return refuse(diagnostics, source, { ...(json && { json }) }, context);
  const { early } = asked;
  const ground = groundFor(options, { placement, early }, ruleset.family, context);
  const features = () => context.kernel.features();
  const found = explainRuleset(ruleset, { placement, early, file: source.file, finish, ground, features });
  if (!('hooks' in found)) return refuse(found, source, { ...(json && { json }) }, context);
  const devices = ground === undefined ? undefined : chooseDevices({ ...asked, placement }, context.kernel, []);
  if (ground !== undefined && !('why' in ground)) printWarnings('bpfilter', earlyNotes(ground, ground), context);
  if (json) printJson<ExplainOutput>(context, explanationData(found, devices));
  else context.print(describeExplanation(found, options.rules, devices));
  return EXIT.ok;
}

/** What early verdicts may rest on in this network namespace, if that is asked for. */
function groundFor(
  { here }: HereOption,
  { placement, early }: { readonly placement: EnforcingPlacement; readonly early: EarlyChoice | undefined },
  family: Family,
  { kernel }: Context,
): GroundOrWhy | undefined {
  return here && placement === 'exact' ? currentGround(kernel, family, early) : undefined;
}

/** The tables stay in the order of the file; rules show counters if those of the file do. */
function format(context: Context, file: string, options: FamilyOption & { readonly json?: boolean }): number {
  const source = readSource(file, context);
  const family = familyOf(options);
  const { ruleset, diagnostics } = parseRuleset(source.text, { file: source.file, family });
  if (diagnostics.length > 0) {
    if (options.json) printJson<FormatOutput>(context, { ok: false, diagnostics: diagnostics.map(diagnosticData) });
    else context.printError(renderDiagnostics(diagnostics, source.text));
    return EXIT.other;
  }
  const text = printRuleset(ruleset, { counters: /^\[/m.test(source.text) });
  if (options.json) printJson<FormatOutput>(context, { ok: true, text });
  else context.print(text);
  return EXIT.ok;
}

function sync(context: Context, options: { readonly wait?: number }): number {
  const config = loadConfig(context.environment);
  return withEngine(config, context, (engine) =>
    engine.withLock(options.wait ?? config.wait, () => {
      let exitCode: number = EXIT.ok;
      for (const family of FAMILIES) {
        const { ok, notes, warnings } = engine.sync(family);
        const name = FAMILY_NAME[family];
        for (const note of notes) context.print(`${name}: ${note}\n`);
        printWarnings(`bpfilter: ${name}`, warnings, context);
        if (!ok) exitCode = EXIT.other;
      }
      return exitCode;
    }),
  );
}

function detach(context: Context, options: { readonly wait?: number }): number {
  const config = loadConfig(context.environment);
  const seconds = options.wait ?? config.wait;
  const warnings = withEngine(config, context, (engine) => engine.withLock(seconds, () => engine.detach()));
  context.print('Nothing is enforced any more.\n');
  printWarnings('bpfilter', warnings, context);
  return warnings.length === 0 ? EXIT.ok : EXIT.resource;
}

function printJson<T>(context: Context, value: T): void {
  context.print(`${JSON.stringify(value, undefined, 2)}\n`);
}
