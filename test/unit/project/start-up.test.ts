// What the bundle of the iptables-compatible commands is made of: a package in it is read at every start.

import { build } from 'esbuild';
import { expect, it } from 'vitest';

it('the compatible commands contain the parser’s packages and no others', async () => {
  const { metafile } = await build({
    entryPoints: ['src/cli/main-iptables.ts'],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    external: ['koffi', 'better-sqlite3'],
    outdir: 'dist',
    logLevel: 'silent',
  });
  const packages = Object.keys(metafile.inputs).flatMap((path) => /node_modules\/([^/]+)\//.exec(path)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(['moo', 'nearley']);
  // koffi and better-sqlite3 are loaded by the first use, not by an import.
  const imported = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(imported).toContain('node:fs');
  expect(imported.filter((path) => !path.startsWith('node:'))).toEqual([]);
  expect(imported.filter((path) => /child_process|net|http|crypto|worker/.test(path))).toEqual([]);
});
