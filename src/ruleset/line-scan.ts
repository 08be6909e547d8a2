// Finds the words of a rule line in which lines of one shape differ: addresses, numbers, quoted texts, names of chains and
// devices.
//
// One pass over the characters. Only words in their plainest form are taken out (`10.0.0.1/32`, `443`); any other way of
// writing stays part of the shape, where it does no harm.

import type { Family } from '../base/family.ts';
import { findTarget } from '../extensions/registry.ts';
import { BUILTIN_CHAINS } from './tables.ts';

/**
 * What a word looks like. `name` is that of a chain behind `-A`, `target` what stands behind `-j` or `-g`, `device` what stands
 * behind `-i` or `-o`.
 */
export type WordClass = 'address' | 'address6' | 'number' | 'list' | 'quoted' | NamedClass;

/** Classes of words that are known by the option in front of them. */
type NamedClass = 'name' | 'target' | 'device';

/** A word that is longer stays in the shape: iptables has a limit for words, which the plain way knows. */
const LENGTH_LIMIT = 300;

/** Names that stay are few: verdicts and built-in chains. */
const FIXED = 4;

/** Of devices, these are enough for most files. */
const DEVICES = 8;

const BUILTIN: ReadonlySet<string> = new Set(Object.values(BUILTIN_CHAINS).flat());

const BLANK = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const SLASH = 0x2f;
const ZERO = 0x30;
const COLON = 0x3a;
const COMMA = 0x2c;
const DASH = 0x2d;

/** What a word may be, by the word in front of it; `fixed` ones stay in the shape. */
type Expected = 'any' | 'fixed' | NamedClass;

/** A name of a device, with or without `+` behind it, of no more bytes than the kernel takes. */
const DEVICE = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,13}[A-Za-z0-9_.+-]?$/;

/** What lines of one shape have in common. */
export interface LineShape {
  /** Whether counters stand in front of the rule. */
  readonly isCounted: boolean;
  /** The text in front of each word that is left out. */
  readonly literals: readonly string[];
  readonly classes: readonly WordClass[];
  /** The hash of what stands in front of each literal, and of the rest. */
  readonly hashes: readonly number[];
  /** The text behind the last. */
  readonly rest: string;
}

