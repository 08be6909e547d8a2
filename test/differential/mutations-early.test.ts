// The same as `mutations.test.ts` for early verdicts: routers are made once for all faults of a kind.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { context } from 'esbuild';
import { expect, it } from 'vitest';
import { Beside } from '../harness/beside.ts';
import type { BpfilterSubject } from '../harness/bpfilter-subject.ts';
import { EARLY_MUTATIONS } from '../harness/early-mutations.ts';
import { EARLY_SCENARIOS, type EarlyScenario } from '../harness/early-scenarios.ts';
import { withLab } from '../harness/lab.ts';
import type { Mutation } from '../harness/mutations.ts';

const ROOT = resolve(import.meta.dirname, '../..');
type Subjects = typeof BpfilterSubject;

/** Lends what bundles ourselves with a fault in it, or without. */
async function withBundler(
  files: readonly string[],
  work: (make: (mutation?: Mutation) => Promise<Subjects>) => Promise<void>,
): Promise<void> {
  // Bundles find node_modules from inside the project only.
  const directory = mkdtempSync(join(ROOT, 'node_modules', '.mutants-'));
  let seeded: Mutation | undefined;
  let count = 0;
  const paths = new Map(files.map((file) => [join(ROOT, file), file]));
  const bundler = await context({
    entryPoints: [join(ROOT, 'test/harness/bpfilter-subject.ts')],
    outfile: join(directory, 'subject.mjs'),
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    external: ['koffi', 'better-sqlite3', 'nearley', 'moo'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'mutation',
        setup({ onLoad }) {
          onLoad({ filter: new RegExp(`(${files.join('|')})$`) }, ({ path }) => {
            const text = readFileSync(path, 'utf8');
            const { from, to } = seeded?.file === paths.get(path) ? seeded! : { from: '', to: '' };
            return { contents: text.replace(from, () => to), loader: 'ts' };
          });
        },
      },
    ],
  });
  try {
    await work(async (mutation) => {
      seeded = mutation;
      const { outputFiles } = await bundler.rebuild();
      const path = join(directory, `${count++}.mjs`);
      writeFileSync(path, outputFiles![0]!.contents);
      const made = (await import(pathToFileURL(path).href)) as { BpfilterSubject: Subjects };
      return made.BpfilterSubject;
    });
  } finally {
    await bundler.dispose();
    rmSync(directory, { recursive: true });
  }
}

/** What is objected to; nothing where everything is as it should be. */
async function objection(
  Subject: Subjects,
  labs: Beside['labs'],
  { world: { family }, mode, early, compare }: EarlyScenario,
): Promise<string | undefined> {
  const subject = new Subject('exact', mode, {}, family, early);
  try {
    compare(new Beside(...labs, subject, family));
    return undefined;
  } catch (error) {
    const isNoticed = error instanceof Error && /^VerifierError|\bexpected \d/.test(`${error.name} ${error.message}`);
    if (isNoticed) return error.message;
    throw error;
  } finally {
    subject.unload(labs[1].router);
    subject.close();
  }
}

const FAULTS = Object.entries<readonly Mutation[]>(EARLY_MUTATIONS);

it.each(FAULTS)('faults in %s are noticed', (name, mutations) =>
  withBundler(
    mutations.map(({ file }) => file),
    (make) => {
      const scenario = EARLY_SCENARIOS[name as keyof typeof EARLY_SCENARIOS];
      return withLab(
        (oracle) =>
          withLab(async (ours) => {
            const labs = [oracle, ours] as const;
            const control = await make();
            for (const { router } of labs) scenario.prepare(router);
            for (const mutation of mutations) {
              const text = readFileSync(join(ROOT, mutation.file), 'utf8');
              expect(text.split(mutation.from), `occurrences in ${mutation.file}`).toHaveLength(2);
              const objected = await objection(await make(mutation), labs, scenario);
              expect.soft(objected, `${mutation.file}: ${mutation.to}`).toBeDefined();
            }
            expect(await objection(control, labs, scenario)).toBeUndefined();
          }, scenario.world),
        scenario.world,
      );
    },
  ),
);
