// iptables-bpf and ip6tables-bpf: every command of iptables on the rules in force, with its options, output, messages and
// exit codes. The words are read as a line of a rules file is (src/ruleset/command.ts).

import { DIAGNOSTICS, type Diagnostic } from '../base/diagnostic.ts';
import { TABLE_NAMES, type TableName } from '../base/hooks.ts';
import type { Current, Engine } from '../engine/types.ts';
import { applyCommand, resolveTargets, TargetError } from '../ruleset/apply.ts';
import { type Command, readWordsCommand } from '../ruleset/command.ts';
import { EditError, TableDraft } from '../ruleset/draft.ts';
import { countersOf } from '../ruleset/edit.ts';
import { checkTable } from '../ruleset/kernel-checks.ts';
import { describeRule, listRules, listTable } from '../ruleset/list.ts';
import type { Ruleset, Table } from '../ruleset/model.ts';
import { systemNames } from '../ruleset/names.ts';
import { COMMAND_LETTERS } from '../ruleset/options.ts';
import { emptyTable, isTable } from '../ruleset/tables.ts';
import { CommandError, EXIT, parameterProblem, refusal, tryHelp, versionProblem } from './compat.ts';
import { type Config, loadConfig } from './config.ts';
import type { Context } from './context.ts';
import { iptablesHelp } from './iptables-help.ts';
import { commandNames } from './names.ts';
import type { Program } from './program.ts';
import { printWarnings, whereToEnforce, withEngine } from './request.ts';
import { versionLine } from './version.ts';

const SPAN = { line: 1, column: 1, length: 1 };

export function iptables(words: readonly string[], context: Context, program: Program): number {
  // Node has put a mark for every byte that is no UTF-8: the rule would say something else.
  const foreign = words.find((word) => word.includes('\ufffd'));
  if (foreign !== undefined) throw parameterProblem(program.name, `\`${foreign}' is not UTF-8 text`);
  const result = readWordsCommand(words, {
    ...{ family: program.family, names: commandNames(context), table: 'filter', span: SPAN },
  });
  switch (result.kind) {
    case 'other-family':
      return EXIT.ok;
    case 'help':
      context.print(iptablesHelp(program, result.scope));
      return EXIT.ok;
    case 'version':
      context.print(
        `${result.negated ? `Not ${versionLine(program.name).replace(/^\S+ v/, '')} ;-)` : versionLine(program.name)}\n`,
      );
      return EXIT.ok;
    case 'findings':
      throw problemOf(result.findings[0]!, program);
    case 'command':
      return run(result.command, context, program);
  }
}

function problemOf({ code, message }: Pick<Diagnostic, 'code' | 'message'>, { name }: Program): CommandError {
  if (code === 'bad-argument') return new CommandError(`${message}\n${tryHelp(name)}`, EXIT.parameter);
  if (code === 'wrong-family') return new CommandError(tryHelp(name), EXIT.parameter);
  return parameterProblem(name, message);
}

function run(command: Command, context: Context, program: Program): number {
  const { manner, names } = command;
  for (const note of manner.notes) context.printError(`${note}\n`);
  const config = loadConfig(context.environment);
  return withEngine(config, context, (engine) => {
    const table = checkTableName(command.table, program);
    const work = () => new Session(engine, config, context, program, table, names).run(command);
    if ([...names].every((name) => name === 'list' || name === 'list-rules')) return work();
    const wait = manner.wait === undefined ? config.wait : manner.wait < 0 ? Number.POSITIVE_INFINITY : manner.wait;
    return engine.withLock(wait, work);
  });
}

function checkTableName(name: string, program: Program): TableName {
  if (isTable(name)) return name;
  const message = `can't initialize ${program.name} table \`${name}': Table does not exist (do you need to insmod?)`;
  throw versionProblem(program.name, message, `tables are ${TABLE_NAMES.join(', ')}`);
}

/**
 * From the second -v on iptables shows its table behind each command. The table is not shown here, but what iptables says
 * of a command that failed is then the library's error without what it was about.
 */
const REASONS_BEHIND_TABLE: ReadonlyMap<string, string> = new Map([
  ...['insertion', 'replacement', 'deletion', 'counter'].map(
    (of) => [`Index of ${of} too big`, 'Argument list too long'] as const,
  ),
  ['Bad rule (does a matching rule exist in that chain?)', 'No chain/target/match by that name'],
  ['Bad built-in chain name', 'No chain/target/match by that name'],
  ['Bad policy name', 'Invalid argument'],
  ['Chain already exists', 'File exists'],
]);

/** What stands for EINVAL, whoever refused: iptables then points to the kernel's log. */
const WRONG_ARGUMENT: ReadonlySet<string> = new Set(['Invalid argument', 'Bad policy name']);

/** One command on one table of the rules in force. */
class Session {
  private readonly engine: Engine;
  private readonly config: Config;
  private readonly context: Context;
  private readonly program: Program;
  private readonly current: Current | undefined;
  private readonly table: Table;

  constructor(
    engine: Engine,
    config: Config,
    context: Context,
    program: Program,
    table: TableName,
    names: Command['names'],
  ) {
    this.engine = engine;
    this.config = config;
    this.context = context;
    this.program = program;
    const isCounted = names.has('list') || names.has('list-rules') || names.has('zero');
    this.current = isCounted ? engine.current(program.family) : engine.basis(program.family);
    const found = this.current?.ruleset.tables.find(({ name }) => name === table);
    this.table = found ?? emptyTable(table, SPAN);
  }

  run(command: Command): number {
    const { names } = command;
    if (names.has('list')) this.list(command);
    if (names.has('list-rules')) this.listRules(command);
    if (names.has('zero')) this.zero(command);
    else if (!names.has('list') && !names.has('list-rules')) this.change(command);
    printWarnings(this.program.name, this.engine.warnings(this.program.family), this.context);
    return EXIT.ok;
  }

