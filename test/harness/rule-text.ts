// One rule as text: what we print and list of it, or what we say against it.

import type { Family } from '../../src/base/family.ts';
import type { TableName } from '../../src/base/hooks.ts';
import type { Names } from '../../src/base/names.ts';
import { listTable } from '../../src/ruleset/list.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { printRule } from '../../src/ruleset/print.ts';

export interface Place {
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  readonly names: Names;
}

export interface RuleText {
  readonly printed: string;
  /** What -L shows behind the columns, with and without -n. */
  readonly numeric: string;
  readonly named: string;
}

function read(rule: string, { family, table, chain, names }: Place) {
  return parseRuleset(`*${table}\n-A ${chain} ${rule}\nCOMMIT\n`, { file: 'rules', family, names });
}

/** Throws for a rule that is refused. */
export function ruleText(rule: string, place: Place): RuleText {
  const { family, table: tableName, chain, names } = place;
  const { ruleset, diagnostics } = read(rule, place);
  if (diagnostics.length > 0) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const table = ruleset.tables.find(({ name }) => name === tableName)!;
  const added = table.chains.find(({ name }) => name === chain)!.rules[0]!;
  const list = (numeric: boolean) => {
    const options = { family, numeric, verbose: false, exact: false, lineNumbers: false };
    const row = listTable(table, { chain }, options, names).split('\n')[2]!;
    return row.replace(/^.*?-- .{21}.{21}/, '');
  };
  return { printed: printRule(added, family, names), numeric: list(true), named: list(false) };
}

/** What is found against the rule, in order: the code and the message of each finding. */
export function complaints(rule: string, place: Place): readonly string[] {
  return read(rule, place).diagnostics.map(({ code, message }) => `${code}: ${message}`);
}
