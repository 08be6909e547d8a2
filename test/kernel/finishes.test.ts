// Finishes in the kernel: the verifier takes them, finds them no longer for long lists than for short ones, and packets
// come to the outcomes and counters that walking the list says.

import { describe, expect, it } from 'vitest';
import type { NumericField } from '../../src/base/predicate.ts';
import type { MapDefinition } from '../../src/bpf/image.ts';
import { classifyLists } from '../../src/classify/classify-lists.ts';
import { isOverflow, type Overflow } from '../../src/classify/finishes/finish.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import { closeDescriptor, createMap, loadProgram, mapMemory, testRun, unmapMemory } from '../../src/kernel/bpf.ts';
import { processedInstructions } from '../bench/program-info.ts';
import { endingOnly, type FinishCase, masksCase, tuplesCase, withoutSkips } from '../harness/finish-cases.ts';
import { countsOf, inputFrame, segmentsProgram } from '../harness/finish-program.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../harness/large-lists.ts';
import { walkSegments } from '../harness/walk-lists.ts';

/** Runs a case in the kernel, and returns how many instructions the verifier went through. */
function processed(made: FinishCase<unknown> | Overflow): number {
  if (isOverflow(made)) throw new Error(made.overflow);
  const maps = new Map(made.maps.map((definition) => [definition.name, createMap(definition)]));
  const program = loadProgram(made.program, maps);
  const counters = mapMemory(maps.get('counters')!, countersSize(made.maps));
  try {
    const wanted = new Map<number, number>();
    for (const [n, packet] of made.packets.entries()) {
      const { result } = testRun(program, packet.frame);
      if (result !== packet.wanted.word) expect.fail(`packet ${n}: ${packet.wanted.word}, the kernel says ${result}`);
      for (const slot of packet.wanted.counted) wanted.set(slot, (wanted.get(slot) ?? 0) + 1);
    }
    expect([...countsOf(counters)]).toEqual([...wanted].sort(([a], [b]) => a - b));
    return processedInstructions(program);
  } finally {
    unmapMemory(counters);
    for (const descriptor of [program, ...maps.values()]) closeDescriptor(descriptor);
  }
}

function countersSize(maps: readonly MapDefinition[]): number {
  return maps.find(({ name }) => name === 'counters')!.valueSize;
}

const kindOf = (name: string) => LARGE_KINDS.find((kind) => kind.name === name)!;

describe('tuples in the kernel', () => {
  it.each(['tuples', 'acl', 'fw', 'ipc', 'server', 'wildcards', 'counting', 'skipping', 'devices'])('%s', (name) => {
    for (const count of [40, name === 'wildcards' ? 800 : 2000]) {
      const segment = largeList(kindOf(name), count);
      const list = withoutSkips(segment.list);
      expect(processed(tuplesCase(list, fieldsFor([segment], 1000)))).toBeLessThan(40_000);
    }
  });

  it('with a component that is checked behind the probe', () => {
    const segment = largeList(kindOf('acl'), 1000);
    const made = tuplesCase(segment.list, fieldsFor([segment], 1000), { budget: { tuples: 32 } });
    expect(made).toHaveProperty('result.checked');
    expect(processed(made)).toBeLessThan(40_000);
  });

  it('with a field that is found late', () => {
    const segment = largeList(kindOf('server'), 1000);
    const groups = [['src', 'dst'], ['state'], ['protocol', 'dport', 'sport']] as const;
    const made = tuplesCase(withoutSkips(segment.list), fieldsFor([segment], 1000), { groups, late: 1 });
    expect(processed(made)).toBeLessThan(40_000);
  });
});

describe('masks in the kernel', () => {
  it.each(['tuples', 'devices', 'only src', 'only sport'])('%s', (name) => {
    const sizes = [40, 2000].map((count) => {
      const segment = largeList(kindOf(name), count);
      return processed(masksCase(endingOnly(segment.list), fieldsFor([segment], 1000)));
    });
    expect(Math.max(...sizes)).toBeLessThan(400);
  });
});

describe('a flow cache in the kernel', () => {
  it.each(['acl', 'ipc'])('%s', (name) => {
    const segment = largeList(kindOf(name), 1000);
    const classification = classifyLists({ INPUT: { segments: [segment], entry: 0 } }, { force: 'tuples' });
    const fields: readonly NumericField[] = ['src', 'dst', 'sport', 'dport', 'protocol', 'tcpFlags', 'fragment'];
    const slots = segment.list.length + 1;
    const made = segmentsProgram(fields, slots, classification, 'on');
    expect(made.maps.map((map) => map.name)).toContain('flows');
    const maps = new Map(made.maps.map((definition) => [definition.name, createMap(definition)]));
    const program = loadProgram(made.program, maps);
    const counters = mapMemory(maps.get('counters')!, countersSize(made.maps));
    try {
      const wanted = new Map<number, number>();
      const packets = fieldsFor([segment], 500);
      for (const [n, packet] of [...packets, ...packets].entries()) {
        const { result } = testRun(program, inputFrame(fields.map((field) => packet[field])));
        const { verdict, counted } = walkSegments([segment], 0, packet);
        if (result !== (verdict === 'accept' ? XDP_ABI.accept : XDP_ABI.drop))
          expect.fail(`packet ${n}: not ${verdict}`);
        for (const slot of counted) wanted.set(slot, (wanted.get(slot) ?? 0) + 1);
      }
      expect([...countsOf(counters)]).toEqual([...wanted].sort(([a], [b]) => a - b));
    } finally {
      unmapMemory(counters);
      for (const descriptor of [program, ...maps.values()]) closeDescriptor(descriptor);
    }
  });
});
