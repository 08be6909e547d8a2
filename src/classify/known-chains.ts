// The lists of chains that were walked before, for an edited chain whose rules are mostly the same.
//
// Of a hook's chain that enters no other, a rule's decisions depend on nothing but the rule, unless another rule before it
// asks the same: a decision that can never apply any more is left out. So where what went and what came asks for what no
// other rule does, the decisions of all others are as they were, and only their places change. Else the chain is walked.

import { commonEnds } from '../base/common-ends.ts';
import type { ChainMeaning, RuleMeaning } from '../graph/chains.ts';
import { type ChainPart, type PartOptions, policyList, type WalkedChain, walkChain } from './chain-parts.ts';
import type { DecisionList } from './decision-list.ts';
import type { Vector } from './vectors.ts';

interface Known extends WalkedChain {
  readonly chain: ChainMeaning;
  readonly options: Pick<PartOptions, 'place' | 'hidden'>;
}

/** An edit of more rules is as quickly made anew. */
const MOST_CHANGED = 64;

/** For one compiler, whose vectors are known by their numbers. */
export class KnownChains {
  private readonly known = new Map<string, Known>();

  /** As `chainParts`; `name` is what the parts are for, and the same from one table to the next. */
  parts(name: string, chain: ChainMeaning, options: PartOptions): readonly ChainPart[] {
    if (chain.hook === undefined) return walkChain(chain, options).parts;
    const before = this.known.get(name);
    const known = (before && edited(before, chain, options)) ?? walked(chain, options);
    this.known.set(name, known);
    return known.parts;
  }
}

function walked(chain: ChainMeaning, options: PartOptions): Known {
  const { place, hidden } = options;
  return { ...walkChain(chain, options), chain, options: { place, hidden } };
}

/** All that a rule's decisions ask. */
function asked(rule: RuleMeaning, { compiler, place }: PartOptions): readonly Vector[] {
  const { drops, match } = compiler.view(rule, place);
  return match === undefined ? drops : [...drops, match];
}

/** The chain as it is now, made of what it was; nothing where that does not suffice. */
function edited(before: Known, chain: ChainMeaning, options: PartOptions): Known | undefined {
  const { chain: old, firstOf, parts, uses: oldUses } = before;
  const { place, hidden, compiler } = options;
  const isElsewhere = before.options.place?.shape !== place?.shape || before.options.hidden !== hidden;
  if (firstOf === undefined || isElsewhere) return undefined;
  const { front, back } = commonEnds(old.rules, chain.rules);
  const [from, oldTo, to] = [front, old.rules.length - back, chain.rules.length - back];
  if (oldTo - from + to - from > MOST_CHANGED || !keepSlots(old, chain, from, oldTo, to)) return undefined;

  const gone = old.rules.slice(from, oldTo).flatMap((rule) => asked(rule, options));
  const come = chain.rules.slice(from, to).flatMap((rule) => asked(rule, options));
  const uses = new Int32Array(Math.max(oldUses.length, compiler.table.vectorCount));
  uses.set(oldUses);
  for (const vector of gone) if (--uses[vector]! !== 0) return undefined;
  for (const vector of come) if (uses[vector]!++ !== 0) return undefined;

  const between = walkChain(
    { ...chain, hook: undefined, rules: chain.rules.slice(from, to), slots: chain.slots.subarray(from, to) },
    options,
  );
  if (between.firstOf === undefined) return undefined;
  const cut = { from: firstOf[from]!, to: firstOf[oldTo]! };
  const list = withPolicy(spliced(parts[0]!.list, cut, between.parts[0]!.list), chain);
  const starts = new Int32Array(chain.rules.length + 1);
  starts.set(firstOf.subarray(0, from));
  for (let i = from; i < to; i++) starts[i] = cut.from + between.firstOf[i - from]!;
  const shift = cut.from + between.parts[0]!.list.length - cut.to;
  for (let i = to; i < starts.length; i++) starts[i] = firstOf[i - to + oldTo]! + shift;
  return { parts: [{ list, isUnlisted: false }], firstOf: starts, chain, options: { place, hidden }, uses };
}

/** Whether the rules that stay have the counters that they had. */
function keepSlots(old: ChainMeaning, chain: ChainMeaning, from: number, oldTo: number, to: number): boolean {
  const [before, after] = [old.slots, chain.slots];
  for (let i = 0; i < from; i++) if (before[i] !== after[i]) return false;
  for (let i = to; i < after.length; i++) if (before[i - to + oldTo] !== after[i]) return false;
  return true;
}

/** A list with others in place of its decisions `from` to `to`; none of those leads further than to the next. */
function spliced(list: DecisionList, { from, to }: { from: number; to: number }, between: DecisionList): DecisionList {
  const shift = between.length - (to - from);
  const length = list.length + shift;
  const column = (a: Int32Array, b: Int32Array): Int32Array => {
    const all = new Int32Array(length);
    all.set(a.subarray(0, from));
    all.set(b, from);
    all.set(a.subarray(to), from + b.length);
    return all;
  };
  const then = column(list.then, between.then);
  for (let i = from; i < length; i++) {
    if (then[i]! >= 0) then[i]! += i < from + between.length ? from : shift;
  }
  const conditions = list.conditions.slice(0, from).concat(between.conditions, list.conditions.slice(to));
  const owners = column(list.owners!, between.owners!);
  return { length, conditions, slots: column(list.slots, between.slots), then, owners };
}

/** The list with the policy that the chain has now in place of its last decision. */
function withPolicy(list: DecisionList, chain: ChainMeaning): DecisionList {
  const policy = policyList(chain);
  const last = list.length - 1;
  list.slots[last] = policy.slots[0]!;
  list.then[last] = policy.then[0]!;
  list.owners![last] = policy.owners![0]!;
  return list;
}
