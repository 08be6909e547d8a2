// Looks a packet up in a raw-mask finish, as generated code does.

import type { FieldValues, NumericField } from '../../base/predicate.ts';
import { tableView } from '../tables.ts';
import { lookUpHash } from './exact-hash.ts';
import type { MasksFinish } from './masks.ts';

/** The outcome word of a packet with these fields and classes. */
export function lookUpMasks(
  { fields, masks, hash, otherwise }: MasksFinish,
  values: FieldValues,
  classes: readonly number[],
  tables: Uint8Array,
): number {
  const raw = [0n, 0n];
  for (const { field, variable, word, shift } of fields) {
    const value = variable === undefined ? values[field as NumericField] : classes[variable]!;
    raw[word]! |= BigInt(value) << BigInt(shift);
  }
  let best = otherwise;
  const view = tableView(tables, hash.table);
  for (const [number, mask] of masks.entries()) {
    const key = mask.map((bits, word) => (raw[word]! & bits) | (word === 0 ? BigInt(number + 1) : 0n));
    const at = lookUpHash(hash, key, tables);
    if (at === undefined) continue;
    const value = at + 8 * hash.keyWords;
    const found = { word: view.getUint32(value, true), number: view.getUint32(value + 4, true) };
    if (found.number < best.number) best = found;
  }
  return best.word;
}
