// Compiles iptables-save.ne to iptables-save.generated.ts. With `--check` it writes nothing and fails if that file is stale.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const nearley = require('nearley');
const compile = require('nearley/lib/compile.js');
const generate = require('nearley/lib/generate.js');
const language = require('nearley/lib/nearley-language-bootstrapped.js');
const { version } = require('nearley/package.json');

const source = new URL('iptables-save.ne', import.meta.url);
const target = new URL('iptables-save.generated.ts', import.meta.url);

const parser = new nearley.Parser(nearley.Grammar.fromCompiled(language));
parser.feed(`${readFileSync(source, 'utf8')}\n`);
// The generated file knows the postprocessors only as functions of any; nodes.ts types them by production.
const text = `// @ts-nocheck\n${generate(compile(parser.results[0], { version, args: [] }), 'grammar')}`;

if (process.argv.includes('--check')) {
  let committed = '';
  try {
    committed = readFileSync(target, 'utf8');
  } catch {
    // A missing file is stale too.
  }
  if (committed !== text) {
    console.error('grammar/iptables-save.generated.ts is stale: run `npm run grammar`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
