import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type OptionForm, type OptionScope, splitLine } from '../../../grammar/getopt.ts';
import { parseRule } from '../../../grammar/parse.ts';

/** Options `-f` (flag), `-v X`, `--two X Y`, `-o [X [Y]]`; `-v load` brings `--late`. */
class TestScope implements OptionScope {
  private readonly known = new Map<string, OptionForm>([
    ['f', { name: '--flag', arity: 0 }],
    ['v', { name: '--value', arity: 1 }],
    ['o', { name: '--open', arity: 0, optional: 2 }],
    ['--flag', { name: '--flag', arity: 0 }],
    ['--value', { name: '--value', arity: 1 }],
    ['--two', { name: '--two', arity: 2, missing: '--two requires two args.' }],
  ]);

  short(letter: string) {
    return this.known.get(letter);
  }

  long(name: string) {
    return this.known.get(name);
  }

  seen(_form: OptionForm, values: readonly { text: string }[]) {
    if (values[0]?.text === 'load') this.known.set('--late', { name: '--late', arity: 0 });
    return values[0]?.text !== 'stop';
  }
}

/** One line per setting: `! --value=[x]`; then what ended the reading or was left over. */
function read(line: string): string {
  const { words, counters } = splitLine(line);
  const parsed = parseRule(words, counters, new TestScope());
  const settings = parsed.line.settings.map(({ form, values, negation }) => {
    const texts = values.map((word) => `[${word.text}]`).join('');
    return `${negation ? '! ' : ''}${form.name}${texts && `=${texts}`}`;
  });
  const ends = [parsed.failure, parsed.leftOver].flatMap((end) =>
    end ? [`${end.code} at ${end.word.offset}+${end.word.length}: ${end.message}`] : [],
  );
  return [...(parsed.line.counters ? [parsed.line.counters.text] : []), ...settings, ...ends].join(' ');
}

describe('words', () => {
  test.each([
    ['-v a  -f\t-v b', '--value=[a] --flag --value=[b]'],
    ['-v "a b"', '--value=[a b]'],
    ['-v a"b c"', '--value=[ab c]'],
    ['-v a"b"-f', '--value=[ab] --flag'],
    ['-v "a\\"b\\\\c\\d"', '--value=[a"b\\cd]'],
    ['-v a\\b', '--value=[a\\b]'],
    ["-v 'a", "--value=['a]"],
    ['-v ""', '--value=[]'],
    ['-v "open -f', '--value=[open -f]'],
    ['-v "open\\', '--value=[open]'],
    ['"-v" "-f"', '--value=[-f]'],
    ['[1:2] -f', '[1:2] --flag'],
    ['[1:2]-f', '[1:2] --flag'],
  ])('%s', (line, expected) => {
    expect(read(line)).toBe(expected);
  });
});

describe('options', () => {
  test.each([
    ['-va', '--value=[a]'],
    ['-fv a', '--flag --value=[a]'],
    ['-ffva', '--flag --flag --value=[a]'],
    ['--value=a=b', '--value=[a=b]'],
    ['--value=', '--value=[]'],
    ['-v -f', '--value=[-f]'],
    ['-v ! ! -f', '--value=[!] ! --flag'],
    ['--two a b', '--two=[a][b]'],
    ['--two=a b', '--two=[a][b]'],
    ['-v load --late', '--value=[load] --late'],
    ['-f --', '--flag'],
    ['-v stop what ever', '--value=[stop]'],
    ['-o -f', '--open --flag'],
    ['-oa b -f', '--open=[a][b] --flag'],
    ['-o a ! -f', '--open=[a] ! --flag'],
  ])('%s', (line, expected) => {
    expect(read(line)).toBe(expected);
  });

  test.each([
    ['-x', 'unknown-option at 0+2: unknown option "-x"'],
    ['-f -xf', '--flag unknown-option at 3+3: unknown option "-f"'],
    ['--late', 'unknown-option at 0+6: unknown option "--late"'],
    ['--late -v load', 'unknown-option at 0+6: unknown option "--late"'],
    ['-f --flag=x', '--flag unknown-option at 3+8: unknown option "--flag=x"'],
    ['-v', 'missing-value at 0+2: option "-v" requires an argument'],
    ['--two a', 'missing-value at 0+5: --two requires two args.'],
    ['--two a -f', 'missing-value at 0+5: --two requires two args.'],
    ['--two a !', 'missing-value at 0+5: --two requires two args.'],
    ['-f word', "--flag bad-argument at 3+4: Bad argument `word'"],
    ['-f ""', "--flag bad-argument at 3+2: Bad argument `'"],
    ['-', "bad-argument at 0+1: Bad argument `-'"],
    ['-f !', '--flag bad-negation at 3+1: nothing appropriate following !'],
    ['! ! -f', 'bad-negation at 2+1: multiple consecutive ! not allowed'],
    ['-f -- -f', '--flag syntax at 6+2: unknown arguments found on commandline'],
    ['-f ! --', '--flag bad-negation at 5+2: nothing appropriate following !'],
    ['  -f "a b', "--flag bad-argument at 5+4: Bad argument `a b'"],
  ])('%s', (line, expected) => {
    expect(read(line)).toBe(expected);
  });
});

test('no line has two parses, and none makes the parser throw', () => {
  const word = fc.oneof(
    fc.constantFrom('-f', '-v', '--two', '!', '--', '"', '\\', '=', ' ', '[1:2]', '-v load', '--late'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      read(words.join(' ').replaceAll('\n', ''));
    }),
    { numRuns: 2000, seed: 20 },
  );
});
