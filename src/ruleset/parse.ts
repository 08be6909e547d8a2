// Parses an iptables-save file. Never fails: what cannot be read is left out and reported.
//
// Lines are framed first and each is read by itself, so one bad line does not hide the next. As for iptables, a chain
// must be declared in front of the rules that name it, and a section of a table starts from nothing but the policies in
// force (or, with `noflush`, from all that is in force). Findings come in the order in which iptables would meet them.

import type { Word } from '../../grammar/getopt.ts';
import { parseLine } from '../../grammar/parse.ts';
import { type Counters, ZERO } from '../base/counters.ts';
import type { Diagnostic, DiagnosticCode, Span } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { TableName } from '../base/hooks.ts';
import type { Names } from '../base/names.ts';
import { applyCommand, resolveTargets, TargetError } from './apply.ts';
import { type Command, type CommandContext, type CommandResult, readLineCommand } from './command.ts';
import { EditError, TableDraft } from './draft.ts';
import { checkTable } from './kernel-checks.ts';
import { policyCounters, ruleCounters } from './line-counters.ts';
import { type Rule, type Ruleset, spanOf, type Table } from './model.ts';
import { systemNames } from './names.ts';
import { NAME_LIMIT } from './scope.ts';
import { RuleShapes } from './shapes.ts';
import { isTable } from './tables.ts';

/** Told what is read, in order, for those who want to say so. */
export interface ParseObserver {
  comment(line: string): void;
  /** A table begins, as it was before. */
  table(draft: TableDraft): void;
  /** A command is carried out; `rules` are its rules with their targets. */
  command(command: Command, rules: readonly Rule[]): void;
}

export interface ParseOptions {
  /** Name of the text, for diagnostics. */
  readonly file: string;
  /** IPv4 if absent. */
  readonly family?: Family;
  /** Names of services, protocols and hosts; those of this machine if absent. */
  readonly names?: Names;
  /** What is in force: its policies stay where the file says nothing, and its tables where the file has none. */
  readonly existing?: Ruleset;
  /** Adds to what is in force; only the user chains that the file declares are emptied. */
  readonly noflush?: boolean;
  /** Whether the counters in the file count; if not, what the file brings starts at zero. Default: they do. */
  readonly counters?: boolean;
  /** The text is one that was printed here: its lines may have any length, and the kernel has no objection to its tables. */
  readonly printedHere?: boolean;
  readonly observer?: ParseObserver;
  /** Reads every line by the grammar, and none by its likeness to one read before. For tests. */
  readonly plain?: boolean;
}

export interface Parsed {
  readonly ruleset: Ruleset;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses a whole file. `ruleset` is sound only if there are no diagnostics. */
export function parseRuleset(text: string, options: ParseOptions): Parsed {
  return new FileParser(options).parse(text);
}

/** Rules in a file, after address lists were multiplied out: a few lines could ask for any number. */
const RULE_LIMIT = 1_000_000;

const COUNTERS_HINT = 'counters are of the form [packets:bytes]';

type ReadCommand = Extract<CommandResult, { kind: 'command' }>;

/** What stands for bytes that are no UTF-8, once a file is read as text. */
const REPLACEMENT = '\ufffd';

/** What iptables-restore takes of a line, in bytes. */
const LINE_LIMIT = 10_239;

class FileParser {
  private readonly options: ParseOptions;
  private readonly family: Family;
  private readonly names: Names;
  private readonly program: string;
  private readonly diagnostics: Diagnostic[] = [];
  private readonly tables: Map<TableName, Table>;
  /** Of the table: what a target's name means depends on its chains. */
  private shapes: RuleShapes;
  /** The names of all chain lines so far. */
  private readonly declared = new Set<string>();
  private readonly isDeclared = (name: string): boolean => this.declared.has(name);
  private table: TableDraft | undefined;
  /** A section of which nothing is read: there is no such table, or the file is too large. */
  private skipping = false;
  private lineNumber = 0;
  private sawReturn = false;
  private isForeign = false;
  private hasZero = false;
  private ruleCount = 0;

  constructor(options: ParseOptions) {
    this.options = options;
    this.family = options.family ?? 'ipv4';
    this.names = options.names ?? systemNames();
    this.shapes = new RuleShapes(this.family, options.counters !== false);
    this.program = this.family === 'ipv4' ? 'iptables-restore' : 'ip6tables-restore';
    this.tables = new Map(options.existing?.tables.map((table) => [table.name, table]));
  }

  parse(text: string): Parsed {
    this.isForeign = text.includes(REPLACEMENT);
    this.hasZero = text.includes('\0');
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      this.lineNumber++;
      if (end < 0) this.readUnended(text.slice(start));
      else this.readLine(text.slice(start, end));
      start = end < 0 ? text.length : end + 1;
    }
    if (this.table !== undefined || this.skipping) {
      this.lineNumber++;
      this.report('missing-commit', `COMMIT expected at line ${this.lineNumber}`, 0, 1);
    }
    return { ruleset: { family: this.family, tables: [...this.tables.values()] }, diagnostics: this.diagnostics };
  }

