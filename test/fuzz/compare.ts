// What is held against what: exit code, the first line of the error, and for what both accept the tables as saved.

import type { FuzzCase } from './case.ts';
import { classOf } from './classes.ts';
import type { Answer } from './oracle.ts';

export interface Difference {
  readonly kind: 'crash' | 'accepted by us alone' | 'refused by us alone' | 'exit code' | 'message' | 'print';
  readonly case: FuzzCase;
  /** What iptables and we said: a line, or the tables as saved. */
  readonly theirs: string;
  readonly ours: string;
  /** All that iptables said on the standard error, its warnings included. */
  readonly message: string;
}

/** An answer that stands for a stack trace. */
export const CRASH = 70;

/** `undefined` where there is nothing to tell. */
export function compare(given: FuzzCase, theirs: Answer, ours: Answer): Difference | undefined {
  const said = { case: given, theirs: describe(theirs), ours: describe(ours), message: theirs.message };
  if (ours.exitCode === CRASH) return { ...said, kind: 'crash' };
  if (theirs.exitCode === 0 && ours.exitCode === 0) {
    const [one, other] = [byTable(theirs.saved), byTable(ours.saved)];
    return one === other ? undefined : { ...said, kind: 'print', theirs: unlike(one, other), ours: unlike(other, one) };
  }
  if (theirs.exitCode === 0) return { ...said, kind: 'refused by us alone' };
  if (ours.exitCode === 0) return { ...said, kind: 'accepted by us alone' };
  if (theirs.exitCode !== ours.exitCode) return { ...said, kind: 'exit code' };
  return errorLine(theirs.message) === errorLine(ours.message) ? undefined : { ...said, kind: 'message' };
}

/** The name of the class that permits a difference. */
export function permitted(difference: Difference): string | undefined {
  return classOf(difference)?.name;
}

/**
 * The first line of an error, whichever variant said it. Warnings in front of it are left out: they tell nothing about
 * what is refused.
 */
export function errorLine(message: string): string {
  const lines = message.split('\n').filter((line) => !/^warn|^ *$|^xt_|deprecated/i.test(line));
  return (lines[0] ?? '').replace(/ \((legacy|bpf)\)/, '');
}

function describe({ exitCode, message, saved }: Answer): string {
  if (exitCode === CRASH) return message;
  return exitCode === 0 ? `0 ${saved.split('\n').filter(isRule).join(' / ')}` : `${exitCode} ${errorLine(message)}`;
}

const isRule = (line: string) => /-A /.test(line);

/** Tables in one order, each with a line that says where it begins; those without anything in them are left out. */
function byTable(saved: string): string {
  const tables = saved.split(/^(?=\*)/m).map((table) => table.trimEnd());
  const isTouched = (table: string) =>
    table.split('\n').some((line) => !/^(\*\w+|:\S+ ACCEPT \[0:0\]|COMMIT)$/.test(line));
  return tables.filter(isTouched).sort().join('\n');
}

/** The lines of `one` that the other has not at their place. */
function unlike(one: string, other: string): string {
  const others = other.split('\n');
  const lines = one.split('\n');
  const first = lines.findIndex((line, i) => line !== others[i]);
  return lines.slice(Math.max(0, first), first + 2).join('\n');
}
