// Keeping early verdicts true: the words of the namespace are written where programs compare them, once it is certain that
// the rules were compiled for what is there now.
//
// The words are read before the facts and after them. What changes in between shows in the words, and they are read anew;
// what changes later shows to the programs, which leave everything to netfilter until the next time.

import type { ForeignFacts } from '../base/early.ts';
import type { Family } from '../base/family.ts';
import type { EarlyChoice } from '../base/hooks.ts';
import { UnsupportedError } from '../base/unsupported.ts';
import { whyNotStrict } from '../codegen/early-strict.ts';
import type { Surroundings } from '../codegen/surroundings.ts';
import { countingChain } from './early-foreign.ts';
import { type EarlyGround, findGround, type GroundOrWhy, groundDigest, OFF, whyUntold } from './early-ground.ts';
import type { Installation } from './installation.ts';
import type { Kernel } from './kernel.ts';

const ATTEMPTS = 4;

/** Why words cannot be written: the programs in force compare those of a map that is not pinned. */
const OTHER_VERSION = 'another version has compiled the rules: `bpfilter sync` compiles them anew';

/** The ground of this moment, with the words that hold for it, or why there is none. */
function lookAround(kernel: Kernel, family: Family): { ground: EarlyGround; words: Uint8Array } | { why: string } {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const before = kernel.surroundings(family);
    const isFunctionAt = (address: bigint, name: string) => kernel.isFunctionAt(address, name);
    const ground = findGround(before.hooks, kernel.earlyFacts(family), before.foreign, isFunctionAt);
    if ('why' in ground) return ground;
    if (isSame(before, kernel.surroundings(family))) return { ground, words: before.words };
  }
  return { why: 'addresses, routes or hooks change all the time' };
}

function isSame(a: Surroundings, b: Surroundings): boolean {
  return Buffer.compare(a.words, b.words) === 0;
}

/** What becomes of early verdicts of rules that make some. */
export interface EarlyState {
  /** Why none are given at this moment; absent while they are. */
  readonly waiting?: string;
  /** What they rest on and is no more, though no word has changed; absent where there is nothing. */
  readonly outdated?: string;
  /** Rules of others that leave packets to netfilter. */
  readonly foreign?: ForeignFacts | undefined;
}

/** The same of this moment, for rules with this digest. */
export function earlyState(kernel: Kernel, installation: Installation, family: Family, digest: string): EarlyState {
  const kept = installation.guards(family);
  if (kept === undefined) return { waiting: OTHER_VERSION };
  const areGiven = Buffer.compare(kernel.surroundings(family).words, kept) === 0;
  const found = lookAround(kernel, family);
  const isOther = 'why' in found || groundDigest(found.ground) !== digest;
  if (areGiven) return isOther ? { outdated: OUTDATED } : { foreign: found.ground.facts.foreign };
  if ('why' in found) return { waiting: found.why };
  const changed = isOther
    ? 'addresses, routes or hooks have changed: `bpfilter sync` looks at them anew'
    : 'something changed that they might rest on: `bpfilter sync` lets them go on';
  return { waiting: changed };
}

/** No word changes with names of devices, nor with what IPv6 makes of routes by devices without a link. */
const OUTDATED = 'devices or settings have changed of which programs are not told: `bpfilter sync` looks at them anew';

/** Why rules that were compiled without early verdicts make none. */
export function whyNone(kernel: Kernel, family: Family, choice: EarlyChoice | undefined): string {
  const found = currentGround(kernel, family, choice);
  if ('why' in found) return found.why;
  const none = 'no drop was certain before netfilter when the rules were compiled: `bpfilter sync` looks anew';
  return whyUntold(found, kernel.features()) ?? none;
}

/** The ground that rules can be compiled for now, or why there is none. */
export function currentGround(kernel: Kernel, family: Family, choice: EarlyChoice = 'fast'): GroundOrWhy {
  if (choice === 'off') return OFF;
  try {
    const why = choice === 'strict' ? whyNotStrict(kernel.features()) : undefined;
    if (why !== undefined) return { why };
    const found = lookAround(kernel, family);
    if ('why' in found) return found;
    const { ground } = found;
    const counting = choice === 'strict' ? countingChain(ground.facts.foreign) : undefined;
    return counting === undefined ? ground : { why: `${counting} counts the packets that it sees` };
  } catch (error) {
    if (error instanceof UnsupportedError) return { why: error.message };
    throw error;
  }
}

/**
 * Lets early verdicts begin, or go on, if what they rest on is what the rules were compiled for, by its digest. Returns
 * `undefined` then, else why they must wait.
 */
export function syncGuards(
  { kernel, installation, family }: { kernel: Kernel; installation: Installation; family: Family },
  digest: string,
): string | undefined {
  const found = lookAround(kernel, family);
  if ('why' in found) return found.why;
  if (groundDigest(found.ground) !== digest)
    return 'addresses, routes or hooks are others than when the rules were compiled';
  const kept = installation.guards(family);
  if (kept === undefined) return OTHER_VERSION;
  kept.set(found.words);
  return undefined;
}

/**
 * The same for rules that have just come into force, in place of such as rested on what `before` is the digest of. Throws
 * nothing, as the rules are in force: what fails is why early verdicts wait.
 */
export function beginEarly(
  context: { kernel: Kernel; installation: Installation; family: Family },
  digest: string,
  before: string | undefined,
): string | undefined {
  try {
    // A packet may still be in the program of before, whose verdicts rest on what was there then.
    if (before !== undefined && before !== digest) context.kernel.waitForGracePeriod();
    return syncGuards(context, digest);
  } catch (error) {
    return (error as Error).message;
  }
}
