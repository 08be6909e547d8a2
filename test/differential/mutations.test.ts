// Do the oracles see anything? Each seeded fault is bundled into the compiler, and the oracle has to object to it.
//
// A fault that survives is a hole in the generators or in the comparison. What the verifier refuses counts as seen.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { MUTATIONS, type Mutation } from '../harness/mutations.ts';

const ROOT = resolve(import.meta.dirname, '../..');
// Bundles find node_modules from inside the project only.
const directory = mkdtempSync(join(ROOT, 'node_modules', '.mutants-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SEED = 11;
const RULESETS = 20;
const PACKETS = 120;

/** Bundles the oracle with a fault in it, or without, and runs it. */
async function run(
  name: string,
  mutation?: Mutation,
  oracle: NonNullable<Mutation['oracle']> | 'compiler' = mutation?.oracle ?? 'compiler',
): Promise<{ status: number | null; output: string }> {
  const outfile = join(directory, `${name}.mjs`);
  await build({
    entryPoints: [join(ROOT, 'test/harness/mutant-main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi', 'better-sqlite3', 'fast-check', 'nearley', 'moo'],
    logLevel: 'silent',
    plugins: mutation === undefined ? [] : [plugin(mutation)],
  });
  const child = spawn('node', [outfile, oracle, SEED, RULESETS, PACKETS].map(String), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[status: number | null, signal: string | null]>;
  const [[status, signal], ...said] = await Promise.all([ended, readAll(child.stdout), readAll(child.stderr)]);
  return { status, output: said.join('') + (signal === null ? '' : `ended by ${signal}`) };
}

function plugin({ file, from, to }: Mutation): import('esbuild').Plugin {
  const path = join(ROOT, file);
  return {
    name: 'mutation',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, (args) =>
        args.path === path ? { contents: readFileSync(path, 'utf8').replace(from, () => to), loader: 'ts' } : undefined,
      );
    },
  };
}

describe('the oracle', () => {
  it('has nothing to say of the compiler as it is', async () => {
    expect(await run('control')).toEqual({ status: 0, output: '' });
    expect(await run('flows-control', undefined, 'flows')).toEqual({ status: 0, output: '' });
  });

  it.concurrent.each(MUTATIONS.map((mutation, index) => ({ ...mutation, index })))(
    'objects to $to in $file',
    async ({ index, ...mutation }) => {
      const text = readFileSync(join(ROOT, mutation.file), 'utf8');
      expect(text.split(mutation.from), `occurrences in ${mutation.file}`).toHaveLength(2);
      const { status, output } = await run(`mutant-${index}`, mutation);
      expect(status, output || 'no objection').toBe(3);
    },
  );
});
