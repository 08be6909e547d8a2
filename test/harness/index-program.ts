// A program that is nothing but an index: it copies a value from a frame into the key, looks its class up and returns it.

import type { Field } from '../../src/base/predicate.ts';
import { Assembler } from '../../src/bpf/assembler.ts';
import type { MapDefinition, Program } from '../../src/bpf/image.ts';
import { R0, R1, R2, R3, R4, R6 } from '../../src/bpf/instruction.ts';
import { runXdp } from '../../src/bpf/vm-context.ts';
import { prepare } from '../../src/bpf/vm-prepare.ts';
import { type FieldIndex, indexedField } from '../../src/classify/indexes/field-index.ts';
import { emitIndex } from '../../src/codegen/indexes/emit-index.ts';
import { copyWide, isWide, storeField } from '../../src/codegen/key.ts';
import { directAccess, TABLE_MAP } from '../../src/codegen/table-access.ts';
import { closeDescriptor, createMap, loadProgram, testRun } from '../../src/kernel/bpf.ts';
import { FEATURES } from './fake-kernel.ts';

/** What the program returns where a table led nowhere, or the frame has no value. */
const BROKEN = 0x7fff_ffff;
/** Bytes of a frame, and where the value is in it, in network order. */
const FRAME = 64;
const VALUE = 32;

/** A field's value as it is in a frame: a number in network order, or 16 bytes. */
export type IndexedValue = number | Uint8Array;

/** The frame that carries a value. */
export function frameWith(value: IndexedValue): Uint8Array {
  const frame = Buffer.alloc(FRAME);
  if (typeof value === 'number') frame.writeUInt32BE(value, VALUE);
  else frame.set(value, VALUE);
  return frame;
}

/** A device's name as the kernel has it; what lies behind its end is of some earlier name. */
export function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(16).fill(0x65);
  bytes.set(Buffer.from(`${name}\0`, 'latin1').subarray(0, 16));
  return bytes;
}

export function indexProgram(index: FieldIndex): Program {
  const a = new Assembler();
  const broken = a.label('broken');
  a.mov(R6, R1).load(4, R2, R6, 0).load(4, R3, R6, 4);
  a.mov(R4, R2).alu('add', R4, FRAME).jump('gt', R4, R3, broken);
  copyValue(a, indexedField(index));
  emitIndex(a, index, directAccess, broken);
  a.exit();
  a.bind(broken).mov(R0, BROKEN).exit();
  return { name: 'index', type: 'xdp', ...a.finish() };
}

/** From the packet at R2 into the key. */
function copyValue(a: Assembler, field: Field): void {
  if (isWide(field)) {
    a.mov(R4, R2).alu('add', R4, VALUE);
    copyWide(a, field, 0);
    return;
  }
  a.load(4, R1, R2, VALUE).bigEndian(R1, 32);
  storeField(a, field, R1);
}

export function tableMap(tables: Uint8Array): MapDefinition {
  const contents = tables.length === 0 ? new Uint8Array(8) : tables;
  return { name: TABLE_MAP, type: 'array', valueSize: contents.length, maxEntries: 1, mmapable: true, contents };
}

/** Looks values up in the virtual machine. */
export function indexInMachine(index: FieldIndex, tables: Uint8Array): (value: IndexedValue) => number {
  const program = prepare(indexProgram(index));
  const maps = new Map([[TABLE_MAP, tables]]);
  const device = { ifindex: 1, name: 'lo', mac: new Uint8Array(6) };
  return (value) => runXdp(program, { features: FEATURES, maps, cpu: 0, frame: frameWith(value), device });
}

/** The program in the kernel, until `close`. Needs root. */
export class IndexInKernel {
  readonly program: number;
  private readonly map: number;

  constructor(index: FieldIndex, tables: Uint8Array) {
    this.map = createMap(tableMap(tables));
    try {
      this.program = loadProgram(indexProgram(index), new Map([[TABLE_MAP, this.map]]));
    } catch (error) {
      closeDescriptor(this.map);
      throw error;
    }
  }

  lookUp(value: IndexedValue): number {
    return testRun(this.program, frameWith(value)).result;
  }

  close(): void {
    closeDescriptor(this.program);
    closeDescriptor(this.map);
  }
}
