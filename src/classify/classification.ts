// What a classifier gives the code generator, whatever structure it chose.
//
// A packet enters at a segment, the segment's finish picks an action list, the list counts and ends in a verdict or
// goes on with another segment. A segment is `linear`, tests asked one after the other, or its *lookups* find the
// packet's class in the tables, field by field and combination by combination, and its *finish* makes an outcome of the
// classes.

import type { FilterChain } from '../base/hooks.ts';
import type { Predicate } from '../base/predicate.ts';
import type { Slot } from '../graph/graph.ts';
import type { Variable } from './components.ts';
import type { ExitName } from './decision-list.ts';
import type { MasksFinish } from './finishes/masks.ts';
import type { SlotOutcomes } from './finishes/slot-outcomes.ts';
import type { TuplesFinish } from './finishes/tuples.ts';
import type { WalkFinish } from './finishes/walk.ts';
import type { FieldIndex } from './indexes/field-index.ts';
import type { TableRef } from './tables.ts';

/** What happens to a packet once it is classified. Equal lists are one list. */
export interface ActionList {
  /** Counters to bump, in the order in which the rules were met. */
  readonly counters: readonly Slot[];
  readonly then:
    | Verdict
    | {
        readonly kind: 'segment';
        readonly segment: number /** Only for a linear segment: the test to go on with. */;
        readonly test?: number;
      }
    /** Where the segment's `exits` says. */
    | { readonly kind: 'exit'; readonly exit: ExitName };
}

interface Verdict {
  readonly kind: 'accept' | 'drop' | 'undecided';
}

/** Where a test goes on: with another test of the segment, or with an action list. */
export type Edge = { readonly kind: 'test'; readonly test: number } | { readonly kind: 'list'; readonly list: number };

interface Exits {
  /** The segments that the exits lead to; absent where no list of the segment has an exit. */
  readonly exits?: Readonly<Partial<Record<ExitName, number>>>;
}

/** Tests asked one after the other; a test's edges point to tests with larger numbers only. */
export interface LinearSegment extends Exits {
  readonly finish: 'linear';
  readonly tests: readonly {
    readonly predicate: Predicate;
    readonly yes: Edge;
    readonly no: Edge /** The slot of the rule the test was made for, where it is one rule's. */;
    readonly slot?: Slot;
  }[];
  readonly entry: Edge;
}

/** A step that finds a class: variable `into` is written once, before anything reads it. */
export type Lookup =
  | { readonly kind: 'index'; readonly index: FieldIndex; readonly into: Variable }
  /** The element of `table` at `rows * columnCount + columns`; that number itself where there is no table. */
  | {
      readonly kind: 'cross';
      readonly rows: Variable;
      readonly columns: Variable;
      readonly rowCount: number;
      readonly columnCount: number;
      readonly table?: TableRef;
      readonly into: Variable;
    };

/** The last lookup has the number of the outcome: the dense finish, and that of one field. */
export interface DenseFinish {
  readonly kind: 'dense';
  readonly cell: Variable;
  /** Where outcome words are computed of what the last lookup has, and there is no table of them. */
  readonly bySlot?: SlotOutcomes;
  /**
   * Where the outcome of some cells still depends on a field that is costly to know: cells from `from` on are rows
   * of `table`, whose columns are the classes of that field, found by `index` only then.
   */
  readonly late?: {
    readonly index: FieldIndex;
    readonly from: number;
    readonly columnCount: number;
    readonly table: TableRef;
  };
}

/** Tables in place of tests. */
export interface TableSegment extends Exits {
  readonly finish: 'tables';
  /** Variables are numbered from 0 in the order of the lookups. */
  readonly lookups: readonly Lookup[];
  readonly result: DenseFinish | TuplesFinish | MasksFinish | WalkFinish;
  /**
   * Outcome words by number, 32 bits each: see `outcomes.ts`. For the dense finish, unless it computes them; others have
   * words in their tables.
   */
  readonly outcomes?: TableRef;
  /** Which lists the outcomes stand for, by outcome number: for `explain` and for tests. */
  readonly lists: readonly number[];
}

export type Segment = LinearSegment | TableSegment;

export interface Classification {
  readonly segments: readonly Segment[];
  readonly lists: readonly ActionList[];
  /** The segment that each hook's packets enter at. */
  readonly entries: Readonly<Partial<Record<FilterChain, number>>>;
  /** Counters of lists with more or fewer than one counter: see `outcomes.ts`. Absent without table segments. */
  readonly counterPool?: TableRef;
  /** Contents of the table map; empty where no segment needs one. */
  readonly tables: Uint8Array;
}
