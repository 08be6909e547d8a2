// `-m bpf`: a program of classic BPF, or a pinned one, decides. Kernel: net/netfilter/xt_bpf.c.

import { ExtensionError, type MatchExtension, ValueError, type ValueType } from '../extension.ts';
import { bareText } from '../quote.ts';
import { cutText } from '../values/kept-text.ts';
import { scanDecimal } from '../values/scan.ts';
import { type ClassicInstruction, classicFault } from './classic-bpf.ts';

export type BpfData = { readonly program: readonly ClassicInstruction[] } | { readonly pinned: string };

/** Instructions, and bytes of a path less the final zero (include/uapi/linux/netfilter/xt_bpf.h). */
const MOST_INSTRUCTIONS = 64;
const PATH_LIMIT = 511;

/** `length,code jt jf k,…`; what follows the four numbers counts for nothing. */
const bytecode: ValueType<readonly ClassicInstruction[]> = {
  placeholder: 'program',
  parse(text) {
    const [head, ...parts] = text.split(',');
    const length = scanDecimal(head!);
    if (parts.length === 0 || length.rest !== '') throw new ValueError('bpf: error parsing program length');
    const count = Number(BigInt.asUintN(16, length.value));
    if (count === 0) throw new ValueError('bpf: illegal zero length program');
    if (count > MOST_INSTRUCTIONS) throw new ValueError('bpf: number of instructions exceeds maximum');
    if (parts.at(-1) === '') parts.pop();
    const program = parts.map((part, i) => {
      if (i < count) return instruction(part, i);
      throw new ValueError('bpf: real program length exceeds the encoded length parameter');
    });
    if (program.length < count) {
      throw new ValueError('bpf: parsed program length is less than the encoded length parameter');
    }
    return program;
  },
};

/** Each number is cut to the size of its field. */
function instruction(text: string, index: number): ClassicInstruction {
  let rest = text;
  const [code, jt, jf, k] = [16, 8, 8, 32].map((bits) => {
    const number = scanDecimal(rest);
    if (number.rest === rest) throw new ValueError(`bpf: error at instr ${index}`);
    rest = number.rest;
    return Number(BigInt.asUintN(bits, number.value));
  }) as [number, number, number, number];
  return { code, jt, jf, k };
}

const pinnedPath: ValueType<string> = {
  placeholder: 'path',
  parse(text, { names }) {
    if (names.kernel?.pinnedProgram(text) === false) throw new ValueError('bpf: failed to get bpf object');
    return cutText(text, PATH_LIMIT);
  },
};

export const bpf: MatchExtension<BpfData> = {
  kind: 'match',
  name: 'bpf',
  about: 'a BPF program decides',
  options: [
    { name: '--bytecode', values: [bytecode], about: 'classic BPF: the number of instructions, then each of them' },
    { name: '--object-pinned', values: [pinnedPath], about: 'a program pinned in a BPF file system' },
  ],

  precheck(options) {
    if (options.length === 1) return;
    throw new ExtensionError('missing-option', 'bpf: one of --bytecode or --pinned is required');
  },

  build(options) {
    const { name, values } = options[0]!;
    if (name === '--object-pinned') return { pinned: values[0] as string };
    return { program: values[0] as readonly ClassicInstruction[] };
  },

  check: (data) => ('program' in data ? classicFault(data.program) : undefined),

  print(data) {
    if ('pinned' in data) return ['--object-pinned', bareText(data.pinned)];
    return ['--bytecode', `"${data.program.length},${show(data.program)}"`];
  },

  listsUnspaced: true,
  // The zero byte is iptables', too.
  list: (data) => `match bpf ${'pinned' in data ? `pinned ${data.pinned}` : `${show(data.program)}\0`}`,
};

function show(program: readonly ClassicInstruction[]): string {
  return program.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`).join(',');
}
