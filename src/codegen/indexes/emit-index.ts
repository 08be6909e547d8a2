// Any index as code: the field's value from the key on the stack, its class in R0.
//
// The code is straight but for the spans of nodes and the levels of trees, whose number is bounded: so the verifier's work
// does not grow with the runs. Nodes and trees are reached by address, all others by `access` alone.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import type { FieldIndex } from '../../classify/indexes/field-index.ts';
import { rangeOf, type TableAccess } from '../table-access.ts';
import { emitBounds } from './bounds.ts';
import { emitCross } from './cross16.ts';
import { emitDirect } from './direct.ts';
import { emitNames } from './names.ts';
import { emitNodes } from './nodes.ts';
import { emitPages } from './pages.ts';
import { emitWide } from './wide.ts';

/** R0 = class of the field's value, which the key holds. Clobbers R1–R5 and R9; goes to `broken` as `access` does. */
export function emitIndex(a: Assembler, index: FieldIndex, access: TableAccess, broken: Label): void {
  switch (index.kind) {
    case 'direct':
      emitDirect(a, index, access, broken);
      return;
    case 'bounds':
      emitBounds(a, index);
      return;
    case 'cross16':
      emitCross(a, index, access, broken);
      return;
    case 'pages':
      emitPages(a, index, access, broken);
      return;
    case 'nodes':
      emitNodes(a, index, access, broken);
      return;
    case 'names':
      emitNames(a, index);
      return;
    case 'wide':
      emitWide(a, index, access, broken);
      return;
  }
}

/** What the class that an index leaves in R0 is below, for all that the verifier knows. */
export function classRange(index: FieldIndex): number {
  switch (index.kind) {
    case 'direct':
      return rangeOf(index.table);
    case 'cross16':
      return rangeOf(index.cells);
    case 'pages':
      return rangeOf(index.low);
    case 'nodes':
      return 256 ** index.classWidth;
    case 'wide':
      return index.trees.classCount;
    case 'bounds':
    case 'names':
      return Number.POSITIVE_INFINITY;
  }
}
