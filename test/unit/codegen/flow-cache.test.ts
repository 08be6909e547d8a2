import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldValues, NumericField } from '../../../src/base/predicate.ts';
import { runXdp } from '../../../src/bpf/vm-context.ts';
import { prepare } from '../../../src/bpf/vm-prepare.ts';
import { classifyLists } from '../../../src/classify/classify-lists.ts';
import type { ListSegment } from '../../../src/classify/decision-list.ts';
import { XDP_ABI } from '../../../src/codegen/xdp.ts';
import { FEATURES } from '../../harness/fake-kernel.ts';
import { countsOf, inputFrame, segmentsProgram } from '../../harness/finish-program.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../harness/large-lists.ts';
import { listScenarios } from '../../harness/random-lists.ts';
import { walkSegments } from '../../harness/walk-lists.ts';

const FIELDS: readonly NumericField[] = ['src', 'dst', 'sport', 'dport', 'protocol', 'tcpFlags', 'fragment'];
const DEVICE = { ifindex: 1, name: 'eth0', mac: new Uint8Array(6) };

/** Runs the packets with a flow cache; `spoil` is done to the memory of the maps after the first `before` of them. */
function check(
  segments: readonly ListSegment[],
  packets: readonly FieldValues[],
  { before, spoil }: { before: number; spoil: (memory: ReadonlyMap<string, Uint8Array>) => void },
): { readonly isCached: boolean; readonly wrong: number } {
  const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force: 'tuples' });
  const slots = 1 + Math.max(0, ...segments.flatMap(({ list }) => [...list.slots]));
  const { program, maps } = segmentsProgram(FIELDS, slots, classification, 'on');
  const prepared = prepare(program);
  const memory = new Map(maps.map(({ name, valueSize, contents }) => [name, contents ?? new Uint8Array(valueSize)]));
  const counters = memory.get('counters')!;
  let wrong = 0;
  for (const [n, fields] of packets.entries()) {
    if (n === before) spoil(memory);
    counters.fill(0);
    const frame = inputFrame(FIELDS.map((field) => fields[field]));
    const found = runXdp(prepared, { features: FEATURES, frame, device: DEVICE, maps: memory, cpu: n % 2 });
    const { verdict, counted } = walkSegments(segments, 0, fields);
    const counts = new Map<number, number>();
    for (const slot of verdict === 'undecided' ? [...counted, slots] : counted) {
      counts.set(slot, (counts.get(slot) ?? 0) + 1);
    }
    const wanted = verdict === 'accept' ? XDP_ABI.accept : XDP_ABI.drop;
    const isRight = found === wanted && [...countsOf(counters)].join() === [...counts].sort(([a], [b]) => a - b).join();
    if (!isRight) wrong++;
  }
  return { isCached: memory.has('flows'), wrong };
}

describe('a flow cache', () => {
  it('changes nothing that packets come to', () => {
    let cached = 0;
    const scenarios = listScenarios({ packets: 20, fields: FIELDS, manners: ['few fields', 'tuples', 'mixed'] });
    fc.assert(
      fc.property(scenarios, ({ segments, packets }) => {
        const { isCached, wrong } = check(segments, [...packets, ...packets, ...packets], {
          before: 0,
          spoil: () => {},
        });
        expect(wrong).toBe(0);
        if (isCached) cached++;
      }),
      { seed: 3, numRuns: 60 },
    );
    expect(cached).toBeGreaterThan(10);
  });

  it('knows the packets that came before, each CPU its own', () => {
    const segment = largeList(LARGE_KINDS.find(({ name }) => name === 'acl')!, 300);
    const packets = fieldsFor([segment], 100);
    const forget = (memory: ReadonlyMap<string, Uint8Array>): void => void memory.get('tables')!.fill(0);
    // Packets come by two CPUs in turns: after an odd number of others by another than before.
    const again = [...packets, ...packets];
    expect(check([segment], again, { before: packets.length, spoil: forget })).toEqual({ isCached: true, wrong: 0 });
    const other = [...packets, packets.at(-1)!, ...packets.slice(0, -1)];
    expect(check([segment], other, { before: packets.length, spoil: forget }).wrong).toBeGreaterThan(4);
  });

  it('is not in front of lists whose decisions go on', () => {
    const segment = largeList(LARGE_KINDS.find(({ name }) => name === 'counting')!, 300);
    const nothing = { before: 0, spoil: () => {} };
    expect(check([segment], fieldsFor([segment], 20), nothing)).toEqual({ isCached: false, wrong: 0 });
  });
});
