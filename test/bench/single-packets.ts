// One packet, again and again: test runs of a program with many repetitions, beside the empty program.
//
// What else runs on the host's cores slows a program for seconds, one of many instructions to the half and an empty one
// hardly. So the packets of all traffics take turns, and are measured again at later times of the bench.
//
// A test run with repetitions puts its program into the kernel's XDP dispatcher and takes it out again: both patch code
// and wait for all CPUs, ten times as long as the repetitions take. A program that is attached somewhere is in the
// dispatcher already. So programs are attached, while they are measured, to devices that no frame comes to.

import { type Namespace, withNamespaces } from '../harness/namespace.ts';
import type { BenchOptions } from './bench.ts';
import type { Samples } from './classify-tables.ts';
import { type Expectation, expectPackets } from './expectation.ts';
import { takeTurns } from './measure.ts';
import type { Place, SlotCounts, SubjectPrograms } from './subject-programs.ts';

/** Rounds of a time, as a multiple of the repetitions asked for. */
const ROUNDS = 3;

/** Runs `work` in a namespace of its own that has devices for a program and for the empty one. */
export function withPlaces<T>(label: string, work: (places: Places) => T): Promise<T> {
  return withNamespaces([label], ([namespace]) => {
    const [ours, empty] = ['ours', 'empty'];
    namespace!.ip(`link add ${ours} type veth peer name ${empty}`);
    const places = { ours: placeOf(namespace!, ours), empty: placeOf(namespace!, empty) };
    return namespace!.enter(() => work(places));
  });
}

export interface Places {
  readonly ours: Place;
  readonly empty: Place;
}

function placeOf(namespace: Namespace, name: string): Place {
  return { ifindex: namespace.device(name).index, name };
}

/** Packets of a traffic, what the rules say of each, and what was measured so far. */
export interface SingleTraffic {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly expectation: Expectation;
  readonly samples: { readonly [subject in keyof Samples]: number[] };
}

/** A loaded program with packets that it is measured with, until `close`. */
export class SinglePackets {
  private readonly ours: SubjectPrograms;
  private readonly empty: SubjectPrograms;
  private readonly traffics: readonly SingleTraffic[];
  private readonly check: (counts: SlotCounts, wanted: Map<string, number>) => void;

  /** `check` throws where the program has counted what it should not have. */
  constructor(
    subjects: { readonly ours: SubjectPrograms; readonly empty: SubjectPrograms },
    traffics: readonly SingleTraffic[],
    check: SinglePackets['check'],
  ) {
    this.ours = subjects.ours;
    this.empty = subjects.empty;
    this.traffics = traffics;
    this.check = check;
  }

  /** Adds samples; nanoseconds, means over the packets of a traffic with so many repetitions. */
  measure(places: Places, repeat: number, { repetitions, warmUps, seconds }: BenchOptions): void {
    const wanted = new Map<string, number>();
    const mean = (subject: SubjectPrograms, frames: readonly Uint8Array[]): number =>
      frames.reduce((sum, frame) => sum + subject.runSingle(frame, repeat), 0) / frames.length;
    const subjects = this.traffics.map(({ name, frames, expectation }) => ({
      name,
      sample: () => {
        expectPackets(wanted, expectation, repeat);
        return mean(this.ours, frames);
      },
    }));
    // Which packet it is does not matter to the empty program.
    const empty = { name: 'empty', sample: () => mean(this.empty, this.traffics[0]!.frames) };
    const rounds = { repetitions: ROUNDS * repetitions, warmUps, seconds };
    const samples = this.ours.keptAt(places.ours, () =>
      this.empty.keptAt(places.empty, () => takeTurns([...subjects, empty], rounds)),
    );
    for (const traffic of this.traffics) {
      traffic.samples.ours.push(...samples.get(traffic.name)!);
      traffic.samples.empty.push(...samples.get(empty.name)!);
    }
    this.check(this.ours.takeCounts(), wanted);
  }

  close(): void {
    this.ours.close();
    this.empty.close();
  }
}
