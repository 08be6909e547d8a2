// The `.t` vectors of iptables' extensions, run by the source package's own iptables-test.py, one process for each file.
//
// A line of a file is a vector: a rule, what iptables-save must print, and whether the rule is accepted. The script says
// which lines failed, on standard error, and counts them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finished, inParallel, runIsolated } from './isolate.ts';
import type { Subject } from './multi.ts';

/** Families of files that only the nft variant serves. */
const OTHER_FAMILIES = /^lib(arpt|ebt)_/;

const SHIM = new URL('iptables-test-shim.py', import.meta.url).pathname;

export interface FailedVector {
  /** Name of the file, without folder. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The line itself. */
  readonly vector: string;
  /** What the script says. */
  readonly complaint: string;
}

export interface VectorResult {
  readonly tests: number;
  readonly passed: number;
  readonly failed: readonly FailedVector[];
  /** What makes the numbers themselves doubtful. */
  readonly trouble: readonly string[];
}

export interface VectorRun {
  /** From `makeRunDirectory`. */
  readonly parent: string;
  readonly workers: number;
  /** Complaints go on with what the command printed. */
  readonly explain: boolean;
}

/** The files that serve iptables and ip6tables, narrowed to names that hold `filter`. */
export function vectorFiles(source: string, filter: string): string[] {
  return readdirSync(join(source, 'extensions'))
    .filter((name) => name.endsWith('.t') && !OTHER_FAMILIES.test(name) && name.includes(filter))
    .sort();
}

export async function runVectors(
  subject: Subject,
  source: string,
  files: readonly string[],
  { parent, workers, explain }: VectorRun,
): Promise<VectorResult> {
  const results = await inParallel(files, workers, async (file) => {
    const finished = await runIsolated(subject, parent, {
      // With -H and -l it runs the xtables-legacy-multi in PATH. It is in a namespace of its own already.
      command: [
        ...['python3', '-B', SHIM, join(source, 'iptables-test.py'), ...(explain ? ['--explain'] : [])],
        ...['-H', '-l', '--no-netns', join('extensions', file)],
      ],
      workingDirectory: source,
    });
    return readReport(file, readFileSync(join(source, 'extensions', file), 'utf8'), finished);
  });
  return {
    tests: sum(results.map(({ tests }) => tests)),
    passed: sum(results.map(({ passed }) => passed)),
    failed: results.flatMap(({ failed }) => failed),
    trouble: results.flatMap(({ trouble }) => trouble),
  };
}

/** What iptables-test.py said of one file. `text` is the file. */
export function readReport(file: string, text: string, { status, stdout, stderr }: Finished): VectorResult {
  const lines = text.split('\n');
  // A rule that fails in the script's fast mode is tried, and complained about, once more by itself.
  const complaints = new Map<number, string>();
  for (const [, line, complaint, explanation] of stderr.matchAll(/: ERROR: line (\d+) \((.*)\)\n((?: {2}\| .*\n)*)/g)) {
    complaints.set(Number(line), `${complaint}\n${explanation}`.trimEnd());
  }
  const failed = [...complaints].map(([line, complaint]) => ({ file, line, vector: lines[line - 1] ?? '', complaint }));
  const counts = /(\d+) unit tests, (\d+) passed/.exec(stdout);
  if (status !== 0 || counts === null) {
    return {
      tests: 0,
      passed: 0,
      failed,
      trouble: [`${file}: iptables-test.py ended with ${status}: ${stderr.trim()}`],
    };
  }
  const [tests, passed] = [Number(counts[1]), Number(counts[2])];
  const trouble: string[] = [];
  if (tests - passed !== failed.length) trouble.push(`${file}: ${tests - passed} failed, but not those: ${stderr}`);
  // Where it can, the script restores a file's rules at once, and saves them; one by one only if that fails.
  if (stdout.includes('but fast mode failed')) trouble.push(`${file}: every rule passes, but not all at once`);
  return { tests, passed, failed, trouble };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
