import { expect, test } from 'vitest';
import { flush, withCounters, zeroCounters } from '../../../src/ruleset/edit.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleset } from '../../../src/ruleset/print.ts';

const TEXT = `*filter
:INPUT DROP [7:8]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:b - [0:0]
:c - [0:0]
[1:2] -A INPUT -j c
[3:4] -A INPUT -j b
[5:6] -A c -j RETURN
COMMIT
`;
const { ruleset } = parseRuleset(TEXT, { file: 'test' });
const print = (changed: typeof ruleset) => printRuleset(changed, { counters: true });
const without = (...lines: string[]) => lines.reduce((text, line) => text.replace(`${line}\n`, ''), TEXT);

test('flush', () => {
  expect(print(flush(ruleset, 'filter', 'c'))).toBe(without('[5:6] -A c -j RETURN'));
  expect(print(flush(ruleset, 'filter'))).toBe(
    without('[1:2] -A INPUT -j c', '[3:4] -A INPUT -j b', '[5:6] -A c -j RETURN'),
  );
  expect(print(flush(ruleset, 'nat'))).toBe(TEXT);
  expect(print(ruleset)).toBe(TEXT);
});

test('zeroCounters', () => {
  expect(print(zeroCounters(ruleset, 'filter'))).toBe(TEXT.replace(/\[\d+:\d+\]/g, '[0:0]'));
  expect(print(zeroCounters(ruleset, 'filter', 'INPUT', 2))).toBe(TEXT.replace('[3:4]', '[0:0]'));
  expect(print(zeroCounters(ruleset, 'filter', 'c'))).toBe(TEXT.replace('[5:6]', '[0:0]'));
});

test('withCounters', () => {
  const given = { policy: { packets: 1n, bytes: 1n }, rules: [{ packets: 2n, bytes: 3n }] };
  expect(print(withCounters(ruleset, 'filter', new Map([['INPUT', given]])))).toBe(
    TEXT.replace('[7:8]', '[1:1]').replace('[1:2]', '[2:3]'),
  );
});

test('print: tables, header and footer', () => {
  const both = parseRuleset(`*nat\nCOMMIT\n${TEXT}`, { file: 'test' }).ruleset;
  expect(printRuleset(both, { counters: true, tables: ['filter'], header: '# head', footer: '# foot' })).toBe(
    `# head\n${TEXT}# foot\n`,
  );
});
