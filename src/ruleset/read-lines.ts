// The lines that rules were read from, kept where they are word for word what iptables-save prints of them: rules are mostly
// written by iptables-save, so who prints a large ruleset need not make its lines anew.
//
// They belong to the list of a chain's rules, which never changes; a list made of it has none unless it is given them.

import type { Rule } from './model.ts';

/** Without counters; undefined for a rule that was written in another way. */
export type ReadLines = readonly (string | undefined)[];

const known = new WeakMap<readonly Rule[], ReadLines>();

/** Notes the lines of a chain's rules, one for each. */
export function noteReadLines(rules: readonly Rule[], lines: ReadLines): void {
  known.set(rules, lines);
}

/** The lines of a chain's rules, if any are known. */
export function readLinesOf(rules: readonly Rule[]): ReadLines | undefined {
  return known.get(rules);
}
