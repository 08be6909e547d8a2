import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectory } from '../../../src/base/directory.ts';

describe('making a directory', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'ipb-directory-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('makes those above it, and leaves what is there as it is', () => {
    const path = join(root, 'a', 'b', 'c');
    makeDirectory(path, 0o700);
    makeDirectory(path, 0o755);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o700);
  });

  it('says why where a file is in the way', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => makeDirectory(join(root, 'file'), 0o700)).toThrow(/EEXIST/);
    expect(() => makeDirectory(join(root, 'file', 'below'), 0o700)).toThrow(/EEXIST|ENOTDIR/);
  });

  it('ends where the file system takes no directories', () => {
    expect(() => makeDirectory('/proc/bpfilter/run', 0o700)).toThrow(/ENOENT|EACCES|EPERM/);
  });
});
