// The conformance run: iptables' own tests against our commands, with iptables-legacy beside, and a corpus of rulesets.
//
//   npm run conformance [-- OPTION…]
//     --part vectors|shell|corpus|texts   only these; `texts` (texts.ts) only if asked for
//     --only TEXT                         only files whose name holds TEXT
//     --explain                           with what the commands said where a vector fails
//     --workers N                         so many processes at a time
//     --source DIRECTORY                  the unpacked source package; default: IPTABLES_SOURCE, or it is fetched
//     --corpus DIRECTORY                  rulesets as corpus.ts says; default: BPFILTER_CORPUS, or this part is left out
//
// Needs root, python3 and a build. Rules are kept but not enforced (placement `none`), so that all of the language counts.
//
// It fails if a vector fails that expected.json does not have, or one passes that it has; if fewer vectors pass than with
// iptables-legacy; if a shell test fails; or if a ruleset of the corpus prints otherwise than its twin.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compareWithExpected, type Expected } from './expected.ts';
import { makeRunDirectory, removeRunDirectory } from './isolate.ts';
import { bpfilterSubject, legacySubject, missingCommands, type Subject } from './multi.ts';
import { runShellTests, shellTests } from './shell.ts';
import { sourceDirectory } from './source.ts';
import { type FailedVector, runVectors, vectorFiles } from './vectors.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

const { values: options } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: ['vectors', 'shell', 'corpus'] },
    only: { type: 'string', default: '' },
    workers: { type: 'string', default: String(availableParallelism()) },
    source: { type: 'string' },
    corpus: { type: 'string' },
    explain: { type: 'boolean', default: false },
  },
});
const workers = Number(options.workers);

interface Bench {
  readonly ours: Subject;
  readonly legacy: Subject | undefined;
  readonly source: string;
  /** From `makeRunDirectory`. */
  readonly directory: string;
}

const problems: string[] = [];
try {
  await main();
} catch (error) {
  problems.push(error instanceof Error ? error.message : String(error));
}
for (const problem of problems) console.log(`FAILED: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** What parses in this process is loaded only if asked for: the other parts test what was built. */
async function main(): Promise<void> {
  const has = (part: string) => options.part.includes(part);
  if (has('vectors') || has('shell')) {
    const directory = makeRunDirectory();
    try {
      const source = sourceDirectory(options.source ?? process.env.IPTABLES_SOURCE);
      const bench: Bench = { ours: bpfilterSubject(ROOT, directory), legacy: legacySubject(), source, directory };
      if (bench.legacy === undefined)
        console.log('iptables-legacy of this version is not here: nothing to compare with');
      for (const name of missingCommands(bench.ours)) problems.push(`${name} -V fails`);
      if (has('vectors')) await vectors(bench);
      if (has('shell')) await shell(bench);
    } finally {
      removeRunDirectory(directory);
    }
  }
  if (has('texts')) await texts(sourceDirectory(options.source ?? process.env.IPTABLES_SOURCE));
  if (has('corpus')) await corpus(options.corpus ?? process.env.BPFILTER_CORPUS);
}

async function vectors({ ours, legacy, source, directory }: Bench): Promise<void> {
  const files = vectorFiles(source, options.only);
  const run = { parent: directory, workers, explain: options.explain };
  const result = await runVectors(ours, source, files, run);
  const baseline = legacy && (await runVectors(legacy, source, files, { ...run, explain: false }));
  console.log(`vectors, bpfilter: ${result.passed} of ${result.tests} pass, in ${files.length} files`);
  if (baseline) console.log(`vectors, legacy:   ${baseline.passed} of ${baseline.tests} pass`);

  for (const failure of result.failed) {
    const alsoLegacy = baseline?.failed.some(({ file, line }) => file === failure.file && line === failure.line);
    printFailure(failure, baseline === undefined ? '' : alsoLegacy ? ' (so with legacy)' : ' (passes with legacy)');
  }

  const expected = JSON.parse(readFileSync(join(import.meta.dirname, 'expected.json'), 'utf8')) as Expected[];
  const { unexpected, stale } = compareWithExpected(result.failed, expected, files);
  if (unexpected.length > 0) problems.push(`${unexpected.length} vectors fail that expected.json does not have`);
  for (const { file, line } of stale) problems.push(`${file}:${line} is in expected.json, but passes or is not there`);
  problems.push(...result.trouble, ...(baseline?.trouble ?? []).map((trouble) => `legacy: ${trouble}`));
  if (baseline && result.passed < baseline.passed) problems.push('fewer vectors pass than with iptables-legacy');
}

async function shell({ ours, legacy, source, directory }: Bench): Promise<void> {
  const tests = shellTests(source, options.only);
  for (const subject of legacy ? [legacy, ours] : [ours]) {
    const results = await runShellTests(subject, source, tests, directory, workers);
    const count = (wanted: string) => results.filter(({ outcome }) => outcome === wanted).length;
    console.log(
      `shell tests, ${subject.name}: ${count('passed')} of ${tests.length} pass, ${count('left out by itself')} leave themselves out`,
    );
    for (const { test, output } of results.filter(({ outcome }) => outcome === 'failed')) {
      console.log(`  ${test}\n${output.replace(/^/gm, '    ')}`);
    }
    if (subject === ours && count('failed') > 0) problems.push(`${count('failed')} shell tests`);
  }
}

async function corpus(directory: string | undefined): Promise<void> {
  const { checkCorpusFile, corpusFiles } = await import('./corpus.ts');
  if (directory === undefined) {
    console.log('corpus: left out, BPFILTER_CORPUS names none');
    return;
  }
  const files = corpusFiles(directory, options.only);
  const differences = files.flatMap((file) => checkCorpusFile(directory, file) ?? []);
  console.log(`corpus: ${files.length - differences.length} of ${files.length} rulesets print as their twins`);
  for (const { name, difference } of differences) console.log(`  ${name}\n${difference.replace(/^(?=.)/gm, '    ')}`);
  if (differences.length > 0) problems.push(`${differences.length} rulesets of the corpus`);
}

async function texts(source: string): Promise<void> {
  const { checkVectorTexts } = await import('./texts.ts');
  const results = vectorFiles(source, options.only).map((file) => {
    return checkVectorTexts(file, readFileSync(join(source, 'extensions', file), 'utf8'));
  });
  const failed = results.flatMap(({ failed }) => failed);
  const tests = results.reduce((total, { tests }) => total + tests, 0);
  console.log(`texts of vectors: ${tests - failed.length} of ${tests} pass`);
  for (const failure of failed) printFailure(failure, '');
}

function printFailure({ file, line, vector, complaint }: FailedVector, remark: string): void {
  console.log(`  ${file}:${line}: ${vector}${remark}\n${complaint.replace(/^/gm, '    ')}`);
}
