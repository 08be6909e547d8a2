// The parts that a list's finishes are made of: each field's classes, and the combinations worth making.
//
// Small fields (protocol, flags, devices) are combined first, the one with the fewest classes first, then the ports, then
// the addresses with each other: rules share services, and pairs of addresses, far more than anything else.

import type { Field } from '../base/predicate.ts';
import type { Budget } from './budget.ts';
import { fieldClasses } from './classes.ts';
import { combine, pairsOf } from './combine.ts';
import { isOverflow, type Overflow } from './finishes/finish.ts';
import { listFields } from './list-fields.ts';
import type { Part } from './parts.ts';
import { withClasses } from './parts.ts';
import { makePruner, pruneClasses } from './prune.ts';
import type { Reach } from './reach.ts';

const ADDRESSES: readonly Field[] = ['src', 'dst'];
const PORTS: readonly Field[] = ['sport', 'dport'];

/** The fields that are looked up last, where they still matter. */
const LATE: readonly Field[] = ['state'];

export class ListParts {
  readonly reach: Reach;
  private readonly budget: Budget;
  /** Of how many parts each decision asks something, all fields counted at first. */
  private readonly asked: Uint8Array;
  private fields: Part[] = [];

  private constructor(reach: Reach, budget: Budget) {
    this.reach = reach;
    this.budget = budget;
    this.asked = Uint8Array.from(reach.list.conditions, (conditions) => conditions.length);
  }

  /** The classes of all fields. */
  static of(reach: Reach, budget: Budget): ListParts | Overflow {
    const made = new ListParts(reach, budget);
    for (const { field, conditions, ofDecision } of listFields(reach.list)) {
      const classes = fieldClasses(field, conditions, budget);
      if (isOverflow(classes)) return classes;
      made.fields.push(made.pruned({ name: field, sets: classes.sets, ofDecision, source: classes.partition }));
    }
    return made;
  }

  get fieldParts(): readonly Part[] {
    return this.fields;
  }

  /** One or two parts that have everything that the list asks, and a field to be looked up late. */
  forDense(): { readonly parts: readonly [Part] | readonly [Part, Part]; readonly late: Part | undefined } | Overflow {
    const late = this.fields.length > 1 ? this.fields.find(({ name }) => isOneOf(name, LATE)) : undefined;
    const asked = this.asked.slice();
    const others = this.fields.filter((part) => part !== late);
    const addresses = others.filter(({ name }) => isOneOf(name, ADDRESSES));
    const small = bySize(others);
    const fromSmall = this.combineAll(small, addresses.length === 0 ? 2 : 1, asked);
    if (isOverflow(fromSmall)) return fromSmall;
    const fromAddresses = this.combineAll(addresses, fromSmall.length === 0 ? 2 : 1, asked);
    if (isOverflow(fromAddresses)) return fromAddresses;
    return { parts: [...fromAddresses, ...fromSmall] as unknown as readonly [Part] | readonly [Part, Part], late };
  }

  /** Few parts that have everything that the list asks: where combinations do not fit, what they would be made of. */
  forTuples(): Part[] {
    const asked = this.asked.slice();
    const addresses = this.fields.filter(({ name }) => isOneOf(name, ADDRESSES));
    const small = this.combineSome(bySize(this.fields), asked);
    return [...this.combineSome(addresses, asked), ...small];
  }

  /** Combines the first two until no more than `most` are left. */
  private combineAll(parts: readonly Part[], most: number, asked: Uint8Array): Part[] | Overflow {
    const left = [...parts];
    while (left.length > most) {
      const [rows, columns] = left.splice(0, 2) as [Part, Part];
      const combined = this.combine(rows, columns, asked);
      if (isOverflow(combined)) return combined;
      left.unshift(combined);
    }
    return left;
  }

  /** Combines each with those before it as far as the budget allows. */
  private combineSome(parts: readonly Part[], asked: Uint8Array): Part[] {
    const done: Part[] = [];
    for (const part of parts) {
      const last = done.at(-1);
      const combined = last === undefined ? undefined : this.combine(last, part, asked);
      if (combined === undefined || isOverflow(combined)) done.push(part);
      else done[done.length - 1] = combined;
    }
    return done;
  }

  private combine(rows: Part, columns: Part, asked: Uint8Array): Part | Overflow {
    const name = `${rows.name} ${columns.name}`;
    const pairs = pairsOf(rows.ofDecision, columns.ofDecision);
    const both = asked.slice();
    for (let i = 0; i < both.length; i++) if (rows.ofDecision[i] !== 0 && columns.ofDecision[i] !== 0) both[i]!--;
    const pruner = makePruner(pairs.ofDecision, pairs.count, both, this.reach.definite);
    const combined = combine(name, rows.sets, columns.sets, pairs, pruner, this.budget);
    if (isOverflow(combined)) return combined;
    asked.set(both);
    const { sets, cells } = combined;
    return { name, sets, ofDecision: pairs.ofDecision, source: { kind: 'cross', rows, columns, cells } };
  }

  private pruned(part: Part): Part {
    const { sets, ofDecision, source } = part;
    if (source.kind === 'cross') return part;
    const pruner = makePruner(ofDecision, sets.predicateCount, this.asked, this.reach.definite);
    const left = pruner === undefined ? undefined : pruneClasses(sets, pruner);
    if (left === undefined) return part;
    return { ...part, sets: left.sets, source: withClasses(source, left.becomes, left.sets.classCount) };
  }
}

/** All but addresses, the fewest classes first; ports last. */
function bySize(parts: readonly Part[]): Part[] {
  const size = ({ name, sets }: Part): number => sets.classCount + (isOneOf(name, PORTS) ? 1 << 20 : 0);
  return parts.filter(({ name }) => !isOneOf(name, ADDRESSES)).sort((a, b) => size(a) - size(b));
}

function isOneOf(name: string, fields: readonly Field[]): boolean {
  return (fields as readonly string[]).includes(name);
}
