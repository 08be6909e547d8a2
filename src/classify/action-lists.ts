// The action lists of a classification, equal ones once.
//
// Counters of a list are a *chain*: a number for the slots so far, extended by one slot at a time. Chains are hash-consed
// and cost nothing that lasts; a list is made of one only when a segment is certain to need it.

import type { Slot } from '../graph/graph.ts';
import type { ActionList } from './classification.ts';
import { IntPairs } from './int-pairs.ts';
import { ENDS } from './outcomes.ts';

/** The chain without slots. */
export const EMPTY = 0;

/** The place in `ENDS` of an end of decision lists, which is −1 and less. */
function placeOf(end: number): number {
  if (end >= 0 || end < -ENDS.length) throw new Error(`${end} is no end of a decision list`);
  return -1 - end;
}

/** A list of one counter, of which large rulesets have one for each rule. */
class SlotList implements ActionList {
  // biome-ignore lint/suspicious/noThenProperty: what an action list goes on to is no function, so nothing awaits it.
  readonly then: ActionList['then'];
  private readonly slot: Slot;

  constructor(slot: Slot, then: ActionList['then']) {
    this.slot = slot;
    // biome-ignore lint/suspicious/noThenProperty: as above.
    this.then = then;
  }

  get counters(): readonly Slot[] {
    return [this.slot];
  }
}

/** Lists of one counter that were made before: a slot nearly always has the same end. */
export class KnownLists {
  private readonly lists: (ActionList | undefined)[] = [];

  /** The list that counts a slot and then goes to an end: mostly the same object each time. */
  of(slot: Slot, then: ActionList['then']): ActionList {
    const known = this.lists[slot];
    if (known !== undefined && known.then === then) return known;
    const made = new SlotList(slot, then);
    while (this.lists.length <= slot) this.lists.push(undefined);
    this.lists[slot] = made;
    return made;
  }
}

const NO_NUMBERS = new Int32Array(0);

/** Numbers pairs of a chain and an end of a decision list from 0 on, in the order in which they come. */
export class EndedChains {
  private readonly expected: number;
  /** By place of an end, where there is one, and by chain the number, and 1. Most lists have one end, or two. */
  private numbers: Int32Array[] = [];
  private chains: Int32Array = NO_NUMBERS;
  private ends: Int32Array = NO_NUMBERS;
  private used = 0;

  /** For about so many chains. */
  constructor(expected = 60) {
    this.expected = expected + 2;
  }

  get count(): number {
    return this.used;
  }

  number(chain: number, end: number): number {
    const place = placeOf(end);
    if (this.used === 0) this.makeRoom();
    let numbers = this.numbers[place]!;
    if (chain >= numbers.length) {
      numbers = numbers.length === 0 ? new Int32Array(Math.max(this.expected, chain + 1)) : grown(numbers, chain + 1);
      this.numbers[place] = numbers;
    }
    const known = numbers[chain]!;
    if (known !== 0) return known - 1;
    if (this.used === this.chains.length) {
      this.chains = grown(this.chains, this.used);
      this.ends = grown(this.ends, this.used);
    }
    this.chains[this.used] = chain;
    this.ends[this.used] = end;
    numbers[chain] = ++this.used;
    return this.used - 1;
  }

  /** Many are made for what turns out to be too large, and number nothing. */
  private makeRoom(): void {
    this.numbers = ENDS.map(() => NO_NUMBERS);
    this.chains = new Int32Array(this.expected);
    this.ends = new Int32Array(this.expected);
  }

  /** Nothing is numbered any more: what told known pairs takes most of the room. */
  close(): void {
    this.numbers = [];
  }

  chain(number: number): number {
    return this.chains[number]!;
  }

  end(number: number): number {
    return this.ends[number]!;
  }
}

export class ActionLists {
  readonly all: ActionList[] = [];
  private readonly known: KnownLists;
  /** Of each chain the one that is shorter by a slot, that slot, and how many there are. */
  private shorter: Int32Array;
  private lastSlots: Int32Array;
  private lengths: Int32Array;
  private chainCount = 1;
  /** Chains of one slot, by slot; 0 for none. */
  private singles: Int32Array;
  /** Chains of more, as pairs of a shorter one and a slot. */
  private readonly longer = new IntPairs();
  private readonly longerChains: number[] = [];
  private readonly ended: EndedChains;
  /** By number in `ended`. */
  private readonly endedLists: number[] = [];
  private readonly goals = new Map<string, number>();

