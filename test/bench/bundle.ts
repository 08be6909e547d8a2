// A file of this folder as one that Node runs by itself, as the commands are.

import { join } from 'node:path';
import { build } from 'esbuild';

/** Returns the path of the bundle. */
export async function bundle(name: string, directory: string): Promise<string> {
  const outfile = join(directory, name.replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [new URL(name, import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'error',
  });
  return outfile;
}
