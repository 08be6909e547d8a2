// The fast way to read rules: most lines of a large file differ from an earlier one in nothing but an address, a number,
// a quoted text or a chain. Such a line is not parsed again, it takes the earlier rule as its pattern.
//
// A line's shape is its text with these words left out, but for what stands behind `-p`. The first line of each shape is read by the grammar. If what was
// left out turns out to be a value of `-s`, `-d` or of an extension's option, or a chain behind `-A`, `-j` and `-g`, the
// rule becomes the pattern of its shape; else lines of this shape are always read by the grammar. Whatever a pattern
// cannot place (an unknown chain, a value out of range) is left to the grammar too, which says why. Equal shapes have
// equal options in equal order, so all that was checked of the first line holds for the others. A property test compares
// both ways.

import { unquote } from '../../grammar/getopt.ts';
import { formatMasked, type MaskedAny } from '../base/address.ts';
import { type Counters, ZERO } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import { prefixMask } from '../base/ipv4.ts';
import { parseAddress6, prefixMask6 } from '../base/ipv6.ts';
import {
  type BuildContext,
  ExtensionError,
  type MatchExtension,
  type OptionUse,
  type TargetExtension,
  ValueError,
} from '../extensions/extension.ts';
import { bareText } from '../extensions/quote.ts';
import type { TableDraft } from './draft.ts';
import { LineScan, type LineShape } from './line-scan.ts';
import type { Negatable, Rule, TargetUse } from './model.ts';
import { printRuleLine } from './print.ts';
import type { RuleDraft, UseAt } from './rule.ts';

/** A rule while it is filled in. */
type MutableRule = { -readonly [K in keyof Rule]: Rule[K] };

/** Where a word that was left out goes. */
type Slot =
  | { readonly kind: 'source' | 'destination' | 'inInterface' | 'outInterface' | 'chain' | 'jump' }
  | {
      readonly kind: 'value';
      readonly part: Part;
      readonly use: number;
      readonly value: number;
      /** The word of the pattern. */
      readonly text: string;
      /** The word of the line read last, and what it is: some values are the same in most lines. */
      lastText?: string;
      lastValue?: unknown;
    };

/** An extension of which some values differ from line to line. */
interface Part {
  readonly extension: MatchExtension | TargetExtension;
  /** Among the rule's matches; −1 for its target. */
  readonly index: number;
  readonly uses: readonly UseAt[];
  /** The uses whose options complain at once of something, with their places. */
  readonly checked: readonly (readonly [index: number, use: UseAt])[];
  readonly context: BuildContext;
  /** Data by the texts of the values that differ: ports and the like come again and again. */
  readonly known: Map<string, unknown>;
}

/** Whether the word may be any text. */
function isFree({ part, use, value }: Extract<Slot, { kind: 'value' }>): boolean {
  return value === 0 && part.uses[use]!.spec.values.length > 0;
}

interface Pattern {
  readonly rule: Rule;
  readonly chain: string;
  readonly slots: readonly Slot[];
  readonly parts: readonly Part[];
  /** Whether its line is what is printed of it, so that the next are where their words are. */
  readonly isPrinted: boolean;
}

/** A rule, and the line it was read from if that is what it is printed as. */
interface Instance {
  readonly chain: string;
  readonly rule: Rule;
  readonly line: string | undefined;
}

/** A shape, with its pattern unless its lines are always read by the grammar. */
interface KnownShape {
  readonly shape: LineShape;
  readonly pattern: Pattern | undefined;
  /** That of the line which followed the last line of this shape. */
  next: KnownShape | undefined;
}

/** Shapes and values kept; a file in which every line has a shape of its own gains nothing from more. */
const SHAPE_LIMIT = 20_000;
const KNOWN_LIMIT = 2_000;

/** `[packets:bytes] ` of so few digits that a number holds them. */
const COUNTERS = /^\[(\d{1,15}):(\d{1,15})\] /;

