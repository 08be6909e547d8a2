import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/cli/config.ts';
import { whereToEnforce } from '../../../src/cli/request.ts';
import type { Kernel } from '../../../src/engine/kernel.ts';
import type { Where } from '../../../src/engine/types.ts';

const names = ['eth0', 'eth1', 'eth2'];
const kernel = {
  devices: () => names.map((name, i) => ({ ifindex: i + 1, name, loopback: false, ethernet: true })),
} as unknown as Kernel;

const where = (environment: Record<string, string>, before?: Where, devices?: readonly string[]) =>
  whereToEnforce(loadConfig(environment), kernel, { before, devices });

const NATIVE: Where = {
  ...{ placement: 'exact', devices: ['eth1'], mode: 'native', early: 'strict', allowInexact: [] },
};
const XDP: Where = { placement: 'xdp', devices: ['eth2'], mode: 'auto', allowInexact: ['output'] };
const NETFILTER: Where = { placement: 'netfilter', devices: [], mode: 'auto', allowInexact: [] };

test('what nobody asks for is exact, at all devices, where nothing is there yet', () => {
  expect(where({})).toEqual({ placement: 'exact', devices: names, mode: 'auto', early: 'fast', allowInexact: [] });
});

test('what nobody asks for stays as it is', () => {
  for (const before of [NATIVE, XDP, NETFILTER, { ...NETFILTER, placement: 'none' as const }])
    expect(where({}, before)).toEqual(before);
  // Devices that came later cost nothing there.
  expect(where({}, { ...NATIVE, mode: 'auto' })).toEqual({ ...NATIVE, mode: 'auto', devices: names });
});

test('what is asked for goes before what is there', () => {
  expect(where({ BPFILTER_EARLY: 'off' }, NATIVE)).toEqual({ ...NATIVE, early: 'off' });
  expect(where({ BPFILTER_PLACEMENT: 'netfilter' }, NATIVE)).toEqual(NETFILTER);
  expect(where({ BPFILTER_PLACEMENT: 'exact' }, NATIVE).devices).toEqual(names);
  expect(where({ BPFILTER_PLACEMENT: 'exact' }, XDP)).toEqual(where({}));
  expect(where({ BPFILTER_MODE: 'generic' }, XDP)).toEqual({ ...XDP, mode: 'generic' });
  expect(where({}, NATIVE, ['eth0']).devices).toEqual(['eth0']);
});
