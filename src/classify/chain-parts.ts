// One chain as decision lists, with the chains that it enters in place, and the lists parted behind each call of a chain
// that has lists of its own.
//
// A chain in place is its rules with the conditions of the call added. The call itself counts and goes on; RETURN is a
// skip behind the chain's last decision, and so is the end of a chain that was entered by goto, to where its caller
// returns. A decision whose conditions an earlier one has too, which ends the packet's way, can never apply and is left
// out, unless a packet may have skipped the earlier one.

import type { FilterChain } from '../base/hooks.ts';
import type { ChainMeaning, Chains } from '../graph/chains.ts';
import { entered } from '../graph/chains.ts';
import type { Slot } from '../graph/graph.ts';
import { UNLISTED } from './conditions.ts';
import type { Condition, DecisionList } from './decision-list.ts';
import { END } from './decision-list.ts';
import { withRoom } from './room.ts';
import type { Place, RuleCompiler } from './rule-decisions.ts';
import { ALWAYS, type Vector } from './vectors.ts';

/** A run of a chain's decisions. */
export interface ChainPart {
  readonly list: DecisionList;
  /** The chain that the end `call` leads to, if any. */
  readonly call?: { readonly chain: ChainMeaning; readonly isGoto: boolean };
  /** Whether some decision asks what no table can be made of. */
  readonly isUnlisted: boolean;
}

export interface PartOptions {
  readonly compiler: RuleCompiler;
  readonly chains: Chains;
  /** Chains that are not put in place. */
  readonly apart: ReadonlySet<ChainMeaning>;
  /** Where the packets are that meet the lists. */
  readonly place: Place | undefined;
  /** Bits of the fields that cannot be seen. */
  readonly hidden: number;
}

/** A chain that is being gone through. */
interface Frame {
  readonly chain: ChainMeaning;
  /** What packets have in common that are in the chain. */
  readonly caller: Vector;
  readonly isGoto: boolean;
  /** The depth of the innermost frame that was not entered by goto, which a return leaves. */
  readonly left: number;
  next: number;
  /** Whether a packet may come to the next rule. */
  isOpen: boolean;
  /** Decisions that lead behind the chain's last. */
  readonly returns: number[];
}

/** The lists of a chain, at least one. Falling off the last is the end `next`; of a hook's chain it never happens. */
export interface WalkedChain {
  readonly parts: readonly ChainPart[];
  /**
   * Of each rule its first decision, and of what is behind all; of a chain that is one list, enters no other, returns nowhere
   * and lets packets come to its end.
   */
  readonly firstOf: Int32Array | undefined;
  /** Of a hook's chain that `firstOf` is known of: by vector, how many decisions of its rules ask it, left out or not. */
  readonly uses: Int32Array;
}

export function walkChain(chain: ChainMeaning, options: PartOptions): WalkedChain {
  return new ChainWalk(options, chain).walk();
}

/** The list that only counts a hook's policy. */
export function policyList(chain: ChainMeaning): DecisionList {
  const list = new ListBuilder(1);
  list.add(NO_CONDITIONS, chain.policySlot, chain.policy === 'drop' ? END.drop : END.accept, chain.policySlot);
  return list.finish();
}

const NO_CONDITIONS: readonly Condition[] = [];

class ChainWalk {
  private readonly options: PartOptions;
  private readonly chain: ChainMeaning;
  private readonly parts: ChainPart[] = [];
  private readonly frames: Frame[] = [];
  private list: ListBuilder;
  private isUnlisted = false;
  private readonly ended: EndedVectors;
  private readonly firstOf: Int32Array;
  private uses: Int32Array;
  /** Whether a rule's decisions are its own, whatever the rules around it. */
  private isPlain = true;

  constructor(options: PartOptions, chain: ChainMeaning) {
    const expected = chain.rules.length;
    this.options = options;
    this.chain = chain;
    this.list = new ListBuilder(expected);
    this.ended = new EndedVectors(expected);
    this.firstOf = new Int32Array(expected + 1);
    this.uses = new Int32Array(chain.hook === undefined || expected === 0 ? 0 : options.compiler.table.vectorCount);
  }

