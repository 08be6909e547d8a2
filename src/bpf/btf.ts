// Debug information of a program as BTF (Documentation/bpf/btf.rst): one function, and the source line of every
// instruction. The verifier's log and `bpftool prog dump xlated linum` then speak of rules.
//
//   header 24 bytes | types: int, func_proto() -> int, func | strings, NUL-terminated, the first one empty
//
// The kernel (check_btf_line, kernel/bpf/verifier.c) wants line info that ascends strictly, begins with the program and
// points at no second half of a 64-bit load.

import type { Program, SourceLine } from './image.ts';

export interface ProgramDebug {
  readonly btf: Uint8Array;
  /** Records of `struct bpf_func_info`, 8 bytes: instruction, type. */
  readonly funcInfo: Uint8Array;
  /** Records of `struct bpf_line_info`, 16 bytes: instruction, file name, line text, line << 10 | column. */
  readonly lineInfo: Uint8Array;
}

const MAGIC = 0xeb9f;
const VERSION = 1;
const HEADER_SIZE = 24;
const KIND = { int: 1, func: 12, funcProto: 13 } as const;
const INT_SIGNED = 1 << 24;
const TYPE = { int: 1, prototype: 2, program: 3 } as const;
/** 22 bits are for the line and 10 for the column. */
const MAXIMUM_LINE = (1 << 22) - 1;
const MAXIMUM_COLUMN = (1 << 10) - 1;

/** Describes a program; its name must be an identifier of C. */
export function buildProgramDebug(program: Program): ProgramDebug {
  const strings = new StringTable();
  const types = new Uint32Array([
    ...[strings.add('int'), KIND.int << 24, 4, INT_SIGNED | 32],
    ...[0, KIND.funcProto << 24, TYPE.int],
    ...[strings.add(program.name), KIND.func << 24, TYPE.prototype],
  ]);
  const lines = linesFromStart(program);
  const lineInfo = new Uint32Array(lines.length * 4);
  for (const [index, { instruction, file, line, column, text }] of lines.entries()) {
    const position = ((Math.min(line, MAXIMUM_LINE) << 10) | Math.min(column, MAXIMUM_COLUMN)) >>> 0;
    lineInfo.set([instruction, strings.add(file), strings.add(text), position], index * 4);
  }
  const funcInfo = new Uint32Array([0, TYPE.program]);
  return {
    btf: encodeBtf(new Uint8Array(types.buffer), strings.bytes()),
    funcInfo: new Uint8Array(funcInfo.buffer),
    lineInfo: new Uint8Array(lineInfo.buffer),
  };
}

/** The program's lines; where they begin later than the program, a line with its name comes first. */
function linesFromStart({ name, lines }: Program): readonly SourceLine[] {
  if (lines.length === 0 || lines[0]!.instruction === 0) return lines;
  return [{ instruction: 0, file: lines[0]!.file, line: 0, column: 0, text: name }, ...lines];
}

function encodeBtf(types: Uint8Array, strings: Uint8Array): Uint8Array {
  const btf = new Uint8Array(HEADER_SIZE + types.length + strings.length);
  const view = new DataView(btf.buffer);
  view.setUint16(0, MAGIC, true);
  view.setUint8(2, VERSION);
  view.setUint32(4, HEADER_SIZE, true);
  view.setUint32(8, 0, true); // types begin behind the header,
  view.setUint32(12, types.length, true);
  view.setUint32(16, types.length, true); // strings behind the types
  view.setUint32(20, strings.length, true);
  btf.set(types, HEADER_SIZE);
  btf.set(strings, HEADER_SIZE + types.length);
  return btf;
}

/** Strings by offset; equal strings are stored once. */
class StringTable {
  private readonly offsets = new Map<string, number>([['', 0]]);
  private readonly parts: Buffer[] = [Buffer.alloc(1)];
  private size = 1;

  add(text: string): number {
    const known = this.offsets.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${text.replaceAll('\0', ' ')}\0`, 'utf8');
    const offset = this.size;
    this.parts.push(bytes);
    this.offsets.set(text, offset);
    this.size += bytes.length;
    return offset;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.parts);
  }
}
