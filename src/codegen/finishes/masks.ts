// The raw-mask finish as code: the key's words are put together once, masked and looked up once a mask.
//
//   R0  the best value so far: number << 32 | word, of one mask the word alone     R4, R9  the words of the masked key
//
// With several masks the words lie on the stack, from `scratch` on.

import type { NumericField } from '../../base/predicate.ts';
import type { Assembler } from '../../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R9, type Register } from '../../bpf/instruction.ts';
import type { Variable } from '../../classify/components.ts';
import type { MasksFinish } from '../../classify/finishes/masks.ts';
import { loadField } from '../key.ts';
import { loadVariable, storeVariable } from '../table-access.ts';
import { emitHashLookup } from './exact-hash.ts';

export interface MasksCode {
  /** The variable that is in R0, and maybe not on the stack. */
  readonly inR0: Variable | undefined;
  /** The first variable that no lookup has: the stack is free from there on. */
  readonly scratch: Variable;
}

const WORDS: readonly Register[] = [R4, R9];

/** R0 = outcome word. Clobbers R1–R5 and R9. */
export function emitMasks(a: Assembler, finish: MasksFinish, { inR0, scratch }: MasksCode): void {
  const { fields, masks, hash, otherwise } = finish;
  const words = WORDS.slice(0, hash.keyWords);
  const empty = new Set(words);
  const first = fields.filter(({ variable }) => variable !== undefined && variable === inR0);
  for (const { field, variable, word, shift } of [...first, ...fields.filter((each) => !first.includes(each))]) {
    const to = words[word]!;
    const into = empty.delete(to) ? to : R1;
    if (variable === undefined) loadField(a, into, field as NumericField);
    else if (variable === inR0) a.mov(into, R0);
    else loadVariable(a, into, variable);
    if (shift > 0) a.alu('lsh', into, shift);
    if (into !== to) a.alu('or', to, into);
  }
  for (const each of empty) a.mov(each, 0);
  if (masks.length > 1) for (const [word, each] of words.entries()) storeVariable(a, scratch + word, each);
  if (masks.length === 1) a.mov32(R0, otherwise.word);
  else a.loadConstant(R0, (BigInt(otherwise.number) << 32n) | BigInt(otherwise.word));
  const all = fullMasks(finish);
  for (const [number, mask] of masks.entries()) {
    const miss = a.label(`nothing under mask ${number}`);
    for (const [word, each] of words.entries()) {
      if (number > 0) loadVariable(a, each, scratch + word);
      if (mask[word] !== all[word]) a.loadConstant(R1, mask[word]!).alu('and', each, R1);
    }
    a.alu('or', R4, number + 1);
    emitHashLookup(a, hash, words, miss);
    const value = 8 * hash.keyWords;
    // All that is in the hash comes before what otherwise applies.
    if (masks.length === 1) a.load(4, R0, R3, value);
    else if (number === 0) a.load(8, R0, R3, value);
    else a.load(8, R1, R3, value).mov(R2, R1).alu('sub', R2, R0).jump('sgt', R2, 0, miss).mov(R0, R1);
    a.bind(miss);
  }
  if (masks.length > 1) a.mov32(R0, R0);
}

/** The bits of all fields, by word. */
function fullMasks({ fields }: MasksFinish): bigint[] {
  const all = [0n, 0n];
  for (const { word, shift, width } of fields) all[word]! |= ((1n << BigInt(width)) - 1n) << BigInt(shift);
  return all;
}
