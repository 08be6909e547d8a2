// Tells the words of a rule apart as getopt_long does for iptables: options, their values, `!`.
//
// A word's part depends on what came before it: `-m tcp` brings the options of tcp, an option takes the next words
// whatever they look like. So this lexer sits between moo, which splits the words, and the grammar's `rule`, and asks a
// scope which options exist now. It tells the scope of each option as soon as its values are complete.
// Where the line cannot be read on, the tokens end and `failure` says why.

import type { LexerState } from 'moo';
import { lexer as moo } from './lexer.ts';

/** What iptables-restore 1.8.9 takes at most: words in a rule, bytes in a word. */
const WORD_COUNT_LIMIT = 251;
const WORD_LENGTH_LIMIT = 1023;

/** A word of the line without its quotes. */
export interface Word {
  readonly text: string;
  /** Where it begins in the line, counted from 0, and how much of the line it takes, quotes included. */
  readonly offset: number;
  readonly length: number;
}

/** What the grammar needs to know of an option; scopes add what they need. */
export interface OptionForm {
  /** Long name with its dashes. */
  readonly name: string;
  /** One entry for each word it takes. */
  readonly values: readonly string[];
}

export interface Failure {
  readonly code: 'syntax' | 'unknown-option' | 'missing-value' | 'bad-negation' | 'bad-counters';
  readonly message: string;
  readonly word: Word;
}

/** The options that exist at this point of the line. */
export interface OptionScope {
  /** The option of a letter, without the dash. */
  short(letter: string): OptionForm | undefined;
  /** The option of a long name or of an unambiguous beginning of one, with the dashes. */
  long(name: string): OptionForm | undefined;
  /** Told of each option once its values are known. `false` ends the reading: the scope has noted why. */
  seen(form: OptionForm, values: readonly Word[], option: Word): boolean;
}

/** One option of a rule with its values. */
export interface Setting {
  readonly form: OptionForm;
  readonly word: Word;
  readonly values: readonly Word[];
  /** The `!` in front of it. */
  readonly negation?: Word;
}

export type SettingToken =
  | { readonly type: 'counters' | 'negation' | 'value'; readonly word: Word }
  | { readonly type: 'option'; readonly word: Word; readonly form: OptionForm };

export class RuleLexer {
  failure: Failure | undefined;
  private readonly scope: OptionScope;
  private tokens: SettingToken[] = [];
  private words: Word[] = [];
  private nextWord = 0;

  constructor(scope: OptionScope) {
    this.scope = scope;
  }

  // ----- what nearley asks of a lexer -----

  reset(line: string): void {
    const counters = line.startsWith('[') ? line.indexOf(']') + 1 || line.length : 0;
    if (counters > 0) {
      this.tokens.push({ type: 'counters', word: { text: line.slice(0, counters), offset: 0, length: counters } });
    }
    this.words = splitWords(line, counters);
    const extra = this.words[WORD_COUNT_LIMIT];
    const long = this.words.find((word) => Buffer.byteLength(word.text) > WORD_LENGTH_LIMIT);
    if (extra) this.fail('syntax', `a rule has at most ${WORD_COUNT_LIMIT} words`, extra);
    else if (long) this.fail('syntax', `Parameter too long (${WORD_LENGTH_LIMIT} bytes max)`, long);
  }

  next(): SettingToken | undefined {
    if (this.tokens.length === 0) this.read();
    return this.tokens.shift();
  }

  save(): LexerState {
    return { line: 1, col: 1, state: 'rule' };
  }

  formatError(): string {
    return 'unexpected word';
  }

  has(): boolean {
    return true;
  }

  // ----- reading -----

  /** Reads `!`, or one word of options with the values that belong to them. */
  private read(): void {
    const word = this.words[this.nextWord];
    if (word === undefined || this.failure !== undefined) return;
    this.nextWord++;
    const { text } = word;
    if (text === '!') this.readNegation(word);
    else if (text === '--') this.readEnd();
    else if (text.startsWith('--')) this.readLong(word);
    else if (text.startsWith('-') && text.length > 1) this.readShort(word);
    else this.fail('syntax', `Bad argument \`${text}'`, word);
  }

