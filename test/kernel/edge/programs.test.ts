// Loading programs: what is refused and how that is told, what the kernel must have, running, slots, memory.

import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import { netfilterContextOf } from '../../../src/base/features.ts';
import { UnsupportedError } from '../../../src/base/unsupported.ts';
import { Assembler } from '../../../src/bpf/assembler.ts';
import type { MapDefinition, Program, ProgramType } from '../../../src/bpf/image.ts';
import { CLASS, JUMP, R0, R1, R2, R3, R6, R10 } from '../../../src/bpf/instruction.ts';
import {
  closeDescriptor,
  createMap,
  loadProgram,
  mapMemory,
  openSlot,
  setSlot,
  testRun,
  unmapMemory,
} from '../../../src/kernel/bpf.ts';
import { KernelError, VerifierError } from '../../../src/kernel/errors.ts';
import { probeFeatures } from '../../../src/kernel/features.ts';
import { missingFeature, PROBES } from '../../../src/kernel/probes.ts';

const NO_MAPS = new Map<string, number>();
const COUNTER: MapDefinition = { name: 'count', type: 'array', valueSize: 64, maxEntries: 1, mmapable: true };
/** An Ethernet frame with an IPv4 header. */
const FRAME = Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0, 0x45, 0, 0, 20]), Buffer.alloc(16)]);