  walk(): WalkedChain {
    const { chain } = this;
    const root = this.enter(chain, ALWAYS, false);
    for (let frame = this.frames.at(-1)!; ; frame = this.frames.at(-1)!) {
      if (frame.isOpen && frame.next < frame.chain.rules.length) this.rule(frame);
      else if (frame === root) break;
      else this.leave(frame);
    }
    this.firstOf[chain.rules.length] = this.list.length;
    const isPlain = this.isPlain && root.isOpen && !this.isUnlisted;
    if (chain.hook !== undefined && (root.isOpen || root.returns.length > 0)) this.policy(root, chain.hook);
    if (this.list.length > 0 || this.parts.length === 0)
      this.parts.push({ list: this.list.finish(), isUnlisted: this.isUnlisted });
    return { parts: this.parts, firstOf: isPlain ? this.firstOf : undefined, uses: this.uses };
  }

  private rule(frame: Frame): void {
    const { chain, caller } = frame;
    const { compiler, place } = this.options;
    const slot = chain.slots[frame.next]!;
    if (this.isPlain) this.firstOf[frame.next] = this.list.length;
    const rule = chain.rules[frame.next++]!;
    const { drops, match } = compiler.view(rule, place);
    for (let i = 0; i < drops.length; i++) {
      this.use(drops[i]!);
      const drop = this.asked(frame, drops[i]!, slot);
      if (drop !== undefined) this.end(frame, drop, -1, END.drop, slot);
      if (!frame.isOpen) return;
    }
    if (match === undefined) return;
    this.use(match);
    const asked = this.asked(frame, match, slot);
    if (asked === undefined) return;
    const { target } = rule;
    switch (target.kind) {
      case 'none':
        this.add(asked, slot, this.list.length + 1, slot);
        return;
      case 'accept':
        this.end(frame, asked, slot, END.accept, slot);
        return;
      case 'drop':
        this.end(frame, asked, slot, END.drop, slot);
        return;
      case 'return':
        this.isPlain = false;
        this.return(frame, asked, slot, slot);
        return;
      case 'call':
      case 'goto': {
        this.isPlain = false;
        const callee = entered(this.options.chains, target.chain);
        const isGoto = target.kind === 'goto';
        if (this.options.apart.has(callee)) this.part(frame, asked, slot, callee, isGoto);
        else {
          this.add(asked, slot, this.list.length + 1, slot);
          this.enter(callee, asked, isGoto);
        }
        if (isGoto && asked === caller) frame.isOpen = false;
      }
    }
  }

  private use(own: Vector): void {
    if (this.chain.hook === undefined) return;
    // Views are mostly made before chains are walked.
    if (own >= this.uses.length) this.uses = withRoom(this.uses, own + 1);
    this.uses[own]!++;
  }

  /**
   * What a decision asks in a frame, if it can apply. One that asks what cannot be seen leaves the packets undecided that
   * meet the rest.
   */
  private asked(frame: Frame, own: Vector, owner: Slot): Vector | undefined {
    const { compiler, hidden } = this.options;
    const asked = compiler.table.both(frame.caller, own);
    if (asked === undefined || this.ended.has(asked)) return undefined;
    if (hidden === 0 || (compiler.table.fieldsOf(asked) & hidden) === 0) return asked;
    this.isPlain = false;
    const seen = compiler.table.without(asked, hidden);
    if (!this.ended.has(seen)) this.end(frame, seen, -1, END.undecided, owner);
    return undefined;
  }

  private enter(chain: ChainMeaning, caller: Vector, isGoto: boolean): Frame {
    const left = isGoto ? this.frames.at(-1)!.left : this.frames.length;
    const frame: Frame = { chain, caller, isGoto, left, next: 0, isOpen: true, returns: [] };
    this.frames.push(frame);
    return frame;
  }

  /** Behind the last rule of a chain in place. */
  private leave(frame: Frame): void {
    if (frame.isGoto && frame.isOpen) this.return(frame, frame.caller, -1, -1);
    this.frames.pop();
    if (frame.isGoto) return;
    const parent = this.frames.at(-1)!;
    if (!frame.isOpen && frame.returns.length === 0 && frame.caller === parent.caller) parent.isOpen = false;
    this.land(frame.returns);
  }

  /** Leads all of them to the decision that comes next. */
  private land(returns: readonly number[]): void {
    if (returns.length === 0) return;
    for (const from of returns) this.list.lead(from, this.list.length);
    this.ended.forget(returns[0]!);
  }

  private end(frame: Frame, asked: Vector, slot: Slot, end: number, owner: Slot): void {
    this.add(asked, slot, end, owner);
    this.ended.add(asked, this.list.length - 1);
    if (asked === frame.caller) frame.isOpen = false;
  }

