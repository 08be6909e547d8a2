// Random decision lists, lists at the edge and large ones: the walk of the list = the classification = the VM = the kernel,
// verdicts and counters, by every finish in turn.
//
// BPFILTER_RUNS sets how many random lists each finish gets in the VM (64; a quarter of them in the kernel too),
// BPFILTER_SEED the seed (fixed in CI; `random` for a new one).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FieldValues } from '../../src/base/predicate.ts';
import { classifyLists } from '../../src/classify/classify-lists.ts';
import type { ListSegment } from '../../src/classify/decision-list.ts';
import type { FinishName } from '../../src/classify/make-finish.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import { EDGE_CASES } from '../harness/edge-lists.ts';
import { kernelRunner } from '../harness/kernel-runner.ts';
import { fieldsFor, LARGE_KINDS, largeList } from '../harness/large-lists.ts';
import { IPV4_FIELDS } from '../harness/list-conditions.ts';
import {
  classificationDisagreements,
  fieldDisagreements,
  isProgrammable,
  programDisagreements,
} from '../harness/list-oracle.ts';
import type { Runner } from '../harness/oracle.ts';
import { listScenarios, type Manner } from '../harness/random-lists.ts';
import { vmRunner } from '../harness/vm-runner.ts';

const RUNS = Number(process.env.BPFILTER_RUNS ?? 64);
const seed = process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? 20);

const FINISHES: readonly FinishName[] = ['dense', 'tuples', 'masks', 'linear', 'walk'];
const FLOW_MANNERS: readonly Manner[] = ['few fields', 'tuples', 'mixed'];
const PACKETS = 200;
const LARGE = 600;
const LONG = 5000;

const vm = vmRunner();
const kernel = kernelRunner();

function disagreements(
  segments: readonly ListSegment[],
  force: FinishName,
  packets: readonly FieldValues[],
  runners: readonly Runner[],
): string[] {
  const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force });
  const isLong = segments.some(({ list }) => list.length > LONG);
  const wrong = classificationDisagreements(segments, classification, packets);
  // One program of so many tests is more than the VM takes, and than the kernel would.
  if (isLong && force === 'linear') return wrong;
  const isReal = isProgrammable(classification);
  for (const runner of runners) {
    // So many steps are more than the VM goes.
    if (isLong && force === 'walk' && runner === vm) continue;
    if (isReal) wrong.push(...programDisagreements(segments, classification, packets, runner));
    else wrong.push(...fieldDisagreements(segments, classification, packets, runner));
  }
  return wrong;
}

/** Of long lists, through which every packet is walked, few, half of them aimed at the end. */
function edgePackets(segments: readonly ListSegment[]): FieldValues[] {
  if (segments.every(({ list }) => list.length <= LONG)) return fieldsFor(segments, PACKETS);
  const ends = segments.map(({ list, exits }) => ({
    exits,
    list: { ...list, conditions: list.conditions.slice(-10) },
  }));
  return [...fieldsFor(segments, 15), ...fieldsFor(ends, 15)];
}

/** Packets that come again and again, a few of them very often. */
function again(packets: readonly FieldValues[], count: number): FieldValues[] {
  const choice = seededChoice(seed, count);
  return Array.from({ length: count }, () => packets[choice.integer(0, choice.integer(0, packets.length - 1))]!);
}

describe.each(FINISHES)('%s', (force) => {
  it.each([
    { name: 'in the VM', runners: [vm], runs: RUNS },
    { name: 'in the kernel', runners: [kernel], runs: RUNS / 4 },
  ])('random lists $name', ({ runners, runs }) => {
    fc.assert(
      fc.property(listScenarios({ packets: PACKETS, fields: IPV4_FIELDS }), ({ segments, packets }) => {
        expect(disagreements(segments, force, packets, runners)).toEqual([]);
      }),
      { numRuns: runs, seed },
    );
  });

  it.each([
    { name: 'in the VM', runners: [vm], runs: RUNS / 2 },
    { name: 'in the kernel', runners: [kernel], runs: RUNS / 8 },
  ])('random lists of any field, its values alone $name', ({ runners, runs }) => {
    fc.assert(
      fc.property(listScenarios({ packets: PACKETS }), ({ segments, packets }) => {
        const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force });
        for (const runner of runners) {
          expect(fieldDisagreements(segments, classification, packets, runner)).toEqual([]);
        }
      }),
      { numRuns: runs, seed },
    );
  });

  it.each(EDGE_CASES)('$name', ({ segments }) => {
    expect(disagreements(segments, force, edgePackets(segments), [vm, kernel])).toEqual([]);
  });

  it.each(LARGE_KINDS)(`${LARGE} rules: $name`, (kind) => {
    const segments = [largeList(kind, LARGE)];
    expect(disagreements(segments, force, fieldsFor(segments, PACKETS), [vm, kernel])).toEqual([]);
  });
});

it('a field that is fetched late', () => {
  let late = 0;
  const fields = ['src', 'dport', 'state'] as const;
  fc.assert(
    fc.property(
      listScenarios({ packets: PACKETS, fields, manners: ['mixed', 'counting'] }),
      ({ segments, packets }) => {
        const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force: 'dense' });
        if (!isProgrammable(classification)) return;
        if (classification.segments.some((s) => s.finish === 'tables' && s.result.kind === 'dense' && s.result.late))
          late++;
        expect(disagreements(segments, 'dense', packets, [vm, kernel])).toEqual([]);
      },
    ),
    { numRuns: RUNS, seed },
  );
  expect(late).toBeGreaterThan(RUNS / 16);
});

describe('flow caches in front of tuples', () => {
  it.each([
    { name: 'in the VM', runner: vm, runs: RUNS / 2 },
    { name: 'in the kernel', runner: kernel, runs: RUNS / 8 },
  ])('random lists $name', ({ runner, runs }) => {
    fc.assert(
      fc.property(listScenarios({ packets: PACKETS / 4, manners: FLOW_MANNERS }), ({ segments, packets }) => {
        const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force: 'tuples' });
        const flows = again(packets, PACKETS);
        expect(fieldDisagreements(segments, classification, flows, runner, 'on')).toEqual([]);
      }),
      { numRuns: runs, seed },
    );
  });

  it.each(LARGE_KINDS)(`${LARGE} rules: $name`, (kind) => {
    const segments = [largeList(kind, LARGE)];
    const classification = classifyLists({ INPUT: { segments, entry: 0 } }, { force: 'tuples' });
    // So many that some have the place of others.
    const flows = again(fieldsFor(segments, 4 * PACKETS), 8 * PACKETS);
    for (const runner of [vm, kernel]) {
      expect(fieldDisagreements(segments, classification, flows, runner, 'on')).toEqual([]);
    }
  });
});