function program(type: ProgramType, emit: (a: Assembler) => Assembler): Program {
  const a = new Assembler();
  return { name: 'test', type, ...emit(a).finish() };
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** `struct nf_hook_state`: LOCAL_IN, IPv4. */
function hookState(): Buffer {
  const state = Buffer.alloc(56);
  state.writeUInt8(1, 0);
  state.writeUInt8(2, 1);
  return state;
}

describe('a program that the verifier refuses', () => {
  const rule = { file: 'host.rules', line: 7, column: 1, text: '-A INPUT -s 10.0.0.1 -j DROP' };
  const refused = program('xdp', (a) =>
    a
      .from({ file: 'bpfilter', line: 1, column: 1, text: 'prologue' })
      .load(4, R2, R1, 0)
      .mov(R0, 2)
      .from(rule)
      .load(4, R3, R2, 0)
      .exit(),
  );

  it('is reported with the rule and the end of the log', () => {
    const error = thrownBy(() => loadProgram(refused, NO_MAPS)) as VerifierError;
    expect(error).toBeInstanceOf(VerifierError);
    // Kernels before 6.9 do not say where a line is.
    expect(error.rule).toMatch(/^-A INPUT -s 10\.0\.0\.1 -j DROP( @ host\.rules:7)?$/);
    expect(error.errnoName).toBe('EACCES');
    expect(error.message).toMatch(/invalid access to packet/);
    expect(error.message).toMatch(/\d earlier lines left out/);
    expect(error.log).toContain('; prologue');
  });

  it('is an error of another kind where the kernel does not come to verify it', () => {
    const error = thrownBy(() =>
      loadProgram({ ...program('xdp', (a) => a.mov(R0, 2).exit()), name: 'no name' }, NO_MAPS),
    );
    expect(error).toBeInstanceOf(KernelError);
    expect(error).not.toBeInstanceOf(VerifierError);
  });
});

/** Whether the kernel is this one or a later one. */
function isSince(version: string): boolean {
  const [major, minor] = release().split('.').map(Number) as [number, number];
  const [sinceMajor, sinceMinor] = version.split('.').map(Number) as [number, number];
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

describe('probes', () => {
  const features = probeFeatures();
  const call = (name: 'bpf_cast_to_kern_ctx' | 'bpf_dynptr_from_skb', id = features.functions[name] ?? 0) =>
    program(name === 'bpf_cast_to_kern_ctx' ? 'xdp' : 'netfilter', (a) => a.callKernel(name, id).exit());
  const longJump: Program = {
    name: 'test',
    type: 'xdp',
    lines: [],
    instructions: [{ opcode: CLASS.JMP32 | JUMP.always, dst: 0, src: 0, offset: 0, imm: 0 }],
  };
  const needy = [call('bpf_cast_to_kern_ctx'), call('bpf_dynptr_from_skb'), longJump];

  it.each(PROBES)('$feature, since $since', ({ probe, since }) => {
    const programs = needy.filter((candidate) => probe(candidate) !== undefined);
    expect(programs).not.toEqual([]);
    // An older kernel may have it too: distributions take over what they need.
    for (const candidate of programs) if (isSince(since)) expect(missingFeature(candidate)).toBeUndefined();
  });

  it('name what a refused program needs and the kernel lacks', () => {
    const error = thrownBy(() => loadProgram(call('bpf_cast_to_kern_ctx', 0x7fffffff), NO_MAPS)) as UnsupportedError;
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.minimumKernel).toBe('6.2');
  });

  it('find every kernel function and every member', () => {
    const { netfilterContext, ...offsets } = features.layout;
    expect(Object.values(offsets).every(Number.isInteger)).toBe(true);
    if (!isSince('6.4')) return;
    const sought = [...Object.values(features.functions), ...Object.values(netfilterContext ?? {})];
    expect(sought.filter((found) => found !== undefined)).toHaveLength(9 + 2);
  });
});

describe('running', () => {
  it('XDP: sees the frame, counts in memory shared with user space', () => {
    const map = createMap(COUNTER);
    const counting = program('xdp', (a) => {
      const short = a.label('short');
      return a
        .load(4, R2, R1, 0)
        .load(4, R3, R1, 4)
        .loadMapValue(R6, 'count', 8)
        .mov(R0, 1)
        .atomicAdd(8, R6, 0, R0)
        .mov(R1, R2)
        .alu('add', R1, 14)
        .jump('gt', R1, R3, short)
        .load(2, R0, R2, 12)
        .exit()
        .bind(short)
        .mov(R0, 0)
        .exit();
    });
    const loaded = loadProgram(counting, new Map([['count', map]]));
    const memory = mapMemory(map, COUNTER.valueSize);
    expect(testRun(loaded, FRAME).result).toBe(0x0008);
    expect(testRun(loaded, FRAME, undefined, 9).result).toBe(0x0008);
    expect(new DataView(memory.buffer).getBigUint64(8, true)).toBe(10n);
    unmapMemory(memory);
    for (const object of [loaded, map]) closeDescriptor(object);
  });

  it('netfilter: sees the hook it is told', () => {
    const features = probeFeatures();
    const telling = program('netfilter', (a) => {
      const other = a.label('not LOCAL_IN');
      return a
        .load(8, R2, R1, netfilterContextOf(features).state)
        .load(1, R2, R2, 0)
        .mov(R0, 0)
        .jump('ne', R2, 1, other)
        .mov(R0, 1)
        .bind(other)
        .exit();
    });
    const loaded = loadProgram(telling, NO_MAPS);
    expect(testRun(loaded, FRAME, hookState()).result).toBe(1);
    const forward = hookState();
    forward.writeUInt8(2, 0);
    expect(testRun(loaded, FRAME, forward).result).toBe(0);
    closeDescriptor(loaded);
  });

  it.each(['xdp', 'netfilter'] as const)('%s: calls the program in a slot, falls through an empty one', (type) => {
    const slots = createMap({ name: 'slots', type: 'program-array', valueSize: 4, maxEntries: 4, mmapable: false });
    const maps = new Map([['slots', slots]]);
    const verdict = (value: number) =>
      loadProgram(
        program(type, (a) => a.mov(R0, value).exit()),
        NO_MAPS,
      );
    const target = verdict(1);
    const dispatcher = loadProgram(
      program(type, (a) => a.loadMap(R2, 'slots').mov(R3, 3).call(12).mov(R0, 0).exit()),
      maps,
    );
    const context = type === 'xdp' ? undefined : hookState();
    expect(testRun(dispatcher, FRAME, context).result).toBe(0);
    expect(openSlot(slots, 3)).toBeUndefined();
    setSlot(slots, 3, target);
    expect(testRun(dispatcher, FRAME, context).result).toBe(1);
    const opened = openSlot(slots, 3)!;
    expect(testRun(opened, FRAME, context).result).toBe(1);
    for (const object of [opened, dispatcher, target, slots]) closeDescriptor(object);
  });
});

describe('maps', () => {
  it('start with their contents', () => {
    const map = createMap({ ...COUNTER, contents: Uint8Array.of(1, 2, 3) });
    const memory = mapMemory(map, COUNTER.valueSize);
    expect([...memory.subarray(0, 5)]).toEqual([1, 2, 3, 0, 0]);
    unmapMemory(memory);
    closeDescriptor(map);
  });

  it('that cannot be made are told with the errno', () => {
    const error = thrownBy(() => createMap({ ...COUNTER, valueSize: 0 })) as KernelError;
    expect(error.message).toMatch(/^cannot create map count: EINVAL/);
  });

  it('a program needs all maps it names', () => {
    const needing = program('xdp', (a) => a.loadMapValue(R10, 'count').exit());
    expect(() => loadProgram(needing, NO_MAPS)).toThrow('names map count, which is not given');
  });
});
