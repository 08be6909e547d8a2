// Finds the words of a rule line in which lines of one shape differ: addresses, numbers, quoted texts, names of chains.
//
// One pass over the characters. Only words in their plainest form are taken out (`10.0.0.1/32`, `443`); any other way of
// writing stays part of the shape, where it does no harm.

import type { Family } from '../base/family.ts';
import { findTarget } from '../extensions/registry.ts';
import { BUILTIN_CHAINS } from './tables.ts';

/** What a word looks like. `name` is that of a chain behind `-A`, `target` what stands behind `-j` or `-g`. */
export type WordClass = 'address' | 'address6' | 'number' | 'list' | 'quoted' | 'name' | 'target';

/** What the marks of words left out begin with. */
export const MARK = '\u0001';

const CLASS_MARK: Readonly<Record<WordClass, string>> = {
  address: `${MARK}a`,
  address6: `${MARK}6`,
  number: `${MARK}n`,
  list: `${MARK}l`,
  quoted: `${MARK}q`,
  name: `${MARK}c`,
  target: `${MARK}t`,
};

/** A word that is longer stays in the shape: iptables has a limit for words, which the plain way knows. */
const LENGTH_LIMIT = 300;

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

/** The last line scanned; used again for the next one, so that a scan makes nothing but the key. */
export class LineScan {
  /** The line with the words left out. */
  key = '';
  count = 0;
  readonly classes: WordClass[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Of an address: its number, and the length of its prefix. */
  readonly values: number[] = [];
  readonly prefixes: number[] = [];
  private readonly family: Family;
  private line = '';
  private literal = 0;
  private value = 0;
  private prefix = 0;

  constructor(family: Family) {
    this.family = family;
  }

  /** Scans from an offset on. */
  scan(line: string, from: number): void {
    this.line = line;
    this.count = 0;
    this.key = '';
    this.literal = from;
    const { length } = line;
    let i = from;
    // What the next word is, by the word in front of it.
    let expects: 'any' | 'name' | 'target' = 'any';
    while (i < length) {
      const c = line.charCodeAt(i);
      if (c === BLANK || c === TAB) {
        i++;
        continue;
      }
      const end = c === QUOTE ? this.endOfQuoted(i) : this.endOfWord(i);
      if (c === QUOTE) {
        if (end > 0 && end - i <= LENGTH_LIMIT) this.take('quoted', i, end);
        i = end > 0 ? end : length;
        expects = 'any';
        continue;
      }
      if (expects !== 'any') {
        this.takeName(expects, i, end);
        expects = 'any';
      } else if (c === DASH && end === i + 2) {
        const letter = line[i + 1];
        if (letter === 'A') expects = 'name';
        else if (letter === 'j' || letter === 'g') expects = 'target';
      } else if (c >= ZERO && c < COLON && this.isDotted(i, end)) {
        this.take(this.prefix < 0 ? 'number' : 'address', i, end);
      } else if (c >= ZERO && c < COLON && this.isList(i, end)) {
        this.take('list', i, end);
      } else if (this.family === 'ipv6' && this.isAddress6(i, end)) {
        this.take('address6', i, end);
      }
      i = end;
    }
    this.key += line.slice(this.literal);
  }

  text(word: number): string {
    return this.line.slice(this.starts[word], this.ends[word]);
  }

  private take(kind: WordClass, start: number, end: number): void {
    const n = this.count++;
    this.classes[n] = kind;
    this.starts[n] = start;
    this.ends[n] = end;
    this.values[n] = this.value;
    this.prefixes[n] = this.prefix;
    this.key += this.line.slice(this.literal, start) + CLASS_MARK[kind];
    this.literal = end;
  }

  private takeName(kind: 'name' | 'target', start: number, end: number): void {
    const name = this.line.slice(start, end);
    const isFixed = kind === 'name' ? BUILTIN.has(name) : findTarget(name, this.family) !== undefined;
    if (!isFixed && !name.includes('"')) this.take(kind, start, end);
  }

  private endOfWord(start: number): number {
    const { line } = this;
    let i = start;
    for (; i < line.length; i++) {
      const c = line.charCodeAt(i);
      if (c === BLANK || c === TAB) break;
    }
    return i;
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
