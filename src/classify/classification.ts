// What a classifier gives the code generator, whatever structure it chose.
//
// A packet enters at a segment, the segment's finish picks an action list, the list counts and ends in a verdict or
// goes on with another segment. Today the only finish is `linear`; a table-driven one adds a member to `Segment`,
// fills `tables`, and leaves lists and callers as they are.

import type { FilterChain } from '../base/hooks.ts';
import type { Predicate } from '../base/predicate.ts';
import type { Slot } from '../graph/graph.ts';

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
      };
}

interface Verdict {
  readonly kind: 'accept' | 'drop' | 'undecided';
}

/** Where a test goes on: with another test of the segment, or with an action list. */
export type Edge = { readonly kind: 'test'; readonly test: number } | { readonly kind: 'list'; readonly list: number };

/** Tests asked one after the other; a test's edges point to tests with larger numbers only. */
export interface LinearSegment {
  readonly finish: 'linear';
  readonly tests: readonly {
    readonly predicate: Predicate;
    readonly yes: Edge;
    readonly no: Edge /** The slot of the rule the test was made for, where it is one rule's. */;
    readonly slot?: Slot;
  }[];
  readonly entry: Edge;
}

type Segment = LinearSegment;

export interface Classification {
  readonly segments: readonly Segment[];
  readonly lists: readonly ActionList[];
  /** The segment that each hook's packets enter at. */
  readonly entries: Readonly<Partial<Record<FilterChain, number>>>;
  /** Contents of the table map; empty where no segment needs one. */
  readonly tables: Uint8Array;
}
