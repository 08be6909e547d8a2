import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OptionForm, OptionScope } from '../../../grammar/getopt.ts';
import { parseRuleLine } from '../../../grammar/parse.ts';

/** Options `-f` (flag), `-v X`, `--two X Y`; `-v load` brings `--late`. */
class TestScope implements OptionScope {
  private readonly known = new Map<string, OptionForm>([
    ['f', { name: '--flag', values: [] }],
    ['v', { name: '--value', values: ['any'] }],
    ['--flag', { name: '--flag', values: [] }],
    ['--value', { name: '--value', values: ['any'] }],
    ['--two', { name: '--two', values: ['any', 'any'] }],
  ]);

  short(letter: string) {
    return this.known.get(letter);
  }

  long(name: string) {
    return this.known.get(name);
  }

  seen(_form: OptionForm, values: readonly { text: string }[]) {
    if (values[0]?.text === 'load') this.known.set('--late', { name: '--late', values: [] });
    return values[0]?.text !== 'stop';
  }
}

/** One line per setting: `! --value=[x]`. */
function read(line: string): string {
  const rule = parseRuleLine(line, new TestScope());
  if ('code' in rule) return `${rule.code} at ${rule.word.offset}+${rule.word.length}: ${rule.message}`;
  const settings = rule.settings.map(({ form, values, negation }) => {
    const words = values.map((word) => `[${word.text}]`).join('');
    return `${negation ? '! ' : ''}${form.name}${words && `=${words}`}`;
  });
  return [...(rule.counters ? [rule.counters.text] : []), ...settings].join(' ');
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
  ])('%s', (line, expected) => {
    expect(read(line)).toBe(expected);
  });

  test.each([
    ['-x', 'unknown-option at 0+2: unknown option "-x"'],
    ['--late', 'unknown-option at 0+6: unknown option "--late"'],
    ['--late -v load', 'unknown-option at 0+6: unknown option "--late"'],
    ['-f --flag=x', 'syntax at 3+8: option "--flag" takes no value'],
    ['-v', 'missing-value at 0+2: option "-v" requires an argument'],
    ['--two a', 'missing-value at 0+5: option "--two" requires 2 arguments'],
    ['--two a -f', 'missing-value at 0+5: option "--two" requires 2 arguments'],
    ['--two a !', 'missing-value at 0+5: option "--two" requires 2 arguments'],
    ['-f word', "syntax at 3+4: Bad argument `word'"],
    ['-f ""', "syntax at 3+2: Bad argument `'"],
    ['-', "syntax at 0+1: Bad argument `-'"],
    ['-f !', 'bad-negation at 3+1: nothing appropriate following !'],
    ['! ! -f', 'bad-negation at 2+1: multiple consecutive ! not allowed'],
    ['-f -- -f', 'syntax at 6+2: unknown arguments after `--`'],
    ['  -f "a b', "syntax at 5+4: Bad argument `a b'"],
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
      parseRuleLine(words.join(' ').replaceAll('\n', ''), new TestScope());
    }),
    { numRuns: 2000 },
  );
});