export class RuleShapes {
  /** By hash. */
  private readonly shapes = new Map<number, KnownShape[]>();
  private count = 0;
  private readonly targets = new Map<string, TargetUse>();
  private readonly devices = new Map<string, Negatable<string>>();
  private readonly scan: LineScan;
  private readonly family: Family;
  private readonly counted: boolean;
  private counters: Counters = ZERO;
  /** Where the rule of the line at hand begins, behind its counters. */
  private from = 0;
  /** Whether all words of the line at hand are as they are printed. */
  private isPrinted = false;
  /** That of the last line, if it is known. */
  private last: KnownShape | undefined;

  /** `counted`: whether the counters in front of rules count. */
  constructor(family: Family, counted: boolean) {
    this.scan = new LineScan(family);
    this.family = family;
    this.counted = counted;
  }

  /** The rule of a line like one read before; undefined where the line must be read by the grammar. */
  instantiate(line: string, table: TableDraft, lineNumber: number): Instance | undefined {
    const pattern = this.shapeOf(line)?.pattern;
    if (pattern === undefined) return undefined;
    const { target } = pattern.rule;
    if (target.kind === 'extension' && table.isChain(target.extension)) return undefined;
    let { chain } = pattern;
    const start = isInk(line.charCodeAt(0)) ? 0 : line.length - line.trimStart().length;
    const end = isInk(line.charCodeAt(line.length - 1)) ? line.length : line.trimEnd().length;
    const rule: MutableRule = { ...pattern.rule };
    rule.counters = this.counters;
    rule.span = { line: lineNumber, column: start + 1, length: end - start };
    this.isPrinted = pattern.isPrinted;
    const { slots } = pattern;
    for (let word = 0; word < slots.length; word++) {
      const slot = slots[word]!;
      switch (slot.kind) {
        case 'source': {
          const value = this.address(word);
          if (value === undefined) return undefined;
          rule.source = { value, negated: pattern.rule.source!.negated };
          break;
        }
        case 'destination': {
          const value = this.address(word);
          if (value === undefined) return undefined;
          rule.destination = { value, negated: pattern.rule.destination!.negated };
          break;
        }
        case 'chain':
          chain = this.scan.text(word);
          if (!table.isChain(chain)) return undefined;
          this.isPrinted &&= bareText(chain) === chain;
          break;
        case 'inInterface':
        case 'outInterface':
          rule[slot.kind] = this.deviceOf(this.scan.text(word), pattern.rule[slot.kind]!.negated);
          break;
        case 'jump': {
          const name = this.scan.text(word);
          if (!table.isChain(name) || table.isBuiltin(name)) return undefined;
          rule.target = this.targetOf(target.kind as 'jump' | 'goto', name);
          this.isPrinted &&= bareText(name) === name;
          break;
        }
      }
    }
    if (pattern.parts.length > 0 && !this.fillParts(pattern, rule)) return undefined;
    return { chain, rule, line: this.isPrinted ? line.slice(this.from) : undefined };
  }

  /** Makes the rule of a line that was read by the grammar the pattern of its shape, if it can be one. */
  learn(line: string, rule: Rule, draft: RuleDraft): void {
    if (this.count >= SHAPE_LIMIT) return;
    const from = this.readCounters(line);
    if (from < 0) return;
    const { scan, shapes } = this;
    scan.scan(line, from);
    if (this.known() !== undefined) return;
    const shape = { shape: scan.shape(), pattern: this.patternOf(line.slice(from), rule, draft), next: undefined };
    const alike = shapes.get(scan.hash);
    if (alike === undefined) shapes.set(scan.hash, [shape]);
    else alike.push(shape);
    this.count++;
  }

  /** Scans a line; its shape, if it is known. Lines come in turns: the one behind the last is tried first. */
  private shapeOf(line: string): KnownShape | undefined {
    const from = this.readCounters(line);
    if (from < 0) return undefined;
    this.from = from;
    const { scan, last } = this;
    const likely = last?.next ?? last;
    if (likely !== undefined && scan.scanAs(likely.shape, line, from)) {
      this.last = likely;
      return likely;
    }
    scan.scan(line, from);
    const found = this.known();
    if (found !== undefined) {
      if (last !== undefined) last.next = found;
      this.last = found;
    }
    return found;
  }