  private readNegation(word: Word): void {
    const following = this.words[this.nextWord];
    if (following === undefined || following.text === '--')
      this.fail('bad-negation', 'nothing appropriate following !', word);
    else if (following.text === '!') this.fail('bad-negation', 'multiple consecutive ! not allowed', following);
    else this.tokens.push({ type: 'negation', word });
  }

  /** `--` ends the options; nothing may follow it. */
  private readEnd(): void {
    const following = this.words[this.nextWord];
    if (following !== undefined) this.fail('syntax', 'unknown arguments after `--`', following);
  }

  private readLong(word: Word): void {
    const equals = word.text.indexOf('=');
    const name = equals < 0 ? word.text : word.text.slice(0, equals);
    const form = this.scope.long(name);
    if (form === undefined) this.fail('unknown-option', `unknown option "${name}"`, word);
    else if (equals < 0) this.readValues(form, word, []);
    else if (form.values.length === 0) this.fail('syntax', `option "${name}" takes no value`, word);
    else this.readValues(form, word, [part(word, equals + 1)]);
  }

  /** One or more letters: flags, and at the end perhaps an option with its value attached or following. */
  private readShort(word: Word): void {
    for (let i = 1; i < word.text.length; i++) {
      const letter = word.text[i]!;
      const form = this.scope.short(letter);
      if (form === undefined) {
        this.fail('unknown-option', `unknown option "-${letter}"`, word);
        return;
      }
      if (form.values.length > 0) {
        this.readValues(form, word, i + 1 < word.text.length ? [part(word, i + 1)] : []);
        return;
      }
      this.readValues(form, word, []);
      if (this.failure !== undefined) return;
    }
  }

  private readValues(form: OptionForm, option: Word, values: Word[]): void {
    while (values.length < form.values.length) {
      const word = this.words[this.nextWord];
      const isLater = values.length > 0;
      if (word === undefined || (isLater && /^[-!]/.test(word.text))) {
        const wanted = form.values.length === 1 ? 'an argument' : `${form.values.length} arguments`;
        this.fail('missing-value', `option "${option.text}" requires ${wanted}`, option);
        return;
      }
      this.nextWord++;
      values.push(word);
    }
    this.tokens.push({ type: 'option', word: option, form });
    for (const word of values) this.tokens.push({ type: 'value', word });
    if (!this.scope.seen(form, values, option)) this.nextWord = this.words.length;
  }

  private fail(code: Failure['code'], message: string, word: Word): void {
    this.failure = { code, message, word };
  }
}

function splitWords(line: string, start: number): Word[] {
  const words: Word[] = [];
  moo.reset(line.slice(start), { line: 1, col: 1, state: 'rule' });
  for (const token of moo) {
    if (token.type === 'blank') continue;
    words.push({ text: unquote(token.text), offset: start + token.offset, length: token.text.length });
  }
  return words;
}

function unquote(raw: string): string {
  const quote = raw.indexOf('"');
  if (quote < 0) return raw;
  const end = raw.length > quote + 1 && isClosed(raw, quote) ? raw.length - 1 : raw.length;
  return raw.slice(0, quote) + raw.slice(quote + 1, end).replace(/\\([\s\S]?)/g, '$1');
}

/** Whether the quoted part that begins at `quote` ends in a quote that is not escaped. */
function isClosed(raw: string, quote: number): boolean {
  let i = quote + 1;
  while (i < raw.length && raw[i] !== '"') i += raw[i] === '\\' ? 2 : 1;
  return i === raw.length - 1;
}

function part(word: Word, from: number): Word {
  return { text: word.text.slice(from), offset: word.offset, length: word.length };
}
