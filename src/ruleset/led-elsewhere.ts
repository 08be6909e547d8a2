// Rules that lead to a chain which has another name now: made anew, they still are the rules that they were.

import type { Rule } from './model.ts';

const made = new WeakMap<Rule, Rule>();

/** The rule as it leads to a chain by its new name. */
export function ledTo(rule: Rule, chain: string): Rule {
  if (!('chain' in rule.target)) return rule;
  const renamed = { ...rule, target: { ...rule.target, chain } };
  made.set(renamed, rule);
  return renamed;
}

/** The rule that it was before; undefined for one that has not been renamed. */
export function ledBefore(rule: Rule): Rule | undefined {
  return made.get(rule);
}

/** The rule is in force as it is: what it was before is of no use any more. */
export function forgetLedBefore(rule: Rule): void {
  made.delete(rule);
}
