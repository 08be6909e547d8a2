// Bundles the commands into dist/: one executable file each, for Node 20. Native addons stay outside.

import { chmodSync, mkdirSync } from 'node:fs';
import { build } from 'esbuild';

process.chdir(new URL('..', import.meta.url).pathname);

/** test/setup.sh takes the last one for the age of the build. */
const BUNDLES = [
  ['src/cli/main-bpfilter.ts', 'dist/bpfilter.js'],
  ['src/cli/main-iptables.ts', 'dist/iptables-bpf.js'],
  ['test/demo/main.ts', 'dist/demo.js'],
];

mkdirSync('dist', { recursive: true });
for (const [entry, outfile] of BUNDLES) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: 'linked',
    external: ['koffi', 'better-sqlite3'],
    banner: {
      // CommonJS packages in the bundle call `require` for Node's own modules.
      js: "#!/usr/bin/env node\nimport { createRequire as bundleRequire } from 'node:module';\nconst require = bundleRequire(import.meta.url);",
    },
    legalComments: 'linked',
    logLevel: 'warning',
  });
  chmodSync(outfile, 0o755);
}