  /** iptables knows COMMIT by its line end. */
  private readUnended(line: string): void {
    if (line !== 'COMMIT' || this.table === undefined) {
      this.readLine(line);
      return;
    }
    this.report('bad-argument', "Bad argument `COMMIT'", 0, line.length, 'end the last line with a line end');
    this.table = undefined;
  }

  private readLine(whole: string): void {
    if (whole === '' || whole.startsWith('#')) {
      if (whole !== '') this.options.observer?.comment(whole);
      return;
    }
    const zero = this.hasZero ? whole.indexOf('\0') : -1;
    // What a command line held may hold it, too.
    const foreign = this.isForeign && !this.options.printedHere ? whole.indexOf(REPLACEMENT) : -1;
    const isLong = !this.options.printedHere && whole.length > LINE_LIMIT / 3 && Buffer.byteLength(whole) > LINE_LIMIT;
    if (zero >= 0) this.report('syntax', 'the line holds a zero byte', zero, 1);
    else if (foreign >= 0) this.report('syntax', 'the line is not UTF-8 text', foreign, 1, 'what it says would change');
    else if (isLong) this.report('syntax', `the line is longer than ${LINE_LIMIT} bytes`, 0, 1);
    else this.readFramed(this.withoutReturn(whole));
  }

  /** The first carriage return is told in iptables' way, as part of what it ends; the others would say the same. */
  private withoutReturn(line: string): string {
    if (!line.endsWith('\r')) return line;
    if (!this.sawReturn) {
      this.sawReturn = true;
      const at = line.length - 1;
      const table = line.startsWith('*') && this.table === undefined ? line.slice(1).trimStart() : undefined;
      const message =
        table === undefined
          ? 'the line ends in a carriage return'
          : `${this.program}: unable to initialize table '${table}'`;
      this.report(
        table === undefined ? 'syntax' : 'unknown-table',
        message,
        at,
        1,
        'convert the file to Unix line ends',
      );
    }
    return line.replace(/\r+$/, '');
  }

  private readFramed(line: string): void {
    if (this.skipping) {
      if (line === 'COMMIT') this.skipping = false;
    } else if (this.table === undefined) this.readOutside(line);
    else if (line === 'COMMIT') this.commit(this.table);
    else if (line.startsWith(':')) this.readChain(line, this.table);
    else this.readRule(line, this.table);
  }

  // ----- tables -----

  private readOutside(line: string): void {
    if (!line.startsWith('*')) {
      this.report('outside-table', 'expected a table line such as `*filter`', 0, line.length);
      return;
    }
    const [name] = parseLine('table', line);
    if (name === undefined) {
      this.report('syntax', `${this.program}: line ${this.lineNumber} table name invalid`, 0, line.length);
      this.skipping = true;
    } else if (!isTable(name.text)) {
      const message = `${this.program}: unable to initialize table '${name.text}'`;
      this.report(
        'unknown-table',
        message,
        name.offset,
        name.text.length,
        'tables are raw, mangle, nat, filter, security',
      );
      this.skipping = true;
    } else {
      const at = { span: this.span(0, line.length), family: this.family, names: this.names };
      const before = this.tables.get(name.text) ?? name.text;
      const { observer, noflush = false } = this.options;
      observer?.table(new TableDraft(before, at, false));
      this.table = new TableDraft(before, at, !noflush);
      this.shapes = new RuleShapes(this.family, this.options.counters !== false);
    }
  }

  private commit(draft: TableDraft): void {
    this.table = undefined;
    const table = draft.finish();
    this.tables.set(table.name, table);
    if (this.options.printedHere) return;
    for (const { code, message, rule, reason } of checkTable(table, this.family, this.names.kernel)) {
      const { file } = this.options;
      this.diagnostics.push({ code, message, file, span: spanOf(rule), reason, noticedAt: this.lineNumber });
    }
  }

  // ----- chains -----

  private readChain(line: string, table: TableDraft): void {
    const [name, policy, counters] = parseLine('chain', line);
    if (name === undefined) {
      this.report('bad-chain', `${this.program}: line ${this.lineNumber} chain name invalid`, 0, line.length);
      return;
    }
    if (Buffer.byteLength(name.text) > NAME_LIMIT) {
      const message = `Invalid chain name \`${name.text}' (${NAME_LIMIT} chars max)`;
      this.report('bad-chain', message, name.offset, name.text.length);
      return;
    }
    this.declared.add(name.text);
    if (!table.isBuiltin(name.text)) this.declare(name.text, name.offset, table);
    if (policy === undefined) {
      const hint = 'a chain line is `:chain policy [packets:bytes]`, the policy of a user chain is `-`';
      this.report('bad-chain', `${this.program}: line ${this.lineNumber} policy invalid`, line.length - 1, 1, hint);
      return;
    }
    if (policy.text === '-') return;
    const value = this.readPolicyCounters(counters);
    if (value === undefined) {
      const at = counters ?? policy;
      const message = `invalid policy counters for chain '${name.text}'`;
      this.report('bad-counters', message, at.offset, at.text.length, COUNTERS_HINT);
      return;
    }
    try {
      table.setPolicy(name.text, policy.text, value);
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      const message = `Can't set policy \`${policy.text}' on \`${name.text}' line ${this.lineNumber}: ${error.reason}`;
      const hint = table.isBuiltin(name.text)
        ? 'policies are ACCEPT and DROP'
        : 'write `-`: only built-in chains have one';
      this.report('bad-policy', message, policy.offset, policy.text.length, hint);
    }
  }

