import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// One project per strength of test. `kernel`, `differential` and `cli` need root, network namespaces and a BPF kernel.
const project = (name: string, timeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    pool: 'forks' as const,
  },
});

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    // As many files at once as there are CPUs: by itself vitest leaves one to its own process, which has nearly nothing to do.
    maxWorkers: availableParallelism(),
    // Of tests in one file that may run side by side.
    maxConcurrency: 2,
    projects: [
      project('unit', 120_000),
      project('golden', 120_000),
      project('kernel', 300_000),
      project('cli', 300_000),
      project('differential', 900_000),
    ],
  },
});
