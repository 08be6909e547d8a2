// How much the tests with random rulesets do: a little in CI, and as much as one asks for by hand.

/** How many rulesets a test gets: `usual`, or as many as BPFILTER_RUNS says. */
export function runsOf(usual: number): number {
  return Number(process.env.BPFILTER_RUNS ?? usual);
}

/** The seed of a test: `usual`, what BPFILTER_SEED says, or for `random` a new one. */
export function seedOf(usual: number): number {
  return process.env.BPFILTER_SEED === 'random' ? Date.now() : Number(process.env.BPFILTER_SEED ?? usual);
}
