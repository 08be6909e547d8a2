// What every runner of programs must do with random classifications: one list of scenarios for the VM and the kernel.

import { FILTER_CHAINS } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { ActionList, Classification } from '../../src/classify/classification.ts';
import { evaluateClassification } from '../../src/classify/evaluate.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import type { Runner } from './oracle.ts';
import type { Choice } from './random.ts';
import { randomClassification } from './random-classification.ts';
import {
  anyPackets,
  cardImage,
  expectedOf,
  hookFields,
  hookImage,
  type Judged,
  plainImage,
  runImage,
} from './segment-image.ts';

export interface SegmentScenario {
  readonly name: string;
  /** Runs one random case; what differs, in a sentence. */
  run(choice: Choice, runner: Runner): string | undefined;
}

const PACKETS = 200;
const SLOTS = 40;
const SEED = 11;

/** Where the image says otherwise than the classification; `excuse` has the last word. */
function firstDifference(
  runner: Runner,
  image: Image,
  classification: Classification,
  packets: readonly HookPacket[],
  excuse: (found: Judged, wanted: Judged) => boolean = () => false,
): string | undefined {
  for (const [index, found] of runImage(runner, image, packets).entries()) {
    const wanted = expectedOf(classification, packets[index]!, SLOTS);
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (a !== b && !excuse(found, wanted)) return `packet ${index}: found ${a}, wanted ${b}`;
  }
  return undefined;
}

function isDeferred({ verdict, counts }: Judged): boolean {
  return verdict === 'accept' && counts.every((count) => count === 0);
}

/** Whether the packet's way through its only segment ends where the field decides that is fetched late. */
function dependsOnState(classification: Classification, packet: HookPacket): boolean {
  const [segment] = classification.segments;
  if (segment?.finish !== 'tables' || segment.result.kind !== 'dense' || segment.result.late === undefined)
    return false;
  const { from } = segment.result.late;
  const { late: _, ...result } = segment.result;
  // Without what comes late, the list is that of the cell's number.
  const lists = Int32Array.from({ length: CELLS }, (_, cell) => (cell < from ? DECIDED : LATE));
  const cells: ActionList[] = [makeList(DECIDED), makeList(LATE)];
  const early = { ...segment, result, lists: [...lists] };
  const { counted } = evaluateClassification(
    { ...classification, segments: [early], lists: cells },
    packet.hook,
    hookFields(packet),
  );
  return counted[0] === LATE;
}

const CELLS = 1024;
const [DECIDED, LATE] = [0, 1];

function makeList(slot: number): ActionList {
  const then: ActionList['then'] = { kind: 'accept' };
  return { counters: [slot], then };
}

/** The first packet that is not deferred. */
function notDeferred(runner: Runner, image: Image, packets: readonly HookPacket[]): string | undefined {
  const place = runImage(runner, image, packets).findIndex((found) => !isDeferred(found));
  return place < 0 ? undefined : `packet ${place} of those that depend on the field is not deferred`;
}

export const SEGMENT_SCENARIOS: readonly SegmentScenario[] = [
  ...(['xdp', 'netfilter'] as const).map((placement) => ({
    name: `placement ${placement}: verdicts and counters as the classification says`,
    run: (choice: Choice, runner: Runner) => {
      const options = { slots: SLOTS, segments: choice.integer(1, 5), longest: choice.pick([3, 128]), late: false };
      const classification = randomClassification(choice, options);
      const hooks = placement === 'xdp' ? (['INPUT', 'FORWARD'] as const) : FILTER_CHAINS;
      const image = plainImage(classification, placement, { ...runner, slots: SLOTS });
      return firstDifference(runner, image, classification, anyPackets(choice, hooks, PACKETS));
    },
  })),
  {
    name: 'a field that is fetched late decides what is left open',
    run: (choice, runner) => {
      const options = { slots: SLOTS, segments: choice.integer(1, 3), longest: 3, late: true };
      const classification = randomClassification(choice, options);
      const image = hookImage(classification, { ...runner, slots: SLOTS });
      return firstDifference(runner, image, classification, anyPackets(choice, ['INPUT', 'FORWARD'], PACKETS));
    },
  },
  {
    name: 'a hook that defers passes on the undecided of tables, uncounted, and no others',
    run: (choice, runner) => {
      const options = { slots: SLOTS, segments: 1, longest: 3, late: false, linear: false };
      const classification = randomClassification(choice, options);
      const image = hookImage(classification, { ...runner, slots: SLOTS, undecided: 'defer' });
      const packets = anyPackets(choice, ['INPUT', 'FORWARD'], PACKETS);
      const excuse = (found: Judged, wanted: Judged) => isDeferred(found) && wanted.counts[SLOTS] === 1;
      return firstDifference(runner, image, classification, packets, excuse);
    },
  },
  {
    name: 'a hook that defers counts a packet as the classification says, or not at all',
    run: (choice, runner) => {
      const options = { slots: SLOTS, segments: choice.integer(2, 5), longest: 3, late: false };
      const classification = randomClassification(choice, options);
      const image = hookImage(classification, { ...runner, slots: SLOTS, undecided: 'defer' });
      const packets = anyPackets(choice, ['INPUT', 'FORWARD'], PACKETS);
      return firstDifference(runner, image, classification, packets, isDeferred);
    },
  },
  {
    name: 'a hook that is blind to a field defers where the outcome depends on it, and nowhere else',
    run: (choice, runner) => {
      const options = { slots: SLOTS, segments: 1, longest: 3, late: true, linear: false, undecided: false };
      const classification = randomClassification(choice, options);
      const image = hookImage(classification, { ...runner, slots: SLOTS, undecided: 'defer', blind: true });
      const packets = anyPackets(choice, ['INPUT', 'FORWARD'], PACKETS);
      const isLate = (packet: HookPacket) => dependsOnState(classification, packet);
      return (
        firstDifference(
          runner,
          image,
          classification,
          packets.filter((packet) => !isLate(packet)),
        ) ?? notDeferred(runner, image, packets.filter(isLate))
      );
    },
  },
  {
    name: 'the form for a card decides all plain packets whose lists are short',
    run: (choice, runner) => {
      const options = { slots: SLOTS, segments: choice.integer(1, 3), longest: 8, late: false, undecided: false };
      const classification = randomClassification(choice, options);
      const image = cardImage(classification, { ...runner, slots: SLOTS });
      return firstDifference(runner, image, classification, anyPackets(choice, ['INPUT', 'FORWARD'], PACKETS));
    },
  },
  {
    name: 'the form for a card counts a packet as the classification says, or not at all',
    run: (choice, runner) => {
      const options = { slots: SLOTS, segments: choice.integer(1, 4), longest: 12, late: true };
      const classification = randomClassification(choice, options);
      const image = cardImage(classification, { ...runner, slots: SLOTS });
      const packets = anyPackets(choice, ['INPUT', 'FORWARD'], PACKETS);
      return firstDifference(runner, image, classification, packets, isDeferred);
    },
  },
];

/** Runs so many random cases of a scenario; throws at the first that differs. */
export function runScenario({ run }: SegmentScenario, runner: Runner, cases: number): void {
  for (let index = 0; index < cases; index++) {
    const difference = run(seededChoice(SEED, index), runner);
    if (difference !== undefined) throw new Error(`case ${index}: ${difference}`);
  }
}
