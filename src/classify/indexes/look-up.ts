// Looks a field's value up in any index, as generated code does.

import type { FieldValues } from '../../base/predicate.ts';
import { lookUpBounds } from './bounds.ts';
import { lookUpCross } from './cross16.ts';
import { lookUpDirect } from './direct.ts';
import type { FieldIndex } from './field-index.ts';
import { lookUpNames, wordsOfName } from './names.ts';
import { lookUpNodes } from './nodes.ts';
import { lookUpPages } from './pages.ts';
import { lookUpWide, wordsOfAddress } from './wide.ts';

/** The class of the packet's value. */
export function lookUpIndex(index: FieldIndex, fields: FieldValues, tables: Uint8Array): number {
  switch (index.kind) {
    case 'direct':
      return lookUpDirect(index, fields[index.field], tables);
    case 'bounds':
      return lookUpBounds(index, fields[index.field]);
    case 'cross16':
      return lookUpCross(index, fields[index.field], tables);
    case 'pages':
      return lookUpPages(index, fields[index.field], tables);
    case 'nodes':
      return lookUpNodes(index, fields[index.field], tables);
    case 'names':
      return lookUpNames(index, fields[index.field]);
    case 'wide':
      return lookUpWide(index, wordsOf(fields[index.field]), tables);
  }
}

function wordsOf(value: bigint | string): number[] {
  return typeof value === 'bigint' ? wordsOfAddress(value) : wordsOfName(value);
}
