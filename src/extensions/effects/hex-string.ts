// `--hex-string`: a text with bytes in hexadecimal between bars, `GET |0d 0a|`; a backslash takes the next byte as it is.

import { ValueError, type ValueType } from '../extension.ts';

/** Bytes of a pattern at most (XT_STRING_MAX_PATTERN_SIZE). */
export const PATTERN_SIZE = 128;

const BAR = '|';
const isHex = (character: string) => /^[0-9a-fA-F]$/.test(character);

export const hexString: ValueType<readonly number[]> = {
  placeholder: 'text',
  parse(text) {
    if (text === '') throw new ValueError('STRING must contain at least one char');
    return new HexReader(text).read();
  },
};

/** Reads byte by byte: what stands directly behind a bar is taken for what it is, not for a bar or a backslash. */
class HexReader {
  /** A character for each byte. */
  private readonly bytes: string;
  private readonly text: string;
  private readonly pattern: number[] = [];
  private at = 0;
  private inHex = false;

  constructor(text: string) {
    this.text = text;
    this.bytes = Buffer.from(text).toString('latin1');
  }

  read(): readonly number[] {
    while (this.at < this.bytes.length) {
      if (this.pattern.length >= PATTERN_SIZE) throw new ValueError(`STRING too long "${this.text}"`);
      const character = this.bytes[this.at];
      if (character === '\\' && this.inHex) throw new ValueError('Cannot include literals in hex data');
      if (character === '\\') this.readEscaped();
      else if (character !== BAR || this.readBar()) this.readByte();
    }
    return this.pattern;
  }

  private readEscaped(): void {
    if (this.at + 1 >= this.bytes.length) throw new ValueError('Bad literal placement at end of string');
    this.pattern.push(this.bytes.charCodeAt(this.at + 1));
    this.at += 2;
  }

  /** False at the end of the text. */
  private readBar(): boolean {
    this.inHex = !this.inHex;
    this.at++;
    while (this.inHex && this.bytes[this.at] === ' ') this.at++;
    return this.at < this.bytes.length;
  }

  private readByte(): void {
    if (!this.inHex) {
      this.pattern.push(this.bytes.charCodeAt(this.at++));
      return;
    }
    const left = this.bytes.length - this.at;
    if (left < 2) throw new ValueError('Odd number of hex digits');
    if (left < 3) throw new ValueError('Invalid hex block');
    const digits = this.bytes.slice(this.at, this.at + 2);
    for (const digit of digits) if (!isHex(digit)) throw new ValueError(`Invalid hex char '${digit}'`);
    this.pattern.push(Number.parseInt(digits, 16));
    this.at += 2;
    if (this.bytes[this.at] === ' ') this.at++;
  }
}
