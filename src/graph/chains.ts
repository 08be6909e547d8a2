// What the rules of the filter table mean, as `ipt_do_table` and `ip6t_do_table` of iptables-legacy walk them.
//
// A rule asks its clauses in the kernel's order (source, destination, devices, protocol, then the matches as written);
// all true: its counter, then its target. The first false one goes on with the next rule. A `dropIf` clause (hotdrop)
// drops uncounted; `-p` of IPv6 begins with one, see `src/base/ipv6-headers.ts`. A rule without target counts and goes on. The end of a built-in chain, and RETURN in it, count the
// policy; the end of a user chain returns to the caller.
//
// What a rule means depends on the rule alone. `Meanings` keeps it from one table to the next: of an edited table only
// the rules that were not there before are looked at.

import type { MaskedAny } from '../base/address.ts';
import { nameInBytes } from '../base/device-name.ts';
import type { Family } from '../base/family.ts';
import { FILTER_CHAINS, type FilterChain } from '../base/hooks.ts';
import { interval } from '../base/intervals.ts';
import { maskPrefix } from '../base/ipv4.ts';
import { type MaskedAddress6, maskPrefix6 } from '../base/ipv6.ts';
import type { Clause, DeviceField, Predicate } from '../base/predicate.ts';
import { WIDE_MAXIMUM } from '../base/wide-intervals.ts';
import type { MatchExtension, TargetExtension } from '../extensions/extension.ts';
import { findMatch, findTarget } from '../extensions/registry.ts';
import type { AddressTest } from '../ruleset/address-test.ts';
import type { Negatable, Rule, Table } from '../ruleset/model.ts';
import { PerRule } from '../ruleset/per-rule.ts';
import type { Slot } from './graph.ts';
import { type SlotPlan, sequentialSlots } from './slots.ts';

/** Where the meaning of matches and targets is looked up; the tests put in their own. */
export interface Extensions {
  findMatch(name: string, family: Family): MatchExtension | undefined;
  findTarget(name: string, family: Family): TargetExtension | undefined;
}

/** What gives a rule its meaning besides its words. */
interface Language {
  readonly family: Family;
  readonly extensions: Extensions;
}

/** What a rule does once all its clauses hold and it has counted. */
export type RuleTarget =
  | { readonly kind: 'none' | 'accept' | 'drop' | 'return' }
  | { readonly kind: 'call' | 'goto'; readonly chain: string };

/** Is told the clauses of a rule, in the order in which they are asked. */
export interface ClauseReader {
  /** A `require` clause whose literal is that an address is in an interval, or with `negated` that it is not. */
  addresses(field: 'src' | 'dst', low: number, high: number, negated: boolean): void;
  /** Any other clause. What rules share is mostly the same object. */
  clause(clause: Clause): void;
}

/** The meaning of one rule, the same object for as long as the rule stays in its chain. */
export class RuleMeaning {
  readonly target: RuleTarget;
  /** What `src/classify/rule-decisions.ts` made of the rule: it lives as long as the rule does. */
  decisions: unknown;
  private readonly rule: Rule;
  private readonly language: Language;

  constructor(rule: Rule, language: Language) {
    this.rule = rule;
    this.language = language;
    this.target = ruleTarget(rule, language);
    this.decisions = undefined;
  }

  /** In the order in which they are asked. Made anew by each call: they take much room and are seldom needed twice. */
  clauses(): Clause[] {
    const clauses: Clause[] = [];
    tellClauses(this.rule, this.language, {
      addresses(field, low, high, negated) {
        clauses.push({ kind: 'require', predicate: { kind: 'in', field, set: interval(low, high) }, negated });
      },
      clause(clause) {
        clauses.push(clause);
      },
    });
    return clauses;
  }

  /** The same without objects for what differs from rule to rule. */
  tellClauses(reader: ClauseReader): void {
    tellClauses(this.rule, this.language, reader);
  }
}

export interface ChainMeaning {
  readonly name: string;
  /** The hook that enters it; only user chains have none. */
  readonly hook: FilterChain | undefined;
  /** What happens to packets that come to the end of a hook's chain. */
  readonly policy: 'accept' | 'drop' | undefined;
  readonly rules: readonly RuleMeaning[];
  /** The counter of each rule. */
  readonly slots: Int32Array;
  /** The policy's counter; −1 for a user chain. */
  readonly policySlot: Slot;
}

/** The chains of a table by name, in table order. */
export type Chains = ReadonlyMap<string, ChainMeaning>;

/** What the rules of the last table meant. */
export class Meanings {
  private readonly meanings: PerRule<RuleMeaning>;

  constructor(family: Family = 'ipv4', extensions: Extensions = { findMatch, findTarget }) {
    const language = { family, extensions };
    this.meanings = new PerRule((rule) => new RuleMeaning(rule, language));
  }

  /**
   * The chains of a filter table of the family, all of whose rules can be enforced (`src/engine/enforceable.ts`); throws
   * otherwise. Rules that the last table had in the same chain keep their meaning.
   */
  chains(table: Table, slots: SlotPlan = sequentialSlots(table)): Chains {
    const chains = new Map<string, ChainMeaning>();
    const meanings = this.meanings.of(table);
    for (const [number, { name, policy }] of table.chains.entries()) {
      const hook = FILTER_CHAINS.find((each) => each === name);
      const plan = slots.chains[number]!;
      chains.set(name, {
        name,
        hook,
        policy: hook === undefined ? undefined : policy === 'DROP' ? 'drop' : 'accept',
        rules: meanings.get(name)!,
        slots: plan.rules,
        policySlot: plan.policy,
      });
    }
    return chains;
  }
}

