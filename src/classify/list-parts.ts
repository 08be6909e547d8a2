// The parts that a list's finishes are made of: each field's classes, and the combinations worth making.
//
// Small fields (protocol, flags, devices) are combined first, the one with the fewest classes first, then the ports: rules
// share services far more than anything else.

import type { Field } from '../base/predicate.ts';
import { type FieldClasses, fieldClasses } from './classes.ts';
import { cellsOverflow, combine, type Pairs, pairsOf } from './combine.ts';
import { isOverflow, type Making, type Overflow } from './finishes/finish.ts';
import type { ListField } from './list-fields.ts';
import { type Part, withClasses } from './parts.ts';
import { makePruner, type Pruner, pruneClasses } from './prune.ts';
import type { Reach } from './reach.ts';

const ADDRESSES: readonly Field[] = ['src', 'dst', 'src6', 'dst6'];
const PORTS: readonly Field[] = ['sport', 'dport'];

/** The fields that are looked up last, where they still matter. */
const LATE: readonly Field[] = ['state'];

/** Combinations that have a record for each class have so many at most. */
const FEW_CLASSES = 4096;

export interface DenseParts {
  readonly parts: readonly [Part] | readonly [rows: Part, columns: Part];
  readonly late: Part | undefined;
}

export class ListParts {
  readonly reach: Reach;
  private readonly making: Making;
  /** Of how many parts each decision asks something, all fields counted at first. */
  private readonly asked: Uint8Array;
  private readonly fields: Part[] = [];
  /** Pairs that were made already, by the predicates they were made of: finishes begin alike. */
  private readonly pairs: { readonly rows: Int32Array; readonly columns: Int32Array; readonly pairs: Pairs }[] = [];

  private constructor(reach: Reach, making: Making) {
    this.reach = reach;
    this.making = making;
    this.asked = reach.columns.counts;
  }

  /** The classes of all fields. */
  static of(reach: Reach, fields: readonly ListField[], making: Making): ListParts | Overflow {
    const made = new ListParts(reach, making);
    const { budget, cache } = making;
    for (const each of fields) {
      const { field, ids, ofDecision } = each;
      const pruner = makePruner(ofDecision, ids.length, made.asked, reach.definite);
      let classes = cache.remember(`classes ${field}`, [budget], [ids], () => fieldClasses(field, each, budget));
      // Where conditions overlap too much for all that hold to be told apart, what matters may still be little.
      if (isOverflow(classes) && pruner !== undefined) {
        classes = cache.remember(`classes ${field} pruned`, [budget], [ids, pruner.first, pruner.last], () =>
          fieldClasses(field, each, budget, pruner),
        );
      }
      if (isOverflow(classes)) return classes;
      const left = pruner === undefined ? classes : made.pruned(field, classes, pruner);
      made.fields.push({ name: field, sets: left.sets, ofDecision, source: left.partition });
    }
    return made;
  }

  get fieldParts(): readonly Part[] {
    return this.fields;
  }

  /**
   * One or two parts that have everything that the list asks, with a table of both within the budget, and a field to be
   * looked up late.
   */
  forDense(): DenseParts | Overflow {
    const { late, addresses, services: small } = this.divided();
    const tooMany = this.addressesOverflow(addresses);
    if (tooMany !== undefined) return tooMany;
    const asked = this.asked.slice();
    const services = this.combineAll(small, addresses.length === 0 ? 2 : 1, asked);
    if (isOverflow(services)) return services;
    const both = this.combineAll(addresses, 2, asked);
    if (isOverflow(both)) return both;
    const left = [...both, ...services];
    if (left.length < 3) return { parts: left as unknown as DenseParts['parts'], late };
    const [src, dst, service] = left as [Part, Part, Part];
    let overflow: Overflow | undefined;
    // Addresses with each other mostly; not where rules ask one of them alone.
    for (const [rows, columns, other] of [
      [src, dst, service],
      [dst, service, src],
      [src, service, dst],
    ] as const) {
      const most = Math.floor(this.making.budget.denseCells / other.sets.classCount);
      const combined = this.combine(rows, columns, asked.slice(), most);
      if (!isOverflow(combined)) return { parts: [combined, other], late };
      overflow ??= combined;
    }
    return overflow!;
  }

  /**
   * Parts that have everything that the list asks, combined as far as records of their classes stay small, and a field to
   * be looked up late.
   */
  forTuples(): { readonly parts: readonly Part[]; readonly late: Part | undefined } {
    const { late, addresses, services } = this.divided();
    const asked = this.asked.slice();
    return { parts: [...this.combineSome(addresses, asked), ...this.combineSome(services, asked)], late };
  }

