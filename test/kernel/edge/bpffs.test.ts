// The bpffs of a run directory, from inside and outside of the private mount namespaces that `ip netns exec` makes.

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { closeDescriptor, createMap, openPin, pin } from '../../../src/kernel/bpf.ts';
import { openPinDirectory } from '../../../src/kernel/bpffs.ts';
import { listPins } from './pins.ts';
import { TestNamespace } from './test-namespace.ts';

let namespace: TestNamespace;
let run: string;

beforeEach(() => {
  namespace = new TestNamespace();
  run = mkdtempSync('/run/ipb-edge-');
});

afterEach(() => {
  namespace.remove();
  if (mounts().length > 0) execFileSync('umount', [join(run, 'bpf')]);
  rmSync(run, { recursive: true });
});

const SCRIPT = new URL('pin.ts', import.meta.url).pathname;

/** Words of a command that pins a map from inside the namespace. */
const pinInside = (name: string) => [
  ...['netns', 'exec', namespace.name, process.execPath, '--import', 'tsx', SCRIPT, run, name],
];

function inside(name: string): { directory: string; pins: string[] } {
  return JSON.parse(execFileSync('ip', pinInside(name), { encoding: 'utf8' }));
}

function mounts(): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${join(run, 'bpf')} bpf `));
}

it('what the first command pins inside is there outside after its end, and the other way round', () => {
  expect(inside('one').pins).toEqual(['one']);
  const directory = openPinDirectory(run);
  expect(directory).toBe(join(run, 'bpf'));
  const object = openPin(join(directory, 'one'))!;
  expect(object).toBeGreaterThan(0);
  pin(object, join(directory, 'two'));
  closeDescriptor(object);
  expect(inside('three').pins).toEqual(['one', 'three', 'two']);
  expect(mounts()).toHaveLength(1);
});

it('is mounted once, and found again', () => {
  const map = createMap({ name: 'test', type: 'array', valueSize: 4, maxEntries: 1, mmapable: false });
  pin(map, join(openPinDirectory(run), 'map'));
  closeDescriptor(map);
  expect(listPins(openPinDirectory(run))).toEqual(['map']);
  expect(mounts()).toHaveLength(1);
  const path = join(run, 'bpf', 'map');
  unlinkSync(path);
  expect(openPin(path)).toBeUndefined();
});

it('four first commands at once find one bpffs', async () => {
  const names = ['a', 'b', 'c', 'd'];
  await Promise.all(names.map((name) => promisify(execFile)('ip', pinInside(name))));
  expect(mounts()).toHaveLength(1);
  expect(listPins(join(run, 'bpf'))).toEqual(names);
});

it('is refused where it cannot be had outside, and nothing is mounted', () => {
  const options = { encoding: 'utf8', stdio: 'pipe', env: { ...process.env, PATH: '/nonexistent' } } as const;
  const ip = execFileSync('sh', ['-c', 'command -v ip'], { encoding: 'utf8' }).trim();
  expect(() => execFileSync(ip, pinInside('one'), options)).toThrow(/PinDirectoryError.*private mount namespace/);
  expect(mounts()).toEqual([]);
});
