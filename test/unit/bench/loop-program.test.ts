import { expect, test } from 'vitest';
import type { Program } from '../../../src/bpf/image.ts';
import { passProgram } from '../../../src/codegen/dispatcher.ts';
import { compileRuleset } from '../../../src/engine/compile.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { loopDebug } from '../../bench/loop-debug.ts';
import { FRAME, loopMaps, loopProgram } from '../../bench/loop-program.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';

function programOf(placement: 'xdp' | 'netfilter'): Program {
  const { ruleset } = parseRuleset('*filter\n-A INPUT -p tcp -m tcp --dport 80 -j DROP\nCOMMIT\n', { file: 'x' });
  const facts = { localDestinations: [{ low: 1, high: 1 }] };
  const options = {
    placement,
    allowInexact: ['loopback', 'output', 'out-device'],
    features: FEATURES,
    facts,
    file: 'x',
  } as const;
  const compiled = compileRuleset(ruleset, options);
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  return compiled.image.programs[0]!.program;
}

test.each(['xdp', 'netfilter'] as const)('%s: the body is the program, but for how it gets at packets', (placement) => {
  const program = programOf(placement);
  const loop = loopProgram(program, 8);
  const { instructions } = loop.program;
  const at = instructions.findIndex((_, start) =>
    program.instructions.every((each, index) => {
      const found = instructions[start + index];
      const isData = each.opcode === 0x79 && each.offset === FEATURES.layout.skbData;
      const isSlice = each.function === 'bpf_dynptr_slice';
      const isChanged = placement === 'xdp' ? each.src === 6 && each.offset <= 4 : isData || isSlice;
      return found !== undefined && (isChanged || JSON.stringify(found) === JSON.stringify(each));
    }),
  );
  expect(at).toBeGreaterThan(loop.packetFunction);
  const changed = program.instructions.filter((each, index) => instructions[at + index] !== each);
  // At XDP, frames that are not plain are read once more from the start, and measured where they are longer than they look.
  const expected = { xdp: [0, 4, 0, 4, 0, 0, 4], netfilter: [FEATURES.layout.skbData, 0, 0] }[placement];
  expect(changed.map(({ offset }) => offset)).toEqual(expected);
});

test('a slice is really called, and comes back behind its call', () => {
  const program = programOf('netfilter');
  const { instructions } = loopProgram(program, 8).program;
  const calls = instructions.flatMap((each, index) => (each.function === 'bpf_dynptr_slice' ? [index] : []));
  const jumps = instructions.flatMap((each, index) =>
    each.opcode === 0x06 ? [{ index, to: index + 1 + each.imm }] : [],
  );
  expect(calls).toHaveLength(2);
  for (const call of calls) {
    const into = jumps.find(({ to }) => to === call - 1)!;
    const back = jumps.find(({ index }) => index > call)!;
    expect(back.to).toBe(into.index + 1);
  }
});

test('what the loop could not run as it is, is refused', () => {
  const program = programOf('xdp');
  const without = { ...program, instructions: program.instructions.filter(({ src }) => src !== 6) };
  expect(() => loopProgram(without, 8)).toThrow('reads no packet');
  const call = { opcode: 0x85, dst: 0, src: 1, offset: 0, imm: 5 };
  expect(() => loopProgram({ ...program, instructions: [...program.instructions, call] }, 8)).toThrow('of its own');
  const tailCall = { opcode: 0x85, dst: 0, src: 0, offset: 0, imm: 12 };
  expect(() => loopProgram({ ...program, instructions: [...program.instructions, tailCall] }, 8)).toThrow('tail-calls');
  const store = { opcode: 0x7b, dst: 10, src: 1, offset: -480, imm: 0 };
  expect(() => loopProgram({ ...program, instructions: [...program.instructions, store] }, 8)).toThrow('stack');
  expect(() => loopProgram(program, 12)).toThrow('power of two');
});

test('an empty program loops, too', () => {
  expect(() => loopProgram(passProgram('xdp'), 8)).not.toThrow();
  expect(() => loopProgram(passProgram('netfilter'), 8)).not.toThrow();
});

test('frames lie behind each other, with room behind the last', () => {
  const frames = [1, 2].map((byte) => new Uint8Array(FRAME).fill(byte));
  const { contents } = loopMaps(frames).pool;
  expect([contents![FRAME - 1], contents![FRAME], contents![2 * FRAME]]).toEqual([1, 2, 0]);
  // Offsets into a packet are 16 bits, as far as the verifier knows.
  expect(contents!.length).toBeGreaterThan(2 * FRAME + 0xffff);
  const wide = loopMaps(frames.map((frame) => new Uint8Array(2 * FRAME).fill(frame[0]!))).pool.contents!;
  expect([wide[2 * FRAME - 1], wide[2 * FRAME], wide[4 * FRAME]]).toEqual([1, 2, 0]);
  expect(() => loopMaps([frames[0]!, new Uint8Array(2 * FRAME)])).toThrow('frames of 64 and of 128 bytes');
  expect(() => loopMaps([new Uint8Array(60)])).toThrow('64 bytes');
});

test('the types name the context of the program type, and the function that is global', () => {
  const { btf, funcInfo } = loopDebug(loopProgram(passProgram('netfilter'), 8));
  expect(Buffer.from(btf).toString('latin1')).toMatch(/\0int\0bpf_nf_ctx\0ctx\0main\0packet\0$/);
  expect(new Uint32Array(funcInfo.buffer)[0]).toBe(0);
  expect(new Uint32Array(funcInfo.buffer)[2]).toBe(loopProgram(passProgram('netfilter'), 8).packetFunction);
});
