// Timing on a machine that has other things to do: the subjects take turns, so that what disturbs one disturbs all, and
// the middle of many samples is told with its quartiles, not a mean.

/** Something that can be measured; `sample` does it once and gives a figure, milliseconds if nothing else is said, or several. */
export interface Subject<T = number> {
  readonly name: string;
  sample(): T;
}

export interface Rounds {
  readonly repetitions: number;
  /** Rounds that are thrown away before. */
  readonly warmUps: number;
  /** Once it took so long, no further warm-up is made, and no more samples than `LEAST_SAMPLES` are taken. */
  readonly seconds: number;
}

/** A median and two quartiles need so many; fewer are taken only where fewer are asked for. */
const LEAST_SAMPLES = 3;

/**
 * Samples of each subject. Every round takes all subjects, each round beginning with another one. `now` is a clock of
 * milliseconds.
 */
export function takeTurns<T = number>(
  subjects: readonly Subject<T>[],
  { repetitions, warmUps, seconds }: Rounds,
  now: () => number = () => performance.now(),
): ReadonlyMap<string, readonly T[]> {
  const samples = new Map<string, T[]>(subjects.map(({ name }) => [name, []]));
  const begin = now();
  const isLate = () => now() - begin > 1000 * seconds;
  for (let round = 0; round < warmUps && !isLate(); round++) turns(subjects, round, () => {});
  for (let round = 0; round < repetitions && !(round >= LEAST_SAMPLES && isLate()); round++) {
    turns(subjects, round, (name, figure) => samples.get(name)!.push(figure));
  }
  return samples;
}

function turns<T>(subjects: readonly Subject<T>[], round: number, take: (name: string, figure: T) => void): void {
  for (let turn = 0; turn < subjects.length; turn++) {
    const { name, sample } = subjects[(round + turn) % subjects.length]!;
    take(name, sample());
  }
}

/** The middle of some samples and where its inner half lies. */
export interface Spread {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly least: number;
  readonly count: number;
}

export function spreadOf(samples: readonly number[]): Spread {
  if (samples.length === 0) throw new Error('there are no samples');
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    least: sorted[0]!,
    count: sorted.length,
  };
}

/** Below which a part of the samples lies, 0 … 1. */
export function quantileOf(samples: readonly number[], fraction: number): number {
  return quantile(
    [...samples].sort((a, b) => a - b),
    fraction,
  );
}

/** Between two samples, in proportion. */
function quantile(sorted: readonly number[], fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.ceil(place)]!;
  return low + (high - low) * (place - below);
}

/** How long each of some slow subjects may go on being measured, all told: one that has used it up is left out. */
export class Patience {
  private readonly milliseconds: number;
  private readonly spent = new Map<string, number>();

  constructor(seconds: number) {
    this.milliseconds = 1000 * seconds;
  }

  has(name: string): boolean {
    return (this.spent.get(name) ?? 0) < this.milliseconds;
  }

  spend(name: string, milliseconds: number): void {
    this.spent.set(name, (this.spent.get(name) ?? 0) + milliseconds);
  }
}

/**
 * As `takeTurns`, but each subject is first tried alone: one that is slow has that sample only and holds up nobody, and
 * one for which there is no patience left is absent.
 */
export function takeTurnsPatiently<T = number>(
  subjects: readonly Subject<T>[],
  rounds: Rounds,
  patience: Patience,
  now: () => number = () => performance.now(),
): ReadonlyMap<string, readonly T[]> {
  const samples = new Map<string, readonly T[]>();
  const quick = subjects.filter(({ name, sample }) => {
    if (!patience.has(name)) return false;
    const begin = now();
    samples.set(name, [sample()]);
    const taken = now() - begin;
    patience.spend(name, taken);
    return LEAST_SAMPLES * taken < 1000 * rounds.seconds;
  });
  const warmUps = Math.max(0, rounds.warmUps - 1);
  for (const [name, taken] of takeTurns(quick, { ...rounds, warmUps }, now)) samples.set(name, taken);
  return samples;
}
