// What an index costs, for `explain`.

import type { TableRef } from '../tables.ts';
import type { FieldIndex } from './field-index.ts';

export interface IndexCost {
  readonly kind: FieldIndex['kind'];
  /** Table elements and nodes that most packets touch, one after the other. */
  readonly loads: number;
  /** Bytes of its tables. */
  readonly bytes: number;
}

export function describeIndex(index: FieldIndex): IndexCost {
  switch (index.kind) {
    case 'direct':
      return cost(index, 1, [index.table]);
    case 'bounds':
      return cost(index, 0, []);
    case 'cross16':
      return cost(index, 3, [index.high, index.low, index.cells]);
    case 'pages':
      return cost(index, 3, [index.high, index.middle, index.low]);
    case 'nodes':
      return cost(index, 2, [index.directory, index.spans, index.nodes]);
  }
}

function cost({ kind }: FieldIndex, loads: number, tables: readonly TableRef[]): IndexCost {
  return { kind, loads, bytes: tables.reduce((sum, { length, width }) => sum + length * width, 0) };
}
