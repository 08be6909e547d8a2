// BENCHMARKS.md is of a whole run, and nobody has typed it.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { BENCHES } from '../../bench/benches.ts';
import { GENERATED } from '../../bench/report.ts';
import { TARGETS } from '../../bench/targets.ts';

const page = readFileSync('BENCHMARKS.md', 'utf8');

test('it says that it is generated, and is of no smoke run', () => {
  expect(page).toContain(GENERATED);
  expect(page).not.toContain('mean nothing');
  expect(page).not.toContain('It came to no end');
});

test('it has every bench, and every target with what was measured', () => {
  const sections = [...page.matchAll(/^## (.*)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(['Targets', ...BENCHES.map(({ name }) => name)]);
  expect(page.match(/^\| .* (met|\*\*missed\*\*.*) \|$/gm)).toHaveLength(TARGETS.length);
});
