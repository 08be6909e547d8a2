// The same texts to iptables-legacy-restore and to our parser: both accept or both refuse, and what iptables-legacy-save
// prints is what we print. Where that is not so, `save-text.cases.ts` says so by name.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { printRuleset } from '../../src/ruleset/print.ts';
import { LegacyIptables } from '../harness/legacy-iptables.ts';
import { FILES, type FileCase, LENIENT_RULES, OTHER_PRINT, RULES, SEQUENCES, STRICT_RULES } from './save-text.cases.ts';

const EMPTY = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';

let iptables: LegacyIptables;
beforeAll(() => {
  iptables = new LegacyIptables();
});
afterAll(() => iptables.close());

interface Answer {
  readonly accepted: boolean;
  readonly lines: readonly string[];
  readonly codes: readonly string[];
}

function both({ text, options = [] }: FileCase): { theirs: Answer; ours: Answer } {
  iptables.restore(EMPTY);
  const restored = iptables.restore(text, ...options);
  const theirs = { accepted: restored.accepted, lines: iptables.save(), codes: [] };
  const existing = parseRuleset(EMPTY, { file: 'empty' }).ruleset;
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'case', existing, counters: options.includes('-c') });
  const ours = {
    accepted: diagnostics.length === 0,
    lines: printRuleset(ruleset, { counters: true, tables: ['filter'] })
      .trim()
      .split('\n'),
    codes: diagnostics.map((diagnostic) => diagnostic.code),
  };
  return { theirs, ours };
}

const inTable = (rule: string): FileCase => ({ text: `*filter\n:c - [0:0]\n${rule}\nCOMMIT\n` });

describe('rules', () => {
  test.each(RULES)('%s', (rule) => {
    const { theirs, ours } = both(inTable(rule));
    expect(ours.accepted).toBe(theirs.accepted);
    if (theirs.accepted) expect(ours.lines).toEqual(theirs.lines);
  });

  test.each(LENIENT_RULES)('accepted by us alone: %s', (rule) => {
    const { theirs, ours } = both(inTable(rule));
    expect([theirs.accepted, ours.accepted]).toEqual([false, true]);
  });

  test.each(STRICT_RULES)('refused by us alone: %s', (rule) => {
    const { theirs, ours } = both(inTable(rule));
    expect([theirs.accepted, ours.accepted]).toEqual([true, false]);
  });

  test.each(OTHER_PRINT)('printed otherwise: %s', (rule, printed) => {
    const { theirs, ours } = both(inTable(rule));
    expect([theirs.accepted, ours.accepted]).toEqual([true, true]);
    expect(ours.lines.some((line) => line.endsWith(printed))).toBe(true);
    expect(ours.lines).not.toEqual(theirs.lines);
  });
});

describe('files', () => {
  test.each(FILES)('$text $options', (file) => {
    const { theirs, ours } = both(file);
    expect(ours.accepted).toBe(theirs.accepted);
    if (theirs.accepted) expect(ours.lines).toEqual(theirs.lines);
  });
});

describe('restores one after the other', () => {
  test.each(SEQUENCES)('%#', (...steps: readonly FileCase[]) => {
    iptables.restore(EMPTY);
    let ruleset = parseRuleset(EMPTY, { file: 'empty' }).ruleset;
    for (const { text, options = [] } of steps) {
      expect(iptables.restore(text, ...options)).toEqual({ accepted: true, message: '' });
      const parsed = parseRuleset(text, {
        file: 'step',
        existing: ruleset,
        noflush: options.includes('-n'),
        counters: options.includes('-c'),
      });
      expect(parsed.diagnostics).toEqual([]);
      ruleset = parsed.ruleset;
      expect(printRuleset(ruleset, { counters: true }).trim().split('\n')).toEqual(iptables.save());
    }
  });
});

test('every protocol number has the name that iptables prints', () => {
  const numbers = Array.from({ length: 255 }, (_, i) => i + 1);
  const { theirs, ours } = both({
    text: `*filter\n${numbers.map((number) => `-A INPUT -p ${number}\n`).join('')}COMMIT\n`,
  });
  expect(theirs.lines).toHaveLength(255 + 5);
  expect(ours.lines).toEqual(theirs.lines);
});
