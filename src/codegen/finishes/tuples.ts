// The pruned-tuple finish as code: see src/classify/finishes/tuples.ts for tables and the order of things.
//
// Code has one part for each word of the bitmap, and a loop where tuples are probed or counters bumped. A loop ends after
// as many rounds as that word can have bits, so the verifier walks through it that often; no more depends on the rules.
//
//   R0  the best value so far: number << 32 | word            R4  bits of the word that are still to be asked
//   R9  key                                                   R5  rounds of the loop
//
// On the stack, from `scratch` on: the address of each component's record, the words of the bitmap, an entry's address.

import type { Assembler, Label } from '../../bpf/assembler.ts';
import { R0, R1, R2, R3, R4, R5, R9, type Register } from '../../bpf/instruction.ts';
import type { Variable } from '../../classify/components.ts';
import {
  DE_BRUIJN,
  DESCRIPTOR_SIZE,
  type TupleComponent,
  type TuplePart,
  type TuplesFinish,
} from '../../classify/finishes/tuples.ts';
import { recordRoom } from '../../classify/finishes/tuples-records.ts';
import type { FieldIndex } from '../../classify/indexes/field-index.ts';
import { roomOf } from '../../classify/tables.ts';
import { loadVariable, storeVariable, TABLE_MAP } from '../table-access.ts';
import { emitHashLookup } from './exact-hash.ts';

export interface TuplesCode {
  /** The variable that is in R0, and maybe not on the stack. */
  readonly inR0: Variable | undefined;
  /** The first variable that no lookup has: the stack is free from there on. */
  readonly scratch: Variable;
  /** Where classes lead that no table has. */
  readonly broken: Label;
  /** Bumps the counter whose slot is in the register, one of R1–R3; clobbers no others than these. */
  readonly count: (slot: Register) => void;
  /** R0 = class of the late field. Clobbers R1–R5 and R9. */
  readonly findLate: (index: FieldIndex) => void;
}

/** How many variables the code needs from `scratch` on. */
export function tuplesScratch({ components, words }: TuplesFinish): number {
  return components.length + words + 1;
}

/** R0 = outcome word. Counters of decisions that go on are bumped. Clobbers R1–R5 and R9. */
export function emitTuples(a: Assembler, finish: TuplesFinish, code: TuplesCode): void {
  new TuplesEmitter(a, finish, code).emit();
}

class TuplesEmitter {
  private readonly a: Assembler;
  private readonly finish: TuplesFinish;
  private readonly code: TuplesCode;
  /** With one word and nothing found late the bitmap stays in R4. */
  private readonly inRegister: boolean;

  constructor(a: Assembler, finish: TuplesFinish, code: TuplesCode) {
    this.a = a;
    this.finish = finish;
    this.code = code;
    const parts = [finish.ending.alone, finish.ending.tuples, finish.goingOn.alone, finish.goingOn.tuples];
    const used = parts.filter(({ masks }) => masks.some((mask) => mask !== 0n)).length;
    this.inRegister = finish.words === 1 && used <= 1 && finish.late === undefined;
  }

  emit(): void {
    const { a, finish } = this;
    this.emitRecords();
    this.emitBitmap();
    if (finish.late !== undefined) this.emitLate();
    this.emitAlone();
    this.emitTuples(finish.ending, (entry) => {
      const later = a.label('not earlier');
      a.load(8, R1, entry, 8);
      this.jumpIfLater(R1, R2, later);
      a.mov(R0, R1).bind(later);
    });
    this.emitAloneCounters();
    this.emitTuples(finish.goingOn, (entry) => {
      const later = a.label('behind the end');
      a.load(8, R1, entry, 8);
      this.jumpIfLater(R1, R2, later);
      a.mov32(R1, R1);
      this.code.count(R1);
      a.bind(later);
    });
    a.mov32(R0, R0);
  }

  private place(c: number): Variable {
    return this.code.scratch + c;
  }

  private word(w: number): Variable {
    return this.code.scratch + this.finish.components.length + w;
  }

  /** The address of each record whose class is known, on the stack. */
  private emitRecords(): void {
    const { a, finish, code } = this;
    const inR0 = finish.components.findIndex(
      ({ variable }, c) => variable === code.inR0 && c !== finish.late?.component,
    );
    if (inR0 >= 0) {
      a.mov(R1, R0);
      this.emitRecord(inR0, finish.components[inR0]!);
    }
    for (const [c, component] of finish.components.entries()) {
      if (c === inR0) continue;
      if (c === finish.late?.component) {
        // Keys of tuples that ask nothing of it read the id 0 of any record.
        a.loadMapValue(R1, TABLE_MAP, component.records.offset);
        storeVariable(a, this.place(c), R1);
        continue;
      }
      loadVariable(a, R1, component.variable);
      this.emitRecord(c, component);
    }
  }

