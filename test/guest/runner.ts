// Runs tests in the guest, but for those that need what its kernel has not: these it writes down. So it does with tests that
// end with our own word for that, an `UnsupportedError`, and with why others failed, as a guest may be ended any time.

import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { type RunnerTask, type RunnerTestCase, type RunnerTestFile, TestRunner } from 'vitest';
import { lackedBy } from './needs.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
/** What `UnsupportedError` says (src/base/unsupported.ts), perhaps within what a command has printed. */
const REFUSAL = /[^\n:]* needs kernel [\d.]+ or later(?= \(this is )/;

export default class extends TestRunner {
  onCollected(files: RunnerTestFile[]): void {
    for (const file of files) {
      const lacking: Lacking[] = [];
      leaveOut(file, nameOf(file), lacking);
      write({ file: nameOf(file), lacking });
    }
  }

  override onAfterRunTask(test: RunnerTestCase): void {
    super.onAfterRunTask(test);
    if (test.result?.state !== 'fail') return;
    const message = test.result.errors?.map((error) => error.message).join('\n') ?? '';
    const why = REFUSAL.exec(message)?.[0].trim();
    const name = test.fullTestName;
    write(
      why === undefined
        ? { file: nameOf(test.file), name, message }
        : { file: nameOf(test.file), lacking: [{ name, why }] },
    );
  }
}

interface Lacking {
  readonly name: string;
  readonly why: string;
}

function write(line: object): void {
  appendFileSync(process.env.BPFILTER_TEST_REPORT!, `${JSON.stringify(line)}\n`);
}

function nameOf(file: RunnerTestFile): string {
  return relative(ROOT, file.filepath);
}

/** Leaves out what the kernel lacks something for. Returns whether nothing is left. */
function leaveOut(task: RunnerTask, file: string, lacking: Lacking[]): boolean {
  if (task.type === 'suite') {
    const isEmpty = task.tasks.map((each) => leaveOut(each, file, lacking)).every(Boolean);
    // Nothing is made for tests that do not run.
    if (isEmpty) task.mode = 'skip';
    return isEmpty;
  }
  const why = task.mode === 'run' ? lackedBy(file, task.fullTestName) : undefined;
  if (why !== undefined) {
    lacking.push({ name: task.fullTestName, why });
    task.mode = 'skip';
  }
  return task.mode === 'skip';
}
