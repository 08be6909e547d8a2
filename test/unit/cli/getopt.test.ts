import { expect, test } from 'vitest';
import { describeProblem, type Item, type OptionDefinition, OptionReader } from '../../../src/cli/getopt.ts';

const OPTIONS: readonly OptionDefinition[] = [
  { short: 'c', long: 'counters', argument: 'none' },
  { short: 'v', long: 'verbose', argument: 'none' },
  { short: 'V', long: 'version', argument: 'none' },
  { short: 'T', long: 'table', argument: 'required' },
  { short: 'w', long: 'wait', argument: 'optional' },
  { long: 'wait-interval', argument: 'required' },
];

function read(...words: string[]): string[] {
  const reader = new OptionReader(words, OPTIONS);
  const items: string[] = [];
  for (let item = reader.next(); item !== undefined; item = reader.next()) items.push(show(item));
  return items;
}

function show(item: Item): string {
  if (item.kind === 'problem') return describeProblem(item);
  if (item.kind === 'word') return item.afterDashes ? `rest ${item.word}` : `word ${item.word}`;
  return item.value === undefined ? item.name : `${item.name}=${item.value}`;
}

test.each([
  [
    ['-c', '-v'],
    ['counters', 'verbose'],
  ],
  [
    ['-cvT', 'nat', 'x'],
    ['counters', 'verbose', 'table=nat', 'word x'],
  ],
  [['-cTnat'], ['counters', 'table=nat']],
  [['-w5'], ['wait=5']],
  [
    ['-w', '5'],
    ['wait', 'word 5'],
  ],
  [
    ['--wait=5', '--wait'],
    ['wait=5', 'wait'],
  ],
  [['--wait-i', '9'], ['wait-interval=9']],
  [
    ['--co', '--tab=', '--table', '-c'],
    ['counters', 'table=', 'table=-c'],
  ],
  [
    ['file', '-c', '--', '-v', '--'],
    ['word file', 'counters', 'rest -v', 'rest --'],
  ],
  [['-'], ['word -']],
])('%j', (words, items) => {
  expect(read(...words)).toEqual(items);
});

// The right-hand sides are what iptables-restore 1.8.9 printed after its name.
test.each([
  ['--nope', "unrecognized option '--nope'"],
  ['--ver', "option '--ver' is ambiguous; possibilities: '--verbose' '--version'"],
  ['-q', "invalid option -- 'q'"],
  ['-T', "option requires an argument -- 'T'"],
  ['--table', "option '--table' requires an argument"],
  ['--counters=5', "option '--counters' doesn't allow an argument"],
])('%s is a problem in the C library’s words', (word, message) => {
  expect(read(word)).toEqual([message]);
});

test('after an unknown letter the rest of the bundle is read', () => {
  expect(read('-qc')).toEqual(["invalid option -- 'q'", 'counters']);
});

test('free arguments are taken up to the next option or `!`', () => {
  const reader = new OptionReader(['-c', 'INPUT', '2', '-v', '!', 'x'], OPTIONS);
  expect(reader.next()).toMatchObject({ name: 'counters' });
  expect([reader.takeWord(), reader.takeWord(), reader.takeWord()]).toEqual(['INPUT', '2', undefined]);
  expect(reader.next()).toMatchObject({ name: 'verbose' });
  expect(reader.takeWord()).toBeUndefined();
  expect(reader.next()).toMatchObject({ kind: 'word', word: '!' });
});

test('a free argument is not taken from the middle of a bundle', () => {
  const reader = new OptionReader(['-cv', 'INPUT'], OPTIONS);
  reader.next();
  expect(reader.takeWord()).toBeUndefined();
  expect(reader.next()).toMatchObject({ name: 'verbose' });
});
