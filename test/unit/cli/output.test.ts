import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeWhole } from '../../../src/cli/output.ts';

const directory = mkdtempSync(join(tmpdir(), 'ipb-output-'));
afterAll(() => rmSync(directory, { recursive: true }));

const TEXT = 'täglich\n'.repeat(100_000);

test('all of a text gets through a pipe that does not wait, however slow its reader is', async () => {
  const pipe = join(directory, 'pipe');
  const copy = join(directory, 'copy');
  execFileSync('mkfifo', [pipe]);
  // Opened to read as well, so that it need not wait for the reader.
  const descriptor = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const size = Buffer.byteLength(TEXT);
    const reader = spawn('sh', ['-c', `sleep 0.2; head -c ${size} "$0" > "$1"`, pipe, copy], { stdio: 'ignore' });
    writeWhole(descriptor, TEXT);
    expect(await once(reader, 'exit')).toEqual([0, null]);
  } finally {
    closeSync(descriptor);
  }
  expect(readFileSync(copy, 'utf8') === TEXT).toBe(true);
});

test('a reader that is gone is no error', () => {
  const pipe = join(directory, 'unread');
  execFileSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(pipe, constants.O_WRONLY);
  closeSync(reader);
  try {
    writeWhole(writer, TEXT);
  } finally {
    closeSync(writer);
  }
});

test('a full disk is an error', () => {
  const full = openSync('/dev/full', 'w');
  try {
    expect(() => writeWhole(full, 'x')).toThrow('ENOSPC');
    writeWhole(full, '');
  } finally {
    closeSync(full);
  }
});
