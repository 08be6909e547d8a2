import { expect, test } from 'vitest';
import type { TableName } from '../../../src/base/hooks.ts';
import { TableDraft } from '../../../src/ruleset/draft.ts';
import { countersOf, withCounters, zeroCounters } from '../../../src/ruleset/edit.ts';
import { systemNames } from '../../../src/ruleset/names.ts';
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

/** The ruleset with a table, or a chain of it, flushed as a command does it. */
function flush(of: typeof ruleset, name: TableName, chain?: string): typeof ruleset {
  const span = { line: 1, column: 1, length: 1 };
  const tables = of.tables.map((table) => {
    if (table.name !== name) return table;
    const draft = new TableDraft(table, { span, family: of.family, names: systemNames() }, false);
    draft.flush(chain);
    return draft.finish();
  });
  return { ...of, tables };
}

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

test('countersOf gives what withCounters takes', () => {
  const counters = countersOf(ruleset.tables[0]!);
  expect(counters.get('INPUT')).toEqual({
    policy: { packets: 7n, bytes: 8n },
    rules: [
      { packets: 1n, bytes: 2n },
      { packets: 3n, bytes: 4n },
    ],
  });
  expect(print(withCounters(zeroCounters(ruleset, 'filter'), 'filter', counters))).toBe(TEXT);
});

test('print: tables, header and footer', () => {
  const both = parseRuleset(`*nat\nCOMMIT\n${TEXT}`, { file: 'test' }).ruleset;
  expect(printRuleset(both, { counters: true, tables: ['filter'], header: '# head', footer: '# foot' })).toBe(
    `# head\n${TEXT}# foot\n`,
  );
});
