// Packet shapes: which packets a match may drop without counting.
//
// `-m tcp` gives each rule decisions that drop a packet whose header is cut off, or is a fragment that could overwrite
// it. They are many, and hardly a packet meets one. So packets are parted before they meet a list. In the region `main`
// are those that begin a packet (fragment offset 0) and that no such decision could drop, whatever else it asks; the
// others are in the region `odd`, with the packets of IPv6 that every rule with `-p` drops as their headers cannot be read. Of a rule, each region sees what is left of it there: in `main` no drop is left and
// nobody asks for fragments, in `odd` nothing is left of a rule behind a drop that catches all it could.
//
// The regions are made of the decisions themselves: of protocol, fragment offset and transport length that each asks
// for. For each protocol, lengths at which a first fragment may be dropped are *short*.

import { complement, contains, type IntervalSet, intersect, interval, isSubset, union } from '../base/intervals.ts';
import { FIELD_MAXIMUM, type Field } from '../base/predicate.ts';
import { TripleIndex } from '../graph/triple-index.ts';
import { fieldBit } from './conditions.ts';
import type { Condition, PacketShape } from './decision-list.ts';
import { IntPairs } from './int-pairs.ts';

export type Region = 'main' | 'odd';

const PROTOCOLS = interval(0, FIELD_MAXIMUM.protocol);
const FRAGMENTS = interval(0, FIELD_MAXIMUM.fragment);
const LENGTHS = interval(0, FIELD_MAXIMUM.transportLength);
const EITHER = interval(0, 1);

/** What a decision asks of a packet's shape. What is malformed may have any protocol, offset and length. */
interface Box {
  readonly malformed: IntervalSet;
  readonly protocols: IntervalSet;
  readonly fragments: IntervalSet;
  readonly lengths: IntervalSet;
}

/** Protocols with the same short lengths. */
interface Group {
  readonly protocols: IntervalSet;
  readonly short: IntervalSet;
}

const LENGTH_BIT = fieldBit('transportLength');
const FRAGMENT_BIT = fieldBit('fragment');
const MALFORMED_BIT = fieldBit('malformed');

/** Whether a conjunction asks for more of the shape than the protocol. */
export function asksShape(fields: number): boolean {
  return (fields & (LENGTH_BIT | FRAGMENT_BIT | MALFORMED_BIT)) !== 0;
}

/** The shapes of all rules of a compiler: sets of boxes, by number. */
export class ShapeTable {
  private readonly boxes: Box[] = [];
  private readonly boxNumbers = new TripleIndex();
  /** Signature `n + 1` is the n-th pair: a shorter signature, and a box. */
  private readonly signatures = new IntPairs();
  private readonly shapes = new Map<string, Shape>();

  /** The number of a rule's drops: those of `before`, 0 for none, and one more. */
  signature(before: number, drop: readonly Condition[]): number {
    return this.signatures.number(before, this.box(drop)) + 1;
  }

  /** The number of what a conjunction asks of the shape. */
  box(conditions: readonly Condition[]): number {
    let protocol: Condition | undefined;
    let fragment: Condition | undefined;
    let length: Condition | undefined;
    let malformed: Condition | undefined;
    for (let i = 0; i < conditions.length; i++) {
      const condition = conditions[i]!;
      if (condition.field === 'protocol') protocol = condition;
      else if (condition.field === 'fragment') fragment = condition;
      else if (condition.field === 'transportLength') length = condition;
      else if (condition.field === 'malformed') malformed = condition;
    }
    // There are three sets of the field's two values, of which one asks nothing.
    const state = malformed === undefined ? 0 : contains(malformed.set!, 1) ? 1 : 2;
    const [first, second, third] = [protocol?.id ?? 0, 3 * (fragment?.id ?? 0) + state, length?.id ?? 0];
    let number = this.boxNumbers.get(first, second, third);
    if (number === undefined) {
      number = this.boxes.length;
      this.boxNumbers.set(first, second, third, number);
      this.boxes.push({
        malformed: malformed?.set ?? EITHER,
        protocols: protocol?.set ?? PROTOCOLS,
        fragments: fragment?.set ?? FRAGMENTS,
        lengths: length?.set ?? LENGTHS,
      });
    }
    return number;
  }

  /** The boxes of a signature. */
  drops(signature: number): Box[] {
    const found: Box[] = [];
    for (let rest = signature; rest !== 0; rest = this.signatures.first(rest - 1)) {
      found.push(this.boxes[this.signatures.second(rest - 1)]!);
    }
    return found;
  }

  boxOf(number: number): Box {
    return this.boxes[number]!;
  }

  /** The shape that parts the packets that rules with these signatures may drop; the same object for equal ones. */
  shape(signatures: Iterable<number>): Shape {
    const boxes = new Set<number>();
    for (const signature of signatures) {
      for (let rest = signature; rest !== 0; rest = this.signatures.first(rest - 1)) {
        boxes.add(this.signatures.second(rest - 1));
      }
    }
    const numbers = [...boxes].sort((a, b) => a - b);
    const key = numbers.join();
    let shape = this.shapes.get(key);
    if (shape === undefined) {
      shape = new Shape(
        this,
        numbers.map((number) => this.boxes[number]!),
      );
      this.shapes.set(key, shape);
    }
    return shape;
  }
}

/** What is left of a conjunction in a region. */
interface Effect {
  /** No packet of the region meets it. */
  readonly isDead: boolean;
  /** Every packet of the region that meets the rest has one of the lengths asked for. */
  readonly hasLength: boolean;
}

