// iptables-save text as XML, the way iptables-xml writes it: line by line, and no line is understood. Names of tables,
// chains, matches and options may be any. What is written so far stays written where a line cannot be read.
//
// Lines, limits and forms were read off iptables-xml 1.8.9. In one point this is better defined: a chain that is declared
// without counters has 0 and 0, where iptables-xml prints what its memory held.

import { splitLine } from '../../grammar/getopt.ts';
import { parseLine } from '../../grammar/parse.ts';
import { actionsXml, chainOf, conditionsXml, continues, escapeXml, type XmlWord, xmlWord } from './xml-rule.ts';

export interface XmlOptions {
  /** Rules in a row that ask the same become one, with the actions of all. */
  readonly combine: boolean;
  /** Each line stands as a comment in front of what is made of it. */
  readonly verbose: boolean;
}

export interface XmlResult {
  readonly xml: string;
  readonly failure?: XmlFailure;
}

/** Why a line cannot be read; `misuse` if iptables takes it for a mistake in a parameter. */
export interface XmlFailure {
  readonly kind: 'failed' | 'misuse';
  readonly message: string;
  readonly line: number;
}

/** XML of a file. Each character of the text is a byte, and so it is in the result. */
export function rulesetXml(text: string, options: XmlOptions): XmlResult {
  const writer = new RulesetWriter(options);
  try {
    writer.write(text);
    return { xml: writer.xml };
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    return { xml: writer.xml, failure: error.failure };
  }
}

/** What iptables-xml takes at most: bytes of a line, the rest of which is the next; words of a rule; bytes of a word. */
const LINE_LENGTH = 10_239;
const WORD_COUNT = 254;
const WORD_LENGTH = 1023;
const CHAIN_COUNT = 10_240;
/** Bytes that are shown of the name of a table or chain. */
const NAME_LENGTH = 32;

class LineError extends Error {
  readonly failure: XmlFailure;

