import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DIAGNOSTICS } from '../../../src/base/diagnostic.ts';
import { filesUnder } from './files.ts';

const sources = ['src', 'grammar']
  .flatMap((folder) => filesUnder(folder, '.ts'))
  .filter((file) => file !== 'src/base/diagnostic.ts')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');
const rows = readFileSync('COMPATIBILITY.md', 'utf8').matchAll(/^\| `([a-z-]+)` \| (.+?) \|$/gm);
const documented = new Map([...rows].map(([, code, about]) => [code!, about!]));

describe.each(Object.entries(DIAGNOSTICS))('diagnostic %s', (code, { about }) => {
  it('is given by some code', () => {
    expect(sources).toContain(`'${code}'`);
  });

  it('is documented in COMPATIBILITY.md in its own words', () => {
    expect(documented.get(code)).toBe(about);
  });
});