  /** Says so where two addresses have more classes than any table of both, or of one with the other's combination, has room for. */
  private addressesOverflow([rows, columns, ...others]: readonly Part[]): Overflow | undefined {
    const { crossCells, denseCells } = this.making.budget;
    if (rows === undefined || columns === undefined || others.length > 0) return undefined;
    if (rows.sets.classCount * columns.sets.classCount <= Math.max(crossCells, denseCells)) return undefined;
    return cellsOverflow(`${rows.name} ${columns.name}`, rows.sets, columns.sets, crossCells);
  }

  /** The field that is looked up late, unless there is no other; addresses; and the others, in the order to combine. */
  private divided(): {
    readonly late: Part | undefined;
    readonly addresses: readonly Part[];
    readonly services: readonly Part[];
  } {
    const late = this.fields.length > 1 ? this.fields.find(({ name }) => isOneOf(name, LATE)) : undefined;
    const addresses = ADDRESSES.flatMap((name) => this.fields.filter((part) => part.name === name));
    const others = this.fields.filter((part) => part !== late && !addresses.includes(part));
    return { late, addresses, services: bySize(others) };
  }

  /** Combines the first two until no more than `most` are left. */
  private combineAll(parts: readonly Part[], most: number, asked: Uint8Array): Part[] | Overflow {
    const left = [...parts];
    while (left.length > most) {
      const [rows, columns] = left.splice(0, 2) as [Part, Part];
      const combined = this.combine(rows, columns, asked, this.making.budget.crossCells);
      if (isOverflow(combined)) return combined;
      left.unshift(combined);
    }
    return left;
  }

  /** Combines each with those before it where that gives few classes. */
  private combineSome(parts: readonly Part[], asked: Uint8Array): Part[] {
    const done: Part[] = [];
    for (const part of parts) {
      const last = done.at(-1);
      const combined = last === undefined ? undefined : this.combine(last, part, asked, FEW_CLASSES);
      if (combined === undefined || isOverflow(combined)) done.push(part);
      else done[done.length - 1] = combined;
    }
    return done;
  }

  private combine(rows: Part, columns: Part, asked: Uint8Array, most: number): Part | Overflow {
    if (Math.max(rows.sets.classCount, columns.sets.classCount) > most) {
      return { overflow: `${rows.name} ${columns.name}: more than ${most} classes` };
    }
    const name = `${rows.name} ${columns.name}`;
    const { budget, cache } = this.making;
    const tooMany = cellsOverflow(name, rows.sets, columns.sets, budget.crossCells);
    if (tooMany !== undefined) return tooMany;
    const pairs = this.pairsOf(rows, columns);
    const both = asked.slice();
    for (let i = 0; i < both.length; i++) if (rows.ofDecision[i] !== 0 && columns.ofDecision[i] !== 0) both[i]!--;
    const pruner = makePruner(pairs.ofDecision, pairs.count, both, this.reach.definite);
    const madeOf = pruner === undefined ? [] : [pruner.first, pruner.last];
    const combined = cache.remember(
      `cross ${most}`,
      [rows.sets, columns.sets, budget],
      [pairs.rows, pairs.columns, ...madeOf],
      () => combine(name, rows.sets, columns.sets, pairs, pruner, budget, most),
    );
    if (isOverflow(combined)) return combined;
    asked.set(both);
    const { sets, cells } = combined;
    return { name, sets, ofDecision: pairs.ofDecision, source: { kind: 'cross', rows, columns, cells } };
  }

  private pairsOf(rows: Part, columns: Part): Pairs {
    const known = this.pairs.find((each) => each.rows === rows.ofDecision && each.columns === columns.ofDecision);
    if (known !== undefined) return known.pairs;
    const pairs = pairsOf(rows.ofDecision, columns.ofDecision);
    this.pairs.push({ rows: rows.ofDecision, columns: columns.ofDecision, pairs });
    return pairs;
  }

  private pruned(field: Field, classes: FieldClasses, pruner: Pruner): FieldClasses {
    return this.making.cache.remember(`prune ${field}`, [classes], [pruner.first, pruner.last], () => {
      const left = pruneClasses(classes.sets, pruner);
      if (left === undefined) return classes;
      const partition = withClasses(classes.partition, left.becomes, left.sets.classCount);
      return { sets: left.sets, partition };
    });
  }
}

/** The fewest classes first; ports last. */
function bySize(parts: readonly Part[]): Part[] {
  const size = ({ name, sets }: Part): number => sets.classCount + (isOneOf(name, PORTS) ? 1 << 20 : 0);
  return [...parts].sort((a, b) => size(a) - size(b));
}

function isOneOf(name: string, fields: readonly Field[]): boolean {
  return (fields as readonly string[]).includes(name);
}
