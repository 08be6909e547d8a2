// Bundles the commands into dist/, for Node 20. Native addons stay outside.
//
// The iptables-compatible commands are started often and must start fast: CommonJS, which Node loads sooner than ES
// modules, behind a launcher that gives V8 the code cache made here. See src/cli/main-launch.ts.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';

process.chdir(new URL('..', import.meta.url).pathname);
mkdirSync('dist', { recursive: true });

const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  external: ['koffi', 'better-sqlite3'],
  sourcemap: 'linked',
  legalComments: 'linked',
  logLevel: 'warning',
};
/** Where the digest of the bundle goes; as long as that, so that the source map stays right. */
const NO_DIGEST = '0'.repeat(64);
const SHEBANG = '#!/usr/bin/env node';

await buildCompatible();
await buildModule('src/cli/main-bpfilter.ts', 'dist/bpfilter.js');
await buildManual();
// test/setup.sh takes the last one for the age of the build.
await buildModule('test/demo/main.ts', 'dist/demo.js');

async function buildModule(entry, outfile) {
  await build({
    ...COMMON,
    entryPoints: [entry],
    outfile,
    format: 'esm',
    banner: {
      // CommonJS packages in the bundle call `require` for Node's own modules.
      js: `${SHEBANG}\nimport { createRequire as bundleRequire } from 'node:module';\nconst require = bundleRequire(import.meta.url);`,
    },
  });
  chmodSync(outfile, 0o755);
}

/** Manual pages and completions, from the tables of the commands. */
async function buildManual() {
  const generator = 'dist/manual.js';
  await buildModule('src/cli/main-manual.ts', generator);
  execFileSync(process.execPath, [generator, 'dist']);
  for (const file of [generator, `${generator}.map`]) rmSync(file, { force: true });
}

async function buildCompatible() {
  const bundle = 'dist/iptables-bpf.bundle.js';
  await build({
    ...COMMON,
    entryPoints: ['src/cli/main-iptables.ts'],
    outfile: bundle,
    format: 'cjs',
    // Names stay for stack traces; comments, which may be other than ASCII, go.
    minifyWhitespace: true,
    lineLimit: 160,
    define: { 'import.meta.url': '__filename' },
    banner: { js: `/*${NO_DIGEST}*/(function (require, __filename) {` },
    footer: { js: '})' },
  });
  writeCodeCache(bundle, 'dist/iptables-bpf.cache');
  const launcher = 'dist/iptables-bpf.cjs';
  await build({
    ...COMMON,
    sourcemap: false,
    entryPoints: ['src/cli/main-launch.ts'],
    outfile: launcher,
    format: 'cjs',
    define: { 'import.meta.dirname': '__dirname' },
    banner: { js: SHEBANG },
  });
  chmodSync(launcher, 0o755);
}

/** With all functions compiled: V8 would leave them until they are called, which a cache is to spare. */
function writeCodeCache(bundle, cache) {
  const blank = readFileSync(bundle, 'latin1');
  if (!/^[\0-\x7f]*$/.test(blank)) throw new Error(`${bundle} is not ASCII`);
  const digest = createHash('sha256').update(blank).digest('hex');
  const text = blank.replace(NO_DIGEST, digest);
  // The flag must be back before the cache is made: V8 refuses one that was made with other flags than its own.
  setFlagsFromString('--no-lazy');
  const script = new Script(text, { filename: bundle });
  setFlagsFromString('--lazy');
  replaceFile(bundle, text);
  replaceFile(cache, Buffer.concat([Buffer.from(digest), script.createCachedData()]));
}

/** At no time is there half of the file. */
function replaceFile(path, content) {
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}
