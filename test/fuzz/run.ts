// A run: makes cases, asks both, and counts.

import { availableParallelism } from 'node:os';
import type { FuzzCase } from './case.ts';
import { compare, type Difference, permitted } from './compare.ts';
import { randomCase } from './generate.ts';
import { mutated } from './mutate.ts';
import { type Answer, askIptables } from './oracle.ts';
import { seededChoice } from './seeded.ts';
import { corpus, exampleFiles } from './seeds.ts';
import { groupOf, shrink } from './shrink.ts';
import { askBpfilter } from './subject.ts';
import { VOCABULARY } from './vocabulary.ts';

export interface Tally {
  accepted: number;
  rejected: number;
}

export interface RunResult {
  readonly cases: number;
  readonly accepted: number;
  readonly rejected: number;
  /** By `match NAME` or `target NAME`: in how many cases it stood, as iptables answered. */
  readonly extensions: ReadonlyMap<string, Tally>;
  /** By class of permitted differences. */
  readonly permitted: ReadonlyMap<string, number>;
  /** What is not permitted: one of each sort, shrunk, and how many there were. */
  readonly findings: readonly { readonly difference: Difference; readonly count: number }[];
}

export interface RunOptions {
  readonly cases: number;
  readonly seed: number;
  /** How many sorts of findings are shrunk. */
  readonly shrunk?: number;
  readonly progress?: (done: number) => void;
}

/** Cases in a batch: one shell in one namespace. */
const BATCH = 250;

/** One case in so many comes from changing another one. */
const MUTATED = 3;

export async function runFuzz({ cases, seed, shrunk = 40, progress }: RunOptions): Promise<RunResult> {
  const seeds = [...exampleFiles(), ...corpus().flatMap((file) => file.cases)];
  const made = Array.from({ length: cases }, (_, i) => makeCase(seed, i, seeds));
  const result = {
    ...{ cases, accepted: 0, rejected: 0 },
    ...{ extensions: new Map<string, Tally>(), permitted: new Map<string, number>() },
  };
  const groups = new Map<string, { difference: Difference; count: number }>();
  let done = 0;
  await inBatches(made, async (batch) => {
    const theirs = await askIptables(batch);
    batch.forEach((given, i) => {
      count(given, theirs[i]!, result.extensions);
      if (theirs[i]!.exitCode === 0) result.accepted++;
      else result.rejected++;
      const difference = compare(given, theirs[i]!, askBpfilter(given));
      if (difference === undefined) return;
      const name = permitted(difference);
      if (name !== undefined) result.permitted.set(name, (result.permitted.get(name) ?? 0) + 1);
      else note(difference, groups);
    });
    done += batch.length;
    progress?.(done);
  });
  const found = [...groups.values()].sort((a, b) => b.count - a.count);
  const findings: { difference: Difference; count: number }[] = [];
  await inParallel(found, async ({ difference, count }, i) => {
    findings.push({ difference: i < shrunk ? await shrink(difference, unpermitted) : difference, count });
  });
  return { ...result, findings };
}

/** Case `index` of a run: the same whatever the number of cases. */
function makeCase(seed: number, index: number, seeds: readonly FuzzCase[]): FuzzCase {
  const choice = seededChoice(seed, index);
  if (index % MUTATED !== 0) return randomCase(choice);
  const from = choice.chance(0.2) ? choice.pick(seeds) : randomCase(choice);
  return mutated(from, seeds, choice);
}

/** The differences that no class permits. */
async function unpermitted(cases: readonly FuzzCase[]): Promise<(Difference | undefined)[]> {
  const theirs = await askIptables(cases);
  return cases.map((given, i) => {
    const difference = compare(given, theirs[i]!, askBpfilter(given));
    return difference && permitted(difference) === undefined ? difference : undefined;
  });
}

function note(difference: Difference, groups: Map<string, { difference: Difference; count: number }>): void {
  const key = groupOf(difference);
  const known = groups.get(key);
  if (known === undefined) groups.set(key, { difference, count: 1 });
  else {
    known.count++;
    if (difference.case.text.length < known.difference.case.text.length) known.difference = difference;
  }
}

function count(given: FuzzCase, { exitCode }: Answer, into: Map<string, Tally>): void {
  for (const name of extensionsIn(given)) {
    const tally = into.get(name) ?? { accepted: 0, rejected: 0 };
    if (exitCode === 0) tally.accepted++;
    else tally.rejected++;
    into.set(name, tally);
  }
}

const KNOWN = new Set(VOCABULARY.map(({ kind, name }) => `${kind} ${name}`));

/** The extensions that a case names, `match NAME` and `target NAME`. */
export function extensionsIn({ text }: FuzzCase): string[] {
  const found = new Set<string>();
  for (const [, option, name] of text.toString('latin1').matchAll(/ (-m|--match|-j|--jump|-g|-p) +(\S+)/g)) {
    const key = `${option === '-j' || option === '--jump' || option === '-g' ? 'target' : 'match'} ${name}`;
    if (KNOWN.has(key)) found.add(key);
  }
  return [...found];
}

async function inBatches(cases: readonly FuzzCase[], work: (batch: readonly FuzzCase[]) => Promise<void>) {
  const batches: (readonly FuzzCase[])[] = [];
  for (let i = 0; i < cases.length; i += BATCH) batches.push(cases.slice(i, i + BATCH));
  await inParallel(batches, work);
}

async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await work(items[i]!, i);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}
