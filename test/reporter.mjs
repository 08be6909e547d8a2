// A vitest reporter for test/run.mjs: a line of JSON as soon as something is known, so that a run that is stopped has numbers.
//
//   { files }                         what will run
//   { file, failed, tests }           a file has ended; tests: [{ name, state }], state: passed, failed, skipped

import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';

const root = new URL('..', import.meta.url).pathname;

export default class {
  onTestRunStart(specifications) {
    write({ files: specifications.map(({ moduleId }) => relative(root, moduleId)) });
  }

  onTestModuleEnd(module) {
    const tests = [...module.children.allTests()].map((test) => ({ name: test.fullName, state: test.result().state }));
    write({ file: relative(root, module.moduleId), failed: !module.ok(), tests });
  }
}

function write(line) {
  appendFileSync(process.env.BPFILTER_TEST_REPORT, `${JSON.stringify(line)}\n`);
}
