// iptables-bpf: lists, zeroes and flushes the filter table in force, with the options and the output of iptables.
//
// Commands that change single rules (-A, -D, …) are named in the messages, not yet done.

import type { Current, Engine } from '../engine/types.ts';
import { flush } from '../ruleset/edit.ts';
import { type ListOptions, listRules, listTable, type Selection } from '../ruleset/list.ts';
import type { Table } from '../ruleset/model.ts';
import { systemNames } from '../ruleset/names.ts';
import { sortedChains } from '../ruleset/print.ts';
import { BUILTIN_CHAINS, ENFORCED_TABLE, emptyTable } from '../ruleset/tables.ts';
import { CommandError, EXIT, exitCodeOf, versionLine } from './compat.ts';
import { loadConfig } from './config.ts';
import type { Context } from './context.ts';
import { type CommandLine, IPTABLES_HELP, PROGRAM, readCommandLine } from './iptables-options.ts';
import { enforcedTable, renderDiagnostics, withEngine } from './request.ts';

export function iptables(words: readonly string[], context: Context): number {
  const line = readCommandLine(words, context);
  if (line === 'help' || line === 'version') {
    context.print(line === 'help' ? IPTABLES_HELP : `${versionLine(PROGRAM)}\n`);
    return EXIT.ok;
  }
  checkTable(line.table);
  const config = loadConfig(context.environment);
  return withEngine(config, context, (engine) => {
    const show = (current: Current | undefined): void => {
      const table = tableOf(current);
      if (line.commands.has('list')) context.print(list(table, line.selection, line.list));
      if (line.commands.has('list-rules')) context.print(listCommands(table, line.selection, line.list.verbose));
    };
    if (!line.commands.has('zero') && !line.commands.has('flush')) {
      show(engine.current());
      return EXIT.ok;
    }
    return engine.withLock(line.wait ?? config.wait, () => {
      const current = engine.current();
      show(current);
      return change(engine, current, line, context);
    });
  });
}

function checkTable(name: string): void {
  if (name === ENFORCED_TABLE) return;
  const known = Object.hasOwn(BUILTIN_CHAINS, name);
  const reason = known
    ? 'bpfilter enforces the table filter only: ask iptables-legacy or iptables-nft for this one'
    : 'Table does not exist';
  throw new CommandError(
    `${versionLine(PROGRAM)}: can't initialize iptables table \`${name}': ${reason}\n`,
    EXIT.version,
  );
}

function list(table: Table, selection: Selection, options: ListOptions): string {
  requireChain(table, selection);
  return listTable(table, selection, options, systemNames());
}

function listCommands(table: Table, selection: Selection, verbose: boolean): string {
  requireChain(table, selection);
  return listRules(table, selection, verbose, systemNames());
}

function change(engine: Engine, current: Current | undefined, line: CommandLine, context: Context): number {
  const table = tableOf(current);
  const { selection } = line;
  const rules = requireChain(table, selection);
  const verb = line.commands.has('flush') ? 'Flushing' : 'Zeroing';
  if (verb === 'Zeroing' && (selection.rule ?? 0) > rules) throw failure('Index of counter too big.');
  if (line.list.verbose && selection.rule === undefined) {
    const chains = sortedChains(table).filter(({ name }) => selection.chain === undefined || name === selection.chain);
    context.print(chains.map(({ name }) => `${verb} chain \`${name}'\n`).join(''));
  }
  if (current === undefined) return EXIT.ok;
  if (verb === 'Zeroing') {
    engine.zero(selection, countersOf(table));
    return EXIT.ok;
  }
  const { ruleset: before, placement, devices, mode, allowInexact } = current;
  const ruleset = flush(before, ENFORCED_TABLE, selection.chain);
  const source = { file: `${PROGRAM} -F`, text: '' };
  const result = engine.apply({ ruleset, source, counters: 'carry', placement, devices, mode, allowInexact });
  if (result.ok) return EXIT.ok;
  context.printError(renderDiagnostics(result.diagnostics, source.text));
  return exitCodeOf(result.diagnostics);
}

/** What a listing of the table has shown. */
function countersOf(table: Table): ReturnType<Engine['counters']> {
  return new Map(
    table.chains.map(({ name, policy, counters, rules }) => [
      name,
      { ...(policy === undefined ? {} : { policy: counters }), rules: rules.map((rule) => rule.counters) },
    ]),
  );
}

/** The table in force; where nothing is, what iptables shows of a table that nobody has touched. */
function tableOf(current: Current | undefined): Table {
  return enforcedTable(current?.ruleset) ?? emptyTable(ENFORCED_TABLE, { line: 1, column: 1, length: 1 });
}

/** How many rules the selected chain has; stops the command if there is no such chain. */
function requireChain(table: Table, { chain }: Selection): number {
  if (chain === undefined) return 0;
  const found = table.chains.find(({ name }) => name === chain);
  if (found === undefined) throw failure('No chain/target/match by that name.');
  return found.rules.length;
}

function failure(message: string): CommandError {
  return new CommandError(`${PROGRAM}: ${message}\n`, EXIT.other);
}
