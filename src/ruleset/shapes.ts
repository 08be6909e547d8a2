// The fast way to read rules: most lines of a large file differ from an earlier one in nothing but an address, a number,
// a quoted text or a chain. Such a line is not parsed again, it takes the earlier rule as its pattern.
//
// A line's shape is its text with these words left out, but for what stands behind `-p`. The first line of each shape is read by the grammar. If what was
// left out turns out to be a value of `-s`, `-d` or of an extension's option, or a chain behind `-A`, `-j` and `-g`, the
// rule becomes the pattern of its shape; else lines of this shape are always read by the grammar. Whatever a pattern
// cannot place (an unknown chain, a value out of range) is left to the grammar too, which says why. Equal shapes have
// equal options in equal order, so all that was checked of the first line holds for the others. A property test compares
// both ways.

import { formatMasked } from '../base/address.ts';
import { type Counters, ZERO } from '../base/counters.ts';
import type { Family } from '../base/family.ts';
import { prefixMask } from '../base/ipv4.ts';
import { parseAddress6, prefixMask6 } from '../base/ipv6.ts';
import { bareText } from '../extensions/quote.ts';
import { type AddressTest, addressTest4 } from './address-test.ts';
import type { TableDraft } from './draft.ts';
import { LineScan, type LineShape } from './line-scan.ts';
import type { Extent, MatchUse, Negatable, Rule, TargetUse } from './model.ts';
import { type Pattern, patternOf } from './pattern.ts';
import type { RuleDraft } from './rule.ts';

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

/** Shapes kept; a file in which every line has a shape of its own gains nothing from more. */
const SHAPE_LIMIT = 20_000;

/** Lengths of lines whose extents are kept. */
const EXTENTS = 1024;

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
  /** Of lines that begin with their first character, by length. */
  private readonly extents: Extent[] = [];
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
    const { rule, slots, parts } = pattern;
    let { chain } = pattern;
    let { source, destination, inInterface, outInterface, matches, target } = rule;
    if (target.kind === 'extension' && table.isChain(target.extension)) return undefined;
    this.isPrinted = pattern.isPrinted;
    for (let word = 0; word < slots.length; word++) {
      switch (slots[word]!) {
        case 'source':
          source = this.addressOf(word, source!.negated);
          if (source === undefined) return undefined;
          break;
        case 'destination':
          destination = this.addressOf(word, destination!.negated);
          if (destination === undefined) return undefined;
          break;
        case 'chain':
          chain = this.scan.text(word);
          if (!table.isChain(chain)) return undefined;
          this.isPrinted &&= bareText(chain) === chain;
          break;
        case 'inInterface':
          inInterface = this.deviceOf(this.scan.text(word), inInterface!.negated);
          break;
        case 'outInterface':
          outInterface = this.deviceOf(this.scan.text(word), outInterface!.negated);
          break;
        case 'jump': {
          const name = this.scan.text(word);
          if (!table.isChain(name) || table.isBuiltin(name)) return undefined;
          target = this.targetOf(target.kind as 'jump' | 'goto', name);
          this.isPrinted &&= bareText(name) === name;
          break;
        }
        case 'value':
          break;
      }
    }
    for (const part of parts) {
      const use = part.read(this.scan);
      if (use === undefined) return undefined;
      this.isPrinted &&= part.isPrinted;
      if (part.index < 0) target = { kind: 'extension', extension: use.extension, data: use.data };
      else if (matches.length === 1) matches = [use];
      else {
        const others: MatchUse[] = matches === rule.matches ? matches.slice() : (matches as MatchUse[]);
        others[part.index] = use;
        matches = others;
      }
    }
    const made: Rule = {
      source,
      destination,
      inInterface,
      outInterface,
      protocol: rule.protocol,
      fragment: rule.fragment,
      matches,
      target,
      counters: this.counters,
      line: lineNumber,
      extent: this.extentOf(line),
    };
    return { chain, rule: made, line: this.isPrinted ? line.slice(this.from) : undefined };
  }

  /** Makes the rule of a line that was read by the grammar the pattern of its shape, if it can be one. */
  learn(line: string, rule: Rule, draft: RuleDraft): void {
    if (this.count >= SHAPE_LIMIT) return;
    const from = this.readCounters(line);
    if (from < 0) return;
    const { scan, shapes } = this;
    scan.scan(line, from);
    if (this.known() !== undefined) return;
    const shape = {
      shape: scan.shape(),
      pattern: patternOf(scan, line.slice(from), rule, draft, this.family),
      next: undefined,
    };
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
    if (likely === undefined) scan.scan(line, from);
    else if (scan.scanAs(likely.shape, line, from)) {
      this.last = likely;
      return likely;
    }
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

  /** Without the blanks around the line. */
  private extentOf(line: string): Extent {
    const start = isInk(line.charCodeAt(0)) ? 0 : line.length - line.trimStart().length;
    const end = isInk(line.charCodeAt(line.length - 1)) ? line.length : line.trimEnd().length;
    if (start > 0) return { column: start + 1, length: end - start };
    let extent = this.extents[end];
    if (extent === undefined) {
      extent = { column: 1, length: end };
      if (end < EXTENTS) this.extents[end] = extent;
    }
    return extent;
  }

  /** Undefined for an empty mask, which is no condition. */
  private addressOf(word: number, negated: boolean): AddressTest | undefined {
    const { scan } = this;
    if (scan.classes[word] === 'address6') return this.addressOf6(scan.text(word), negated);
    const prefix = scan.prefixes[word]!;
    if (prefix === 0 || this.family !== 'ipv4') return undefined;
    const mask = prefixMask(prefix) | 0;
    const number = scan.values[word]! | 0;
    this.isPrinted &&= (number & ~mask) === 0 && scan.hasPrefix(word);
    return addressTest4(number & mask, mask, negated);
  }

  private addressOf6(text: string, negated: boolean): AddressTest | undefined {
    const slash = text.indexOf('/');
    const length = slash < 0 ? '128' : text.slice(slash + 1);
    const value = parseAddress6(slash < 0 ? text : text.slice(0, slash));
    if (value === undefined || !/^[1-9]\d{0,2}$/.test(length) || Number(length) > 128) return undefined;
    const mask = prefixMask6(Number(length));
    const address = { value: value & mask, mask, negated };
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
}

/** Whether a character is certainly no white space. */
function isInk(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}