  /** Leads from the innermost chain to where it returns. */
  private return(frame: Frame, asked: Vector, slot: Slot, owner: Slot): void {
    const target = this.frames[frame.left]!;
    if (frame.left === 0 && target.chain.hook === undefined) {
      this.end(frame, asked, slot, END.return, owner);
      return;
    }
    this.add(asked, slot, END.return, owner);
    target.returns.push(this.list.length - 1);
    if (asked === frame.caller) frame.isOpen = false;
  }

  /** Ends a list with the call of a chain that has its own lists. */
  private part(frame: Frame, asked: Vector, slot: Slot, chain: ChainMeaning, isGoto: boolean): void {
    if (frame !== this.frames[0]) throw new Error(`${chain.name} is entered from a chain that is in place`);
    this.add(asked, slot, END.call, slot);
    this.parts.push({ list: this.list.finish(), call: { chain, isGoto }, isUnlisted: this.isUnlisted });
    this.isUnlisted = false;
    this.list = new ListBuilder(64);
    this.ended.forget(-1);
    // What returned so far has left the list.
    frame.returns.length = 0;
  }

  private policy(root: Frame, hook: FilterChain): void {
    const { chain } = root;
    if (chain.policy === undefined) throw new Error(`${hook} has no policy`);
    this.land(root.returns);
    this.add(ALWAYS, chain.policySlot, chain.policy === 'drop' ? END.drop : END.accept, chain.policySlot);
  }

  private add(asked: Vector, slot: Slot, then: number, owner: Slot): void {
    const { table } = this.options.compiler;
    this.list.add(table.conditionsOf(asked), slot, then, owner);
    if ((table.fieldsOf(asked) & UNLISTED) !== 0) this.isUnlisted = true;
  }
}

/** Vectors that no packet meets any more which comes to the end of the list. */
class EndedVectors {
  /** 1 by number of a vector. */
  private isEnded = new Uint8Array(1024);
  /** In the order of the decisions that ended them. */
  private order: Int32Array;
  private decisions: Int32Array;
  private count = 0;

  /** For about so many. */
  constructor(expected: number) {
    this.order = new Int32Array(expected + 8);
    this.decisions = new Int32Array(expected + 8);
  }

  has(vector: Vector): boolean {
    return this.isEnded[vector] === 1;
  }

  add(vector: Vector, decision: number): void {
    if (vector >= this.isEnded.length) this.isEnded = withRoom(this.isEnded, vector + 1);
    if (this.count === this.order.length) {
      this.order = withRoom(this.order, this.count + 1);
      this.decisions = withRoom(this.decisions, this.count + 1);
    }
    this.isEnded[vector] = 1;
    this.order[this.count] = vector;
    this.decisions[this.count++] = decision;
  }

  /** Packets may have skipped what is behind a decision. */
  forget(decision: number): void {
    while (this.count > 0 && this.decisions[this.count - 1]! > decision) this.isEnded[this.order[--this.count]!] = 0;
  }
}

/** A decision list while it grows. */
class ListBuilder {
  private readonly conditions: (readonly Condition[])[] = [];
  private slots: Int32Array;
  private goals: Int32Array;
  private owners: Int32Array;

  /** For about so many decisions. */
  constructor(expected: number) {
    this.slots = new Int32Array(expected + 8);
    this.goals = new Int32Array(expected + 8);
    this.owners = new Int32Array(expected + 8);
  }

  get length(): number {
    return this.conditions.length;
  }

  add(conditions: readonly Condition[], slot: Slot, then: number, owner: Slot): void {
    const at = this.conditions.length;
    if (at === this.slots.length) {
      this.slots = withRoom(this.slots, at + 1);
      this.goals = withRoom(this.goals, at + 1);
      this.owners = withRoom(this.owners, at + 1);
    }
    this.conditions.push(conditions);
    this.slots[at] = slot;
    this.goals[at] = then;
    this.owners[at] = owner;
  }

  /** Changes where a decision leads. */
  lead(decision: number, then: number): void {
    this.goals[decision] = then;
  }

  finish(): DecisionList {
    const { conditions, length } = this;
    const slots = this.slots.slice(0, length);
    const then = this.goals.slice(0, length);
    return { length, conditions, slots, then, owners: this.owners.slice(0, length) };
  }
}
