// Devices that two families share: each comes and goes by itself.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import { GUARD_MAP } from '../../../src/codegen/guards.ts';
import { Installation } from '../../../src/engine/installation.ts';
import type { Device } from '../../../src/engine/kernel.ts';
import { FakeKernel, FEATURES } from '../../harness/fake-kernel.ts';

const ETH0: Device = { ifindex: 2, name: 'eth0', loopback: false, ethernet: true };
const ETH1: Device = { ifindex: 3, name: 'eth1', loopback: false, ethernet: true };

const { netfilterContext: _, ...layout } = FEATURES.layout;
const FEATURES_WITHOUT_NETFILTER = { ...FEATURES, layout };

let directory: string;
let kernel: FakeKernel;
let installation: Installation;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bpfilter-installation-'));
  kernel = new FakeKernel();
  kernel.presentDevices = [ETH0, ETH1];
  installation = Installation.create(kernel, directory);
});

afterEach(() => {
  installation.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Whom each device serves. */
function served(): Record<number, readonly Family[]> {
  return Object.fromEntries(installation.links.attachedDevices().map(({ ifindex, families }) => [ifindex, families]));
}

it('a device serves the families that are attached to it, by one link', () => {
  expect(installation.links.attachDevice('ipv6', ETH0, 'generic')).toBe(true);
  expect(installation.links.attachDevice('ipv6', ETH0, 'generic')).toBe(false);
  expect(installation.links.attachDevice('ipv4', ETH1, 'generic')).toBe(true);
  expect(served()).toEqual({ 2: ['ipv6'], 3: ['ipv4'] });
  expect(installation.links.attachDevice('ipv4', ETH0, 'generic')).toBe(true);
  expect(installation.links.attachDevice('ipv4', ETH0, 'generic')).toBe(false);
  expect(installation.links.attachDevice('ipv6', ETH0, 'generic')).toBe(false);
  expect(served()).toEqual({ 2: ['ipv4', 'ipv6'], 3: ['ipv4'] });
  expect(kernel.calls.filter((call) => /device/.test(call))).toEqual([
    ...['attach device 2', 'attach device 3', 'update device 2'],
  ]);
  installation.links.detachDevice('ipv6', 3);
  installation.links.detachDevice('ipv6', 2);
  expect(served()).toEqual({ 2: ['ipv4'], 3: ['ipv4'] });
  installation.links.detachDevice('ipv4', 2);
  expect(served()).toEqual({ 3: ['ipv4'] });
  expect(readdirSync(directory)).not.toContain('link_xdp_2');
});

it('whatever fails, whom a device served it serves still', () => {
  installation.links.attachDevice('ipv4', ETH0, 'generic');
  for (const [change, after] of [
    [() => installation.links.attachDevice('ipv6', ETH0, 'generic'), ['ipv4', 'ipv6']],
    [() => installation.links.detachDevice('ipv6', 2), ['ipv4']],
  ] as const) {
    const before = served();
    for (const { call } of kernel.failingAtEachCall(change)) expect(served(), call).toEqual(before);
    expect(served()).toEqual({ 2: after });
  }
});

it('a family that is released leaves the devices of the other', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    installation.links.attachDevice(family, ETH0, 'generic');
    installation.links.attachHook(family, 'INPUT');
    installation.setGeneration(family, 5);
  }
  installation.links.attachDevice('ipv6', ETH1, 'generic');
  installation.release('ipv6');
  expect(served()).toEqual({ 2: ['ipv4'] });
  expect([installation.generation('ipv4'), installation.generation('ipv6')]).toEqual([5, 0]);
  expect([installation.links.attachedHooks('ipv4').length, installation.links.attachedHooks('ipv6').length]).toEqual([
    1, 0,
  ]);
});

it('a device that has vanished is attached anew, and is gone for both families', () => {
  installation.links.attachDevice('ipv4', ETH0, 'generic');
  kernel.presentDevices = [ETH1];
  expect(installation.links.attachedDevices()).toEqual([{ ifindex: 2, gone: true, families: ['ipv4'] }]);
  kernel.presentDevices = [];
  installation.links.detachDevice('ipv6', 2);
  expect(served()).toEqual({});
});

it('a kernel without netfilter programs has slots of XDP alone', () => {
  kernel.knownFeatures = FEATURES_WITHOUT_NETFILTER;
  installation.fillSlots('ipv4', 1, new Map());
  installation.withSlots('ipv4', 1, (programs) => expect([...programs.keys()]).toEqual(['XDP']));
  expect(kernel.calls.filter((call) => call.startsWith('load'))).toEqual(['load pass_xdp']);
});

it('a map that could not be pinned is made and pinned by the next change of the same process', () => {
  rmSync(join(directory, GUARD_MAP));
  expect(kernel.failing(2, () => installation.complete())?.call).toBe(`pin ${GUARD_MAP}`);
  installation.complete();
  expect(readdirSync(directory)).toContain(GUARD_MAP);
  expect(kernel.openPin(join(directory, GUARD_MAP))).toBe(installation.guardMap);
});

it('whatever fails, no descriptor stays open once it is closed', () => {
  const before = kernel.open;
  const there = join(directory, 'another');
  const attempts = kernel.failingAtEachCall(() => {
    rmSync(there, { recursive: true, force: true });
    const made = Installation.create(kernel, there);
    try {
      for (const family of ['ipv4', 'ipv6'] as const) {
        made.links.attachHook(family, 'INPUT');
        made.links.attachDevice(family, ETH0, 'native');
        made.fillSlots(family, 1, new Map());
      }
      rmSync(join(there, GUARD_MAP));
      made.complete();
    } finally {
      made.close();
    }
  });
  for (const { call } of attempts) expect(kernel.open, call).toBe(before);
  expect(kernel.open).toBe(before);
});

it('one that is closed says that nothing is in force, and changes nothing', () => {
  const other = Installation.open(kernel, directory)!;
  installation.setGeneration('ipv4', 7);
  installation.close();
  expect(installation.generation('ipv4')).toBe(0);
  expect(() => installation.setGeneration('ipv4', 8)).toThrow(/closed/);
  expect(() => installation.fillSlots('ipv4', 8, new Map())).toThrow(/closed/);
  expect(other.generation('ipv4')).toBe(7);
  other.close();
});
