// Changes to a ruleset. All of them give a new ruleset and leave the old one as it was.

import { type Counters, ZERO } from '../base/counters.ts';
import type { Chain, Ruleset, Table } from './model.ts';
import { noteReadLines, readLinesOf } from './read-lines.ts';

/** The counters of one chain: of its policy, and of its rules in order. */
export interface ChainCounters {
  readonly policy?: Counters;
  readonly rules: readonly Counters[];
}

/** The counters of a table, by chain. */
export function countersOf({ chains }: Table): ReadonlyMap<string, ChainCounters> {
  return new Map(
    chains.map(({ name, policy, counters, rules }) => [
      name,
      { ...(policy === undefined ? {} : { policy: counters }), rules: rules.map((rule) => rule.counters) },
    ]),
  );
}

/** Puts counters into a table, by chain; chains and rules without new ones keep theirs. */
export function withCounters(ruleset: Ruleset, table: string, counters: ReadonlyMap<string, ChainCounters>): Ruleset {
  return mapChains(ruleset, table, (chain) => {
    const given = counters.get(chain.name);
    if (given === undefined) return chain;
    const rules = chain.rules.map((rule, i) => ({ ...rule, counters: given.rules[i] ?? rule.counters }));
    const lines = readLinesOf(chain.rules);
    if (lines !== undefined) noteReadLines(rules, lines);
    return { ...chain, counters: given.policy ?? chain.counters, rules };
  });
}

/** Sets counters of a table to zero: all, those of a chain, or that of one rule of it, counted from 1 (`-Z`). */
export function zeroCounters(ruleset: Ruleset, table: string, chain?: string, rule?: number): Ruleset {
  return mapChains(ruleset, table, (each) => {
    if (chain !== undefined && each.name !== chain) return each;
    const rules = each.rules.map((r, i) => (rule === undefined || rule === i + 1 ? { ...r, counters: ZERO } : r));
    return { ...each, counters: rule === undefined ? ZERO : each.counters, rules };
  });
}

function mapChains(ruleset: Ruleset, table: string, change: (chain: Chain) => Chain): Ruleset {
  const tables = ruleset.tables.map((each) =>
    each.name === table ? { ...each, chains: each.chains.map(change) } : each,
  );
  return { ...ruleset, tables };
}
