import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field, FieldValues } from '../../../../src/base/predicate.ts';
import { runXdp } from '../../../../src/bpf/vm-context.ts';
import { prepare } from '../../../../src/bpf/vm-prepare.ts';
import type { Budget } from '../../../../src/classify/budget.ts';
import { type DecisionList, END } from '../../../../src/classify/decision-list.ts';
import { goesOn } from '../../../../src/classify/finishes/ends.ts';
import { isOverflow } from '../../../../src/classify/finishes/finish.ts';
import { buildTuples } from '../../../../src/classify/finishes/tuples.ts';
import { lookUpTuples } from '../../../../src/classify/finishes/tuples-look-up.ts';
import { outcomeWord } from '../../../../src/classify/outcomes.ts';
import { emitTuples } from '../../../../src/codegen/finishes/tuples.ts';
import { FEATURES } from '../../../harness/fake-kernel.ts';
import { finishInput } from '../../../harness/finish-inputs.ts';
import { BROKEN, countsOf, finishProgram, inputFrame } from '../../../harness/finish-program.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../../harness/large-lists.ts';
import { meets } from '../../../harness/list-conditions.ts';
import { listScenarios } from '../../../harness/random-lists.ts';

const GROUPS: readonly (readonly Field[])[] = [['src'], ['dst'], ['protocol', 'dport', 'icmp'], ['sport']];

/** What the list says of a packet: the outcome word, and which counters are bumped on the way. */
function walk(list: DecisionList, fields: FieldValues): { word: number; on: number[] } {
  const { length, conditions, slots, then } = list;
  const on: number[] = [];
  for (let decision = 0; decision < length; decision++) {
    if (!conditions[decision]!.every((condition) => meets(condition, fields))) continue;
    const slot = slots[decision]!;
    const to = then[decision]!;
    if (!goesOn(list, decision)) return { word: outcomeWord(slot, to >= length ? END.next : to), on };
    if (slot >= 0) on.push(slot);
  }
  return { word: outcomeWord(-1, END.next), on };
}

/** Decisions that skip others are made ones that go on: this finish does not have them. */
function withoutSkips(list: DecisionList): DecisionList {
  const then = list.then.map((to, i) => (to > i + 1 && to < list.length ? i + 1 : to));
  return { ...list, then };
}

function check(
  list: DecisionList,
  packets: readonly FieldValues[],
  groups: readonly (readonly Field[])[],
  budget?: Partial<Budget>,
) {
  const { input, classes } = finishInput(list, packets, groups, budget);
  const built = buildTuples(input);
  if (isOverflow(built)) return built;
  const { result } = built;
  const tables = input.pool.finish();
  const slots = Math.max(0, ...list.slots) + 1;
  const { program, maps } = finishProgram([...input.components.keys()], slots, tables, (a, code) =>
    emitTuples(a, result, {
      ...code,
      findLate: () => {
        throw new Error('nothing is late');
      },
    }),
  );
  const prepared = prepare(program);
  const device = { ifindex: 1, name: 'eth0', mac: new Uint8Array(6) };
  let probes = 0;
  for (const [n, fields] of packets.entries()) {
    const wanted = walk(list, fields);
    const found = lookUpTuples(result, classes[n]!, () => 0, tables);
    probes += found.probes;
    expect({ word: found.word, on: found.counted.toSorted() }).toEqual({ word: wanted.word, on: wanted.on.toSorted() });
    const memory = new Map(maps.map(({ name, valueSize, contents }) => [name, contents ?? new Uint8Array(valueSize)]));
    const word = runXdp(prepared, { features: FEATURES, frame: inputFrame(classes[n]!), device, maps: memory });
    expect(word).not.toBe(BROKEN);
    const counts = new Map<number, number>();
    for (const slot of wanted.on) counts.set(slot, (counts.get(slot) ?? 0) + 1);
    expect({ word, counts: [...countsOf(memory.get('counters')!)].sort() }).toEqual({
      word: wanted.word,
      counts: [...counts].sort(),
    });
  }
  return { result, probes, bytes: tables.length, instructions: program.instructions.length };
}

describe('tuples', () => {
  it.each([
    ['as many bits as there are', {}],
    ['one word', { tuples: 64 }],
    ['few bits', { tuples: 20 }],
  ] as const)('finds what walking the list finds: %s', (_, budget) => {
    let [built, probes] = [0, 0];
    fc.assert(
      fc.property(
        listScenarios({ segments: 1, packets: 12, length: { min: 0, max: 200 } }),
        ({ segments, packets }) => {
          const made = check(withoutSkips(segments[0]!.list), packets, GROUPS, budget);
          if ('overflow' in made) return;
          built++;
          probes += made.probes;
        },
      ),
      { seed: 11, numRuns: 60 },
    );
    expect(built).toBeGreaterThan(20);
    expect(probes).toBeGreaterThan(0);
  });

  it.each(LARGE_KINDS)('large: $name', (kind) => {
    const segment = largeList(kind, 1000);
    const packets = fieldsFor([segment], 60);
    const made = check(withoutSkips(segment.list), packets, GROUPS);
    const overflows = ['nested', 'nested pairs', 'overlapping', 'negations'].includes(kind.name);
    expect('overflow' in made ? made.overflow : '').toBe(overflows ? 'tuples: 1000 of them, 512 at most' : '');
  });
});
