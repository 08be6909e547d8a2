// Runs a case in the virtual machine, and compares everything.

import { expect } from 'vitest';
import { runXdp } from '../../../../src/bpf/vm-context.ts';
import { prepare } from '../../../../src/bpf/vm-prepare.ts';
import { FEATURES } from '../../../harness/fake-kernel.ts';
import type { FinishCase } from '../../../harness/finish-cases.ts';
import { countsOf } from '../../../harness/finish-program.ts';

const DEVICE = { ifindex: 1, name: 'eth0', mac: new Uint8Array(6) };

/** Walk = look-up = virtual machine, for every packet, with counters. */
export function expectSame({ program, maps, packets }: FinishCase<unknown>): void {
  const prepared = prepare(program);
  const memory = new Map(maps.map(({ name, valueSize, contents }) => [name, contents ?? new Uint8Array(valueSize)]));
  const counters = memory.get('counters')!;
  for (const { frame, wanted, found } of packets) {
    expect({ word: found.word, counted: found.counted }).toEqual(wanted);
    counters.fill(0);
    const word = runXdp(prepared, { features: FEATURES, frame, device: DEVICE, maps: memory });
    const counts = new Map<number, number>();
    for (const slot of wanted.counted) counts.set(slot, (counts.get(slot) ?? 0) + 1);
    expect({ word, counts: [...countsOf(counters)] }).toEqual({
      word: wanted.word,
      counts: [...counts].sort(([a], [b]) => a - b),
    });
  }
}
