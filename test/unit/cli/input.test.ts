import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readWhole } from '../../../src/cli/input.ts';

const directory = mkdtempSync(join(tmpdir(), 'ipb-input-'));
afterAll(() => rmSync(directory, { recursive: true }));

const TEXT = 'täglich\n'.repeat(100_000);
const file = join(directory, 'file');
writeFileSync(file, TEXT);

test('a file is read from where it stands', () => {
  const descriptor = openSync(file, 'r');
  try {
    expect(readWhole(descriptor).toString() === TEXT).toBe(true);
    expect(readWhole(descriptor).length).toBe(0);
  } finally {
    closeSync(descriptor);
  }
});

test('all that comes through a pipe that does not wait is read, however slow its writer is', () => {
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const descriptor = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const end = openSync(pipe, 'w');
    spawn('sh', ['-c', 'sleep 0.1; cat "$0"', file], { stdio: ['ignore', end, 'ignore'] });
    closeSync(end);
    expect(readWhole(descriptor).toString() === TEXT).toBe(true);
  } finally {
    closeSync(descriptor);
  }
});
