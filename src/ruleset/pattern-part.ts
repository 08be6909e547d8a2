// An extension of a pattern, some values of which differ from line to line.

import { unquote } from '../../grammar/getopt.ts';
import {
  type BuildContext,
  ExtensionError,
  type MatchExtension,
  type OptionUse,
  type TargetExtension,
  type ValueContext,
  ValueError,
  type ValueType,
} from '../extensions/extension.ts';
import type { LineScan } from './line-scan.ts';
import type { MatchUse } from './model.ts';
import type { UseAt } from './rule.ts';

/** Where a word is put. */
interface ValueSlot {
  /** Its number among the words that are left out. */
  readonly word: number;
  readonly use: number;
  readonly value: number;
  readonly type: ValueType;
  readonly context: ValueContext;
  /** The word of the pattern. */
  readonly text: string;
  /** The word of the line read last, what it is, and whether it is printed so: some values are the same in most lines. */
  lastText: string | undefined;
  lastValue: unknown;
  lastPrinted: boolean;
}

/** An extension as it was read from a line. */
interface Read {
  readonly use: MatchUse;
  readonly isPrinted: boolean;
}

/** Values kept; a part of which every line has others gains nothing from more. */
const KNOWN_LIMIT = 2_000;

const NOTHING_READ = { lastText: undefined, lastValue: undefined, lastPrinted: false };

export class PatternPart {
  /** Among the rule's matches; −1 for its target. */
  readonly index: number;
  /** Whether the values of the line read last are as they are printed: those of the pattern itself are. */
  isPrinted = false;
  private readonly extension: MatchExtension | TargetExtension;
  /** The options of the pattern. */
  private readonly uses: readonly UseAt[];
  private readonly own: readonly OptionUse[];
  /** The uses whose options complain at once of something, with their places. */
  private readonly checked: readonly (readonly [index: number, use: UseAt])[];
  private readonly context: BuildContext;
  private readonly slots: ValueSlot[] = [];
  /** By the texts of the values that differ: ports and the like come again and again. */
  private readonly known = new Map<string, Read>();

  constructor(
    extension: MatchExtension | TargetExtension,
    index: number,
    uses: readonly UseAt[],
    context: BuildContext,
  ) {
    this.extension = extension;
    this.index = index;
    this.uses = uses;
    this.own = uses.map(({ use }) => use);
    this.checked = [...uses.entries()].filter(([, { spec }]) => spec.atOnce !== undefined);
    this.context = context;
  }

  /** A word of the pattern, `text`, is this value of this option. */
  add(word: number, use: number, value: number, text: string): void {
    const { spec, context } = this.uses[use]!;
    const type = spec.values[value] ?? spec.optional!;
    this.slots.push({ ...{ word, use, value, type, context, text }, ...NOTHING_READ });
  }

  /** The extension with the values of the line scanned; undefined where it does not take them. */
  read(scan: LineScan): MatchUse | undefined {
    // Once so many texts are known, a further one is most likely new as well.
    const key = this.known.size < KNOWN_LIMIT ? this.textsOf(scan) : undefined;
    const known = key === undefined ? undefined : this.known.get(key);
    if (known !== undefined) {
      this.isPrinted = known.isPrinted;
      return known.use;
    }
    try {
      const uses = this.usesOf(scan);
      for (const [i, { spec }] of this.checked) spec.atOnce!(uses[i]!, uses.slice(0, i));
      this.extension.precheck?.(uses, this.context);
      const use = { extension: this.extension.name, data: this.extension.build(uses, this.context) };
      if (key !== undefined) this.known.set(key, { use, isPrinted: this.isPrinted });
      return use;
    } catch (error) {
      if (error instanceof ValueError || error instanceof ExtensionError) return undefined;
      throw error;
    }
  }

  private textsOf(scan: LineScan): string {
    const { slots } = this;
    let texts = scan.text(slots[0]!.word);
    for (let i = 1; i < slots.length; i++) texts += `\0${scan.text(slots[i]!.word)}`;
    return texts;
  }

  /** The options of the pattern with this line's values; those without any that differ are the pattern's own. */
  private usesOf(scan: LineScan): readonly OptionUse[] {
    const uses = this.own.slice();
    this.isPrinted = true;
    let filled = -1;
    let values: unknown[] = [];
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots[i]!;
      if (scan.is(slot.word, slot.text)) continue;
      // The words of an option stand behind each other.
      if (slot.use !== filled) {
        const use = this.own[slot.use]!;
        values = use.values.slice();
        uses[slot.use] = { name: use.name, negated: use.negated, values };
        filled = slot.use;
      }
      values[slot.value] = this.readValue(scan, slot);
    }
    return uses;
  }

  private readValue(scan: LineScan, slot: ValueSlot): unknown {
    const { word, type, context } = slot;
    if (scan.classes[word] === 'number') {
      const number = type.ofNumber?.(scan.values[word]!, context.negated);
      if (number !== undefined) return number;
    }
    if (slot.lastText === undefined || !scan.is(word, slot.lastText)) {
      const text = scan.text(word);
      slot.lastValue = type.parse(unquote(text), context);
      slot.lastPrinted = type.isPrinted?.(text) === true;
      slot.lastText = text;
    }
    this.isPrinted &&= slot.lastPrinted;
    return slot.lastValue;
  }
}
