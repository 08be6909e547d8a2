// The tests of u32: `0>>22&0x3C@8>>16=1:5,7&&6&0xFF=17`.
//
// Read by hand, not by the grammar: iptables names the byte at which it stumbles, which is sometimes the one behind.

import type { Interval } from '../../base/intervals.ts';
import { ValueError } from '../extension.ts';
import { scanNumber } from '../values/scan.ts';

export type U32Operator = '&' | '<<' | '>>' | '@';

/** One step to the word: the first has no operator. */
export interface U32Step {
  readonly operator: U32Operator | '';
  readonly number: number;
}

export interface U32Test {
  readonly location: readonly U32Step[];
  /** Ends as written: nothing matches where the first is the larger one. */
  readonly values: readonly Interval[];
}

/** Steps, values and tests at most (XT_U32_MAXSIZE). */
const MOST = 10;
const UINT32 = 0xffffffffn;

/** The tests of a text; throws `ValueError`. */
export function readTests(text: string): readonly U32Test[] {
  return new TestReader(text).read();
}

class TestReader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  read(): readonly U32Test[] {
    const tests: U32Test[] = [];
    do {
      // Room for one test more is there, and one is found to be too much only when it has been read.
      if (tests.length > MOST) this.fail('too many "&&"s');
      if (tests.length > 0) this.at++;
      tests.push({ location: this.location(), values: this.values() });
    } while (!this.isEnd());
    if (tests.length > MOST) this.fail('too many "&&"s');
    return tests;
  }

  /** Steps up to and with the `=`. */
  private location(): readonly U32Step[] {
    const steps: U32Step[] = [];
    for (;;) {
      this.skipBlanks();
      if (this.isEnd()) throw new ValueError('u32: abrupt end of input after location specifier');
      if (this.here === '=') {
        if (steps.length === 0) this.fail('location spec missing');
        this.at++;
        return steps;
      }
      const operator = steps.length === 0 ? '' : this.operator();
      steps.push({ operator, number: this.number() });
      if (steps.length > MOST) this.fail('too many operators');
    }
  }

  private operator(): U32Operator {
    const sign = this.here;
    if (sign === '&' || sign === '@') {
      this.at++;
      return sign;
    }
    if (sign !== '<' && sign !== '>') return this.fail('operator expected');
    this.at++;
    if (this.here !== sign) this.fail(`a second '${sign}' was expected`);
    this.at++;
    return `${sign}${sign}` as U32Operator;
  }

  /** Values up to the end, or to the second `&` of `&&`, where the place is left. */
  private values(): readonly Interval[] {
    const values: Interval[] = [];
    for (;;) {
      this.skipBlanks();
      if (this.isEnd()) {
        if (values.length === 0) throw new ValueError('u32: test ended with no value specified');
        return values;
      }
      if (this.here === '&') {
        this.at++;
        if (this.here !== '&') this.fail("a second '&' was expected");
        if (values.length === 0) this.fail('value spec missing');
        return values;
      }
      if (values.length > 0) {
        if (this.here !== ',') this.fail('expected "," or "&&"');
        this.at++;
      }
      values.push(this.value());
      if (values.length > MOST) this.fail('too many ","s');
    }
  }

  private value(): Interval {
    const low = this.number();
    this.skipBlanks();
    if (this.here !== ':') return { low, high: low };
    this.at++;
    return { low, high: this.number() };
  }

  private number(): number {
    const scanned = scanNumber(this.text.slice(this.at), 0n, UINT32);
    if (scanned === undefined) return this.fail('not a number or out of range');
    this.at = this.text.length - scanned.rest.length;
    return Number(scanned.value);
  }

  private get here(): string | undefined {
    return this.text[this.at];
  }

  private isEnd(): boolean {
    return this.at === this.text.length;
  }

  private skipBlanks(): void {
    while (/[ \t\n\v\f\r]/.test(this.here ?? '')) this.at++;
  }

  private fail(complaint: string): never {
    throw new ValueError(`u32: at char ${Buffer.byteLength(this.text.slice(0, this.at))}: ${complaint}`);
  }
}
