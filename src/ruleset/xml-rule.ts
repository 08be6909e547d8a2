// The words of a rule as XML elements, the way iptables-xml makes them. It knows no options: a word in front tells a
// match, a target, an option or a `!`, and all else is a value, whatever it means to iptables.
//
// The forms were read off iptables-xml 1.8.9. Names become names of elements as they are, even those that XML forbids.

import type { Word } from '../../grammar/getopt.ts';

/** A word of a rule; what stands in quotes is a value wherever it stands, but for a few places. */
export interface XmlWord {
  readonly text: string;
  readonly quoted: boolean;
}

/**
 * A word of a line. One whose quotes do not close takes the line end too and counts as plain; where nothing is in it
 * and there is no line end, it is none.
 */
export function xmlWord({ text, offset, length }: Word, line: string, hasEnd: boolean): XmlWord[] {
  const raw = line.slice(offset, offset + length);
  if (!raw.includes('"')) return [{ text, quoted: false }];
  if (/^[^"]*"(?:[^"\\]|\\.)*"$/.test(raw)) return [{ text, quoted: true }];
  return text === '' && !hasEnd ? [] : [{ text: hasEnd ? `${text}\n` : text, quoted: false }];
}

/** The words in front of the conditions: `-A CHAIN`, which nobody checks. */
const HEAD = 2;

const TARGET_OPTIONS: ReadonlySet<string> = new Set(['-j', '--jump', '-g', '--goto']);

/** Targets behind which no packet comes to the next rule. */
const FINAL_TARGETS: ReadonlySet<string> = new Set(['ACCEPT', 'DROP', 'QUEUE', 'RETURN']);

/** The chain that a rule belongs to. */
export function chainOf(words: readonly XmlWord[]): string | undefined {
  const at = words.findIndex(({ text }) => text === '-A');
  return at < 0 ? undefined : words[at + 1]?.text;
}

/** Whether a rule asks the same as the one in front of it, and packets come from there to here. */
export function continues(words: readonly XmlWord[], before: readonly XmlWord[]): boolean {
  const at = endOfConditions(words);
  if (at === HEAD || at === words.length || at !== endOfConditions(before)) return false;
  const option = before[at]?.text;
  const isFinal = option === '-g' || option === '--goto' || FINAL_TARGETS.has(before[at + 1]?.text ?? '');
  return option !== undefined && !isFinal && words.every(({ text }, i) => i >= at || text === before[i]!.text);
}

/** Quotes do not count here. */
function endOfConditions(words: readonly XmlWord[]): number {
  const at = words.findIndex(({ text }, i) => i >= HEAD && TARGET_OPTIONS.has(text));
  return at < 0 ? words.length : at;
}

/** What a rule asks; nothing if it asks nothing. */
export function conditionsXml(words: readonly XmlWord[]): string {
  const first = words[HEAD];
  if (first === undefined || TARGET_OPTIONS.has(first.text)) return '';
  const writer = new RuleWriter(words, () => false);
  return `       <conditions>\n${writer.conditions()}       </conditions>\n`;
}

/** What a rule does, the elements in `<actions>`. */
export function actionsXml(words: readonly XmlWord[], isChain: (name: string) => boolean): string {
  return new RuleWriter(words, isChain).actions();
}

class RuleWriter {
  private readonly words: readonly XmlWord[];
  private readonly isChain: (name: string) => boolean;
  private xml = '';
  private at = HEAD;
  /** Name of the open element of a match or target, and of the option in it. */
  private group: string | undefined;
  private option: string | undefined;
  /** What parts a value from the one in front of it. */
  private gap = '';
  private negated = false;

  constructor(words: readonly XmlWord[], isChain: (name: string) => boolean) {
    this.words = words;
    this.isChain = isChain;
  }

  conditions(): string {
    if (this.beginsWithOption()) this.openGroup('match', true);
    while (this.at < this.words.length && !this.isTargetOption(this.at)) this.word();
    this.closeGroup();
    return this.xml;
  }

  actions(): string {
    while (this.at < this.words.length && !this.isTargetOption(this.at)) this.at++;
    while (this.at < this.words.length) this.word();
    this.closeGroup();
    return this.xml;
  }

  /** Whether options stand in front of the first match. */
  private beginsWithOption(): boolean {
    const first = this.words[HEAD]!.text;
    const text = first === '!' ? (this.words[HEAD + 1]?.text ?? '') : first;
    return text.startsWith('-') && text !== '-m' && !TARGET_OPTIONS.has(text);
  }

  private isTargetOption(at: number): boolean {
    const word = this.words[at];
    return word !== undefined && !word.quoted && TARGET_OPTIONS.has(word.text);
  }

  /** Whether a match or target has nothing of its own behind its name. */
  private endsGroup(at: number): boolean {
    const word = this.words[at];
    return word === undefined || (!word.quoted && word.text === '-m') || this.isTargetOption(at);
  }

  private word(): void {
    const { text, quoted } = this.words[this.at++]!;
    const next = this.words[this.at]?.text;
    if (quoted) this.value(text, true);
    else if (text === '!' && next?.startsWith('-')) this.negate();
    else if (text === '-m') this.match(next);
    else if (TARGET_OPTIONS.has(text)) this.target(text, next);
    else if (text.startsWith('-')) this.openOption(text.replace(/^-+/, ''), next);
    else this.value(text, text.includes(' '));
  }

  private negate(): void {
    this.negated = true;
    this.gap = ' ';
  }

  private match(name: string | undefined): void {
    if (name === undefined) return;
    this.at++;
    this.openGroup(name, !this.endsGroup(this.at));
    this.negated = false;
  }

  private target(option: string, name: string | undefined): void {
    if (name === undefined) return;
    this.at++;
    if (this.isChain(name)) {
      this.openGroup(option.startsWith('-g') || option === '--goto' ? 'goto' : 'call', true);
      this.xml += `          <${name} />\n`;
    } else {
      this.openGroup(name, !this.endsGroup(this.at));
    }
    this.negated = false;
  }

  private value(text: string, inQuotes: boolean): void {
    const quote = inQuotes ? '&quot;' : '';
    this.xml += `${this.gap}${quote}${escapeXml(text)}${quote}`;
    this.gap = ' ';
  }

  private openGroup(name: string, hasContent: boolean): void {
    this.closeGroup();
    this.xml += hasContent ? `        <${name} >\n` : `        <${name}  />\n`;
    if (hasContent) this.group = name;
    this.gap = '';
  }

  private closeGroup(): void {
    this.closeOption();
    if (this.group !== undefined) this.xml += `        </${this.group}>\n`;
    this.group = undefined;
  }

  private openOption(name: string, next: string | undefined): void {
    this.closeOption();
    const hasValue = next !== undefined && !next.startsWith('-');
    this.xml += `          <${name} ${this.negated ? ' invert="1"' : ''}${hasValue ? '>' : ' />\n'}`;
    if (hasValue) this.option = name;
    this.negated = false;
    this.gap = '';
  }

  private closeOption(): void {
    if (this.option !== undefined) this.xml += `</${this.option}>\n`;
    this.option = undefined;
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text of an element or attribute; each character is a byte, and those behind `~` are written as numbers. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]|[^\0-~]/g, (char) => ENTITIES[char] ?? `&#${char.charCodeAt(0)};`);
}