  private declare(name: string, offset: number, table: TableDraft): void {
    if (this.options.noflush && table.isChain(name)) {
      table.flush(name);
      return;
    }
    try {
      table.create(name, this.span(offset, name.length));
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      this.report('bad-chain', `error creating chain '${name}':File exists`, offset, name.length);
    }
  }

  /** Zero where the counters of the file do not count, or it has none and need not. */
  private readPolicyCounters(counters: { readonly text: string } | undefined): Counters | undefined {
    if (this.options.counters === false) return ZERO;
    if (counters === undefined) return this.options.counters ? undefined : ZERO;
    return policyCounters(counters.text);
  }

  // ----- rules -----

  private readRule(line: string, table: TableDraft): void {
    if (this.options.plain !== true && this.options.observer === undefined) {
      const known = this.shapes.instantiate(line, table, this.lineNumber);
      if (known !== undefined) {
        table.appendChecked(known.chain, known.rule, known.line);
        this.countRules(1);
        return;
      }
    }
    const counters = ruleCounters(line, this.lineNumber, this.options.counters !== false);
    if (counters !== undefined && 'problem' in counters) {
      this.report('bad-counters', counters.problem, 0, counters.length, COUNTERS_HINT);
      return;
    }
    const context: CommandContext = {
      ...{ family: this.family, names: this.names, table: table.name, fileOf: this.program },
      isDeclared: this.isDeclared,
      ...{ span: this.spanOfText(line), anyLength: this.options.printedHere === true },
    };
    const result = readLineCommand(line, context, counters);
    if (result.kind === 'findings') {
      for (const { code, message, word, hint } of result.findings) this.reportAt(code, message, word, hint);
    } else if (result.kind === 'command') {
      this.applyCommand(line, result, table, context.span);
    }
  }

  private applyCommand(line: string, { command, draft }: ReadCommand, table: TableDraft, span: Span): void {
    if (command.names.has('list') || command.names.has('list-rules')) {
      this.report('syntax', 'a file of rules cannot list them', 0, line.length);
      return;
    }
    try {
      this.options.observer?.command(command, resolveTargets(command, table));
      applyCommand(command, table, span);
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      this.reportEdit(error, line, command);
      return;
    }
    this.countRules(command.rules.length);
    if (command.names.has('append') && command.rules.length === 1) {
      this.shapes.learn(line, table.rulesOf(command.chain!.text).at(-1)!, draft);
    }
  }

  private reportEdit(error: EditError, line: string, command: Command): void {
    const word = wordOf(error, command);
    const [offset, length] = word ? [word.offset, word.length] : [0, line.length];
    const span = this.span(offset, length);
    const name = command.jump?.name;
    const isAboutChain = error.code === 'unknown-chain' || error instanceof TargetError;
    const missing = error instanceof TargetError ? name : command.chain?.text;
    const hint = isAboutChain
      ? `a chain is declared by a line \`:${missing} - [0:0]' in front of the first rule that names it`
      : undefined;
    const { file } = this.options;
    const diagnostic = { code: error.code, message: error.message, file, span, reason: error.reason };
    // A policy that cannot be set is told by the kernel's library here, not by iptables-restore.
    const asFailed = error.code === 'bad-policy' ? { ...diagnostic, code: 'unknown-rule' as const } : diagnostic;
    this.diagnostics.push(hint === undefined ? asFailed : { ...asFailed, hint });
  }

  private countRules(more: number): void {
    this.ruleCount += more;
    if (this.ruleCount <= RULE_LIMIT || this.skipping) return;
    this.report('too-large', `the file has more than ${RULE_LIMIT} rules`, 0, 1);
    this.skipping = true;
    this.table = undefined;
  }

  // ----- findings -----

  private spanOfText(line: string): Span {
    const start = line.length - line.trimStart().length;
    return this.span(start, line.trim().length);
  }

  private span(offset: number, length: number): Span {
    return { line: this.lineNumber, column: offset + 1, length: Math.max(1, length) };
  }

  private report(code: DiagnosticCode, message: string, offset: number, length: number, hint?: string): void {
    const diagnostic = { code, message, file: this.options.file, span: this.span(offset, length) };
    this.diagnostics.push(hint === undefined ? diagnostic : { ...diagnostic, hint });
  }

  private reportAt(code: DiagnosticCode, message: string, word: Word, hint?: string): void {
    this.report(code, message, word.offset, word.length, hint);
  }
}

/** The word of a command that a refusal is about. */
function wordOf(error: EditError, { chain, jump, policy, newName }: Command): Word | undefined {
  if (error instanceof TargetError || error.code === 'refused-rule') return jump?.word;
  if (error.code === 'unknown-chain') return chain;
  if (error.code === 'bad-policy') return policy;
  return newName ?? chain;
}
