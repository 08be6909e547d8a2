// What is made of every rule by itself, kept from one table to the next: of an edited table only the rules that were not
// there before are looked at.

import { commonEnds } from '../base/common-ends.ts';
import type { Rule, Table } from './model.ts';

interface Known<T> {
  readonly rules: readonly Rule[];
  readonly values: readonly T[];
}

export class PerRule<T> {
  private readonly make: (rule: Rule, chain: string, rules: readonly Rule[], index: number) => T;
  private known: ReadonlyMap<string, Known<T>> = new Map();

  /** `make` is asked once for each rule, as long as it stays in its chain; it is told the chain's rules and the place. */
  constructor(make: (rule: Rule, chain: string, rules: readonly Rule[], index: number) => T) {
    this.make = make;
  }

  /** For each chain of a table the values of its rules, in order. */
  of({ chains }: Table): ReadonlyMap<string, readonly T[]> {
    const known = new Map(chains.map(({ name, rules }) => [name, this.chain(name, rules)]));
    this.known = known;
    return new Map(Array.from(known, ([name, { values }]) => [name, values]));
  }

  private chain(name: string, rules: readonly Rule[]): Known<T> {
    const before = this.known.get(name);
    if (before === undefined) return { rules, values: rules.map((rule, i) => this.make(rule, name, rules, i)) };
    if (before.rules === rules) return before;
    const { front, back } = commonEnds(before.rules, rules);
    const shift = before.rules.length - rules.length;
    const end = rules.length - back;
    const between = new Map<Rule, T>();
    if (end > front) for (let i = front; i < end + shift; i++) between.set(before.rules[i]!, before.values[i]!);
    const made = rules.slice(front, end).map((rule, i) => between.get(rule) ?? this.make(rule, name, rules, front + i));
    return { rules, values: before.values.slice(0, front).concat(made, before.values.slice(end + shift)) };
  }
}
