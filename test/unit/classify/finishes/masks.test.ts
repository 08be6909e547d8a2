import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldValues, NumericField } from '../../../../src/base/predicate.ts';
import { runXdp } from '../../../../src/bpf/vm-context.ts';
import { prepare } from '../../../../src/bpf/vm-prepare.ts';
import type { Budget } from '../../../../src/classify/budget.ts';
import { type DecisionList, END } from '../../../../src/classify/decision-list.ts';
import { isOverflow } from '../../../../src/classify/finishes/finish.ts';
import { buildMasks, fieldsByClass } from '../../../../src/classify/finishes/masks.ts';
import { lookUpMasks } from '../../../../src/classify/finishes/masks-look-up.ts';
import { outcomeWord } from '../../../../src/classify/outcomes.ts';
import { emitMasks } from '../../../../src/codegen/finishes/masks.ts';
import { FEATURES } from '../../../harness/fake-kernel.ts';
import { finishInput } from '../../../harness/finish-inputs.ts';
import { finishProgram, inputFrame } from '../../../harness/finish-program.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../../../harness/large-lists.ts';
import { ALL_FIELDS, meets } from '../../../harness/list-conditions.ts';
import { listScenarios } from '../../../harness/random-lists.ts';

/** `icmp` lies where `sport` does, and values of random packets do not agree. */
const FIELDS = ALL_FIELDS.filter((field) => field !== 'icmp');

function walk({ length, conditions, slots, then }: DecisionList, fields: FieldValues): number {
  for (let decision = 0; decision < length; decision++) {
    if (!conditions[decision]!.every((condition) => meets(condition, fields))) continue;
    return outcomeWord(slots[decision]!, then[decision]! >= length ? END.next : then[decision]!);
  }
  return outcomeWord(-1, END.next);
}

/** Decisions that go on are made ones that end. */
function ending(list: DecisionList): DecisionList {
  const then = list.then.map((to) => (to >= 0 ? END.accept : to));
  return { ...list, then };
}

function check(list: DecisionList, packets: readonly FieldValues[], budget?: Partial<Budget>) {
  const byClass = fieldsByClass(list);
  const { input, classes } = finishInput(
    list,
    packets,
    byClass.map((field) => [field]),
    budget,
  );
  const components = input.components.slice(0, byClass.length);
  const built = buildMasks({ ...input, components });
  if (isOverflow(built)) return built;
  const { result } = built;
  const tables = input.pool.finish();
  const inputs = result.fields.map(({ field, variable }) => variable ?? (field as NumericField));
  const { program, maps } = finishProgram(inputs, 1, tables, (a, code) => emitMasks(a, result, code));
  const prepared = prepare(program);
  const device = { ifindex: 1, name: 'eth0', mac: new Uint8Array(6) };
  const memory = new Map(maps.map(({ name, valueSize, contents }) => [name, contents ?? new Uint8Array(valueSize)]));
  for (const [n, fields] of packets.entries()) {
    const wanted = walk(list, fields);
    expect(lookUpMasks(result, fields, classes[n]!, tables)).toBe(wanted);
    const frame = inputFrame(inputs.map((from) => (typeof from === 'number' ? classes[n]![from]! : fields[from])));
    expect(runXdp(prepared, { features: FEATURES, frame, device, maps: memory })).toBe(wanted);
  }
  return { result, byClass };
}

describe('masks', () => {
  it.each([3, 15])('finds what walking the list finds, with %i masks', (masks) => {
    const counts = { built: 0, several: 0, byClass: 0, twoWords: 0 };
    fc.assert(
      fc.property(
        listScenarios({ segments: 1, packets: 12, length: { min: 0, max: 20 }, fields: FIELDS }),
        ({ segments, packets }) => {
          const made = check(ending(segments[0]!.list), packets, { masks });
          if ('overflow' in made) return;
          counts.built++;
          if (made.result.masks.length > 1) counts.several++;
          if (made.byClass.length > 0) counts.byClass++;
          if (made.result.hash.keyWords === 2) counts.twoWords++;
        },
      ),
      { seed: 5, numRuns: 300 },
    );
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(3);
  });

  it.each(LARGE_KINDS)('large: $name', (kind) => {
    const segment = largeList(kind, 1000);
    const made = check(ending(segment.list), fieldsFor([segment], 60));
    const found = 'overflow' in made ? made.overflow : `${made.result.masks.length} masks`;
    expect(found).toBe(LARGE.get(kind.name) ?? (kind.name.startsWith('only ') ? '1 masks' : 'masks: more than 3'));
  });
});

const LARGE: ReadonlyMap<string, string> = new Map([
  ['tuples', '1 masks'],
  ['skipping', '3 masks'],
  ['devices', '2 masks'],
  ['nested', 'masks: too many classes'],
  ['nested pairs', 'masks: too many classes'],
  ['overlapping', 'masks: too many classes'],
  ['negations', 'masks: too many classes'],
  ['IPv6 prefixes', 'masks: too many classes'],
]);
