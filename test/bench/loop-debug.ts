// The types that the kernel wants to know of a loop's two functions (Documentation/bpf/btf.rst): a global function is
// verified by the types of its arguments, and a pointer to the structure of its program type's name is the context.

import type { LoopProgram } from './loop-program.ts';

const CONTEXT = { xdp: 'xdp_md', netfilter: 'bpf_nf_ctx' } as const;
const KIND = { int: 1, pointer: 2, struct: 4, func: 12, funcProto: 13 } as const;
const GLOBAL = 1;
const HEADER = 24;

/** The BTF, and the records of `struct bpf_func_info`. */
export function loopDebug({ program, packetFunction }: LoopProgram): { btf: Uint8Array; funcInfo: Uint8Array } {
  const strings = ['', 'int', CONTEXT[program.type], 'ctx', 'main', 'packet'];
  const nameOf = (text: string): number => strings.slice(0, strings.indexOf(text)).join('\0').length + 1;
  const types = [
    ...[nameOf('int'), KIND.int << 24, 4, (1 << 24) | 32],
    ...[nameOf(CONTEXT[program.type]), KIND.struct << 24, 0],
    ...[0, KIND.pointer << 24, 2],
    ...[0, (KIND.funcProto << 24) | 1, 1, nameOf('ctx'), 3],
    ...[nameOf('main'), KIND.func << 24, 4],
    ...[nameOf('packet'), (KIND.func << 24) | GLOBAL, 4],
  ];
  const text = Buffer.from(`${strings.join('\0')}\0`);
  const header = [0x0001eb9f, HEADER, 0, 4 * types.length, 4 * types.length, text.length];
  const btf = Buffer.concat([Buffer.from(Uint32Array.from([...header, ...types]).buffer), text]);
  const funcInfo = Uint32Array.from([...[0, 5], ...[packetFunction, 6]]);
  return { btf, funcInfo: new Uint8Array(funcInfo.buffer) };
}
