// Parses the file that it is given once, in a new process, and prints how many milliseconds that took.

import { readFileSync } from 'node:fs';
import { parseRuleset } from '../../src/ruleset/parse.ts';

const file = process.argv[2]!;
const text = readFileSync(file, 'utf8');
const start = performance.now();
const { diagnostics } = parseRuleset(text, { file });
const milliseconds = performance.now() - start;
if (diagnostics[0] === undefined) process.stdout.write(String(milliseconds));
else {
  process.stderr.write(`${diagnostics[0].message}\n`);
  process.exitCode = 1;
}
