// An index finds the class of a field's value. Each kind has a file here that builds it from a partition and looks
// values up in it, and one in `src/codegen/indexes/` that emits the same look-up.

import type { DeviceField, Field, NumericField, WideField } from '../../base/predicate.ts';
import type { TableRef } from '../tables.ts';
import type { Trees } from './tree.ts';

/** One element for each value of the field: ports, protocol, flags. Values behind the last element are of its class. */
export interface DirectIndex {
  readonly kind: 'direct';
  readonly field: NumericField;
  readonly table: TableRef;
}

/** Few runs: the value is compared with their bounds, and no table is read. */
export interface BoundsIndex {
  readonly kind: 'bounds';
  readonly field: NumericField;
  /** First values of all runs but the first, ascending. */
  readonly bounds: readonly number[];
  /** Class of each run: one more than bounds. */
  readonly classes: readonly number[];
}

/** The upper and the lower 16 bits have classes of their own, and a table has the class of each pair. */
export interface CrossIndex {
  readonly kind: 'cross16';
  readonly field: NumericField;
  readonly high: TableRef;
  readonly low: TableRef;
  /** The element of a pair is at `high * columns + low`. */
  readonly columns: number;
  readonly cells: TableRef;
}

/** Upper 16 bits, then 8, then 8: the first two tables have the number of the page of 256 elements in the next. */
export interface PagesIndex {
  readonly kind: 'pages';
  readonly field: NumericField;
  readonly high: TableRef;
  readonly middle: TableRef;
  readonly low: TableRef;
}

/** The uppermost bits of a 32-bit value, then a node of sorted bounds: see `nodes.ts`. */
export interface NodeTables {
  /** What the directory has entries for: the value without its `shift` lowest bits. */
  readonly shift: number;
  readonly directory: TableRef;
  readonly spans: TableRef;
  /** Bytes of a class in a node. */
  readonly classWidth: 2 | 4;
  readonly nodeCount: number;
  /** 32 bits an element. */
  readonly nodes: TableRef;
}

export interface NodesIndex extends NodeTables {
  readonly kind: 'nodes';
  readonly field: NumericField;
}

/** What a name that is this, or begins with it, is. */
export interface NameEntry {
  readonly name: string;
  readonly prefix: boolean;
  readonly class: number;
}

/** Few device names: compared one after the other; the last that fits says the class. No table is read. */
export interface NamesIndex {
  readonly kind: 'names';
  readonly field: DeviceField;
  /** Ascending by name, a prefix before an equal name. */
  readonly entries: readonly NameEntry[];
  /** The class of all other names. */
  readonly other: number;
}

/** 128-bit values: see `tree.ts`. */
export interface WideIndex {
  readonly kind: 'wide';
  readonly field: WideField | DeviceField;
  /** What finds a link by the uppermost 32 bits, or the link that holds for all. */
  readonly root: NodeTables | { readonly link: number };
  readonly trees: Trees;
}

export type FieldIndex = DirectIndex | BoundsIndex | CrossIndex | PagesIndex | NodesIndex | NamesIndex | WideIndex;

/** The field an index asks for. */
export function indexedField(index: FieldIndex): Field {
  return index.field;
}
