// What is known of the rules of a family, from one apply to the next.

import type { Family } from '../base/family.ts';
import { PerRule } from '../ruleset/per-rule.ts';
import { printRuleLine } from '../ruleset/print.ts';
import { readLinesOf } from '../ruleset/read-lines.ts';
import { Compiler } from './compile.ts';

export class KnownRules {
  readonly compiler: Compiler;
  /** The lines of the filter table's rules. */
  readonly lines: PerRule<string>;
  /** Whether a line was more than one. */
  sawLineBreak = false;

  constructor(family: Family) {
    this.compiler = new Compiler(family);
    this.lines = new PerRule<string>((rule, chain, rules, index) => {
      const line = readLinesOf(rules)?.[index] ?? printRuleLine(chain, rule, family);
      this.sawLineBreak ||= line.includes('\n');
      return line;
    });
  }
}