  /** R2 = address of the record of the class in R1, also on the stack. Clobbers R1. */
  private emitRecord(c: number, { stride, records }: TupleComponent): void {
    const { a } = this;
    a.jump('ge', R1, recordRoom(records, stride), this.code.broken).alu('mul', R1, stride);
    a.loadMapValue(R2, TABLE_MAP, records.offset).alu('add', R2, R1);
    storeVariable(a, this.place(c), R2);
  }

  /** The AND of the bitmaps of all records that are known. */
  private emitBitmap(): void {
    const { a, finish, inRegister } = this;
    const known = finish.components.map((_, c) => c).filter((c) => c !== finish.late?.component);
    for (let w = 0; w < finish.words; w++) {
      for (const [n, c] of known.entries()) {
        loadVariable(a, R1, this.place(c));
        a.load(8, n === 0 ? R4 : R2, R1, 8 * w);
        if (n > 0) a.alu('and', R4, R2);
      }
      if (known.length === 0) a.mov(R4, -1);
      if (!inRegister) storeVariable(a, this.word(w), R4);
    }
  }

  /** Finds the late class where a bit is left that depends on it, and takes its record's bitmap in. */
  private emitLate(): void {
    const { a, finish } = this;
    const { component: c, index, masks } = finish.late!;
    const component = finish.components[c]!;
    const needed = a.label('late field is needed');
    const done = a.label('bitmap is complete');
    for (const [w, mask] of masks.entries()) {
      if (mask === 0n) continue;
      loadVariable(a, R1, this.word(w));
      a.loadConstant(R2, mask).jump('set', R1, R2, needed);
    }
    a.goto(done);
    if (!needed.isUsed) return void a.bind(done);
    a.bind(needed);
    this.code.findLate(index);
    a.mov(R1, R0);
    this.emitRecord(c, component);
    for (let w = 0; w < finish.words; w++) {
      loadVariable(a, R1, this.word(w));
      a.load(8, R3, R2, 8 * w).alu('and', R1, R3);
      storeVariable(a, this.word(w), R1);
    }
    a.bind(done);
  }

  /**
   * Goes to `later` if the value belongs to a later decision than the best does. A comparison of both would tell the
   * verifier something about the best, something else in each round: it would take no two rounds for the same. Clobbers
   * `scratch`.
   */
  private jumpIfLater(value: Register, scratch: Register, later: Label): void {
    this.a.mov(scratch, value).alu('sub', scratch, R0).jump('sgt', scratch, 0, later);
  }

  /** R4 = bits of word `w` under the mask. Clobbers R1. */
  private emitWord(w: number, mask: bigint): void {
    const { a } = this;
    if (!this.inRegister) loadVariable(a, R4, this.word(w));
    if (mask === FULL) return;
    a.loadConstant(R1, mask).alu('and', R4, R1);
  }

  /** R2 = address of the descriptor of the lowest bit of R4. Clobbers R1; leaves the bit in R3. */
  private emitDescriptor(w: number): void {
    const { a, finish } = this;
    a.mov(R3, 0).alu('sub', R3, R4).alu('and', R3, R4);
    a.loadConstant(R1, DE_BRUIJN).alu('mul', R1, R3).alu('rsh', R1, 58).alu('lsh', R1, Math.log2(DESCRIPTOR_SIZE));
    a.loadMapValue(R2, TABLE_MAP, finish.descriptors.offset + w * 64 * DESCRIPTOR_SIZE).alu('add', R2, R1);
  }

  /** R0 = value of the first decision that stands alone and applies, or of what applies otherwise. */
  private emitAlone(): void {
    const { a, finish } = this;
    const found = a.label('earliest of those alone');
    for (const [w, mask] of finish.ending.alone.masks.entries()) {
      if (mask === 0n) continue;
      const none = a.label('none of this word');
      this.emitWord(w, mask);
      a.jump('eq', R4, 0, none);
      this.emitDescriptor(w);
      a.load(8, R0, R2, 0).goto(found);
      a.bind(none);
    }
    const { word, number } = finish.otherwise;
    a.loadConstant(R0, (BigInt(number) << 32n) | BigInt(word));
    if (found.isUsed) a.bind(found);
  }

