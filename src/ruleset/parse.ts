// Parses an iptables-save file. Never fails: what cannot be read is left out and reported.
//
// Lines are framed first and each is parsed by itself, so one bad line does not hide the next. As for iptables, a chain
// must be declared in front of the rules that name it, and a section of a table starts from nothing but the policies in
// force (or, with `noflush`, from all that is in force).

import type { Word } from '../../grammar/getopt.ts';
import { parseChainLine, parseRuleLine, parseTableLine } from '../../grammar/parse.ts';
import { type Counters, ZERO } from '../base/counters.ts';
import type { Diagnostic, DiagnosticCode, Span } from '../base/diagnostic.ts';
import { findLoops } from './loops.ts';
import type { Chain, Policy, Rule, Ruleset, Table } from './model.ts';
import { type Names, systemNames } from './names.ts';
import { buildRules, CHAIN_NAME_LIMIT } from './rule.ts';
import { notYet, RuleScope } from './scope.ts';
import { BUILTIN_CHAINS, ENFORCED_TABLE, emptyTable } from './tables.ts';
import { evaluateCounters, ValueError } from './values.ts';

/** A rule for ip6tables in a file that serves both: iptables leaves the line out, whatever else it says. */
const IPV6_LINE = /^[ \t]*(\[\d+:\d+\][ \t]*)?(-6|--ipv6)[ \t]/;

export interface ParseOptions {
  /** Name of the text, for diagnostics. */
  readonly file: string;
  /** Names of services and protocols; those of this machine if absent. */
  readonly names?: Names;
  /** What is in force: its policies stay where the file says nothing, and its tables where the file has none. */
  readonly existing?: Ruleset;
  /** Adds to what is in force; only the user chains that the file declares are emptied. */
  readonly noflush?: boolean;
  /** Whether the counters in the file count; if not, what the file brings starts at zero. Default: they do. */
  readonly counters?: boolean;
}

export interface Parsed {
  readonly ruleset: Ruleset;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses a whole file. `ruleset` is sound only if there are no diagnostics. */
export function parseRuleset(text: string, options: ParseOptions): Parsed {
  return new FileParser(options).parse(text);
}

/** Names that the kernel keeps for its own verdicts. */
const RESERVED_CHAINS = new Set(['ACCEPT', 'DROP', 'QUEUE', 'RETURN']);

/** Rules in a file, after address lists were multiplied out: a few lines could ask for any number. */
const RULE_LIMIT = 1_000_000;

interface ChainDraft {
  readonly name: string;
  policy: Policy | undefined;
  counters: Counters;
  readonly rules: Rule[];
  readonly span: Span;
}

interface TableDraft {
  readonly name: string;
  readonly span: Span;
  readonly chains: Map<string, ChainDraft>;
  /** Nothing in it is read: there is no such table, or it was reported already as one that is not enforced. */
  skipped: boolean;
}

class FileParser {
  private readonly options: ParseOptions;
  private readonly names: Names;
  private readonly diagnostics: Diagnostic[] = [];
  private readonly tables: Map<string, Table>;
  private table: TableDraft | undefined;
  private lineNumber = 0;
  private sawReturn = false;
  private ruleCount = 0;

  constructor(options: ParseOptions) {
    this.options = options;
    this.names = options.names ?? systemNames();
    this.tables = new Map(options.existing?.tables.map((table) => [table.name, table]));
  }

  parse(text: string): Parsed {
    const lines = text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    for (const line of lines) {
      this.lineNumber++;
      this.readLine(this.withoutReturn(line));
    }
    if (this.table) {
      this.lineNumber++;
      this.report('missing-commit', `the table ${this.table.name} is not closed by COMMIT`, 0, 1);
    }
    return {
      ruleset: { family: 'ipv4', tables: [...this.tables.values()] },
      diagnostics: inTextOrder(this.diagnostics),
    };
  }

  private withoutReturn(line: string): string {
    if (!line.endsWith('\r')) return line;
    if (!this.sawReturn) {
      this.report(
        'syntax',
        'the line ends in a carriage return',
        line.length - 1,
        1,
        'convert the file to Unix line ends',
      );
    }
    this.sawReturn = true;
    return line.slice(0, -1);
  }

  private readLine(line: string): void {
    const zero = line.indexOf('\0');
    if (line === '' || line.startsWith('#')) return;
    if (zero >= 0) this.report('syntax', 'the line holds a zero byte', zero, 1);
    else if (!this.table) this.readOutside(line);
    else if (line === 'COMMIT') this.commit(this.table);
    else if (this.table.skipped) return;
    else if (line.startsWith(':')) this.readChain(line, this.table);
    else if (IPV6_LINE.test(line)) return;
    else this.readRule(line, this.table);
  }

  // ----- tables -----

  private readOutside(line: string): void {
    if (!line.startsWith('*')) {
      this.report('syntax', 'expected a table line such as `*filter`', 0, line.length);
      return;
    }
    const parsed = parseTableLine(line);
    const { text: name, offset } = parsed.ok ? parsed.node.name : { text: line.slice(1).trim(), offset: 1 };
    const isKnown = parsed.ok && Object.hasOwn(BUILTIN_CHAINS, name);
    if (!parsed.ok) this.report('syntax', 'a table line is `*` and a name', parsed.offset, 1);
    else if (!isKnown) this.report('unknown-table', `no table is called \`${name}'`, offset, name.length);
    this.table = this.startTable(name, this.span(0, line.length), !isKnown);
  }

