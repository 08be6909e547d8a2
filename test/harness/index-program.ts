// Programs that are nothing but an index, or a test: they copy a value from a frame into the key and return what they find.

import type { Field, Predicate } from '../../src/base/predicate.ts';
import { Assembler, type Label } from '../../src/bpf/assembler.ts';
import type { MapDefinition, Program } from '../../src/bpf/image.ts';
import { R0, R1, R2, R3, R4, R6 } from '../../src/bpf/instruction.ts';
import { runXdp } from '../../src/bpf/vm-context.ts';
import { prepare } from '../../src/bpf/vm-prepare.ts';
import { type FieldIndex, indexedField } from '../../src/classify/indexes/field-index.ts';
import { emitIndex } from '../../src/codegen/indexes/emit-index.ts';
import { copyWide, isWide, storeField } from '../../src/codegen/key.ts';
import { directAccess, TABLE_MAP } from '../../src/codegen/table-access.ts';
import { emitTest } from '../../src/codegen/tests.ts';
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
function frameWith(value: IndexedValue): Uint8Array {
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

/** A program that copies a field's value into the key, runs this code, and returns R0. */
function keyProgram(field: Field, emit: (a: Assembler, broken: Label) => void): Program {
  const a = new Assembler();
  const broken = a.label('broken');
  a.mov(R6, R1).load(4, R2, R6, 0).load(4, R3, R6, 4);
  a.mov(R4, R2).alu('add', R4, FRAME).jump('gt', R4, R3, broken);
  copyValue(a, field);
  emit(a, broken);
  a.exit();
  a.bind(broken).mov(R0, BROKEN).exit();
  return { name: 'key', type: 'xdp', ...a.finish() };
}

/** Returns the class, or BROKEN; `bytes` is the size of all tables. */
export function indexProgram(index: FieldIndex, bytes: number): Program {
  return keyProgram(indexedField(index), (a, broken) => emitIndex(a, index, directAccess(bytes), broken));
}

/** Returns 1 where the predicate holds, else 0. */
export function testProgram(predicate: Predicate): Program {
  return keyProgram(predicate.field, (a) => {
    const yes = a.label('yes');
    emitTest(a, predicate, yes);
    a.mov(R0, 0).exit();
    a.bind(yes).mov(R0, 1);
  });
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

function tableMap(tables: Uint8Array): MapDefinition {
  const contents = tables.length === 0 ? new Uint8Array(8) : tables;
  return { name: TABLE_MAP, type: 'array', valueSize: contents.length, maxEntries: 1, mmapable: true, contents };
}

/** Runs a program in the virtual machine. */
export function inMachine(program: Program, tables: Uint8Array = new Uint8Array(8)): (value: IndexedValue) => number {
  const prepared = prepare(program);
  const maps = new Map([[TABLE_MAP, tables]]);
  const device = { ifindex: 1, name: 'lo', mac: new Uint8Array(6) };
  return (value) => runXdp(prepared, { features: FEATURES, maps, cpu: 0, frame: frameWith(value), device });
}

/** A program and its tables in the kernel, until `close`. Needs root. */
export class KeyProgramInKernel {
  readonly descriptor: number;
  private readonly map: number;

  constructor(program: Program, tables: Uint8Array = new Uint8Array(8)) {
    this.map = createMap(tableMap(tables));
    try {
      this.descriptor = loadProgram(program, new Map([[TABLE_MAP, this.map]]));
    } catch (error) {
      closeDescriptor(this.map);
      throw error;
    }
  }

  run(value: IndexedValue): number {
    return testRun(this.descriptor, frameWith(value)).result;
  }

  close(): void {
    closeDescriptor(this.descriptor);
    closeDescriptor(this.map);
  }
}
