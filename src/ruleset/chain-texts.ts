// The text of the rules of chains, kept from one table to the next: of an edited chain only the lines are put together
// that were not there before.

import { commonEnds } from '../base/common-ends.ts';
import type { RuleLines } from './print.ts';

interface Known {
  readonly lines: readonly string[];
  readonly text: string;
}

export class ChainTexts {
  private known: ReadonlyMap<string, Known> = new Map();

  /** The lines of each chain as one text, with an end behind each line. */
  of(chains: RuleLines): ReadonlyMap<string, string> {
    this.known = new Map(Array.from(chains, ([name, lines]) => [name, this.chain(name, lines)]));
    return new Map(Array.from(this.known, ([name, { text }]) => [name, text]));
  }

  private chain(name: string, lines: readonly string[]): Known {
    const before = this.known.get(name);
    if (before === undefined) return { lines, text: textOf(lines, 0, lines.length) };
    const { front, back } = commonEnds(before.lines, lines);
    const start = lengthOf(lines, 0, front);
    const end = before.text.length - lengthOf(lines, lines.length - back, lines.length);
    const between = textOf(lines, front, lines.length - back);
    return { lines, text: before.text.slice(0, start) + between + before.text.slice(end) };
  }
}

function textOf(lines: readonly string[], from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += `${lines[i]!}\n`;
  return text;
}

function lengthOf(lines: readonly string[], from: number, to: number): number {
  let length = 0;
  for (let i = from; i < to; i++) length += lines[i]!.length + 1;
  return length;
}
