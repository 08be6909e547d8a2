import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Assembler, type Operand } from '../../../src/bpf/assembler.ts';
import type { Program } from '../../../src/bpf/image.ts';
import {
  type AluOperation,
  type Comparison,
  type Instruction,
  R0,
  R1,
  R2,
  R3,
  R6,
  R10,
  type Size,
} from '../../../src/bpf/instruction.ts';
import { runXdp } from '../../../src/bpf/vm-context.ts';
import { type PreparedProgram, prepare } from '../../../src/bpf/vm-prepare.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';

const DEVICE = { ifindex: 2, name: 'eth0', mac: new Uint8Array(6) };
const RUN = { features: FEATURES, frame: new Uint8Array(60), device: DEVICE };

function program(build: (a: Assembler) => void): Program {
  const a = new Assembler();
  a.from({ file: 'rules', line: 7, column: 1, text: '-A INPUT' });
  build(a);
  return { name: 'p', type: 'xdp', ...a.finish() };
}

/** Runs what is built on top of a map `out` of 64 bytes, and returns the map's value. */
function run(build: (a: Assembler) => void, options = {}): Uint8Array {
  const out = new Uint8Array(64);
  runXdp(prepare(program(build)), { ...RUN, maps: new Map([['out', out]]), ...options });
  return out;
}

/** What the 64 bits of R1 are after the code. */
function resultOf(build: (a: Assembler) => void): bigint {
  const out = run((a) => {
    build(a);
    a.loadMapValue(R6, 'out').store(8, R6, 0, R1).mov(R0, 0).exit();
  });
  return new BigUint64Array(out.buffer)[0]!;
}

const U64 = (value: bigint) => BigInt.asUintN(64, value);

/** The meaning of each operation on `bits`-bit unsigned numbers (RFC 9669, section 4.1). */
const MEANING: Record<AluOperation, (a: bigint, b: bigint, bits: number) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  mod: (a, b) => (b === 0n ? a : a % b),
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  xor: (a, b) => a ^ b,
  lsh: (a, b, bits) => a << (b & BigInt(bits - 1)),
  rsh: (a, b, bits) => a >> (b & BigInt(bits - 1)),
  arsh: (a, b, bits) => BigInt.asIntN(bits, a) >> (b & BigInt(bits - 1)),
};

const COMPARISONS: Record<Comparison, (a: bigint, b: bigint, bits: number) => boolean> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  set: (a, b) => (a & b) !== 0n,
  sgt: (a, b, bits) => BigInt.asIntN(bits, a) > BigInt.asIntN(bits, b),
  sge: (a, b, bits) => BigInt.asIntN(bits, a) >= BigInt.asIntN(bits, b),
  slt: (a, b, bits) => BigInt.asIntN(bits, a) < BigInt.asIntN(bits, b),
  sle: (a, b, bits) => BigInt.asIntN(bits, a) <= BigInt.asIntN(bits, b),
};

const EDGES = [0n, 1n, 31n, 32n, 33n, 63n, 64n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 1n << 63n, -1n];
const anyWord = fc.oneof(fc.bigInt(0n, (1n << 64n) - 1n), fc.bigInt(0n, 300n), fc.constantFrom(...EDGES.map(U64)));
const anyConstant = fc.oneof(fc.integer(), fc.integer({ min: -70, max: 70 }));
const anyBits = fc.constantFrom(32, 64);

/** The second operand in R2, or as a constant. */
const anyOperand = fc.oneof(
  anyWord.map((value) => ({ value, operand: R2 as Operand })),
  anyConstant.map((value) => ({ value: U64(BigInt(value)), operand: value as Operand })),
);