/** The chains that a hook's packets may enter, its own first; throws where a chain that is named does not exist. */
export function chainsFrom(chains: Chains, hook: FilterChain): ChainMeaning[] {
  const found = new Set<ChainMeaning>();
  const own = chains.get(hook);
  if (own !== undefined) found.add(own);
  if (!hasUserChains(chains)) return [...found];
  for (const { rules } of found) {
    for (const { target } of rules)
      if (target.kind === 'call' || target.kind === 'goto') found.add(entered(chains, target.chain));
  }
  return [...found];
}

/** Whether rules can lead anywhere: without that, nobody need look at all of them to see where they do. */
export function hasUserChains(chains: Chains): boolean {
  for (const { hook } of chains.values()) if (hook === undefined) return true;
  return false;
}

/** The chain that a call or goto names. */
export function entered(chains: Chains, name: string): ChainMeaning {
  const chain = chains.get(name);
  if (chain === undefined) throw new Error(`no chain ${name}`);
  return chain;
}

function ruleTarget({ target, line }: Rule, { family, extensions }: Language): RuleTarget {
  switch (target.kind) {
    case 'none':
      return NONE;
    case 'jump':
      return { kind: 'call', chain: target.chain };
    case 'goto':
      return { kind: 'goto', chain: target.chain };
    case 'extension': {
      const meaning = extensions.findTarget(target.extension, family)?.meaning;
      if (meaning === undefined) throw new Error(`line ${line}: target ${target.extension} has no meaning`);
      return VERDICTS[meaning.verdict];
    }
  }
}

/** Made once: large rulesets have very many of them. */
const DROP_MALFORMED: Clause = {
  ...{ kind: 'dropIf', predicate: { kind: 'in', field: 'malformed', set: interval(1) }, negated: false },
};

const NONE = { kind: 'none' } as const;
const VERDICTS = { accept: { kind: 'accept' }, drop: { kind: 'drop' }, return: { kind: 'return' } } as const;

function tellClauses(rule: Rule, { family, extensions }: Language, reader: ClauseReader): void {
  if (rule.fragment !== undefined) throw new Error(`line ${rule.line}: -f has no meaning`);
  const { source, destination, inInterface, outInterface, protocol } = rule;
  if (source !== undefined) tellAddress('src', source, reader);
  if (destination !== undefined) tellAddress('dst', destination, reader);
  if (inInterface !== undefined) reader.clause(deviceClause('inDevice', inInterface));
  if (outInterface !== undefined) reader.clause(deviceClause('outDevice', outInterface));
  if (family === 'ipv6' && protocol !== undefined) reader.clause(DROP_MALFORMED);
  if (protocol !== undefined) reader.clause(protocolClause(protocol));
  for (const match of rule.matches) {
    const extension = extensions.findMatch(match.extension, family);
    if (extension?.meaning === undefined) throw new Error(`line ${rule.line}: match ${match.extension} has no meaning`);
    for (const clause of extension.meaning.clauses(match.data, family)) reader.clause(clause);
  }
}

/** Clauses of protocols that were made already. */
const protocolClauses = new Map<number, Clause>();

function protocolClause({ value, negated }: Negatable<number>): Clause {
  const key = 2 * value + (negated ? 1 : 0);
  let clause = protocolClauses.get(key);
  if (clause === undefined) {
    clause = { kind: 'require', predicate: { kind: 'in', field: 'protocol', set: interval(value) }, negated };
    protocolClauses.set(key, clause);
  }
  return clause;
}

/** A prefix is a range; only a mask with holes needs to be asked bit by bit. */
function tellAddress(end: 'src' | 'dst', address: AddressTest, reader: ClauseReader): void {
  const { negated } = address;
  if (isWide(address)) {
    reader.clause({ kind: 'require', predicate: widePredicate(end === 'src' ? 'src6' : 'dst6', address), negated });
    return;
  }
  const { value, mask } = address;
  if (maskPrefix(mask) !== undefined) reader.addresses(end, value, (value | ~mask) >>> 0, negated);
  else reader.clause({ kind: 'require', predicate: { kind: 'masked', field: end, mask, value }, negated });
}

function widePredicate(field: 'src6' | 'dst6', { value, mask }: MaskedAddress6): Predicate {
  if (maskPrefix6(mask) === undefined) return { kind: 'maskedWide', field, mask, value };
  return { kind: 'wide', field, set: [{ low: value, high: value | (WIDE_MAXIMUM ^ mask) }] };
}

function isWide(address: MaskedAny): address is MaskedAddress6 {
  return typeof address.value === 'bigint';
}

/** Clauses of devices that were made already: few names come again and again. */
const deviceClauses = { inDevice: [new Map(), new Map()], outDevice: [new Map(), new Map()] } as const satisfies Record<
  DeviceField,
  readonly Map<string, Clause>[]
>;
const KNOWN_DEVICES = 1024;

function deviceClause(field: DeviceField, { value, negated }: Negatable<string>): Clause {
  const known: Map<string, Clause> = deviceClauses[field][negated ? 1 : 0];
  let clause = known.get(value);
  if (clause === undefined) {
    if (known.size >= KNOWN_DEVICES) known.clear();
    clause = { kind: 'require', predicate: devicePredicate(field, value), negated };
    known.set(value, clause);
  }
  return clause;
}

/** `eth+` is every name that begins with `eth`; `+` alone, like no name, is any device and none. */
function devicePredicate(field: DeviceField, name: string): Predicate {
  const prefix = name === '' || name.endsWith('+');
  return { kind: 'device', field, name: nameInBytes(prefix ? name.slice(0, -1) : name), prefix };
}
