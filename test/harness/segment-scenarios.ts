// What every runner of programs must do with random classifications: one list of scenarios for the VM and the kernel.

import { FILTER_CHAINS } from '../../src/base/hooks.ts';
import type { HookPacket } from '../../src/base/packet.ts';
import type { Classification } from '../../src/classify/classification.ts';
import type { Image } from '../../src/codegen/compile.ts';
import { seededChoice } from '../fuzz/seeded.ts';
import type { Runner } from './oracle.ts';
import type { Choice } from './random.ts';
import { randomClassification } from './random-classification.ts';
import { anyPackets, expectedOf, hookImage, type Judged, plainImage, runImage } from './segment-image.ts';

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
];

/** Runs so many random cases of a scenario; throws at the first that differs. */
export function runScenario({ run }: SegmentScenario, runner: Runner, cases: number): void {
  for (let index = 0; index < cases; index++) {
    const difference = run(seededChoice(SEED, index), runner);
    if (difference !== undefined) throw new Error(`case ${index}: ${difference}`);
  }
}