  /** For about so many lists; `known` are lists made before. */
  constructor(expected = 60, known = new KnownLists()) {
    this.known = known;
    this.singles = new Int32Array(expected + 2);
    this.shorter = new Int32Array(expected + 2);
    this.lastSlots = new Int32Array(expected + 2).fill(-1, EMPTY, EMPTY + 1);
    this.lengths = new Int32Array(expected + 2);
    this.ended = new EndedChains(expected);
  }

  /** The chain with one slot more. */
  chain(before: number, slot: Slot): number {
    if (before !== EMPTY) {
      const number = this.longer.number(before, slot);
      if (number === this.longerChains.length) this.longerChains.push(this.add(before, slot));
      return this.longerChains[number]!;
    }
    if (slot >= this.singles.length) this.singles = grown(this.singles, slot + 1);
    if (this.singles[slot] === 0) this.singles[slot] = this.add(EMPTY, slot);
    return this.singles[slot]!;
  }

  /** The chain with the slots that a chain of other action lists has. */
  adopt(chain: number, { lengths, lastSlots, shorter }: ActionLists): number {
    if (lengths[chain]! <= 1) return chain === EMPTY ? EMPTY : this.chain(EMPTY, lastSlots[chain]!);
    const slots: Slot[] = [];
    for (let rest = chain; rest !== EMPTY; rest = shorter[rest]!) slots.push(lastSlots[rest]!);
    return slots.reduceRight((before, slot) => this.chain(before, slot), EMPTY);
  }

  /** How many slots a chain has. */
  length(chain: number): number {
    return this.lengths[chain]!;
  }

  /** The slot of a chain of one, −1 of the chain without slots; undefined where there are more. */
  onlySlot(chain: number): Slot | undefined {
    return this.lengths[chain]! > 1 ? undefined : this.lastSlots[chain];
  }

  /** The list that counts these slots and then goes to an end of a decision list. */
  endingIn(chain: number, end: number): number {
    const number = this.ended.number(chain, end);
    if (number < this.endedLists.length) return this.endedLists[number]!;
    const slot = this.onlySlot(chain);
    const then = ENDS[placeOf(end)]!;
    const isOne = slot !== undefined && slot >= 0;
    const list = isOne ? this.known.of(slot, then) : { counters: this.slots(chain), then };
    this.endedLists.push(this.all.push(list) - 1);
    return this.endedLists[number]!;
  }

  /** The list that counts these slots and goes on with a segment, or with a test of a linear segment. */
  goingOn(chain: number, segment: number, test?: number): number {
    const key = `${chain}:${segment}:${test}`;
    let list = this.goals.get(key);
    if (list === undefined) {
      const then = { kind: 'segment' as const, segment, ...(test !== undefined && { test }) };
      list = this.all.push({ counters: this.slots(chain), then }) - 1;
      this.goals.set(key, list);
    }
    return list;
  }

  /** No list is made any more; chains can still be adopted by others. */
  close(): void {
    this.ended.close();
  }

  private add(before: number, slot: Slot): number {
    if (this.chainCount === this.shorter.length) {
      this.shorter = grown(this.shorter, this.chainCount);
      this.lastSlots = grown(this.lastSlots, this.chainCount);
      this.lengths = grown(this.lengths, this.chainCount);
    }
    this.shorter[this.chainCount] = before;
    this.lastSlots[this.chainCount] = slot;
    this.lengths[this.chainCount] = this.lengths[before]! + 1;
    return this.chainCount++;
  }

  private slots(chain: number): Slot[] {
    const slots: Slot[] = [];
    for (let rest = chain; rest !== EMPTY; rest = this.shorter[rest]!) slots.push(this.lastSlots[rest]!);
    return slots.reverse();
  }
}

/** The array with room for so many, and as many more. */
function grown(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(2 * length);
  larger.set(array);
  return larger;
}
