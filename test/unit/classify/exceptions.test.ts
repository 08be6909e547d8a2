// Exceptions of long lists: each packet gets what the whole list says, and what is left is made once.

import { describe, expect, it } from 'vitest';
import { interval } from '../../../src/base/intervals.ts';
import type { FieldValues } from '../../../src/base/predicate.ts';
import { ClassifyCache } from '../../../src/classify/cache.ts';
import { classifyLists, type ListClassification } from '../../../src/classify/classify-lists.ts';
import { END, type ListSegment } from '../../../src/classify/decision-list.ts';
import { seededChoice } from '../../fuzz/seeded.ts';
import { fieldsFor, LARGE_KINDS } from '../../harness/large-lists.ts';
import { setCondition } from '../../harness/list-conditions.ts';
import { classificationDisagreements, programDisagreements } from '../../harness/list-oracle.ts';
import type { Choice } from '../../harness/random.ts';
import { type DecisionSpec, makeList } from '../../harness/random-lists.ts';
import { vmRunner } from '../../harness/vm-runner.ts';

const LENGTH = 1100;

function usual(kind: string): DecisionSpec[] {
  const choice = seededChoice(3, LENGTH);
  const { decision } = LARGE_KINDS.find(({ name }) => name === kind)!;
  const made = Array.from({ length: LENGTH }, (_, index) => decision(choice, index, LENGTH));
  return [...made, { conditions: [], slot: 3 * LENGTH, leads: END.accept }];
}

/** Asks for one source and more than the others ask, or less. */
function exception(choice: Choice, slot: number, among: readonly DecisionSpec[]): DecisionSpec {
  const taken = choice.chance(0.5) ? choice.pick(among).conditions.find(({ field }) => field === 'src') : undefined;
  const source = taken ?? setCondition('src', interval(choice.word()));
  const port = choice.integer(0, 3) * 100;
  const services = [
    setCondition('protocol', interval(choice.pick([6, 17]))),
    setCondition('dport', interval(port, port + choice.pick([0, 150]))),
    setCondition('tcpFlags', interval(2)),
  ].filter(() => choice.chance(0.6));
  const leads = choice.pick([END.accept, END.drop, 1, 1, choice.integer(2, 20)]);
  return { conditions: [source, ...services], slot, leads };
}

const segmentOf = (list: readonly DecisionSpec[]): ListSegment => ({ list: makeList(list), exits: {} });

const classified = (segment: ListSegment, cache = new ClassifyCache()): ListClassification =>
  classifyLists({ INPUT: { segments: [segment], entry: 0 } }, { cache });

const decisions = ({ plans }: ListClassification): number[] => plans.map((plan) => plan.decisions);

describe.each(['blacklist', 'tuples'])('exceptions of %s', (kind) => {
  it('stand in front, wherever they are in the list and whatever they lead to', () => {
    const choice = seededChoice(5, 1);
    const vm = vmRunner();
    const rest = usual(kind);
    const cache = new ClassifyCache();
    let parted = 0;
    for (let run = 0; run < 16; run++) {
      const list = [...rest];
      // Some lists have more exceptions than are put in front.
      for (let e = choice.integer(1, 5); e > 0; e--) {
        list.splice(choice.integer(0, list.length - 1), 0, exception(choice, 2 * LENGTH + e, rest));
      }
      const segment = segmentOf(list);
      const aimed = fieldsFor([segmentOf(list.filter(({ slot }) => slot >= 2 * LENGTH))], 60, run);
      const packets: FieldValues[] = [...fieldsFor([segment], 60, run), ...aimed];
      const made = classified(segment, cache);
      if (made.segments.length === 3) parted++;
      expect(classificationDisagreements([segment], made, packets)).toEqual([]);
      if (run % 8 === 0) expect(programDisagreements([segment], made, packets, vm)).toEqual([]);
    }
    expect(parted).toBeGreaterThan(6);
  });

  it('leave what is left as it is when they come and go', () => {
    const rest = usual(kind);
    const cache = new ClassifyCache();
    const made: string[] = [];
    const { rememberList } = cache;
    cache.rememberList = (place, list, by, make) =>
      rememberList.call(cache, place, list, by, () => {
        if (list.length > LENGTH / 2) made.push(place);
        return make();
      }) as ReturnType<typeof make>;
    const plain = segmentOf(rest);
    const { list } = plain;
    const asked = [setCondition('src', interval(7)), setCondition('tcpFlags', interval(2))];
    const spliced = (column: Int32Array, value: number): Int32Array =>
      Int32Array.of(...column.subarray(0, 400), value, ...column.subarray(400));
    const slots = spliced(list.slots, 2 * LENGTH);
    const then = spliced(list.then, END.drop);
    const conditions = list.conditions.toSpliced(400, 0, asked);
    const more: ListSegment = { list: { length: list.length + 1, conditions, slots, then }, exits: {} };
    for (const segment of [plain, more, plain, more]) classified(segment, cache);
    expect(made).toEqual(['INPUT 0']);
    expect(decisions(classified(more))).toEqual([1, 2, LENGTH + 1]);
  });
});

describe('lists that are not parted', () => {
  const segments = (list: readonly DecisionSpec[]): number => classified(segmentOf(list)).segments.length;
  const asks = (...conditions: DecisionSpec['conditions']): DecisionSpec => ({ conditions, slot: 1, leads: END.drop });
  const flags = setCondition('tcpFlags', interval(2));

  it('are short, or have too many exceptions', () => {
    const rest = usual('blacklist');
    const narrow = (source: number) => asks(setCondition('src', interval(source)), flags);
    expect(segments([...rest, narrow(1), narrow(2), narrow(3), narrow(4)])).toBe(3);
    expect(segments([...rest, narrow(1), narrow(2), narrow(3), narrow(4), narrow(5)])).toBe(1);
    expect(segments([...rest.slice(0, 900), narrow(1)])).toBe(1);
  });

  it('are half as long where most ask several fields', () => {
    const pairs = Array.from({ length: 600 }, (_, n) =>
      asks(setCondition('src', interval(1000 + n)), setCondition('dst', interval(2000 + n))),
    );
    const narrow = asks(setCondition('src', interval(1)), flags);
    expect(segments([...pairs, narrow])).toBe(3);
    expect(segments([...pairs.slice(0, 500), narrow])).toBe(1);
  });

  it('have exceptions whose packets meet much of the list', () => {
    expect(segments([...usual('blacklist'), asks(flags)])).toBe(1);
  });
});
