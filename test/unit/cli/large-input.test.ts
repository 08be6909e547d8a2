import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { FLAGS } from '../../../src/cli/large-input.ts';

test('V8 still knows the flags that large input sets: one that it does not know, it would ignore', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  const names = [...known.matchAll(/^ {2}--(?:\[no-?\])?([a-z0-9-]+)/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(100);
  for (const flag of FLAGS) expect(names).toContain(flag.replace(/^--(no-)?/, '').replace(/=.*/, ''));
});
