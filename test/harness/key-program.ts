// Programs that are nothing but a prologue: they copy the packet key into a map, for comparison with a view of the packet.

import type { Features } from '../../src/base/features.ts';
import type { Field } from '../../src/base/predicate.ts';
import { Assembler } from '../../src/bpf/assembler.ts';
import type { MapDefinition, Program, ProgramType } from '../../src/bpf/image.ts';
import { R0, R1, R2, R6, R7, R8, R10 } from '../../src/bpf/instruction.ts';
import { isWide, loadField, WIDE_OFFSET } from '../../src/codegen/key.ts';

export const KEY_MAP = 'key';
/** Bytes of a field's copy; the last is for the bytes to count. */
const COPY = 16;

/** The map that a program for these fields writes into. */
export function keyMap(fields: readonly Field[]): MapDefinition {
  return { name: KEY_MAP, type: 'array', valueSize: COPY * (fields.length + 1), maxEntries: 1, mmapable: true };
}

/** A program that runs the prologue for these fields, copies the key, and returns 1. */
export function keyProgram(
  type: ProgramType,
  features: Features,
  fields: readonly Field[],
  emitPrologue: (a: Assembler, features: Features, fields: ReadonlySet<Field>) => void,
): Program {
  const a = new Assembler();
  a.from({ file: 'bpfilter', line: 1, column: 1, text: 'prologue' });
  a.mov(R6, R1);
  emitPrologue(a, features, new Set(fields));
  a.loadMapValue(R7, KEY_MAP);
  for (const [index, field] of fields.entries()) {
    if (isWide(field)) {
      for (const at of [0, 8]) a.load(8, R2, R10, WIDE_OFFSET[field] + at).store(8, R7, COPY * index + at, R2);
    } else {
      loadField(a, R2, field);
      a.store(8, R7, COPY * index, R2);
    }
  }
  a.store(8, R7, COPY * fields.length, R8)
    .mov(R0, 1)
    .exit();
  return { name: 'key', type, ...a.finish() };
}

/** What the program has written: values by field, and the bytes to count. */
export function readKey(value: Uint8Array, fields: readonly Field[]): Record<string, number | bigint | string> {
  const data = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const copies = fields.map((field, index) => {
    const at = COPY * index;
    if (field === 'inDevice' || field === 'outDevice') {
      const text = Buffer.from(value.subarray(at, at + COPY)).toString('latin1');
      return [field, text.slice(0, text.indexOf('\0'))] as const;
    }
    if (isWide(field)) return [field, (data.getBigUint64(at) << 64n) | data.getBigUint64(at + 8)] as const;
    return [field, Number(data.getBigUint64(at, true))] as const;
  });
  return { ...Object.fromEntries(copies), length: Number(data.getBigUint64(COPY * fields.length, true)) };
}
