// What programs need of a kernel and since when it is there, each with a program that loads if and only if it is.
//
// Probes run only after a program was refused: they tell an old kernel from a fault of ours. A test runs all of them,
// and one that fails on a kernel new enough fails the test.

import { release } from 'node:os';
import type { KernelFunction } from '../base/features.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import { Assembler } from '../bpf/assembler.ts';
import { encodeInstructions } from '../bpf/encode.ts';
import type { Program } from '../bpf/image.ts';
import { CLASS, type Instruction, JUMP, R0, R1, R2, R3, R10 } from '../bpf/instruction.ts';
import { tryLoad } from './bpf-call.ts';
import { closeDescriptor } from './syscall.ts';

export interface Probe {
  readonly feature: string;
  /** The first kernel that has it. */
  readonly since: string;
  /** The smallest program that needs it, if `program` does. */
  readonly probe: (program: Program) => Pick<Program, 'type' | 'instructions'> | undefined;
}

const LONG_JUMP = CLASS.JMP32 | JUMP.always;

export const PROBES: readonly Probe[] = [
  {
    feature: 'netfilter programs',
    since: '6.4',
    probe: ({ type }) =>
      type === 'netfilter'
        ? { type, instructions: new Assembler().mov(R0, 1).exit().finish().instructions }
        : undefined,
  },
  {
    feature: 'jumps over more than 32767 instructions',
    since: '6.6',
    probe: ({ instructions }) =>
      instructions.some(({ opcode }) => opcode === LONG_JUMP)
        ? { type: 'xdp', instructions: [LONG_JUMP_TO_NEXT, ...new Assembler().mov(R0, 2).exit().finish().instructions] }
        : undefined,
  },
  {
    feature: 'reading kernel structures in XDP programs',
    since: '6.2',
    probe: (program) =>
      probeCall(program, 'xdp', 'bpf_cast_to_kern_ctx', (a, id) => a.callKernel('bpf_cast_to_kern_ctx', id)),
  },
  {
    feature: 'reading packets in netfilter programs',
    since: '6.4',
    probe: (program) =>
      probeCall(program, 'netfilter', 'bpf_dynptr_from_skb', (a, id) =>
        a
          .load(8, R1, R1, 8 /* bpf_nf_ctx.skb */)
          .mov(R2, 0)
          .mov(R3, R10)
          .alu('add', R3, -16)
          .callKernel('bpf_dynptr_from_skb', id),
      ),
  },
];

const LONG_JUMP_TO_NEXT: Instruction = { opcode: LONG_JUMP, dst: 0, src: 0, offset: 0, imm: 0 };

/** A program that calls the kernel function, if the given one is of this type and calls it too. */
function probeCall(
  { type, instructions }: Program,
  wantedType: Program['type'],
  name: KernelFunction,
  emit: (a: Assembler, id: number) => Assembler,
): ReturnType<Probe['probe']> {
  const call = instructions.find((instruction) => instruction.function === name);
  if (type !== wantedType || call === undefined) return undefined;
  return { type, instructions: emit(new Assembler(), call.imm).mov(R0, 1).exit().finish().instructions };
}

/** The first thing that the program needs and this kernel lacks, as an error to throw. */
export function missingFeature(program: Program): UnsupportedError | undefined {
  for (const { feature, since, probe } of PROBES) {
    const probed = probe(program);
    if (probed !== undefined && !loads(probed)) return new UnsupportedError(feature, since, release());
  }
  return undefined;
}

function loads({ type, instructions }: Pick<Program, 'type' | 'instructions'>): boolean {
  const code = encodeInstructions(instructions, () => 0);
  const result = tryLoad({ name: 'probe', type, code });
  if (result >= 0) closeDescriptor(result);
  return result >= 0;
}
