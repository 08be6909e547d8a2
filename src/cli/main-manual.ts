// Writes the manual pages and completions below a folder: the build does it for dist/.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { completions } from './manual/completions.ts';
import { manualPages } from './manual/pages.ts';

const root = process.argv[2] ?? 'dist';
for (const [folder, files] of [
  ['man/man8', manualPages()],
  ['completions/bash', completions()],
] as const) {
  mkdirSync(join(root, folder), { recursive: true });
  for (const [name, text] of files) writeFileSync(join(root, folder, name), text);
}
