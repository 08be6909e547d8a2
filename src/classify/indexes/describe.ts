// What an index costs, for `explain`.

import type { TableRef } from '../tables.ts';
import type { FieldIndex, NodeTables } from './field-index.ts';

export interface IndexCost {
  readonly kind: FieldIndex['kind'];
  /** Table elements and nodes that a packet touches; of nodes in levels, the most. */
  readonly loads: number;
  /** Bytes of its tables. */
  readonly bytes: number;
}

export function describeIndex(index: FieldIndex): IndexCost {
  switch (index.kind) {
    case 'direct':
      return cost(index, 1, [index.table]);
    case 'bounds':
    case 'names':
      return cost(index, 0, []);
    case 'cross16':
      return cost(index, 3, [index.high, index.low, index.cells]);
    case 'pages':
      return cost(index, 3, [index.high, index.middle, index.low]);
    case 'nodes':
      return cost(index, 2, nodeTables(index));
    case 'wide': {
      const levels = index.trees.parts.reduce((sum, part) => sum + part.levels, 0);
      const first = 'link' in index.root ? [] : nodeTables(index.root);
      return cost(index, levels + (first.length > 0 ? 2 : 0), [...first, index.trees.nodes]);
    }
  }
}

function nodeTables({ directory, spans, nodes }: NodeTables): readonly TableRef[] {
  return [directory, spans, nodes];
}

function cost({ kind }: FieldIndex, loads: number, tables: readonly TableRef[]): IndexCost {
  return { kind, loads, bytes: tables.reduce((sum, { length, width }) => sum + length * width, 0) };
}