describe('arithmetic', () => {
  it.each(Object.keys(MEANING) as AluOperation[])('%s is as on unbounded numbers', (op) => {
    fc.assert(
      fc.property(anyBits, anyWord, anyOperand, (bits, x, { value: y, operand }) => {
        const result = resultOf((a) => {
          a.loadConstant(R1, x).loadConstant(R2, y);
          if (bits === 64) a.alu(op, R1, operand);
          else a.alu32(op, R1, operand);
        });
        const cut = (value: bigint) => BigInt.asUintN(bits, value);
        expect(result).toBe(cut(MEANING[op](cut(x), cut(y), bits)));
      }),
      { numRuns: 400, seed: 20 },
    );
  });

  it.each(Object.keys(COMPARISONS) as Comparison[])('jumps if %s', (comparison) => {
    fc.assert(
      fc.property(anyBits, anyWord, anyOperand, fc.boolean(), (bits, x, right, same) => {
        const { value: y, operand } = same ? { value: x, operand: R2 } : right;
        const result = resultOf((a) => {
          const taken = a.label('taken');
          a.loadConstant(R3, x).loadConstant(R2, y).mov(R1, 1);
          if (bits === 64) a.jump(comparison, R3, operand, taken);
          else a.jump32(comparison, R3, operand, taken);
          a.mov(R1, 0).bind(taken);
        });
        const cut = (value: bigint) => BigInt.asUintN(bits, value);
        expect(result).toBe(COMPARISONS[comparison](cut(x), cut(y), bits) ? 1n : 0n);
      }),
      { numRuns: 400, seed: 20 },
    );
  });

  it('moves: constants are sign-extended, 32-bit moves clear the upper half', () => {
    expect(resultOf((a) => a.mov(R1, -2))).toBe(U64(-2n));
    expect(resultOf((a) => a.mov32(R1, -2))).toBe(0xfffffffen);
    expect(resultOf((a) => a.loadConstant(R2, -1n).mov32(R1, R2))).toBe(0xffffffffn);
  });

  it('negates and swaps bytes', () => {
    const value = 0x1122334455667788n;
    const unary = (opcode: number, imm: number, x: bigint): bigint => {
      const base = program((a) => a.loadConstant(R1, x).loadMapValue(R6, 'out').store(8, R6, 0, R1).mov(R0, 0).exit());
      const instruction: Instruction = { opcode, dst: 1, src: 0, offset: 0, imm };
      const instructions = [...base.instructions.slice(0, 2), instruction, ...base.instructions.slice(2)];
      const out = new Uint8Array(8);
      runXdp(prepare({ ...base, instructions }), { ...RUN, maps: new Map([['out', out]]) });
      return new BigUint64Array(out.buffer)[0]!;
    };
    fc.assert(fc.property(anyWord, (x) => unary(0x87, 0, x) === U64(-x)));
    fc.assert(fc.property(anyWord, (x) => unary(0x84, 0, x) === BigInt.asUintN(32, -x)));
    for (const swap of [0xdc, 0xd7]) {
      expect(unary(swap, 16, value)).toBe(0x8877n);
      expect(unary(swap, 32, value)).toBe(0x88776655n);
      expect(unary(swap, 64, value)).toBe(0x8877665544332211n);
    }
    expect(unary(0xd4, 16, value)).toBe(0x7788n);
    expect(unary(0xd4, 32, value)).toBe(0x55667788n);
    expect(unary(0xd4, 64, value)).toBe(value);
  });
});

describe('memory', () => {
  it('stores and loads every size, zero-extended', () => {
    for (const size of [1, 2, 4, 8] as Size[]) {
      const value = 0xf1f2f3f4f5f6f7f8n;
      const loaded = resultOf((a) => a.loadConstant(R2, value).store(size, R10, -16, R2).load(size, R1, R10, -16));
      expect(loaded).toBe(BigInt.asUintN(8 * size, value));
    }
  });

  it('adds atomically with carry', () => {
    const sum = (size: 4 | 8) => {
      const out = run((a) => {
        a.loadMapValue(R6, 'out').loadConstant(R2, 0xffffffffn).store(8, R6, 8, R2);
        a.atomicAdd(size, R6, 8, R2).mov(R0, 0).exit();
      });
      return new BigUint64Array(out.buffer)[1];
    };
    expect(sum(8)).toBe(0x1fffffffen);
    expect(sum(4)).toBe(0xfffffffen);
  });

  it('reads zeros through a null pointer, and writes nothing there', () => {
    expect(resultOf((a) => a.mov(R2, 0).load(8, R1, R2, 280))).toBe(0n);
    expect(() => resultOf((a) => a.mov(R2, 0).load(8, R1, R2, -8))).toThrow('load of 8 bytes at no address');
    expect(() => resultOf((a) => a.mov(R1, 0).store(4, R1, 0, 1))).toThrow('store of 4 bytes outside of NULL');
  });

  it.each<[string, (a: Assembler) => void, string]>([
    ['above the stack', (a) => a.store(8, R10, 0, 1), 'store of 8 bytes outside of the stack (512 bytes), offset 512'],
    [
      'below the stack',
      (a) => a.store(8, R10, -520, 1),
      'store of 8 bytes outside of the stack (512 bytes), offset -8',
    ],
    [
      'behind a map',
      (a) => a.loadMapValue(R1, 'out', 60).load(8, R1, R1, 0),
      'outside of map out (64 bytes), offset 60',
    ],
    ['behind the frame', (a) => a.load(4, R2, R1, 0).load(1, R1, R2, 60), 'outside of the frame (60 bytes), offset 60'],
    ['in the context', (a) => a.load(8, R1, R1, 0), 'outside of xdp_md'],
    ['unaligned on the stack', (a) => a.store(4, R10, -6, 1), 'not aligned'],
    ['in a map that is not there', (a) => a.loadMapValue(R1, 'missing'), 'no map missing'],
  ])('refuses access %s', (_, build, message) => {
    expect(() => resultOf(build)).toThrow(message);
  });
});

