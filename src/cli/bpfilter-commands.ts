// What the subcommands of `bpfilter` do. Each takes its context, what it is given, and its options, and returns its exit code.

import { FAMILIES, FAMILY_NAME, type Family } from '../base/family.ts';
import { type EarlyChoice, type EnforcingPlacement, TABLE_NAMES } from '../base/hooks.ts';
import type { FinishName } from '../classify/make-finish.ts';
import { chooseDevices } from '../engine/devices.ts';
import { earlyNotes, type GroundOrWhy } from '../engine/early-ground.ts';
import { currentGround } from '../engine/early-sync.ts';
import { explainRuleset } from '../engine/explain.ts';
import type { ApplyRequest, Where } from '../engine/types.ts';
import { parseRuleset } from '../ruleset/parse.ts';
import { printRuleset } from '../ruleset/print.ts';
import { dumpStage } from './bpfilter-compile.ts';
import { describeExplanation, explanationData } from './bpfilter-explain.ts';
import { countersOf, describeCounters, describeStatus } from './bpfilter-show.ts';
import {
  diagnosticData,
  type FamilyOption,
  familyOf,
  printJson,
  readSource,
  refuse,
  refuseText,
  type Source,
} from './bpfilter-source.ts';
import { CommandError, EXIT } from './compat.ts';
import { type Config, loadConfig } from './config.ts';
import type { Context } from './context.ts';
import { commandNames } from './names.ts';
import { isUnchanged, printWarnings, whereToEnforce, withEngine } from './request.ts';
import type { ApplyOutput, ExplainOutput, FormatOutput, StatusOutput } from './schemas.ts';

type WhereOptions = Partial<Pick<Config, 'placement' | 'mode' | 'early' | 'allowInexact'>>;

interface ApplyOptions extends WhereOptions, FamilyOption {
  readonly device?: readonly string[];
  readonly test?: boolean;
  readonly wait?: number;
  readonly json?: boolean;
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

export function apply(context: Context, file: string, options: ApplyOptions): number {
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
      if (diagnostics.length > 0) return refuseText(diagnostics, source, options, context);
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

export function status(context: Context, options: { readonly json?: boolean }): number {
  const found = withEngine(loadConfig(context.environment), context, (engine) => engine.status());
  if (options.json) printJson<StatusOutput>(context, found as StatusOutput);
  else context.print(describeStatus(found, (text) => (context.colour ? `\x1b[1;31m${text}\x1b[0m` : text)));
  return EXIT.ok;
}

export function counters(context: Context, options: FamilyOption & { readonly json?: boolean }): number {
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

export function compile(context: Context, file: string, options: CompileOptions): number {
  const config = configFor(context, options);
  const before = whereNow(config, context, options);
  const { placement, allowInexact, early } = whereToEnforce(config, context.kernel, { before });
  if (placement === 'none') {
    throw new CommandError('bpfilter: placement none compiles nothing; name one with --placement\n', EXIT.parameter);
  }
  const where = { placement, allowInexact, early, finish: options.finish };
  const source = readSource(file, context);
  const { ruleset, diagnostics } = parseRuleset(source.text, { file: source.file, family: familyOf(options) });
  if (diagnostics.length > 0) return refuseText(diagnostics, source, options, context);
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

export function explain(context: Context, file: string, options: ExplainCommandOptions): number {
  const { finish, json } = options;
  const config = configFor(context, options);
  const before = whereNow(config, context, options);
  const asked = whereToEnforce(config, context.kernel, { before, devices: options.device });
  const placement = asked.placement === 'none' ? 'netfilter' : asked.placement;
  const source = readSource(file, context);
  const { ruleset, diagnostics } = parseRuleset(source.text, { file: source.file, family: familyOf(options) });
  if (diagnostics.length > 0) return refuseText(diagnostics, source, options, context);
  const { early } = asked;
  const ground = groundFor(options, { placement, early }, ruleset.family, context);
  const features = () => context.kernel.features();
  const found = explainRuleset(ruleset, { placement, early, file: source.file, finish, ground, features });
  if (!('hooks' in found)) return refuse(found, source, options, context);
  const devices = ground === undefined ? undefined : chooseDevices({ ...asked, placement }, context.kernel, []);
  if (ground !== undefined && !('why' in ground)) printWarnings('bpfilter', earlyNotes(ground, ground), context);
  if (json) printJson<ExplainOutput>(context, explanationData(found, devices));
  else context.print(describeExplanation(found, options.rules, devices));
  return EXIT.ok;
}

/** With --here, where rules of the family are in force: what nobody asks for stays so, as with `apply`. */
function whereNow(config: Config, context: Context, options: FamilyOption & HereOption): Where | undefined {
  if (!options.here) return undefined;
  return withEngine(config, context, (engine) => engine.basis(familyOf(options), 'nothing', new Set(TABLE_NAMES)));
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
export function format(context: Context, file: string, options: FamilyOption & { readonly json?: boolean }): number {
  const source = readSource(file, context);
  const family = familyOf(options);
  const { ruleset, diagnostics } = parseRuleset(source.text, { file: source.file, family });
  if (diagnostics.length > 0) return refuseText(diagnostics, source, options, context);
  const text = printRuleset(ruleset, { counters: /^\[/m.test(source.text) });
  if (options.json) printJson<FormatOutput>(context, { ok: true, text });
  else context.print(text);
  return EXIT.ok;
}

export function sync(context: Context, options: { readonly wait?: number }): number {
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

export function detach(context: Context, options: { readonly wait?: number }): number {
  const config = loadConfig(context.environment);
  const seconds = options.wait ?? config.wait;
  const warnings = withEngine(config, context, (engine) => engine.withLock(seconds, () => engine.detach()));
  context.print('Nothing is enforced any more.\n');
  printWarnings('bpfilter', warnings, context);
  return warnings.length === 0 ? EXIT.ok : EXIT.resource;
}
