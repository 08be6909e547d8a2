// All counters of a filter table, from whoever has them: the interpreter, the kernel's iptables, or ourselves.

import { addCounters, type Counters, ZERO } from '../../src/base/counters.ts';
import type { Outcome } from '../../src/reference/interpret.ts';
import type { Table } from '../../src/ruleset/model.ts';

export interface ChainCounters {
  /** Only of built-in chains. */
  readonly policy?: Counters;
  readonly rules: readonly Counters[];
}

/** By chain name. */
export type TableCounters = ReadonlyMap<string, ChainCounters>;

/** Adds up what the interpreter says, packet by packet. */
export class Tally {
  private readonly chains: Map<string, { policy?: Counters; rules: Counters[] }>;

  constructor(table: Table) {
    this.chains = new Map(
      table.chains.map((chain) => [
        chain.name,
        { ...(chain.policy !== undefined && { policy: ZERO }), rules: chain.rules.map(() => ZERO) },
      ]),
    );
  }

  /** `length` is the packet's, in bytes. */
  add(outcome: Outcome, length: number): void {
    const one: Counters = { packets: 1n, bytes: BigInt(length) };
    for (const { chain, rule } of outcome.counted) {
      const counters = this.chains.get(chain)!;
      if (rule === 'policy') counters.policy = addCounters(counters.policy!, one);
      else counters.rules[rule] = addCounters(counters.rules[rule]!, one);
    }
  }

  get counters(): TableCounters {
    return this.chains;
  }
}

/** What is not equal, one sentence each, rules numbered from 1. */
export function differences(expected: TableCounters, actual: TableCounters): string[] {
  const left = new Map(flatten(expected));
  const right = new Map(flatten(actual));
  const print = (counters: Counters | undefined): string =>
    counters === undefined ? 'nothing' : `${counters.packets} packets ${counters.bytes} bytes`;
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((place) => {
    const [wanted, found] = [print(left.get(place)), print(right.get(place))];
    return wanted === found ? [] : [`${place}: expected ${wanted}, found ${found}`];
  });
}

/** Every counter with its place, `INPUT:1` or `INPUT:policy`. */
export function flatten(counters: TableCounters): [place: string, counters: Counters][] {
  return [...counters].flatMap(([chain, { policy, rules }]) => [
    ...rules.map((rule, i): [string, Counters] => [formatPlace({ chain, rule: i }), rule]),
    ...(policy === undefined ? [] : [[formatPlace({ chain, rule: 'policy' }), policy] as [string, Counters]]),
  ]);
}

/** A counter's place with rules numbered from 1, as `--line-numbers` does. */
export function formatPlace(counted: Outcome['counted'][number]): string {
  return `${counted.chain}:${counted.rule === 'policy' ? 'policy' : counted.rule + 1}`;
}

/** Reads what `formatPlace` prints. */
export function parsePlace(text: string): Outcome['counted'][number] {
  const found = /^([^\s:]+):(policy|[1-9]\d*)$/.exec(text);
  if (found === null) throw new Error(`CHAIN:NUMBER or CHAIN:policy expected, not ${text}`);
  return { chain: found[1]!, rule: found[2] === 'policy' ? 'policy' : Number(found[2]) - 1 };
}
