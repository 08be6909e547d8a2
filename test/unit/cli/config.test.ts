import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/cli/config.ts';
import { selectDevices } from '../../../src/cli/devices.ts';

const directory = mkdtempSync(join(tmpdir(), 'ipb-config-'));
const path = join(directory, 'config.json');
afterAll(() => rmSync(directory, { recursive: true }));

function load(content: unknown, environment: Record<string, string> = {}) {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return loadConfig({ BPFILTER_CONFIG: path, ...environment });
}

function problemsOf(content: unknown, environment: Record<string, string> = {}): string {
  try {
    load(content, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replaceAll(path, 'FILE');
    throw error;
  }
  throw new Error('it was accepted');
}

test('an empty file gives the defaults', () => {
  expect(load({})).toEqual({
    devices: { include: ['*'], exclude: [] },
    runDirectory: '/run/bpfilterd',
    stateDirectory: '/var/lib/bpfilterd',
    wait: Number.POSITIVE_INFINITY,
  });
});

test('the environment overrides the file, key by key', () => {
  const file = { placement: 'xdp', mode: 'native', devices: { include: ['eth*'], exclude: ['eth9'] }, wait: 3 };
  expect(
    load(file, { BPFILTER_MODE: 'generic', BPFILTER_DEVICES: 'wan+, !wan7 dmz0', BPFILTER_WAIT: '0' }),
  ).toMatchObject({
    placement: 'xdp',
    mode: 'generic',
    devices: { include: ['wan+', 'dmz0'], exclude: ['wan7'] },
    wait: 0,
  });
  expect(load(file, { BPFILTER_DEVICES: '!veth*', BPFILTER_MODE: '' })).toMatchObject({
    mode: 'native',
    devices: { include: ['*'], exclude: ['veth*'] },
  });
  expect(load(file, { BPFILTER_PLACEMENT: 'none' }).placement).toBe('none');
  expect(load({ early: 'off' }, { BPFILTER_EARLY: 'strict' }).early).toBe('strict');
  expect(load(file, { BPFILTER_ALLOW_INEXACT: 'loopback,output' }).allowInexact).toEqual(['loopback', 'output']);
});

test('a problem names the key, the file or the variable', () => {
  expect(problemsOf({ mode: 'offload' })).toMatch(/^FILE: `mode`: .*"auto"/);
  expect(problemsOf({ devices: { include: 'eth0' } })).toMatch(/^FILE: `devices.include`: /);
  expect(problemsOf({ plcement: 'xdp' })).toMatch(/^FILE: .*plcement/);
  expect(problemsOf({ runDirectory: 'run' })).toBe('FILE: `runDirectory`: must be an absolute path');
  expect(problemsOf('{')).toMatch(/^FILE: is not JSON: /);
  expect(problemsOf({}, { BPFILTER_PLACEMENT: 'xpd' })).toMatch(/^BPFILTER_PLACEMENT: `placement`: /);
  expect(problemsOf({}, { BPFILTER_WAIT: 'soon' })).toMatch(/^BPFILTER_WAIT: `wait`: must be a number of seconds/);
  expect(loadConfig({ BPFILTER_CONFIG: '' })).toEqual(loadConfig({}));
  expect(problemsOf({}, { BPFILTER_CONFIG: '/nonexistent/x' })).toMatch(/^\/nonexistent\/x: cannot be read: ENOENT/);
});

test('all problems are told, each with its place', () => {
  const all = { mode: 'offload', devices: { include: ['eth0', ''], exlude: [] }, allowInexact: ['loss'], wait: -1 };
  expect(problemsOf(all).split('\n')).toEqual([
    'FILE: `mode`: must be one of "auto", "native", "generic"',
    'FILE: `devices.exlude`: is no key of the configuration',
    'FILE: `devices.include.1`: must be a string that is not empty',
    'FILE: `allowInexact.0`: must be one of "loopback", "output", "out-device"',
    'FILE: `wait`: must be a number of seconds or "forever"',
  ]);
});

test.each([
  ['[]', 'must be an object'],
  ['null', 'must be an object'],
  ['{ "devices": [] }', '`devices`: must be an object'],
  ['{ "__proto__": {} }', '`__proto__`: is no key of the configuration'],
  ['{ "toString": 1 }', '`toString`: is no key of the configuration'],
  ['{ "allowInexact": "output" }', '`allowInexact`: must be a list'],
  ['{ "wait": 1e999 }', '`wait`: must be a number of seconds or "forever"'],
  ['{ "mode": null }', '`mode`: must be one of "auto", "native", "generic"'],
])('%s: %s', (content, message) => {
  expect(problemsOf(content)).toBe(`FILE: ${message}`);
});

test.each([
  [['*'], [], 'eth0 eth1 wlan0 br-lan eth0.5'],
  [['eth*'], ['eth1'], 'eth0 eth0.5'],
  [['eth+'], [], 'eth0 eth1 eth0.5'],
  [['eth0'], [], 'eth0'],
  [['*0'], ['wlan+'], 'eth0'],
  [['eth0.*', 'br-?an'], [], 'eth0.5'],
  [[], [], ''],
])('include %j, exclude %j: %s', (include, exclude, expected) => {
  const names = ['eth0', 'eth1', 'wlan0', 'br-lan', 'eth0.5'];
  expect(selectDevices(names, { include, exclude }).join(' ')).toBe(expected);
});
