import { defineConfig } from 'vitest/config';

// The tests that run in a guest: those of the kernel and the commands, random ones that look at what a kernel does, and those
// that need devices which few machines have. A guest under emulation is some twenty times slower than the machine, so what is
// transformed is kept from the machine's own collecting, and all files share a process.
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: [
      'test/kernel/**/*.test.ts',
      'test/cli/**/*.test.ts',
      'test/differential/{enforced,connections,nat,early,early-ipv6,early-strict}.test.ts',
      'test/guest/tests/*.test.ts',
    ],
    runner: './test/guest/runner.ts',
    testTimeout: 1_800_000,
    hookTimeout: 1_800_000,
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    experimental: { fsModuleCache: true, fsModuleCachePath: process.env.BPFILTER_GUEST_TRANSFORMED ?? '' },
  },
});