describe('what was never written', () => {
  it('cannot be read from the stack', () => {
    const build = (a: Assembler) => a.store(4, R10, -8, 0).load(8, R1, R10, -8);
    expect(() => resultOf(build)).toThrow('byte 508 was never written');
  });

  it('cannot be read from registers, also after a call', () => {
    expect(() => resultOf((a) => a.mov(R1, R3))).toThrow(
      'p, instruction 0 (rules:7: -A INPUT): reads r3, never written',
    );
    expect(() => resultOf((a) => a.mov(R3, 1).call(8).mov(R1, R3))).toThrow('reads r3');
    expect(() => run((a) => a.exit())).toThrow('reads r0');
  });

  it('is all that a second run finds', () => {
    const prepared = prepare(program((a) => a.load(4, R1, R1, 12).store(8, R10, -8, R1).mov(R0, 2).exit()));
    expect(runXdp(prepared, RUN)).toBe(2);
    const reader = prepare(program((a) => a.load(8, R1, R10, -8).mov(R0, 2).exit()));
    expect(() => runXdp(reader, RUN)).toThrow('never written');
  });
});

describe('control', () => {
  it('ends programs that loop or run past their end', () => {
    const loop = (a: Assembler) => {
      const again = a.label('again');
      a.bind(again).mov(R0, 0).goto(again);
    };
    expect(() => run(loop, { budget: 1000 })).toThrow('still running after 1000 instructions');
    expect(() => run((a) => a.mov(R0, 0))).toThrow('instruction 1 (rules:7: -A INPUT): runs past the end');
  });

  it('follows long jumps', () => {
    const value = resultOf((a) => {
      const end = a.label('end');
      a.mov(R1, 1).goto(end);
      for (let i = 0; i < 40000; i++) a.mov(R1, 2);
      a.bind(end);
    });
    expect(value).toBe(1n);
  });

  it('refuses instructions it does not know when preparing', () => {
    const base = program((a) => a.mov(R0, 0).exit());
    const broken = (change: Partial<Instruction>) => () =>
      prepare({ ...base, instructions: [{ ...base.instructions[0]!, ...change }, base.instructions[1]!] });
    expect(broken({ opcode: 0x30 })).toThrow('instruction 0: unknown opcode 0x30');
    expect(broken({ offset: 1 })).toThrow('unknown opcode 0xb7');
    expect(broken({ dst: 10 })).toThrow('write to r10');
    expect(broken({ opcode: 0x05, offset: 2 })).toThrow('jump to 3');
    expect(broken({ opcode: 0x85, imm: 2 })).toThrow('call of 2');
  });

  it('knows the processor', () => {
    expect(runXdp(prepare(program((a) => a.call(8).exit())), { ...RUN, cpu: 3 })).toBe(3);
  });
});

describe('tail calls', () => {
  const caller = (index: number) =>
    prepare(program((a) => a.loadMap(R2, 'slots').mov(R3, index).call(12).mov(R0, 1).exit()));
  const callWith = (index: number, slots: (PreparedProgram | undefined)[]) =>
    runXdp(caller(index), { ...RUN, programArrays: new Map([['slots', slots]]) });
  const returnsSeven = prepare(program((a) => a.load(4, R1, R1, 12).mov(R0, 7).exit()));

  it('go to the program in the slot, with the context', () => {
    expect(callWith(1, [undefined, returnsSeven])).toBe(7);
  });

  it('fall through at an empty slot and behind the end', () => {
    expect(callWith(0, [undefined, returnsSeven])).toBe(1);
    expect(callWith(2, [undefined, returnsSeven])).toBe(1);
  });

  it('start with an empty stack and empty registers', () => {
    const reader = prepare(program((a) => a.mov(R0, R6).exit()));
    expect(() => callWith(0, [reader])).toThrow('reads r6');
  });

  it('end after 33', () => {
    const self = prepare(
      program((a) => {
        a.loadMapValue(R6, 'out').load(8, R0, R6, 0).alu('add', R0, 1).store(8, R6, 0, R0);
        a.loadMap(R2, 'slots').mov(R3, 0).call(12).mov(R0, 5).exit();
      }),
    );
    const out = new Uint8Array(8);
    const options = { maps: new Map([['out', out]]), programArrays: new Map([['slots', [self]]]) };
    expect(runXdp(self, { ...RUN, ...options })).toBe(5);
    expect(out[0]).toBe(34);
  });
});
