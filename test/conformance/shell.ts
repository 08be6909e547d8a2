// The shell tests of iptables: scripts that call `$XT_MULTI iptables …` and end with the number in their name.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inParallel, runIsolated } from './isolate.ts';
import { MULTI, type Subject } from './multi.ts';

const FOLDERS = ['chain', 'firewalld-restore', 'ip6tables', 'ipt-restore', 'ipt-save', 'iptables'];

export interface ShellResult {
  /** `FOLDER/SCRIPT` */
  readonly test: string;
  readonly outcome: 'passed' | 'failed' | 'left out by itself';
  /** The end of what it printed. */
  readonly output: string;
}

/** The scripts for iptables and ip6tables, narrowed to paths that hold `filter`. */
export function shellTests(source: string, filter: string): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(casesDirectory(source), folder))
      .map((name) => join(folder, name))
      .filter((test) => expectedStatus(test) !== undefined && isExecutable(join(casesDirectory(source), test))),
  )
    .filter((test) => test.includes(filter))
    .sort();
}

export function runShellTests(
  subject: Subject,
  source: string,
  tests: readonly string[],
  parent: string,
  workers: number,
): Promise<ShellResult[]> {
  return inParallel(tests, workers, async (test) => {
    const { status, stdout } = await runIsolated(subject, parent, {
      command: ['sh', '-c', 'exec "$0" 2>&1', join(casesDirectory(source), test)],
      // Open to `nobody`, which the source need not be.
      workingDirectory: parent,
      environment: { XT_MULTI: join(subject.directory, MULTI) },
    });
    const isRight = status === expectedStatus(test);
    // Scripts say so if they are for another variant, or miss a tool.
    const outcome = !isRight ? 'failed' : /^skip /m.test(stdout) ? 'left out by itself' : 'passed';
    return { test, outcome, output: lastLines(`${stdout}exit code ${status}`) };
  });
}

/** The exit code that a script's name announces: `0001duplicate_1` ends with 1. */
export function expectedStatus(name: string): number | undefined {
  const digits = /_(\d+)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The suite runs no others. */
function isExecutable(path: string): boolean {
  return (statSync(path).mode & 0o111) !== 0;
}

function casesDirectory(source: string): string {
  return join(source, 'iptables', 'tests', 'shell', 'testcases');
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-30).join('\n');
}