  /** The shape of the line scanned, if it is known. */
  private known(): KnownShape | undefined {
    const alike = this.shapes.get(this.scan.hash);
    if (alike === undefined) return undefined;
    for (const each of alike) if (this.scan.has(each.shape)) return each;
    return undefined;
  }

  /** Where the rule begins; negative for counters that are not of the plain form. */
  private readCounters(line: string): number {
    this.counters = ZERO;
    if (line.charCodeAt(0) !== 0x5b) return 0;
    const found = COUNTERS.exec(line);
    if (found === null) return -1;
    const [packets, bytes] = [Number(found[1]), Number(found[2])];
    if (this.counted && packets + bytes > 0) this.counters = { packets: BigInt(packets), bytes: BigInt(bytes) };
    return found[0].length;
  }

  private patternOf(line: string, rule: Rule, draft: RuleDraft): Pattern | undefined {
    const { scan } = this;
    // A chain that hides an extension of its name could be gone in another line's table.
    if ('chain' in rule.target && draft.scope.target !== undefined) return undefined;
    const parts = new Map<unknown, Part>();
    const slots: Slot[] = [];
    for (let word = 0; word < scan.count; word++) {
      const slot = this.slotOf(word, draft, parts);
      const isAddress = scan.classes[word] === 'address' || scan.classes[word] === 'address6';
      if (slot === undefined || ((slot.kind === 'source' || slot.kind === 'destination') && !isAddress))
        return undefined;
      // No condition, or one that iptables reads in another way: not for a pattern.
      if ((slot.kind === 'source' || slot.kind === 'destination') && rule[slot.kind] === undefined) return undefined;
      // Further words of an option, and those it can do without, must not look like options.
      if (slot.kind === 'value' && scan.classes[word] === 'quoted' && !isFree(slot)) return undefined;
      if (slot.kind === 'jump' && !('chain' in rule.target)) return undefined;
      slots.push(slot);
    }
    const chain = draft.chain!.text;
    const isPrinted = line === printRuleLine(chain, rule, this.family);
    return { rule, chain, slots, parts: [...parts.values()], isPrinted };
  }

  private slotOf(word: number, draft: RuleDraft, parts: Map<unknown, Part>): Slot | undefined {
    const offset = this.scan.starts[word]!;
    if (draft.chain?.offset === offset) return { kind: 'chain' };
    if (draft.jumpWord?.offset === offset) return { kind: 'jump' };
    if (draft.source?.word.offset === offset) return { kind: 'source' };
    if (draft.destination?.word.offset === offset) return { kind: 'destination' };
    if (draft.inWord?.offset === offset) return { kind: 'inInterface' };
    if (draft.outWord?.offset === offset) return { kind: 'outInterface' };
    for (const [loaded, uses] of draft.uses) {
      for (const [use, { valueWords }] of uses.entries()) {
        const value = valueWords.findIndex((each) => each.offset === offset);
        if (value < 0) continue;
        let part = parts.get(loaded);
        if (part === undefined) {
          const index = draft.scope.matches.indexOf(loaded as (typeof draft.scope.matches)[number]);
          const { extension } = loaded;
          const checked = [...uses.entries()].filter(([, { spec }]) => spec.atOnce !== undefined);
          part = { extension, index, uses, checked, context: draft.buildContext, known: new Map() };
          parts.set(loaded, part);
        }
        return { kind: 'value', part, use, value, text: this.scan.text(word) };
      }
    }
    return undefined;
  }

  /** Undefined for an empty mask, which is no condition. */
  private address(word: number): MaskedAny | undefined {
    const { scan } = this;
    if (scan.classes[word] === 'address6') return this.address6(scan.text(word));
    const prefix = scan.prefixes[word]!;
    if (prefix === 0 || this.family !== 'ipv4') return undefined;
    const mask = prefixMask(prefix);
    const value = (scan.values[word]! & mask) >>> 0;
    this.isPrinted &&= value === scan.values[word] && scan.hasPrefix(word);
    return { value, mask };
  }

