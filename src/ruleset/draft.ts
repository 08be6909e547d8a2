// A table while commands change it. Commands of a file and of a command line end here alike; what cannot be done is
// refused for the reason that iptables gives (libiptc's, as printed by iptables 1.8.9).

import { type Counters, ZERO } from '../base/counters.ts';
import type { DiagnosticCode, Span } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import type { TableName } from '../base/hooks.ts';
import type { Names } from '../base/names.ts';
import { ledTo } from './led-elsewhere.ts';
import type { Chain, Policy, Rule, Table } from './model.ts';
import { byBytes, printRule } from './print.ts';
import { noteReadLines, readLinesOf } from './read-lines.ts';
import { BUILTIN_CHAINS, emptyTable } from './tables.ts';

/** A change that iptables refuses; `reason` is what it prints. */
export class EditError extends Error {
  override readonly name = 'EditError';
  readonly code: DiagnosticCode;
  readonly reason: string;

  constructor(code: DiagnosticCode, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

const NO_CHAIN = 'No chain/target/match by that name';

/** Names that the kernel keeps for its own verdicts. */
const RESERVED_CHAINS = new Set(['ACCEPT', 'DROP', 'QUEUE', 'RETURN']);

interface ChainDraft {
  name: string;
  policy: Policy | undefined;
  counters: Counters;
  rules: Rule[];
  /** Which rules say the same: a number each, known once a rule was looked for. */
  sayings: number[] | undefined;
  /** What they were read from (`read-lines.ts`); absent where that is not known of any. */
  lines: (string | undefined)[] | undefined;
  readonly span: Span;
}

export class TableDraft {
  readonly name: TableName;
  readonly span: Span;
  private readonly family: Family;
  private readonly names: Names;
  private readonly chains: Map<string, ChainDraft>;
  private led: Map<string, number> | undefined;
  private readonly sayings = new Map<string, number>();

  /** Starts from a table; `flush` leaves nothing but the built-in chains and their policies. */
  constructor(from: Table | TableName, at: { span: Span; family: Family; names: Names }, flush: boolean) {
    const table = typeof from === 'string' ? emptyTable(from, at.span) : from;
    this.name = table.name;
    this.span = at.span;
    this.family = at.family;
    this.names = at.names;
    const kept = flush ? table.chains.filter((chain) => chain.policy !== undefined) : table.chains;
    this.chains = new Map(
      kept.map(({ name, policy, counters, rules, span }) => [
        name,
        {
          ...{ name, policy, counters: flush ? ZERO : counters, rules: flush ? [] : rules.slice(), sayings: undefined },
          ...{ lines: flush ? undefined : readLinesOf(rules)?.slice(), span },
        },
      ]),
    );
  }

  isChain(name: string): boolean {
    return this.chains.has(name);
  }

  isBuiltin(name: string): boolean {
    return (BUILTIN_CHAINS[this.name] as readonly string[]).includes(name);
  }

  /** The names of all chains in the order in which iptables goes through them. */
  chainNames(): readonly string[] {
    const names = [...this.chains.keys()];
    const users = names.filter((name) => !this.isBuiltin(name));
    return [...names.filter((name) => this.isBuiltin(name)), ...users.sort(byBytes)];
  }

  rulesOf(name: string): readonly Rule[] {
    return this.chain(name).rules;
  }

  append(chain: string, rules: readonly Rule[]): void {
    const into = this.chain(chain);
    this.checkTargets(rules);
    this.noteRules(rules, 1);
    for (const rule of rules) this.push(into, rule);
  }

  /**
   * Appends a rule whose target is known to be allowed: as `append` does, once for each line of large files. `line` is
   * what it was read from, if that is what it is printed as.
   */
  appendChecked(chain: string, rule: Rule, line: string | undefined): void {
    if (this.led !== undefined) this.noteRules([rule], 1);
    this.push(this.chain(chain), rule, line);
  }

  private push(into: ChainDraft, rule: Rule, line?: string): void {
    if (line !== undefined) into.lines ??= new Array<undefined>(into.rules.length).fill(undefined);
    into.lines?.push(line);
    into.rules.push(rule);
    into.sayings?.push(this.saying(rule));
  }

  /** Puts each rule at the number, counted from 1, so that the last one comes first. */
  insert(chain: string, number: number, rules: readonly Rule[]): void {
    const into = this.chain(chain);
    if (number > into.rules.length + 1) throw this.badIndex('insertion', chain, number);
    this.checkTargets(rules);
    for (const rule of rules) this.splice(into, number - 1, 0, rule);
  }

  replace(chain: string, number: number, rule: Rule): void {
    const into = this.chain(chain);
    if (number > into.rules.length) throw this.badIndex('replacement', chain, number);
    this.checkTargets([rule]);
    this.splice(into, number - 1, 1, rule);
  }

  deleteNumber(chain: string, number: number): void {
    const from = this.chain(chain);
    if (number > from.rules.length) throw this.badIndex('deletion', chain, number);
    this.splice(from, number - 1, 1);
  }

  private splice({ rules, sayings, lines }: ChainDraft, at: number, taken: number, ...put: readonly Rule[]): void {
    this.noteRules(put, 1);
    this.noteRules(rules.splice(at, taken, ...put), -1);
    sayings?.splice(at, taken, ...put.map((rule) => this.saying(rule)));
    lines?.splice(at, taken, ...put.map(() => undefined));
  }

  /** Deletes the first rule that says the same, for each of the rules. */
  deleteRules(chain: string, rules: readonly Rule[]): void {
    for (const rule of rules) {
      const index = this.indexOf(chain, rule);
      this.splice(this.chain(chain), index, 1);
    }
  }

  /** Throws unless the chain has a rule that says the same, for each of the rules. */
  check(chain: string, rules: readonly Rule[]): void {
    for (const rule of rules) this.indexOf(chain, rule);
  }

  private indexOf(chain: string, rule: Rule): number {
    const from = this.chains.get(chain);
    if (from !== undefined) {
      this.checkTargets([rule]);
      from.sayings ??= from.rules.map((each) => this.saying(each));
      const index = from.sayings.indexOf(this.saying(rule));
      if (index >= 0) return index;
    }
    // The library tells less once it has looked for a chain of the target's name.
    const { target } = rule;
    const isPlain = target.kind === 'none' || (target.kind === 'extension' && RESERVED_CHAINS.has(target.extension));
    const reason = from === undefined || isPlain ? 'Bad rule (does a matching rule exist in that chain?)' : NO_CHAIN;
    throw new EditError('unknown-rule', reason, `the chain ${chain} has no rule that says this`);
  }

  private checkTargets(rules: readonly Rule[]): void {
    for (const { target } of rules) {
      if (!('chain' in target) || !this.isBuiltin(target.chain)) continue;
      const message = `a rule cannot lead to the built-in chain ${target.chain}`;
      throw new EditError('refused-rule', 'Invalid argument', message);
    }
  }

  private saying(rule: Rule): number {
    const text = printRule(rule, this.family, this.names);
    const known = this.sayings.get(text);
    if (known !== undefined) return known;
    this.sayings.set(text, this.sayings.size);
    return this.sayings.size - 1;
  }

  private badIndex(of: string, chain: string, number: number): EditError {
    const count = this.chain(chain).rules.length;
    const message = `the chain ${chain} has ${count === 1 ? '1 rule' : `${count} rules`}, none with number ${number}`;
    return new EditError('unknown-rule', `Index of ${of} too big`, message);
  }

  /** Empties a chain, or all. */
  flush(chain?: string): void {
    for (const each of this.selected(chain)) {
      this.noteRules(each.rules, -1);
      each.rules = [];
      each.sayings = undefined;
      each.lines = undefined;
    }
  }

  /** Sets the counters of a chain and its rules to zero, or of all; or of one rule, counted from 1. */
  zero(chain?: string, number?: number): void {
    for (const each of this.selected(chain)) {
      if (number === undefined) {
        each.counters = ZERO;
        each.rules = each.rules.map((rule) => (rule.counters === ZERO ? rule : { ...rule, counters: ZERO }));
      } else {
        const rule = each.rules[number - 1];
        if (rule === undefined) throw this.badIndex('counter', each.name, number);
        each.rules[number - 1] = { ...rule, counters: ZERO };
      }
    }
  }

  create(name: string, span: Span): void {
    if (this.isChain(name) || RESERVED_CHAINS.has(name)) {
      throw new EditError('chain-in-use', 'Chain already exists', `the chain \`${name}' exists already`);
    }
    const empty = { rules: [], sayings: undefined, lines: undefined };
    this.chains.set(name, { name, policy: undefined, counters: ZERO, ...empty, span });
  }

  /** Removes a user chain, or all: they must be empty, and no rule may lead to them. Of several refused the last counts. */
  delete(name?: string): void {
    const names = name === undefined ? this.chainNames().filter((each) => !this.isBuiltin(each)) : [name];
    const refusals = names.flatMap((each) => {
      const refused = this.whyKept(each);
      if (refused === undefined) this.chains.delete(each);
      return refused ?? [];
    });
    const last = refusals.at(-1);
    if (last !== undefined) throw last;
  }

  private whyKept(name: string): EditError | undefined {
    const { rules } = this.chain(name);
    const refusal = (reason: string, message: string) => new EditError('chain-in-use', reason, message);
    if (this.isBuiltin(name)) return refusal('Invalid argument', `the chain ${name} is built in`);
    if (this.references().has(name)) return refusal('Too many links', `other rules still lead to the chain ${name}`);
    if (rules.length > 0) return refusal('Directory not empty', `the chain ${name} still has rules`);
    return undefined;
  }

  /** How many rules lead to each chain that any leads to; counted when it is asked for the first time. */
  private references(): ReadonlyMap<string, number> {
    if (this.led === undefined) {
      this.led = new Map();
      for (const { rules } of this.chains.values()) this.noteRules(rules, 1);
    }
    return this.led;
  }

  private noteRules(rules: readonly Rule[], by: 1 | -1): void {
    const { led } = this;
    if (led === undefined) return;
    for (const { target } of rules) {
      if (!('chain' in target)) continue;
      const count = (led.get(target.chain) ?? 0) + by;
      if (count > 0) led.set(target.chain, count);
      else led.delete(target.chain);
    }
  }

  rename(from: string, to: string): void {
    if (this.isChain(to) || RESERVED_CHAINS.has(to)) {
      throw new EditError('chain-in-use', 'File exists', `a chain \`${to}' exists already`);
    }
    const chain = this.chain(from);
    if (this.isBuiltin(from)) throw new EditError('chain-in-use', NO_CHAIN, `the chain ${from} is built in`);
    const led = this.references().get(from);
    const all = [...this.chains.values()];
    chain.name = to;
    chain.lines = undefined;
    this.chains.clear();
    for (const each of all) this.chains.set(each.name, each);
    if (led === undefined) return;
    this.led?.delete(from);
    this.led?.set(to, led);
    for (const each of all) {
      each.rules = each.rules.map((rule) =>
        'chain' in rule.target && rule.target.chain === from ? ledTo(rule, to) : rule,
      );
      each.sayings = undefined;
      each.lines = undefined;
    }
  }

  /** Sets the policy of a built-in chain, and its counters: to zero where none are given. */
  setPolicy(name: string, policy: string, counters: Counters = ZERO): void {
    const refuse = (reason: string) =>
      new EditError('bad-policy', reason, `Can't set policy \`${policy}' on \`${name}': ${reason}`);
    if (!this.isBuiltin(name)) throw refuse('Bad built-in chain name');
    if (policy !== 'ACCEPT' && policy !== 'DROP') throw refuse('Bad policy name');
    const chain = this.chain(name);
    chain.policy = policy;
    chain.counters = counters;
  }

  private chain(name: string): ChainDraft {
    const chain = this.chains.get(name);
    if (chain !== undefined) return chain;
    throw new EditError('unknown-chain', NO_CHAIN, `the table has no chain \`${name}'`);
  }

  private selected(name: string | undefined): readonly ChainDraft[] {
    return name === undefined ? [...this.chains.values()] : [this.chain(name)];
  }

  finish(): Table {
    const chains = [...this.chains.values()].map(({ name, policy, counters, rules, lines, span }): Chain => {
      if (lines !== undefined) noteReadLines(rules, lines);
      return { name, ...(policy && { policy }), counters, rules, span };
    });
    return { name: this.name, chains, span: this.span };
  }
}
