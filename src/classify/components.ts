// Components: what the rules of a list ask of one field, or of several fields looked up together.
//
// The condition of a decision on a component is a *predicate*, a small number; 0 is "anything". Two values of a component
// that satisfy the same predicates are of one *class*. What a classifier knows of a packet is its class in each component.

/** Lists of numbers in one array: list `i` is `items[offsets[i]]` up to, not including, `items[offsets[i + 1]]`. */
export interface NumberLists {
  readonly offsets: Int32Array;
  readonly items: Int32Array;
}

/** A value that code has computed and kept: the class of a component. Numbered by the lookup that makes it. */
export type Variable = number;

export interface Component {
  /** `src`, or `src dst` for a combination. */
  readonly name: string;
  readonly variable: Variable;
  readonly classCount: number;
  /** Per class the predicates that hold in it, ascending, without 0, which always does. */
  readonly classes: NumberLists;
  /** Predicates are numbered from 1 up to this, included. */
  readonly predicateCount: number;
  /** Per decision of the list its predicate; 0 where it asks nothing. */
  readonly ofDecision: Int32Array;
}

/** A field's values cut into runs, one class each: the input of an index. */
export interface Partition {
  /** First value of each run, ascending; `starts[0]` is 0, the last run ends with the field's largest value. */
  readonly starts: Uint32Array;
  /** Class of each run; neighbours differ. */
  readonly classes: Uint32Array;
  readonly classCount: number;
}

/** The same for a 128-bit field. */
export interface WidePartition {
  /** First value of each run, ascending, four 32-bit words each, the uppermost first. */
  readonly starts: Uint32Array;
  readonly classes: Uint32Array;
  readonly classCount: number;
}

/**
 * The same for a device field: the class of a name is that of the entry with this very name, else of the longest prefix
 * that it begins with. The first entry is the empty prefix; entries ascend by name, a prefix before an equal name.
 */
export interface NamePartition {
  readonly entries: readonly { readonly name: string; readonly prefix: boolean; readonly class: number }[];
  readonly classCount: number;
}