  private startTable(name: string, span: Span, skipped: boolean): TableDraft {
    const before = this.tables.get(name) ?? emptyTable(name, span);
    const { noflush } = this.options;
    const kept = noflush ? before.chains : before.chains.filter((chain) => chain.policy !== undefined);
    const drafts = kept.map((chain) => ({
      name: chain.name,
      policy: chain.policy,
      counters: noflush ? chain.counters : ZERO,
      rules: noflush ? [...chain.rules] : [],
      span: chain.span,
    }));
    return { name, span, skipped, chains: new Map(drafts.map((draft) => [draft.name, draft])) };
  }

  private commit(table: TableDraft): void {
    this.table = undefined;
    if (!Object.hasOwn(BUILTIN_CHAINS, table.name)) return;
    const chains: Chain[] = [...table.chains.values()].map(({ name, policy, counters, rules, span }) => ({
      name,
      ...(policy && { policy }),
      counters,
      rules,
      span,
    }));
    const finished = { name: table.name, chains, span: table.span };
    this.tables.set(table.name, finished);
    for (const { chain, rule } of findLoops(finished)) {
      const message = `the rule leads from the chain ${chain} back into itself`;
      this.diagnostics.push({ code: 'chain-loop', message, file: this.options.file, span: rule.span });
    }
  }

  // ----- chains -----

  private readChain(line: string, table: TableDraft): void {
    const parsed = parseChainLine(line);
    if (!parsed.ok) {
      const hint = 'a chain line is `:chain policy [packets:bytes]`';
      this.report('bad-chain', 'this is not a chain line', Math.min(parsed.offset, line.length - 1), 1, hint);
      return;
    }
    const { name, policy, counters } = parsed.node;
    const builtin = BUILTIN_CHAINS[table.name]!.includes(name.text);
    const chain = builtin ? table.chains.get(name.text)! : this.declare(name.text, name.offset, table);
    const value = counters && this.readCounters(counters.text, counters.offset);
    if (policy.text === '-') return;
    if (!builtin) {
      const message = `the chain ${name.text} is not built in and has no policy`;
      this.report('bad-policy', message, policy.offset, policy.text.length, 'write `-`');
      return;
    }
    if (policy.text !== 'ACCEPT' && policy.text !== 'DROP') {
      const message = `Can't set policy \`${policy.text}' on \`${name.text}': Bad policy name`;
      this.report('bad-policy', message, policy.offset, policy.text.length);
      return;
    }
    if (table.name !== ENFORCED_TABLE && policy.text !== 'ACCEPT') {
      this.refuseTable(table, policy.offset, policy.text.length);
      return;
    }
    chain.policy = policy.text;
    chain.counters = (this.options.counters === false ? undefined : value) ?? ZERO;
  }

  private declare(name: string, offset: number, table: TableDraft): ChainDraft {
    const before = table.chains.get(name);
    if (before) {
      if (!this.options.noflush) this.report('bad-chain', `the chain \`${name}' exists already`, offset, name.length);
      before.rules.length = 0;
      return before;
    }
    if (Buffer.byteLength(name) > CHAIN_NAME_LIMIT) {
      const message = `Invalid chain name \`${name}' (${CHAIN_NAME_LIMIT} chars max)`;
      this.report('bad-chain', message, offset, name.length);
    } else if (RESERVED_CHAINS.has(name)) {
      this.report('bad-chain', `error creating chain '${name}': the name is that of a verdict`, offset, name.length);
    }
    const span = this.span(offset, name.length);
    const chain = { name, policy: undefined, counters: ZERO, rules: [], span };
    table.chains.set(name, chain);
    return chain;
  }

  private readCounters(text: string, offset: number): Counters | undefined {
    try {
      return evaluateCounters(text);
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      this.report('bad-counters', error.message, offset, text.length, error.hint);
      return undefined;
    }
  }

  // ----- rules -----

  private readRule(line: string, table: TableDraft): void {
    if (table.name !== ENFORCED_TABLE) {
      this.refuseTable(table, 0, line.length);
      return;
    }
    const isChain = (name: string) => table.chains.has(name);
    const scope = new RuleScope(this.names, isChain);
    const parsed = parseRuleLine(line, scope);
    if (scope.failure) {
      this.reportAt(scope.failure.code, scope.failure.message, scope.failure.word);
      return;
    }
    if ('code' in parsed) {
      const match = parsed.code === 'unknown-option' ? scope.unsupportedProtocolMatch : undefined;
      if (match) {
        this.reportAt('unsupported-option', notYet(`match ${match}`), parsed.word);
        return;
      }
      this.reportAt(parsed.code, parsed.message, parsed.word);
      return;
    }
    const built = buildRules(parsed, scope, {
      names: this.names,
      span: this.spanOfText(line),
      isChain,
      isBuiltin: (name) => BUILTIN_CHAINS[table.name]!.includes(name),
      report: (code, message, word, hint) => this.reportAt(code, message, word, hint),
    });
    if (!built) return;
    const chain = table.chains.get(built.chain)!;
    this.ruleCount += built.rules.length;
    if (this.ruleCount > RULE_LIMIT) {
      this.report('too-large', `the file has more than ${RULE_LIMIT} rules`, 0, line.length);
      table.skipped = true;
      return;
    }
    const asWritten = this.options.counters !== false;
    for (const rule of built.rules) chain.rules.push(asWritten ? rule : { ...rule, counters: ZERO });
  }

  /** Once per table is enough. */
  private refuseTable(table: TableDraft, offset: number, length: number): void {
    const message = `bpfilter does not enforce the table ${table.name} yet: it must hold no rules and accept everything`;
    this.report('unsupported-table', message, offset, length);
    table.skipped = true;
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

function inTextOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics].sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
}