/** The last line scanned; used again for the next one, so that a scan makes nothing. */
export class LineScan {
  /** Of the shape: different shapes may have the same. */
  hash = 0;
  count = 0;
  readonly classes: WordClass[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** The number that a word is; of an address its number, and the length of its prefix. */
  readonly values: number[] = [];
  readonly prefixes: number[] = [];
  /** The hash behind each word. */
  private readonly hashes: number[] = [];
  /** The words that were asked for as texts. */
  private readonly texts: (string | undefined)[] = [];
  private readonly family: Family;
  /** Names met so far that stay in the shape: they are compared sooner than looked up. */
  private readonly fixed: Readonly<Record<'name' | 'target', string[]>> = { name: [], target: [] };
  /** Devices met so far, likewise. */
  private readonly devices: string[] = [];
  private line = '';
  private from = 0;
  private value = 0;
  private prefix = 0;
  private named: string | undefined;

  constructor(family: Family) {
    this.family = family;
  }

  /** Scans from an offset on. */
  scan(line: string, from: number): void {
    this.line = line;
    this.from = from;
    this.count = 0;
    this.hash = from > 0 ? 1 : 0;
    this.scanFrom(from);
  }

  /** Scans what is left behind a word that was taken, or from the beginning. */
  private scanFrom(start: number): void {
    const { line } = this;
    const { length } = line;
    let i = start;
    // What the next word is, by the word in front of it.
    let expects: Expected = 'any';
    while (i < length) {
      const c = line.charCodeAt(i);
      if (c === BLANK || c === TAB) {
        i++;
        continue;
      }
      const end = this.endOfWord(i);
      const kind = this.classOf(i, end, expects);
      if (kind !== undefined) {
        this.hash = mixed(this.hash, -kind.length);
        this.take(kind, i, end);
      } else if (c !== QUOTE) this.addWord(i, end);
      expects = expects === 'any' && c === DASH && end === i + 2 ? expectedBehind(line[i + 1]!) : 'any';
      i = end > 0 ? end : length;
    }
  }

  /**
   * The same for a line that is likely to have a shape; says whether it has. Where the line is another, it is scanned on
   * from where the two part.
   */
  scanAs({ isCounted, literals, classes, hashes, rest }: LineShape, line: string, from: number): boolean {
    if (isCounted !== from > 0) {
      this.scan(line, from);
      return false;
    }
    this.line = line;
    this.from = from;
    this.count = 0;
    let at = from;
    let word = 0;
    for (; word < classes.length; word++) {
      const literal = literals[word]!;
      if (!line.startsWith(literal, at)) break;
      const start = at + literal.length;
      const kind = classes[word]!;
      // What stands in front of the word is the same, so it is expected to be the same.
      const expects = kind === 'name' || kind === 'target' || kind === 'device' ? kind : 'any';
      const end = this.endOfWord(start);
      if (end === start || this.classOf(start, end, expects) !== kind) break;
      this.hash = hashes[word + 1]!;
      this.take(kind, start, end);
      at = end;
    }
    if (word === classes.length && line.length - at === rest.length && line.endsWith(rest)) return true;
    // A word that is left out is never an option, so what follows is read as if the line began there.
    this.hash = hashes[word]!;
    this.scanFrom(at);
    return false;
  }

  /** Whether the length of an address's prefix is there. */
  hasPrefix(word: number): boolean {
    return this.line.charCodeAt(this.ends[word]! - (this.prefixes[word]! > 9 ? 3 : 2)) === SLASH;
  }

  /** The shape of the last line scanned. */
  shape(): LineShape {
    const literals: string[] = [];
    let literal = this.from;
    for (let word = 0; word < this.count; word++) {
      literals.push(this.line.slice(literal, this.starts[word]));
      literal = this.ends[word]!;
    }
    const classes = this.classes.slice(0, this.count);
    const isCounted = this.from > 0;
    const hashes = [isCounted ? 1 : 0, ...this.hashes.slice(0, this.count)];
    return { isCounted, literals, classes, hashes, rest: this.line.slice(literal) };
  }

  /** Whether the last line scanned has a shape. */
  has({ isCounted, literals, classes, rest }: LineShape): boolean {
    const { line, count } = this;
    if (classes.length !== count || isCounted !== this.from > 0) return false;
    let literal = this.from;
    for (let word = 0; word < count; word++) {
      const { length } = literals[word]!;
      if (classes[word] !== this.classes[word] || this.starts[word]! - literal !== length) return false;
      if (!line.startsWith(literals[word]!, literal)) return false;
      literal = this.ends[word]!;
    }
    return line.length - literal === rest.length && line.endsWith(rest);
  }

  text(word: number): string {
    let text = this.texts[word];
    if (text === undefined) {
      text = this.line.slice(this.starts[word], this.ends[word]);
      this.texts[word] = text;
    }
    return text;
  }

  /** Whether a word is a text; makes nothing to find out. */
  is(word: number, text: string): boolean {
    const start = this.starts[word]!;
    return this.ends[word]! - start === text.length && this.line.startsWith(text, start);
  }

  private take(kind: WordClass, start: number, end: number): void {
    const n = this.count++;
    this.classes[n] = kind;
    this.starts[n] = start;
    this.ends[n] = end;
    this.values[n] = this.value;
    this.prefixes[n] = this.prefix;
    this.hashes[n] = this.hash;
    this.texts[n] = this.named;
    this.named = undefined;
  }

  /** As what a word is left out, if it is; `end` is 0 for a quoted text that does not end. */
  private classOf(start: number, end: number, expects: Expected): WordClass | undefined {
    const c = this.line.charCodeAt(start);
    if (c === QUOTE) return end > 0 && end - start <= LENGTH_LIMIT ? 'quoted' : undefined;
    if (expects === 'fixed') return undefined;
    if (expects !== 'any') return this.isNamed(expects, start, end) ? expects : undefined;
    if (c >= ZERO && c < COLON) {
      if (this.isDotted(start, end)) return this.prefix < 0 ? 'number' : 'address';
      if (this.isList(start, end)) return 'list';
    }
    return this.family === 'ipv6' && this.isAddress6(start, end) ? 'address6' : undefined;
  }

  /** Whether the word behind an option can be left out. */
  private isNamed(expects: NamedClass, start: number, end: number): boolean {
    const known = expects === 'device' ? this.devices : this.fixed[expects];
    for (let i = 0; i < known.length; i++) {
      const name = known[i]!;
      if (end - start !== name.length || !this.line.startsWith(name, start)) continue;
      if (expects !== 'device') return false;
      this.named = name;
      return true;
    }
    const name = this.line.slice(start, end);
    if (expects === 'device') {
      const isDevice = DEVICE.test(name);
      if (isDevice && known.length < DEVICES) known.push(name);
      return isDevice;
    }
    const isFixed = expects === 'name' ? BUILTIN.has(name) : findTarget(name, this.family) !== undefined;
    if (isFixed && known.length < FIXED) known.push(name);
    return !isFixed && !name.includes('"');
  }

  /** Behind the word; 0 for a quoted text that does not end with it. */
  private endOfWord(start: number): number {
    const { line } = this;
    if (line.charCodeAt(start) === QUOTE) return this.endOfQuoted(start);
    let i = start;
    for (; i < line.length; i++) {
      const c = line.charCodeAt(i);
      if (c === BLANK || c === TAB) break;
    }
    return i;
  }

  /** Adds a word that stays to the hash. */
  private addWord(start: number, end: number): void {
    const { line } = this;
    let { hash } = this;
    for (let i = start; i < end; i++) hash = mixed(hash, line.charCodeAt(i));
    this.hash = hash;
  }

  /** Behind the closing quote, if the word ends there; else 0. */
  private endOfQuoted(start: number): number {
    const { line } = this;
    for (let i = start + 1; i < line.length; i++) {
      const c = line.charCodeAt(i);
      if (c === BACKSLASH) i++;
      else if (c === QUOTE) {
        const next = line.charCodeAt(i + 1);
        return i + 1 === line.length || next === BLANK || next === TAB ? i + 1 : 0;
      }
    }
    return 0;
  }

  /**
   * Whether the word is a number of at most five digits (`prefix` is then negative), or four octets with or without a
   * prefix length. Zeros in front mean an octal number to iptables and are not taken.
   */
  private isDotted(start: number, end: number): boolean {
    const { line } = this;
    let dots = 0;
    let number = 0;
    let value = 0;
    let digits = 0;
    let isPrefix = false;
    for (let i = start; i < end; i++) {
      const c = line.charCodeAt(i);
      if (c >= ZERO && c < COLON) {
        if (digits > 0 && number === 0) return false;
        number = number * 10 + c - ZERO;
        if (++digits > 5) return false;
      } else if ((c === DOT || c === SLASH) && digits > 0 && number <= 255 && !isPrefix) {
        if (c === DOT ? dots === 3 : dots !== 3) return false;
        value = value * 256 + number;
        if (c === DOT) dots++;
        else isPrefix = true;
        number = 0;
        digits = 0;
      } else {
        return false;
      }
    }
    if (digits === 0) return false;
    if (dots === 0 && !isPrefix) {
      this.value = number;
      this.prefix = -1;
      return true;
    }
    if (isPrefix ? number > 32 : dots !== 3 || number > 255) return false;
    this.value = isPrefix ? value : value * 256 + number;
    this.prefix = isPrefix ? number : 32;
    return true;
  }

  /** Numbers between commas, colons and dashes: lists and ranges of ports and the like. */
  private isList(start: number, end: number): boolean {
    if (end - start > LENGTH_LIMIT) return false;
    for (let i = start; i < end; i++) {
      const c = this.line.charCodeAt(i);
      if ((c < ZERO || c > COLON) && c !== COMMA && c !== DASH) return false;
    }
    return true;
  }

  private isAddress6(start: number, end: number): boolean {
    if (end - start > LENGTH_LIMIT) return false;
    let colons = 0;
    for (let i = start; i < end; i++) {
      const c = this.line.charCodeAt(i);
      const isHex = (c >= ZERO && c < COLON) || (c >= 0x61 && c <= 0x66);
      if (c === COLON) colons++;
      else if (!isHex && c !== SLASH) return false;
    }
    return colons >= 2;
  }
}

function expectedBehind(letter: string): Expected {
  if (letter === 'A') return 'name';
  if (letter === 'i' || letter === 'o') return 'device';
  // What the protocol is decides what all else means.
  if (letter === 'p') return 'fixed';
  return letter === 'j' || letter === 'g' ? 'target' : 'any';
}

function mixed(hash: number, value: number): number {
  return (Math.imul(hash, 31) + value) | 0;
}
