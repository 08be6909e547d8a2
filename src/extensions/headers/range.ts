// Ranges of numbers as most matches on header fields have them: `--option low[:high]`.

import type { OptionUse } from '../extension.ts';
import { endsOf, type Integers } from '../values/integer.ts';

/** Both ends belong to it; the first may be the larger one, then nothing lies in it. */
export interface RangeCondition {
  readonly low: number;
  readonly high: number;
  readonly negated: boolean;
}

const UINT32_MOST = 0xffff_ffff;

/** What an option of `integers` asks for; undefined where it is not there. */
export function rangeOf(use: OptionUse | undefined): RangeCondition | undefined {
  return use && { ...endsOf(use.values[0] as Integers), negated: use.negated };
}

/** The same, where all numbers of 32 bits are no condition unless negated: then no packet matches. */
export function range32Of(use: OptionUse | undefined): RangeCondition | undefined {
  const range = rangeOf(use);
  return range === undefined || (range.low === 0 && range.high === UINT32_MOST && !range.negated) ? undefined : range;
}

/** `5` or `5:9` */
export function rangeText({ low, high }: RangeCondition): string {
  return low === high ? `${low}` : `${low}:${high}`;
}

/** `spi:5`, `spis:!5:9`, as -L shows it. */
export function labelledRange(label: string, range: RangeCondition): string {
  return `${label}${range.low === range.high ? '' : 's'}:${range.negated ? '!' : ''}${rangeText(range)}`;
}
