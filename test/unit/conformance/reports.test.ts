import { describe, expect, it } from 'vitest';
import { compareWithExpected, type Expected } from '../../conformance/expected.ts';
import { expectedStatus } from '../../conformance/shell.ts';
import { type FailedVector, readReport } from '../../conformance/vectors.ts';

const TEXT = ':INPUT\n-j LED;=;OK\n-j ACCEPT;=;OK\n-j NOPE;;FAIL\n';

function report(stdout: string, stderr: string, status: number | undefined = 0) {
  return readReport('libxt_a.t', TEXT, { status, stdout, stderr });
}

describe('the report of one file', () => {
  it('names the lines that failed', () => {
    const stderr = 'extensions/libxt_a.t: ERROR: line 2 (cannot load: iptables -A INPUT -j LED (x))\n';
    expect(report('legacy: 1 test files, 3 unit tests, 2 passed\n', stderr)).toEqual({
      tests: 3,
      passed: 2,
      failed: [
        { file: 'libxt_a.t', line: 2, vector: '-j LED;=;OK', complaint: 'cannot load: iptables -A INPUT -j LED (x)' },
      ],
      trouble: [],
    });
  });

  it('takes over what the command printed', () => {
    const stderr = [2, 3].map((line) => `x.t: ERROR: line ${line} (cannot load: y)\n  | one\n  | two\n`);
    const result = report('legacy: 1 test files, 3 unit tests, 1 passed\n', stderr.join(''));
    expect(result.failed.map(({ complaint }) => complaint)).toEqual(Array(2).fill('cannot load: y\n  | one\n  | two'));
  });

  it('counts a line once that failed in both modes of the script', () => {
    const stderr = ['-t filter ', ''].map(
      (table) => `extensions/libxt_a.t: ERROR: line 4 (should fail: iptables -A INPUT ${table}-j NOPE)\n`,
    );
    const result = report('legacy: 1 test files, 3 unit tests, 2 passed\n', stderr.join(''));
    expect(result.failed.map(({ line }) => line)).toEqual([4]);
    expect(result.trouble).toEqual([]);
  });

  it('is in doubt if the number of failures is not that of the lines', () => {
    expect(report('legacy: 1 test files, 3 unit tests, 2 passed\n', '').trouble).toHaveLength(1);
  });

  it('is in doubt if the rules pass one by one only', () => {
    const stdout = 'extensions/libxt_a.t: OK but fast mode failed!\nlegacy: 1 test files, 3 unit tests, 3 passed\n';
    expect(report(stdout, '').trouble).toEqual(['libxt_a.t: every rule passes, but not all at once']);
  });

  it.each([
    ['no numbers', '', 0],
    ['a bad end', 'legacy: 1 test files, 3 unit tests, 3 passed\n', 1],
    ['the time limit', 'legacy: 1 test files, 3 unit tests, 3 passed\n', undefined],
  ])('is in doubt after %s, and counts nothing', (_, stdout, status) => {
    const result = readReport('libxt_a.t', TEXT, { status, stdout, stderr: '' });
    expect(result.trouble).toHaveLength(1);
    expect([result.tests, result.passed]).toEqual([0, 0]);
  });
});

describe('the list of expected failures', () => {
  const failed = (line: number, vector: string): FailedVector => ({ file: 'a.t', line, vector, complaint: 'no' });
  const entry = (line: number, vector: string, file = 'a.t'): Expected => ({ file, line, vector, reason: 'known' });

  it('agrees with the failures that it has', () => {
    const comparison = compareWithExpected([failed(2, 'x')], [entry(2, 'x')], ['a.t']);
    expect(comparison).toEqual({ unexpected: [], stale: [] });
  });

  it('tells a failure that it does not have', () => {
    expect(compareWithExpected([failed(3, 'x')], [entry(2, 'x')], ['a.t']).unexpected).toEqual([failed(3, 'x')]);
  });

  it('tells an entry that passes, or whose line has another text', () => {
    const comparison = compareWithExpected([failed(3, 'z')], [entry(2, 'x'), entry(3, 'y')], ['a.t']);
    expect(comparison.stale).toEqual([entry(2, 'x'), entry(3, 'y')]);
    expect(comparison.unexpected).toEqual([failed(3, 'z')]);
  });

  it('says nothing of files that were not run', () => {
    expect(compareWithExpected([], [entry(2, 'x', 'b.t')], ['a.t']).stale).toEqual([]);
  });
});

it.each([
  ['0001duplicate_1', 1],
  ['0008-unprivileged_0', 0],
  ['dumps', undefined],
  ['wireless.txt', undefined],
])('%s is to end with %s', (name, status) => {
  expect(expectedStatus(name)).toBe(status);
});
