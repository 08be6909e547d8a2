// Runs tests on another kernel, in a guest under emulation: `npm run guest -- 6.12`, or `6.1`, for the newest of Debian's
// kernels of that version.
//
//   npm run guest -- 6.12                          what `chosen.ts` says
//   npm run guest -- 6.12 --only test/kernel/edge  these files alone
//   npm run guest -- 6.1 -t PATTERN                tests of these names alone
//   npm run guest -- 6.12 --shell 'uname -a'       a command of yours
//   npm run guest -- 6.12 --record                 the types that unit tests read, anew
//
// GUEST_CPUS and GUEST_MEMORY (in megabytes) are those of the guest, 1 and 3072 if absent.
// It takes root, and packages of Debian that it names if they are missing; minutes, and no part of `npm test`.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { CHOSEN, type Chosen } from './chosen.ts';
import { debianKernel, type Guest, makeGuest, requireTools } from './machine.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const CONFIG = join(ROOT, 'test/guest/vitest.config.ts');
const LIMIT_SECONDS = 3600;

/** What vitest's JSON report has, as far as it is told. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
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
  if (version === undefined || CHOSEN[version] === undefined || more.length > 0) {
    throw new Error(`which kernel? One of ${Object.keys(CHOSEN).join(', ')}`);
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
    const names = values.names === undefined ? {} : { names: values.names };
    const chosen =
      values.only === undefined
        ? CHOSEN[version].map((each) => ({ ...each, ...names }))
        : [{ files: values.only, ...names }];
    for (const each of chosen) await runTests(guest, each);
  } finally {
    guest.remove();
  }
}

async function runTests(guest: Guest, { files, names }: Chosen): Promise<void> {
  const transformed = join(guest.shared, 'transformed');
  mkdirSync(transformed, { recursive: true });
  const words = [...files, ...(names === undefined ? [] : ['-t', names])];
  spawnSync(process.execPath, [VITEST, 'list', '--config', CONFIG, ...files], {
    cwd: ROOT,
    env: { ...process.env, BPFILTER_GUEST_TRANSFORMED: transformed },
  });
  const run = [process.execPath, VITEST, 'run', '--config', CONFIG, ...words];
  const reporters = ['--reporter=default', '--reporter=json', '--outputFile.json=/guest/report.json'];
  await guest.run(
    [
      `cd ${quote(ROOT)}`,
      'export CI=true NO_COLOR=1 BPFILTER_GUEST_TRANSFORMED=/guest/transformed',
      [...run, ...reporters].map(quote).join(' '),
      '',
    ].join('\n'),
    Number(values.limit),
  );
  const report = join(guest.shared, 'report.json');
  if (!existsSync(report)) throw new Error('the guest left no report');
  tell(JSON.parse(readFileSync(report, 'utf8')) as Report);
}

/** Keeps what the kernel and its modules tell of their types. */
async function record(guest: Guest, version: string): Promise<void> {
  const recorder = [process.execPath, '--import', 'tsx', join(ROOT, 'test/guest/record-types.ts')].map(quote).join(' ');
  const script = `cd ${quote(ROOT)} && modprobe nf_conntrack && ${recorder} > /guest/types.json`;
  if ((await guest.run(script, Number(values.limit))) !== 0) throw new Error('nothing was recorded');
  const types = JSON.parse(readFileSync(join(guest.shared, 'types.json'), 'utf8')) as unknown;
  const file = join(ROOT, 'test/unit/kernel/types', `${version}.json`);
  writeFileSync(file, JSON.stringify(types));
  spawnSync(join(ROOT, 'node_modules/.bin/biome'), ['format', '--write', file], { cwd: ROOT });
}

/** One line for each file, and what failed. */
function tell({ testResults }: Report): void {
  const sums = { passed: 0, failed: 0 };
  for (const { name, status, assertionResults } of testResults) {
    const count = (wanted: string) => assertionResults.filter((each) => each.status === wanted).length;
    const [passed, failed] = [count('passed'), count('failed')];
    if (passed + failed > 0 || status === 'failed') {
      console.log(`${relative(ROOT, name)}: ${passed} passed${failed > 0 ? `, ${failed} failed` : ''}`);
    }
    for (const each of assertionResults.filter((result) => result.status === 'failed'))
      console.log(`  ${each.fullName}`);
    sums.passed += passed;
    sums.failed += failed + (status === 'failed' && failed === 0 ? 1 : 0);
  }
  console.log(`${sums.passed} passed, ${sums.failed} failed`);
  if (sums.failed > 0) process.exitCode = 1;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
