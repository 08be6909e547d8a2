// The texts of rulesets, each whole or as what differs from another's.
//
// A process that stays and changes a rule of many writes a generation with each change. It knows the lines of the one that
// it wrote before, so only those between the first and the last that differ are written, with how many of the other's lines
// stand in front of them and behind. Such a text is read by way of its base, and that one's, up to one that is whole; so a base
// stays for as long as a text is made of it, and every so often one is whole.

import type Database from 'better-sqlite3';
import { commonEnds } from '../base/common-ends.ts';
import { encodeSlots } from './blobs.ts';

export type Prepare = <P extends unknown[], R = unknown>(text: string) => Database.Statement<P, R>;

/** Of a row of `ruleset`. */
interface TextRow {
  readonly base: number | null;
  /** Lines of the base's in front of these, and behind. */
  readonly front: number | null;
  readonly back: number | null;
  readonly text: string;
}

/** A text that this process has written. */
interface Written {
  readonly generation: number;
  readonly lines: readonly string[];
  /** How many others it is made of. */
  readonly steps: number;
}

/** Texts at most that another is made of. */
const MOST_STEPS = 15;

export class RulesetTexts {
  private readonly prepare: Prepare;
  private last: Written | undefined;

  constructor(prepare: Prepare) {
    this.prepare = prepare;
  }

  /** Writes a ruleset's row; `lines` have no ends, and must not change any more. Only in a transaction. */
  insert(generation: number, slots: Int32Array, lines: readonly string[]): void {
    const base = this.baseFor(lines);
    const own = base === undefined ? lines : lines.slice(base.front, lines.length - base.back);
    this.prepare<unknown[]>(
      'INSERT INTO ruleset (generation, base, front, back, slots, text) VALUES (?, ?, ?, ?, ?, ?)',
    ).run(
      generation,
      base?.generation ?? null,
      base?.front ?? null,
      base?.back ?? null,
      encodeSlots(slots),
      own.length === 0 ? '' : `${own.join('\n')}\n`,
    );
    this.last = { generation, lines, steps: base === undefined ? 0 : base.steps + 1 };
  }

  /** The text of which these lines are mostly made, unless it would be of too many others, or is not there any more. */
  private baseFor(lines: readonly string[]): (Omit<Written, 'lines'> & { front: number; back: number }) | undefined {
    const { last } = this;
    if (last === undefined || last.steps === MOST_STEPS) return undefined;
    const { front, back } = commonEnds(last.lines, lines);
    if (2 * (front + back) < lines.length) return undefined;
    const { generation, steps } = last;
    const isThere = this.prepare<[number]>('SELECT 1 FROM ruleset WHERE generation = ?').get(generation) !== undefined;
    return isThere ? { generation, steps, front, back } : undefined;
  }

  /** Nothing that was written last is known to be there: a transaction was taken back, and its numbers are free again. */
  forget(): void {
    this.last = undefined;
  }

  /** The text of a generation's ruleset. */
  read(generation: number): string | undefined {
    const select = this.prepare<[number], TextRow>('SELECT base, front, back, text FROM ruleset WHERE generation = ?');
    let row = select.get(generation);
    if (row === undefined) return undefined;
    const made: TextRow[] = [];
    while (row.base !== null) {
      made.push(row);
      const base: TextRow | undefined = select.get(row.base);
      if (base === undefined) throw new Error(`the store has no text of ${row.base}, of which another is made`);
      row = base;
    }
    if (made.length === 0) return row.text;
    const lines = made.reduceRight(
      (all, { front, back, text }) => [...all.slice(0, front!), ...linesOf(text), ...all.slice(all.length - back!)],
      linesOf(row.text),
    );
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }

  /** Removes the texts of generations that are there no more, but for those that others are made of. */
  prune(): void {
    const remove = this.prepare<[]>(
      `DELETE FROM ruleset
         WHERE generation NOT IN (SELECT id FROM generation UNION SELECT base FROM ruleset WHERE base IS NOT NULL)`,
    );
    // What was made of another may have been the last that was.
    while (remove.run().changes > 0);
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}