export class Shape implements PacketShape {
  /** Protocols that have short lengths; the groups are disjoint. */
  readonly groups: readonly Group[];
  /** Whether rules drop what is malformed. */
  readonly malformed: boolean;
  /** Lengths that are short for some protocol. */
  readonly short: IntervalSet;
  private readonly table: ShapeTable;
  /** All protocols, those without short lengths last. */
  private readonly all: readonly Group[];
  private readonly effects: Readonly<Record<Region, Map<number, Effect>>> = { main: new Map(), odd: new Map() };
  private readonly covered = new Map<number, boolean>();

  constructor(table: ShapeTable, drops: readonly Box[]) {
    this.table = table;
    this.groups = groupProtocols(
      drops.filter(({ fragments, malformed }) => contains(fragments, 0) && contains(malformed, 0)),
    );
    this.malformed = drops.some(({ malformed }) => !contains(malformed, 0));
    this.short = this.groups.reduce<IntervalSet>((all, { short }) => union(all, short), []);
    const asked = this.groups.reduce<IntervalSet>((all, { protocols }) => union(all, protocols), []);
    const free = complement(asked, FIELD_MAXIMUM.protocol);
    this.all = free.length === 0 ? this.groups : [...this.groups, { protocols: free, short: [] }];
  }

  /** The conditions that packets of a region are still to be asked; nothing where none meets them all. */
  restrict(region: Region, conditions: readonly Condition[]): readonly Condition[] | undefined {
    const { isDead, hasLength } = this.effect(region, this.table.box(conditions));
    if (isDead) return undefined;
    const left: Condition[] = [];
    for (let i = 0; i < conditions.length; i++) {
      const { field } = conditions[i]!;
      if (field === 'transportLength' ? hasLength : region === 'main' && isAnswered(field)) continue;
      left.push(conditions[i]!);
    }
    return left;
  }

  /** Whether the drops of a rule catch every odd packet that comes as far as the rule's own decision. */
  isCovered(signature: number, conditions: readonly Condition[]): boolean {
    const box = this.table.box(conditions);
    const key = signature * 2 ** 26 + box;
    let covered = this.covered.get(key);
    if (covered === undefined) {
      covered = this.covers(this.table.drops(signature), this.table.boxOf(box));
      this.covered.set(key, covered);
    }
    return covered;
  }

  private effect(region: Region, box: number): Effect {
    const known = this.effects[region].get(box);
    if (known !== undefined) return known;
    const asked = this.table.boxOf(box);
    const made = region === 'main' ? this.effectInMain(asked) : this.effectInOdd(asked);
    this.effects[region].set(box, made);
    return made;
  }

  private effectInMain({ malformed, protocols, fragments, lengths }: Box): Effect {
    if (!contains(fragments, 0) || !contains(malformed, 0)) return { isDead: true, hasLength: false };
    const there = this.all
      .filter((group) => intersect(group.protocols, protocols).length > 0)
      .map(({ short }) => complement(short, FIELD_MAXIMUM.transportLength));
    return {
      isDead: there.every((good) => intersect(good, lengths).length === 0),
      hasLength: there.every((good) => isSubset(good, lengths)),
    };
  }

  private effectInOdd({ malformed, protocols, fragments, lengths }: Box): Effect {
    const isReadable = contains(malformed, 0);
    const isMalformed = this.malformed && contains(malformed, 1);
    const short =
      isReadable && contains(fragments, 0)
        ? this.all.filter((group) => intersect(group.protocols, protocols).length > 0).map((group) => group.short)
        : [];
    const hasLater = isReadable && intersect(fragments, interval(1, FIELD_MAXIMUM.fragment)).length > 0;
    return {
      isDead: !isMalformed && !hasLater && short.every((each) => intersect(each, lengths).length === 0),
      hasLength:
        (!(hasLater || isMalformed) || isSubset(LENGTHS, lengths)) && short.every((each) => isSubset(each, lengths)),
    };
  }

  private covers(drops: readonly Box[], box: Box): boolean {
    const { malformed, protocols, fragments, lengths } = box;
    if (!isSubset(fragments, interval(0))) return false;
    const isMalformed = this.malformed && contains(malformed, 1);
    if (isMalformed && !drops.some((drop) => contains(drop.malformed, 1) && isWithin(box, drop))) return false;
    return this.all.every((group) => {
      const shared = intersect(group.protocols, protocols);
      const caught = drops
        .filter((drop) => contains(drop.malformed, 0) && contains(drop.fragments, 0))
        .filter((drop) => isSubset(shared, drop.protocols))
        .reduce<IntervalSet>((all, drop) => union(all, drop.lengths), []);
      return shared.length === 0 || isSubset(intersect(group.short, lengths), caught);
    });
  }
}

/** Whether every packet of region `main` answers a question about the field alike. */
function isAnswered(field: Field): boolean {
  return field === 'fragment' || field === 'malformed';
}

/** Whether whatever is malformed and has one shape has the other. */
function isWithin(box: Box, other: Box): boolean {
  const { protocols, fragments, lengths } = other;
  return isSubset(box.protocols, protocols) && isSubset(box.fragments, fragments) && isSubset(box.lengths, lengths);
}

function groupProtocols(drops: readonly Box[]): Group[] {
  const groups = new Map<string, Group>();
  for (let protocol = 0; protocol <= FIELD_MAXIMUM.protocol; protocol++) {
    const short = drops
      .filter(({ protocols }) => contains(protocols, protocol))
      .reduce<IntervalSet>((all, { lengths }) => union(all, lengths), []);
    if (short.length === 0) continue;
    const key = short.map(({ low, high }) => `${low}-${high}`).join();
    const protocols = union(groups.get(key)?.protocols ?? [], interval(protocol));
    groups.set(key, { protocols, short });
  }
  return [...groups.values()];
}
