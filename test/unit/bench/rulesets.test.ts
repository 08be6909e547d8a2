import { describe, expect, test } from 'vitest';
import { RULESETS } from '../../bench/rulesets.ts';

const rulesOf = (text: string) => text.split('\n').filter((line) => line.startsWith('-A '));

describe.each(RULESETS)('$name', ({ text }) => {
  test('has the rules that were asked for, no two alike where addresses tell them apart, the same each time', () => {
    const whole = text(1_000);
    expect(rulesOf(whole)).toHaveLength(1_000);
    expect(text(1_000)).toBe(whole);
    const addressed = rulesOf(whole).filter((rule) => rule.includes('/32'));
    expect(new Set(addressed).size).toBe(addressed.length);
  });

  test('a smaller one begins a larger one', () => {
    expect(rulesOf(text(2_000)).slice(0, 1_000)).toEqual(rulesOf(text(1_000)));
  });

  test('names only chains that it declares, each before its rules', () => {
    const declared = new Set<string>();
    for (const line of text(350).split('\n')) {
      if (line.startsWith(':')) declared.add(line.slice(1).split(' ')[0]!);
      const [, chain, target] = /^-A (\S+).* -j (\S+)/.exec(line) ?? [];
      if (chain !== undefined) expect(declared).toContain(chain);
      if (target?.startsWith('zone-')) expect(declared).toContain(target);
    }
    expect(declared).toContain('INPUT');
  });
});

test('addresses of a blocklist of 60 000 are distinct', () => {
  const blocklist = RULESETS.find(({ name }) => name === 'blocklist')!;
  expect(new Set(rulesOf(blocklist.text(60_000))).size).toBe(60_000);
});
