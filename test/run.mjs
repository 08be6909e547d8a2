// The test command: checks on the code, the build, then every test, and one line of numbers at the end.
//
//   npm test                        everything
//   npm test -- --project unit      arguments go to vitest
//
// A check that fails counts as one failed test, and so does a test that is skipped without leave: with CI=true none may
// be skipped; elsewhere those listed in test/skips.json with a reason, `[{ "test": "FILE > NAME", "reason": "…" }]`.
// The projects kernel, cli and differential need root; without it (and without CI=true) they are left out, which is said.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
process.chdir(root);
process.env.PATH = `${join(root, 'node_modules/.bin')}:${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;

const CHECKS = [
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['unused code', 'knip', '--no-progress'],
  ['generated grammar', 'node', 'grammar/generate.mjs', '--check'],
  ['build', 'node', 'test/build.mjs'],
];

/** A hang must end with the numbers so far, not with the CI job's own limit of 30 minutes. */
const CI_LIMIT_MINUTES = 25;

const inCi = process.env.CI === 'true';
const vitestArguments = process.argv.slice(2);
const failures = [];
let passed = 0;

for (const [name, ...command] of CHECKS) {
  console.log(`check: ${name}`);
  if (run(command).status === 0) passed += 1;
  else failures.push(`check: ${name}`);
}
runTests();

if (failures.length > 0) console.log(`\nFailed:\n${failures.map((line) => `  ${line}`).join('\n')}`);
console.log(`\n${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

function run([command, ...rest], options = {}) {
  const result = spawnSync(command, rest, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (result.error !== undefined) console.log(`${command}: ${result.error.message}`);
  return result;
}

function runTests() {
  const directory = mkdtempSync(join(tmpdir(), 'bpfilter-test-'));
  const reportFile = join(directory, 'report');
  // With its group, `timeout` ends all that the tests have started.
  const limit = inCi ? ['timeout', '--kill-after=10', String(CI_LIMIT_MINUTES * 60)] : [];
  try {
    const { status } = run(
      [
        ...[...limit, 'vitest', '--config', 'test/vitest.config.ts', 'run', ...projects(), ...vitestArguments],
        ...['--reporter=default', '--reporter=./test/reporter.mjs'],
      ],
      { env: { ...process.env, BPFILTER_TEST_REPORT: reportFile } },
    );
    if (status === 124) failures.push(`vitest: stopped after ${CI_LIMIT_MINUTES} minutes`);
    const failedBefore = failures.length;
    countReport(
      readFileSync(reportFile, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
    // An error outside any test makes vitest fail too.
    if (status !== 0 && failures.length === failedBefore) failures.push(`vitest: ended with ${status ?? 'a signal'}`);
  } catch (error) {
    failures.push(`vitest: no report (${error.message})`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function projects() {
  if (process.getuid() === 0 || inCi || vitestArguments.some((word) => word.startsWith('--project'))) return [];
  console.log('not root: the projects kernel, cli and differential are left out');
  return ['--project', 'unit', '--project', 'golden'];
}

function countReport([{ files }, ...ended]) {
  const mayBeSkipped = new Set(JSON.parse(readFileSync('test/skips.json', 'utf8')).map(({ test }) => test));
  // With a name pattern vitest reports all other tests as skipped.
  const isFiltered = vitestArguments.some((word) => /^(-t|--testNamePattern)\b/.test(word));
  for (const { file, failed, tests } of ended) {
    const failedBefore = failures.length;
    for (const { name, state } of tests) {
      const test = `${file} > ${name}`;
      if (state === 'passed') passed += 1;
      else if (state === 'failed') failures.push(test);
      else if (!isFiltered && (inCi || !mayBeSkipped.has(test))) failures.push(`${test} (${state})`);
    }
    // A file that cannot be read, or whose hooks fail, has no failed test of its own.
    if (failed && failures.length === failedBefore) failures.push(file);
  }
  const known = new Set(ended.map(({ file }) => file));
  failures.push(...files.filter((file) => !known.has(file)).map((file) => `${file} (had not ended)`));
}
