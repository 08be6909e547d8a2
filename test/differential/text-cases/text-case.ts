// One rule for the comparison with iptables-legacy. Every other file of this folder exports `cases`, and `text.test.ts` names them.

import type { Family } from '../../../src/base/family.ts';
import type { TableName } from '../../../src/base/hooks.ts';

/** A rule by itself in a table that has a user chain `c` besides. Whether it is one at all, iptables says. */
export interface TextCase {
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  /** What stands behind `-A chain`. */
  readonly rule: string;
  /** What we print behind `-A chain`, where we mean to print something else than iptables-save. */
  readonly prints?: string;
}

/** A case for each line of a text and each family; empty lines count for nothing. */
export function textCases(families: Family | 'both', table: TableName, chain: string, text: string): TextCase[] {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const each: readonly Family[] = families === 'both' ? ['ipv4', 'ipv6'] : [families];
  return each.flatMap((family) => rules.map((rule) => ({ family, table, chain, rule })));
}