  constructor(failure: XmlFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

interface Chain {
  readonly name: string;
  readonly policy: string;
  /** Packets and bytes. */
  readonly counters: readonly [bigint, bigint];
  /** Whether it has rules, and so stands in the XML. */
  written: boolean;
}

class RulesetWriter {
  xml = '';
  private readonly options: XmlOptions;
  private line = 0;
  private inTable = false;
  private chains: Chain[] = [];
  /** The chain whose element is open, as it is shown. */
  private chain: string | undefined;
  private ruleIsOpen = false;
  private actionsAreOpen = false;
  /** The last rule, of which table ever. */
  private before: readonly XmlWord[] = [];

  constructor(options: XmlOptions) {
    this.options = options;
  }

  write(text: string): void {
    this.xml += '<iptables-rules version="1.0">\n';
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf('\n', start);
      const end = Math.min(newline < 0 ? text.length : newline + 1, start + LINE_LENGTH);
      this.line++;
      this.readLine(withoutZero(text.slice(start, end)));
      start = end;
    }
    if (this.inTable) {
      this.line++;
      this.fail('failed', `COMMIT expected at line ${this.line}`);
    }
    this.xml += '</iptables-rules>\n';
  }

  private fail(kind: XmlFailure['kind'], message: string): never {
    throw new LineError({ kind, message, line: this.line });
  }

  /** The line with its end, by which iptables tells some. */
  private readLine(line: string): void {
    if (line === '\n') return;
    if (line.startsWith('#')) {
      this.comment(line);
      return;
    }
    if (this.options.verbose) this.comment(`line ${this.line} ${line}`);
    if (line === 'COMMIT\n' && this.inTable) {
      this.closeTable();
    } else if (line.startsWith('*')) {
      this.readTable(line);
    } else if (line.startsWith(':') && this.inTable) {
      this.readChain(line);
    } else if (this.inTable) {
      this.readRule(line);
    } else {
      this.fail('failed', `line ${this.line} failed`);
    }
  }

  /** No two dashes may follow each other in a comment. */
  private comment(line: string): void {
    let dashes = 0;
    const text = line.replace(/\n$/, '').replace(/-/g, () => (dashes++ % 2 === 0 ? '*-' : ' *-'));
    this.xml += `<!-- ${text} -->\n`;
  }

  // ----- tables and chains -----

  private readTable(line: string): void {
    const [name] = parseLine('table', withoutEnd(line));
    if (name === undefined) this.fail('misuse', `iptables-xml: line ${this.line} table name invalid`);
    if (this.inTable) this.closeTable();
    this.xml += `  <table name="${escapeXml(name.text.slice(0, NAME_LENGTH))}" >\n`;
    this.inTable = true;
  }

  private closeTable(): void {
    this.closeChain();
    for (const chain of this.chains) if (!chain.written) this.xml += `    <chain ${attributes(chain)} />\n`;
    this.chains = [];
    this.xml += '  </table>\n';
    this.inTable = false;
  }

  private readChain(line: string): void {
    const [name, policy, counters] = parseLine('chain', withoutEnd(line));
    if (name === undefined || this.chains.length === CHAIN_COUNT) {
      this.fail('misuse', `iptables-xml: line ${this.line} chain name invalid`);
    }
    if (policy === undefined) this.fail('misuse', `iptables-xml: line ${this.line} policy invalid`);
    this.chains.push({
      name: name.text,
      policy: policy.text === '-' ? '' : policy.text,
      counters: readCounters(counters?.text ?? ''),
      written: false,
    });
  }

  /** Rules of a chain that is not declared stand in the chain before. One that is declared twice is written twice. */
  private openChain(name: string): void {
    if (name === this.chain) return;
    for (const chain of this.chains.filter((each) => each.name === name)) {
      this.closeChain();
      this.xml += `    <chain ${attributes(chain)} >\n`;
      this.chain = chain.name.slice(0, NAME_LENGTH);
      chain.written = true;
    }
  }

  private closeChain(): void {
    if (this.chain === undefined) return;
    this.closeRule();
    this.xml += '    </chain>\n';
    this.chain = undefined;
  }

  // ----- rules -----

  private readRule(line: string): void {
    const { rest, counters } = this.takeCounters(line);
    const words = this.words(rest);
    const name = chainOf(words);
    if (name === undefined) this.fail('failed', `line ${this.line} failed - no chain found`);
    this.openChain(name);
    if (this.options.combine && continues(words, this.before)) {
      this.xml += '<!-- Combine action from next rule -->\n';
    } else {
      this.closeRule();
      this.xml += `      <rule ${counters}>\n${conditionsXml(words)}`;
      this.ruleIsOpen = true;
    }
    if (!this.actionsAreOpen) this.xml += '       <actions>\n';
    this.actionsAreOpen = true;
    this.xml += actionsXml(words, (target) => target === this.chain || this.chains.some(({ name }) => name === target));
    this.before = words;
  }

  private closeRule(): void {
    if (this.actionsAreOpen) this.xml += '       </actions>\n\n';
    if (this.ruleIsOpen) this.xml += '      </rule>\n\n';
    this.actionsAreOpen = false;
    this.ruleIsOpen = false;
  }

  /** `[packets:bytes]`, neither of which must be a number; cut out as strtok(3) does, which ends the text where it cuts. */
  private takeCounters(line: string): { rest: string; counters: string } {
    if (!line.startsWith('[')) return { rest: line, counters: '' };
    const start = line.indexOf(']') + 1;
    const [upToBytes = '', upToPackets = '', packets, bytes] = /^(\[:*([^:]+)):\]*([^\]]+)/.exec(line) ?? [];
    if (start === 0 || packets === undefined || bytes === undefined) {
      this.fail('misuse', `Bad line ${this.line}: need ]`);
    }
    const counters = `packet-count="${escapeXml(packets)}" byte-count="${escapeXml(bytes)}" `;
    const cut = [upToPackets, upToBytes].find(({ length }) => length >= start);
    return { rest: line.slice(start, cut?.length), counters };
  }

  private words(line: string): XmlWord[] {
    // With a blank in front, no word is taken for counters.
    const text = ` ${withoutEnd(line)}`;
    const { words } = splitLine(text);
    for (const [i, word] of words.entries()) {
      if (word.text.length > WORD_LENGTH) this.fail('misuse', 'Parameter too long!');
      if (i === WORD_COUNT) this.fail('misuse', 'Parser cannot handle more arguments');
    }
    return words.flatMap((word) => xmlWord(word, text, line.endsWith('\n')));
  }
}

function attributes({ name, policy, counters: [packets, bytes] }: Chain): string {
  const ofPolicy = policy === '' ? '' : ` policy="${escapeXml(policy)}"`;
  return `name="${escapeXml(name.slice(0, NAME_LENGTH))}"${ofPolicy} packet-count="${packets}" byte-count="${bytes}"`;
}

/** As sscanf(3) reads two `%llu` and printf(3) prints them as signed. */
function readCounters(text: string): [bigint, bigint] {
  const [, packets, bytes] = /^\[([+-]?\d+)(?::([+-]?\d+))?/.exec(text) ?? [];
  return [asSigned(packets ?? '0'), asSigned(bytes ?? '0')];
}

const LARGEST = 2n ** 64n - 1n;

function asSigned(digits: string): bigint {
  const size = BigInt(digits.replace(/^[+-]/, ''));
  if (size > LARGEST) return -1n;
  return BigInt.asIntN(64, digits.startsWith('-') ? -size : size);
}

function withoutEnd(line: string): string {
  return line.endsWith('\n') ? line.slice(0, -1) : line;
}

/** A zero byte ends what C takes of the line. */
function withoutZero(line: string): string {
  const zero = line.indexOf('\0');
  return zero < 0 ? line : line.slice(0, zero);
}
