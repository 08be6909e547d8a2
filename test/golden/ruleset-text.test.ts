// Files as they are read: the canonical form, and what is found wrong. `vitest -u` writes the expected files anew.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderDiagnostic } from '../../src/base/diagnostic.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { printRuleset } from '../../src/ruleset/print.ts';

const folder = new URL('ruleset-text/', import.meta.url);

test.each(readdirSync(folder).filter((name) => name.endsWith('.rules')))('%s', async (name) => {
  const text = readFileSync(new URL(name, folder), 'utf8');
  const { ruleset, diagnostics } = parseRuleset(text, { file: name });
  const answer =
    diagnostics.length === 0
      ? printRuleset(ruleset, { counters: true })
      : `${diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, text.split('\n'))).join('\n\n')}\n`;
  await expect(answer).toMatchFileSnapshot(new URL(name.replace('.rules', '.expected'), folder).pathname);
});
