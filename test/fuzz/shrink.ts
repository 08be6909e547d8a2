// Makes a case smaller for as long as it shows the same kind of difference.

import { caseOf, type FuzzCase } from './case.ts';
import type { Difference } from './compare.ts';

const ROUNDS = 12;
const CANDIDATES = 40;

/** `ask` tells the difference, if any, that each of many cases shows. */
export async function shrink(
  difference: Difference,
  ask: (cases: readonly FuzzCase[]) => Promise<readonly (Difference | undefined)[]>,
): Promise<Difference> {
  let smallest = difference;
  for (let round = 0; round < ROUNDS; round++) {
    const candidates = smaller(smallest.case);
    let better: Difference | undefined;
    for (let i = 0; i < candidates.length && better === undefined; i += CANDIDATES) {
      const answers = await ask(candidates.slice(i, i + CANDIDATES));
      better = answers.find((answer) => answer !== undefined && groupOf(answer) === groupOf(difference));
    }
    if (better === undefined) return smallest;
    smallest = better;
  }
  return smallest;
}

/** What makes two differences the same for a reader: the kind, and the words without names and numbers. */
export function groupOf({ kind, theirs, ours }: Difference): string {
  if (kind === 'print') return `${kind} ${(theirs.match(/(-m|-j) \S+/g) ?? []).join(' ')}`;
  if (kind === 'accepted by us alone') return `${kind} ${plain(theirs)}`;
  if (kind === 'refused by us alone') return `${kind} ${plain(ours)}`;
  return `${kind} ${plain(theirs)} ${plain(ours)}`;
}

function plain(text: string): string {
  return text
    .split('\n')[0]!
    .replaceAll('ip6tables', 'iptables')
    .replace(/([`"']).*?["']/g, 'Q')
    .replace(/\d+/g, 'N');
}

/** Smaller cases, those that leave out most first. */
function smaller(from: FuzzCase): FuzzCase[] {
  const text = from.text.toString('latin1');
  const found = new Set<string>();
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) found.add(without(lines, i, 1).join('\n'));
  lines.forEach((line, i) => {
    for (const shorter of shorterLines(line)) found.add(lines.with(i, shorter).join('\n'));
  });
  found.delete(text);
  const cases = [...found].map((each) => caseOf(from.family, Buffer.from(each, 'latin1'), from.options));
  if (from.options.length > 0) cases.unshift(caseOf(from.family, from.text));
  return cases.sort((a, b) => a.text.length - b.text.length);
}

function* shorterLines(line: string): Generator<string> {
  const words: readonly string[] = line.match(/"(\\.|[^"])*"?|\S+/g) ?? [];
  for (const take of [6, 4, 3, 2, 1]) {
    for (let i = 0; i + take <= words.length; i++) yield without(words, i, take).join(' ');
  }
  if (words.join(' ') !== line) yield words.join(' ');
  for (const [i, word] of words.entries()) {
    if (word.length < 3 || /^-|^\*|^(INPUT|COMMIT)$/.test(word)) continue;
    const list = word.split(',');
    for (let j = 0; j < list.length && list.length > 1; j++)
      yield words.with(i, without(list, j, 1).join(',')).join(' ');
    yield words.with(i, word.slice(0, word.length / 2)).join(' ');
    yield words.with(i, word.slice(word.length / 2)).join(' ');
    yield words.with(i, word.slice(0, -1)).join(' ');
    yield words.with(i, word.slice(1)).join(' ');
  }
}

function without<T>(list: readonly T[], at: number, count: number): T[] {
  return [...list.slice(0, at), ...list.slice(at + count)];
}