  private emitAloneCounters(): void {
    const { a, finish } = this;
    const done = a.label('all that stand alone are counted');
    this.forEachBit(finish.goingOn.alone, () => {
      a.load(8, R1, R2, 0);
      this.jumpIfLater(R1, R3, done);
      a.mov32(R1, R1);
      this.code.count(R1);
    });
    if (done.isUsed) a.bind(done);
  }

  /** Probes the tuples whose first decision is not behind the best; `hit` is given the register of an entry's address. */
  private emitTuples(part: TuplePart, hit: (entry: Register) => void): void {
    const { a } = this;
    const done = a.label('no other tuple can be earlier');
    this.forEachBit(part.tuples, (next) => {
      a.load(8, R1, R2, 0);
      this.jumpIfLater(R1, R3, done);
      this.emitKey(part);
      emitHashLookup(a, part.hash!, [R9], next);
      if (part.chains === undefined) hit(R3);
      else this.emitChain(part, part.chains, hit);
    });
    if (done.isUsed) a.bind(done);
  }

  /** R9 = key of the tuple whose descriptor is at R2. Clobbers R1 and R3. */
  private emitKey(part: TuplePart): void {
    const { a, finish } = this;
    let isEmpty = false;
    if (part === finish.goingOn) a.load(4, R9, R2, 0);
    else if (finish.checked !== undefined) a.mov(R9, 1);
    else isEmpty = true;
    for (const [c, { shift, idSize }] of finish.components.entries()) {
      if (shift === undefined) continue;
      a.load(1, R1, R2, 8 + c);
      loadVariable(a, R3, this.place(c));
      a.alu('add', R3, R1);
      a.load(idSize, isEmpty ? R9 : R1, R3, 8 * finish.words);
      const id = isEmpty ? R9 : R1;
      if (shift > 0) a.alu('lsh', id, shift);
      if (!isEmpty) a.alu('or', R9, R1);
      isEmpty = false;
    }
  }

  /** Goes along the entries of one key, from R3, and hits those whose check holds; of decisions that end, the first. */
  private emitChain(part: TuplePart, chains: NonNullable<TuplePart['chains']>, hit: (entry: Register) => void): void {
    const { a, finish } = this;
    const { idSize } = finish.components[finish.checked!]!;
    const next = a.label('next of the chain');
    const over = a.label('end of the chain');
    // R9, free again, counts the entries.
    a.mov(R9, 0);
    a.bind(next);
    a.load(1, R1, R3, 24);
    loadVariable(a, R2, this.place(finish.checked!));
    a.alu('add', R2, R1)
      .load(idSize, R1, R2, 8 * finish.words)
      .load(4, R2, R3, 16);
    const other = a.label('check fails');
    a.jump('ne', R1, R2, other);
    if (part === finish.ending) {
      hit(R3);
      a.goto(over);
    } else {
      storeVariable(a, this.word(finish.words), R3);
      hit(R3);
      loadVariable(a, R3, this.word(finish.words));
    }
    a.bind(other).load(4, R1, R3, 20).jump('eq', R1, 0, over);
    a.alu('add', R9, 1).jump('ge', R9, chains.longest, over);
    a.alu('sub', R1, 1)
      .jump('ge', R1, roomOf(chains.table) / 32, over)
      .alu('lsh', R1, 5);
    a.loadMapValue(R3, TABLE_MAP, chains.table.offset).alu('add', R3, R1).goto(next);
    a.bind(over);
  }

  /**
   * Does `body` for each bit left, lowest first, with its descriptor's address in R2; it may go to `next`, the label it
   * is given. A round's last branch leaves the loop where it is not taken, as that is the way the verifier goes first:
   * what stands behind the loop is then known when the next round comes to it, and rounds leave no branches open there.
   */
  private forEachBit({ masks, most }: TuplePart['alone'], body: (next: Label) => void): void {
    const { a } = this;
    for (const [w, mask] of masks.entries()) {
      if (mask === 0n || most[w] === 0) continue;
      const round = a.label(`a bit of word ${w}`);
      const next = a.label(`next bit of word ${w}`);
      const end = a.label(`end of word ${w}`);
      this.emitWord(w, mask);
      a.jump('eq', R4, 0, end).mov(R5, 0);
      a.bind(round).jump('ge', R5, most[w]!, end).alu('add', R5, 1);
      this.emitDescriptor(w);
      a.alu('xor', R4, R3);
      body(next);
      a.bind(next).jump('ne', R4, 0, round).bind(end);
    }
  }
}

const FULL = (1n << 64n) - 1n;