  private address6(text: string): MaskedAny | undefined {
    const slash = text.indexOf('/');
    const length = slash < 0 ? '128' : text.slice(slash + 1);
    const value = parseAddress6(slash < 0 ? text : text.slice(0, slash));
    if (value === undefined || !/^[1-9]\d{0,2}$/.test(length) || Number(length) > 128) return undefined;
    const mask = prefixMask6(Number(length));
    const address = { value: value & mask, mask };
    this.isPrinted &&= formatMasked(address) === text;
    return address;
  }

  private targetOf(kind: 'jump' | 'goto', chain: string): TargetUse {
    const key = `${kind} ${chain}`;
    const known = this.targets.get(key);
    if (known !== undefined) return known;
    const target: TargetUse = { kind, chain };
    this.targets.set(key, target);
    return target;
  }

  /** Few names come again and again. */
  private deviceOf(value: string, negated: boolean): Negatable<string> {
    const key = negated ? `!${value}` : value;
    let device = this.devices.get(key);
    if (device === undefined) {
      device = { value, negated };
      this.devices.set(key, device);
    }
    return device;
  }

  private fillParts(pattern: Pattern, rule: MutableRule): boolean {
    const matches = rule.matches.slice();
    this.isPrinted &&= this.areValuesPrinted(pattern);
    for (const part of pattern.parts) {
      const data = this.dataOf(pattern, part);
      if (data === undefined) return false;
      const use = { extension: part.extension.name, data: data.data };
      if (part.index < 0) rule.target = { kind: 'extension', ...use };
      else matches[part.index] = use;
    }
    rule.matches = matches;
    return true;
  }

  /** Whether the values of options are as they are printed: those of the pattern itself are. */
  private areValuesPrinted({ slots }: Pattern): boolean {
    for (let word = 0; word < slots.length; word++) {
      const slot = slots[word]!;
      if (slot.kind !== 'value') continue;
      const text = this.scan.text(word);
      if (text === slot.text) continue;
      const { spec } = slot.part.uses[slot.use]!;
      const type = spec.values[slot.value] ?? spec.optional!;
      if (type.isPrinted?.(text) !== true) return false;
    }
    return true;
  }

  private dataOf(pattern: Pattern, part: Part): { readonly data: unknown } | undefined {
    // Once so many texts are known, a further one is most likely new as well.
    const key = part.known.size < KNOWN_LIMIT ? this.textsOf(pattern, part) : undefined;
    if (key !== undefined && part.known.has(key)) return { data: part.known.get(key) };
    try {
      const uses = this.usesOf(pattern, part);
      for (const [i, { spec }] of part.checked) spec.atOnce!(uses[i]!, uses.slice(0, i));
      part.extension.precheck?.(uses, part.context);
      const data = part.extension.build(uses, part.context);
      if (key !== undefined) part.known.set(key, data);
      return { data };
    } catch (error) {
      if (error instanceof ValueError || error instanceof ExtensionError) return undefined;
      throw error;
    }
  }

  private textsOf({ slots }: Pattern, part: Part): string {
    let texts = '';
    for (let word = 0; word < slots.length; word++) {
      const slot = slots[word]!;
      if (slot.kind === 'value' && slot.part === part) texts += `${this.scan.text(word)}\0`;
    }
    return texts;
  }

  /** The options of the pattern with this line's values; those without any of these are the pattern's own. */
  private usesOf({ slots }: Pattern, part: Part): readonly OptionUse[] {
    const uses = part.uses.map(({ use }) => use);
    const own: unknown[][] = [];
    for (let word = 0; word < slots.length; word++) {
      const slot = slots[word]!;
      if (slot.kind !== 'value' || slot.part !== part) continue;
      const { use, spec, context } = part.uses[slot.use]!;
      let values = own[slot.use];
      if (values === undefined) {
        values = use.values.slice();
        own[slot.use] = values;
        uses[slot.use] = { name: use.name, negated: use.negated, values };
      }
      const type = spec.values[slot.value] ?? spec.optional!;
      const text = this.scan.text(word);
      if (text !== slot.lastText) {
        slot.lastValue = type.parse(unquote(text), context);
        slot.lastText = text;
      }
      values[slot.value] = slot.lastValue;
    }
    return uses;
  }
}

/** Whether a character is certainly no white space. */
function isInk(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}
