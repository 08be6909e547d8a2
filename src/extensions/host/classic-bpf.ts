// Which programs of classic BPF the kernel takes. Kernel: net/core/filter.c, bpf_check_classic.

export interface ClassicInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

// Codes are class + operation or mode + size or source (include/uapi/linux/bpf_common.h).
const LD = 0x00;
const LDX = 0x01;
const ST = 0x02;
const STX = 0x03;
const ALU = 0x04;
const JMP = 0x05;
const RET = 0x06;
const MISC = 0x07;
const MEM = 0x60;
const X = 0x08;
const A = 0x10;

const [DIV, MOD, LSH, RSH, NEG] = [0x30, 0x90, 0x60, 0x70, 0x80];
const JA = 0x00;
const CONDITIONS = [0x10, 0x20, 0x30, 0x40];
const OPERATIONS = [0x00, 0x10, 0x20, DIV, 0x40, 0x50, LSH, RSH, MOD, 0xa0];
const [IMM, ABS, IND, LEN, MSH] = [0x00, 0x20, 0x40, 0x80, 0xa0];
const [WORD, HALF, BYTE] = [0x00, 0x08, 0x10];

const KNOWN_CODES: ReadonlySet<number> = new Set([
  ...OPERATIONS.flatMap((operation) => [ALU | operation, ALU | operation | X]),
  ALU | NEG,
  ...[WORD, HALF, BYTE].flatMap((size) => [LD | ABS | size, LD | IND | size]),
  ...[LD | LEN, LD | IMM, LD | MEM, LDX | LEN, LDX | MSH | BYTE, LDX | IMM, LDX | MEM, ST, STX],
  ...[MISC, MISC | 0x80, RET, RET | A, JMP | JA],
  ...CONDITIONS.flatMap((condition) => [JMP | condition, JMP | condition | X]),
]);

const MEMORY_WORDS = 16;
/** Offsets from here on name facts of the packet (SKF_AD_OFF), one each four bytes up to this many. */
const FACTS = 0xffff_f000;
const FACTS_END = FACTS + 64;
/** Offset within them that iptables' kernel does not know (SKF_AD_ALU_XOR_X follows the CPU at 36). */
const isFact = (k: number): boolean => k < FACTS || (k < FACTS_END && k % 4 === 0);

/** What is wrong with a program, as a sentence; undefined where the kernel takes it. */
export function classicFault(program: readonly ClassicInstruction[]): string | undefined {
  for (const [at, instruction] of program.entries()) {
    const fault = instructionFault(instruction, program.length - at - 1);
    if (fault !== undefined) return `instruction ${at} of the BPF program ${fault}`;
  }
  const last = program.at(-1)!.code;
  if (last !== RET && last !== (RET | A)) return 'the BPF program does not end in a return';
  return readsUnwritten(program) ? 'the BPF program reads memory that it has not written' : undefined;
}

/** `following`: how many instructions stand behind it. */
function instructionFault({ code, jt, jf, k }: ClassicInstruction, following: number): string | undefined {
  if (!KNOWN_CODES.has(code)) return `has no known code: ${code}`;
  if ((code === (ALU | DIV) || code === (ALU | MOD)) && k === 0) return 'divides by zero';
  if ((code === (ALU | LSH) || code === (ALU | RSH)) && k >= 32) return `shifts by ${k}`;
  if (usesMemory(code) && k >= MEMORY_WORDS) return `uses memory word ${k}`;
  if (code === (JMP | JA) ? k >= following : isBranch(code) && Math.max(jt, jf) >= following) return 'jumps too far';
  if ((code & 0x07) === LD && (code & 0xe0) === ABS && !isFact(k)) return `loads from ${k}`;
  return undefined;
}

function isBranch(code: number): boolean {
  return (code & 0x07) === JMP && code !== (JMP | JA);
}

function usesMemory(code: number): boolean {
  return code === (LD | MEM) || code === (LDX | MEM) || code === ST || code === STX;
}

/** Whether a word of memory may be read that no instruction on the way there has written. */
function readsUnwritten(program: readonly ClassicInstruction[]): boolean {
  const ALL = 0xffff;
  const arriving = program.map(() => ALL);
  let written = 0;
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    written &= arriving[at]!;
    if (code === ST || code === STX) written |= 1 << k;
    else if (usesMemory(code) && (written & (1 << k)) === 0) return true;
    else if (code === (JMP | JA) || isBranch(code)) {
      for (const offset of code === (JMP | JA) ? [k] : [jt, jf]) arriving[at + 1 + offset]! &= written;
      written = ALL;
    }
  }
  return false;
}
