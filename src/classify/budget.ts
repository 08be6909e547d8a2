// How much a classifier may use before it takes the next, cheaper finish. Every one of these is a parameter: tests shrink
// them until each fallback is taken.

export interface Budget {
  /** A hook whose chains come to this many rules or fewer, all told, is asked rule by rule. */
  readonly linearRules: number;
  /** Cells of one combination table, but for the last. */
  readonly crossCells: number;
  /** Cells of the last table of the dense finish. */
  readonly denseCells: number;
  /** Bytes of the tables of one dense finish. */
  readonly denseBytes: number;
  /** Bytes of an address index of halves or of pages; beyond, nodes. */
  readonly indexBytes: number;
  /** Whether address indexes may be nodes, which code reads by their address; else they are of elements where they fit. */
  readonly indexNodes: boolean;
  /** Predicates in all classes of a component, as a multiple of its predicates and 1 024: how much conditions overlap. */
  readonly overlap: number;
  /** Tuples of the pruned-tuple finish. */
  readonly tuples: number;
  /** Masks of the raw-mask hash. */
  readonly masks: number;
  /** Decisions that putting user chains in place may make, as a multiple of the rules there are, plus 4 096; 0 for none. */
  readonly flatten: number;
  /** Decisions that putting user chains in place may make at all. */
  readonly decisions: number;
  /** Segments of one hook. */
  readonly segments: number;
  /** Counters of one action list. */
  readonly listCounters: number;
  /** Outcomes that have a table of words, even where the words could be computed. */
  readonly outcomeWords: number;
  /** Tests that a hook's lists may have as code; beyond, they are steps in a table. Infinite where code cannot loop. */
  readonly codeTests: number;
  /** Bytes of the tables of all lists together; what finds no room any more is asked test by test, or walked. */
  readonly tableBytes: number;
  /** Steps of one walk: `MOST_STEPS` at most. Of more there is nothing else to try. */
  readonly walkSteps: number;
}

/** Steps that a walk can number. */
const MOST_STEPS = (1 << 24) - 1;

export const DEFAULT_BUDGET: Budget = {
  linearRules: 6,
  crossCells: 1 << 20,
  denseCells: 1 << 22,
  denseBytes: 8 << 20,
  indexBytes: 2 << 20,
  indexNodes: true,
  overlap: 64,
  tuples: 512,
  masks: 3,
  flatten: 4,
  decisions: 1 << 18,
  segments: 64,
  listCounters: 128,
  outcomeWords: 1024,
  codeTests: 7000,
  // The kernel's verifier follows places of 512 MiB, and a walk has as much again at most.
  tableBytes: 1 << 28,
  walkSteps: MOST_STEPS,
};

/** The rules are more than the compiler takes: what the diagnostic `too-large` reports. */
export class OverBudgetError extends Error {
  override readonly name: string = 'OverBudgetError';
  /** The chain whose rules these are, or that makes them so many. */
  readonly chain: string;

  constructor(chain: string, message: string) {
    super(message);
    this.chain = chain;
  }
}
