// Timing on a machine that has other things to do: the subjects take turns, so that what disturbs one disturbs all, and
// the middle of many samples is told with its quartiles, not a mean.

/** Something that can be measured; `sample` does it once and gives a figure, milliseconds if nothing else is said. */
export interface Subject {
  readonly name: string;
  sample(): number;
}

/**
 * Samples of each subject, `repetitions` of them after `warmUps` that are thrown away. Every round takes
 * all subjects, each round beginning with another one.
 */
export function takeTurns(
  subjects: readonly Subject[],
  { repetitions, warmUps }: { repetitions: number; warmUps: number },
): ReadonlyMap<string, readonly number[]> {
  const samples = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < warmUps + repetitions; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const { name, sample } = subjects[(round + turn) % subjects.length]!;
      const figure = sample();
      if (round >= warmUps) samples.get(name)!.push(figure);
    }
  }
  return samples;
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

/** Between two samples, in proportion. */
function quantile(sorted: readonly number[], fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.ceil(place)]!;
  return low + (high - low) * (place - below);
}