  // ----- showing -----

  private list({ chain, number, manner }: Command): void {
    this.requireChain(chain?.text);
    const { family } = this.program;
    const { numeric, exact, lineNumbers, verbose } = manner;
    const options = { family, numeric, exact, lineNumbers, verbose: verbose > 0 };
    this.context.print(listTable(this.table, selection(chain, number), options, systemNames()));
  }

  private listRules({ chain, number, manner }: Command): void {
    this.requireChain(chain?.text);
    const options = { family: this.program.family, verbose: manner.verbose > 0 };
    this.context.print(listRules(this.table, selection(chain, number), options, systemNames()));
  }

  private requireChain(name: string | undefined): void {
    if (name === undefined || this.table.chains.some((chain) => chain.name === name)) return;
    throw refusal(this.program.name, 'No chain/target/match by that name');
  }

  // ----- changing -----

  private zero(command: Command): void {
    const { chain, number, manner } = command;
    if (manner.verbose > 0 && number === undefined) this.announce('Zeroing', chain?.text, () => true);
    this.edit(command, () => this.draft().zero(chain?.text, number));
    if (this.current === undefined) return;
    const { family, name } = this.program;
    const selected = { table: this.table.name, ...selection(chain, number) };
    printWarnings(name, this.engine.zero(family, selected, countersOf(this.table)), this.context);
  }

  private change(command: Command): void {
    const draft = this.draft();
    this.warnOfChain(command, draft);
    const rules = this.edit(command, () => resolveTargets(command, draft));
    const { verbose } = command.manner;
    if (verbose > 0) {
      for (const rule of rules) this.context.print(describeRule(rule, this.program.family, systemNames()));
      const name = command.chain?.text;
      if (command.names.has('flush')) this.announce('Flushing', name, () => true);
      if (command.names.has('delete-chain')) this.announce('Deleting', name, (each) => !draft.isBuiltin(each));
    }
    this.edit(command, () => applyCommand(command, draft, SPAN));
    if (command.names.has('check')) return;
    // Nothing is in force, and nothing is to go: nothing to do.
    const isTaking = command.names.has('flush') || command.names.has('delete-chain');
    if (this.current === undefined && isTaking) return;
    const table = draft.finish();
    const [refused] = checkTable(table, this.program.family, this.context.kernel.names);
    if (refused !== undefined) throw this.refused(refused.reason, refused.message);
    this.put(table, command);
  }

  /** A chain wins over an extension of the same name, and iptables says so. */
  private warnOfChain({ jump }: Command, draft: TableDraft): void {
    if (jump?.extension === undefined || !draft.isChain(jump.name)) return;
    this.context.printError(`Warning: using chain ${jump.name}, not extension\n`);
  }

  private announce(verb: string, chain: string | undefined, asked: (name: string) => boolean): void {
    const names = chain === undefined ? this.draft().chainNames().filter(asked) : [chain];
    this.context.print(names.map((name) => `${verb} chain \`${name}'\n`).join(''));
  }

  private draft(): TableDraft {
    return new TableDraft(this.table, { span: SPAN, family: this.program.family, names: systemNames() }, false);
  }

  /** Does `work`; what it refuses ends the command with the reason that iptables gives. */
  private edit<T>({ manner }: Command, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof TargetError) throw parameterProblem(this.program.name, error.message);
      if (!(error instanceof EditError)) throw error;
      const short = manner.verbose > 1 ? REASONS_BEHIND_TABLE.get(error.reason) : undefined;
      throw this.refused(short ?? error.reason, error.message);
    }
  }

  private refused(reason: string, message: string): CommandError {
    const told = WRONG_ARGUMENT.has(reason) ? `${reason}. Run \`dmesg' for more information` : reason;
    const { text, exitCode } = refusal(this.program.name, told);
    return new CommandError(`${text}${this.program.name}: ${message}\n`, exitCode);
  }

  private put(table: Table, command: Command): void {
    const { current, program, context, config, engine } = this;
    const before = current?.ruleset;
    const ruleset = withTable(before ?? { family: program.family, tables: [] }, table);
    // An edit leaves rules where they are.
    const { placement, devices, mode, early, allowInexact } = current ?? whereToEnforce(config, context.kernel);
    const source = {
      file: `${program.name} -${[...command.names].map((name) => COMMAND_LETTERS[name]).join('')}`,
    };
    const request = { ruleset, source, before: current, placement, devices, mode, early, allowInexact };
    const result = engine.apply({ ...request, counters: 'kept' });
    if (!result.ok) {
      const lines = result.diagnostics.map(({ code, message, hint }) => {
        const remedy = hint === undefined ? '' : `${program.name}: hint: ${hint}\n`;
        return `${program.name}: ${message} [${code}]\n${remedy}`;
      });
      const [first] = result.diagnostics;
      const isParameter = first !== undefined && DIAGNOSTICS[first.code].form === 'parameter';
      throw new CommandError(lines.join(''), isParameter ? EXIT.parameter : EXIT.other);
    }
    engine.settle();
    printWarnings(program.name, result.warnings, context);
  }
}

function selection(chain: Command['chain'], rule: number | undefined): { chain?: string; rule?: number } {
  return { ...(chain && { chain: chain.text }), ...(rule !== undefined && { rule }) };
}

function withTable(ruleset: Ruleset, table: Table): Ruleset {
  const isThere = ruleset.tables.some(({ name }) => name === table.name);
  const tables = isThere
    ? ruleset.tables.map((each) => (each.name === table.name ? table : each))
    : [...ruleset.tables, table];
  return { ...ruleset, tables };
}
