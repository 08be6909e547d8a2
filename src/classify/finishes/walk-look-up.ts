// Walks over the steps of a walk finish with one packet's field values, as generated code does.

import type { FieldValues } from '../../base/predicate.ts';
import { addressBytes, deviceBytes } from '../../base/wide-bytes.ts';
import { tableView } from '../tables.ts';
import { OPERATION, STEP, type WalkFinish } from './walk.ts';

/** The outcome word, and what was counted before it was known. */
export function lookUpWalk(
  { steps, fields, wideFields }: WalkFinish,
  values: FieldValues,
  tables: Uint8Array,
): { word: number; counted: number[] } {
  const view = tableView(tables, steps);
  const word = (step: number, number: number): number => view.getUint32(4 * (STEP * step + number), true);
  const counted: number[] = [];
  const kept: number[] = [];
  for (let at = 0; ; ) {
    const operation = word(at, 0) & 0xff;
    const goal = word(at, 0) >>> 8;
    const [a, b, c] = [word(at, 1), word(at, 2), word(at, 3)];
    switch (operation) {
      case OPERATION.end:
        return { word: a, counted };
      case OPERATION.count:
        counted.push(a);
        at = goal;
        break;
      case OPERATION.enter:
        kept[a] = b;
        at = goal;
        break;
      case OPERATION.leave:
        at = goal + kept[a]!;
        break;
      case OPERATION.go:
        at = goal;
        break;
      case OPERATION.bytes: {
        const bytes = bytesOf(values[wideFields[a]!]);
        const differs = bytes.some((byte, i) => {
          const from = 4 * STEP * (at + 1) + i;
          return ((byte ^ view.getUint8(from)) & view.getUint8(from + 4 * STEP)) !== 0;
        });
        at = differs === (b === 0) ? goal : at + 3;
        break;
      }
      case OPERATION.atLeast: {
        const from = 4 * STEP * (at + 1);
        const bound = (view.getBigUint64(from, true) << 64n) | view.getBigUint64(from + 8, true);
        const isBelow = (values[wideFields[a]!] as bigint) < bound;
        at = isBelow === (b === 0) ? goal : at + 2;
        break;
      }
      default: {
        const field = fields[(operation - OPERATION.number) >> 1]!;
        const distance = (((values[field] & a) >>> 0) - b) >>> 0;
        at = distance <= c === ((operation & 1) === 0) ? at + 1 : goal;
      }
    }
  }
}

/** As the key has them. */
function bytesOf(value: bigint | string): Uint8Array {
  return typeof value === 'bigint' ? addressBytes(value) : deviceBytes({ name: value, prefix: false }).bytes;
}
