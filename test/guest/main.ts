// Runs tests on another kernel, in a guest under emulation: `npm run guest -- 6.12`, or `6.1`, for the newest of Debian's
// kernels of that version.
//
//   npm run guest -- 6.12                          all tests but the long random ones
//   npm run guest -- 6.12 --only test/kernel/edge  these files alone
//   npm run guest -- 6.1 -t PATTERN                tests of these names alone
//   npm run guest -- 6.12 --shell 'uname -a'       a command of yours
//   npm run guest -- 6.12 --record                 the types that unit tests read, anew
//
// It ends with a line for each file: how many tests passed, failed, and were left out because the kernel lacks what they
// need (`needs.ts`), with what that is. GUEST_MEMORY is that of the guest in megabytes, 3072 if absent;
// BPFILTER_RUNS is how many random rulesets there are, few if absent. It takes root, and packages of Debian that it names if
// they are missing; hours for all, and no part of `npm test`.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { debianKernel, type Guest, makeGuest, requireTools } from './machine.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const CONFIG = join(ROOT, 'test/guest/vitest.config.ts');
const REPORTER = '--reporter=./test/reporter.mjs';
const VERSIONS = ['6.12', '6.1'];
const LIMIT_SECONDS = 6 * 3600;
/** Random rulesets, in an emulation that is slow. */
const RUNS = '10';

/** What a run writes down, a line for each (test/reporter.mjs, runner.ts): so a guest that is ended has told something. */
interface Line {
  readonly file?: string;
  readonly failed?: boolean;
  readonly tests?: readonly { readonly name: string; readonly state: string }[];
  /** Tests that need what the kernel lacks; there is such a line for each file that was begun. */
  readonly lacking?: readonly { readonly name: string; readonly why: string }[];
  /** Why a test failed. */
  readonly name?: string;
  readonly message?: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    names: { type: 'string', short: 't' },
    shell: { type: 'string' },
    record: { type: 'boolean' },
    limit: { type: 'string', default: String(LIMIT_SECONDS) },
  },
});
await main();

async function main(): Promise<void> {
  const [version, ...more] = positionals;
  if (version === undefined || !VERSIONS.includes(version) || more.length > 0) {
    throw new Error(`which kernel? One of ${VERSIONS.join(', ')}`);
  }
  requireTools();
  const kernel = debianKernel(version);
  console.log(`guest: Linux ${kernel.release}`);
  const guest = makeGuest(kernel);
  try {
    if (values.shell !== undefined) {
      process.exitCode = (await guest.run(values.shell, Number(values.limit))) ?? 1;
      return;
    }
    if (values.record) {
      await record(guest, version);
      return;
    }
    await runTests(guest, values.only ?? [], values.names);
  } finally {
    guest.remove();
  }
}

async function runTests(guest: Guest, files: readonly string[], names: string | undefined): Promise<void> {
  const transformed = join(guest.shared, 'transformed');
  mkdirSync(transformed, { recursive: true });
  spawnSync(process.execPath, [VITEST, 'list', '--config', CONFIG, ...files], {
    cwd: ROOT,
    env: { ...process.env, BPFILTER_GUEST_TRANSFORMED: transformed },
  });
  const chosen = [...files, ...(names === undefined ? [] : ['-t', names])];
  const run = [process.execPath, VITEST, 'run', '--config', CONFIG, ...chosen, '--reporter=default', REPORTER];
  const { BPFILTER_RUNS = RUNS, BPFILTER_SEED } = process.env;
  const seed = BPFILTER_SEED === undefined ? '' : ` BPFILTER_SEED=${quote(BPFILTER_SEED)}`;
  await guest.run(
    [
      `cd ${quote(ROOT)}`,
      `export CI=true NO_COLOR=1 BPFILTER_RUNS=${quote(BPFILTER_RUNS)}${seed}`,
      'export BPFILTER_GUEST_TRANSFORMED=/guest/transformed BPFILTER_TEST_REPORT=/guest/report',
      run.map(quote).join(' '),
      '',
    ].join('\n'),
    Number(values.limit),
  );
  const report = join(guest.shared, 'report');
  if (!existsSync(report)) throw new Error('the guest left no report');
  const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
  process.exitCode = tell(lines.map((line) => JSON.parse(line) as Line)) ? 0 : 1;
}

/** Keeps what the kernel and its modules tell of their types. */
async function record(guest: Guest, version: string): Promise<void> {
  const recorder = [process.execPath, '--import', 'tsx', join(ROOT, 'test/guest/record-types.ts')].map(quote).join(' ');
  const script = `cd ${quote(ROOT)} && modprobe -a nf_conntrack nf_nat x_tables && ${recorder} > /guest/types.json`;
  if ((await guest.run(script, Number(values.limit))) !== 0) throw new Error('nothing was recorded');
  const types = JSON.parse(readFileSync(join(guest.shared, 'types.json'), 'utf8')) as unknown;
  const file = join(ROOT, 'test/unit/kernel/types', `${version}.json`);
  writeFileSync(file, JSON.stringify(types));
  spawnSync(join(ROOT, 'node_modules/.bin/biome'), ['format', '--write', file], { cwd: ROOT });
}

/** Says what became of the tests of each file. Returns whether none failed. */
function tell(lines: readonly Line[]): boolean {
  const sums = { passed: 0, failed: 0, lacking: 0 };
  for (const file of new Set(lines.flatMap((line) => line.file ?? []))) {
    const own = lines.filter((line) => line.file === file);
    const lacking = new Map(own.flatMap((line) => line.lacking ?? []).map(({ name, why }) => [name, why]));
    const ended = own.find(({ tests }) => tests !== undefined);
    const inState = (wanted: string) =>
      (ended?.tests ?? []).flatMap(({ name, state }) => (state === wanted ? [name] : []));
    const [passed, all] = [inState('passed'), inState('failed')];
    const failed = all.filter((name) => !lacking.has(name));
    // A file that cannot be read, or whose hooks fail, has no failed test of its own.
    if (ended?.failed && all.length === 0) failed.push('outside of its tests');
    if (ended === undefined) failed.push('had not ended');
    if (passed.length + failed.length + lacking.size === 0) continue;
    const parts = [`${passed.length} passed`];
    if (failed.length > 0) parts.push(`${failed.length} failed`);
    for (const why of new Set(lacking.values()))
      parts.push(`${[...lacking.values()].filter((each) => each === why).length} not on this kernel: ${why}`);
    console.log(`${file}: ${parts.join(', ')}`);
    for (const name of failed) {
      const [why = ''] = own.find((line) => line.name === name)?.message?.split('\n') ?? [];
      console.log(`  ${name}${why === '' ? '' : `: ${why}`}`);
    }
    sums.passed += passed.length;
    sums.failed += failed.length;
    sums.lacking += lacking.size;
  }
  console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.lacking} not on this kernel`);
  return sums.failed === 0;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
