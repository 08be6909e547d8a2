// What is read of other kernels: their types as recorded, with connection tracking as a module.

import { readFileSync } from 'node:fs';
import { beforeEach, expect, it, vi } from 'vitest';
import { netfilterContextOf, requireFunction } from '../../../src/base/features.ts';
import { BtfReader } from '../../../src/bpf/btf-reader.ts';
import { blobOf, type RecordedTypes } from '../../harness/btf-blob.ts';

const machine = vi.hoisted(() => ({ kernel: undefined as unknown, modules: {} as Record<string, unknown>, loads: 0 }));

vi.mock('../../../src/kernel/kernel-types.ts', () => ({
  CONNTRACK: 'nf_conntrack',
  kernelTypes: () => machine.kernel,
  conntrackTypes: () => {
    machine.loads++;
    return machine.modules.nf_conntrack;
  },
  moduleTypes: (name: string) => machine.modules[name],
}));

/** Has the kernel load a module with these types. */
let load: (name: string, types: RecordedTypes) => void;

beforeEach(() => {
  vi.resetModules();
  Object.assign(machine, { modules: {}, loads: 0 });
});

type Recorded = Readonly<Record<'kernel' | 'nf_conntrack' | 'nf_nat' | 'x_tables', RecordedTypes>>;

const recorded = (version: string): Recorded =>
  JSON.parse(readFileSync(new URL(`types/${version}.json`, import.meta.url), 'utf8')) as Recorded;

/** The features of a kernel with these types. */
async function featuresOf({ kernel, nf_conntrack }: Pick<Recorded, 'kernel' | 'nf_conntrack'>) {
  const blob = blobOf(kernel);
  const base = new BtfReader(blob.bytes());
  machine.kernel = base;
  load = (name, types) => {
    machine.modules[name] = new BtfReader(blobOf(types, blob).bytes(), base);
  };
  load('nf_conntrack', nf_conntrack);
  const { probeFeatures } = await import('../../../src/kernel/features.ts');
  return probeFeatures();
}

it('6.12: has everything, functions of connection tracking in its module', async () => {
  const features = await featuresOf(recorded('6.12'));
  expect(netfilterContextOf(features)).toEqual({ state: 0, skb: 8 });
  expect(features.surroundings).toMatchObject({
    hookCount: 0,
    deviceTakers: { length: 4 },
    tcpLoose: expect.any(Number),
  });
  expect(features.connection).toMatchObject({ status: 128, reply: features.connection!.original + 56 });
  expect(machine.loads).toBe(0);
  expect(requireFunction(features, 'bpf_rdonly_cast')).toEqual(expect.any(Number));
  const lookUp = requireFunction(features, 'bpf_xdp_ct_lookup');
  const types = machine.modules.nf_conntrack as BtfReader;
  expect(lookUp).toEqual({ id: types.functionId('bpf_xdp_ct_lookup'), module: 'nf_conntrack' });
  expect(machine.loads).toBe(1);
});

it('6.1: has no netfilter programs and no casts, and all that placement xdp asks', async () => {
  const features = await featuresOf(recorded('6.1'));
  expect(() => netfilterContextOf(features)).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^placement exact or netfilter needs kernel 6\.4 or later/),
      remedy: expect.stringContaining('--placement xdp'),
    }),
  );
  expect(() => requireFunction(features, 'bpf_cast_to_kern_ctx')).toThrow('needs kernel 6.2');
  expect(Object.values(features.layout).every(Number.isInteger)).toBe(true);
  expect(features.layout).toMatchObject({ deviceName: 0, deviceAddress: 2376, deviceNet: 1280 });
});

it('types of connection tracking are the module’s where the kernel has none', async () => {
  const { kernel, nf_conntrack } = recorded('6.12');
  const { nf_conn, nf_conntrack_tuple_hash, ...structs } = kernel.structs;
  const moved = { ...nf_conntrack, structs: { nf_conn: nf_conn!, nf_conntrack_tuple_hash: nf_conntrack_tuple_hash! } };
  const features = await featuresOf({ kernel: { ...kernel, structs }, nf_conntrack: moved });
  expect(machine.loads).toBe(0);
  expect(features.connection).toMatchObject({ skbConnection: expect.any(Number), status: 128, original: 32 });
  expect(machine.loads).toBe(1);
});

it('types of NAT and of iptables-legacy’s tables are known once their modules are loaded', async () => {
  const types = recorded('6.12');
  const features = await featuresOf(types);
  const foreign = () => features.surroundings!.foreign;
  const ofNftables = { nftablesChanges: expect.any(Number) };
  const ofTables = { table: expect.objectContaining({ size: 0, rules: expect.any(Number) }) };
  expect(foreign()).toEqual(ofNftables);
  load('x_tables', types.x_tables);
  expect(foreign()).toEqual({ ...ofNftables, ...ofTables });
  load('nf_nat', types.nf_nat);
  expect(foreign()).toEqual({ ...ofNftables, ...ofTables, natEntries: 0 });
});
