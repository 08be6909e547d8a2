// What `status` says of placement `exact`: the mode of each device and why, and what becomes of early verdicts.

import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { EarlyFacts } from '../../../src/base/early.ts';
import type { Family } from '../../../src/base/family.ts';
import type { EarlyChoice } from '../../../src/base/hooks.ts';
import { FORMER_GUARD_MAP, GUARD_MAP, guardMap } from '../../../src/codegen/guards.ts';
import { EARLY_PROGRAM } from '../../../src/codegen/xdp-early.ts';
import { openEngine } from '../../../src/engine/engine.ts';
import type { Device } from '../../../src/engine/kernel.ts';
import type { Engine, FamilyStatus, Status, SyncResult } from '../../../src/engine/types.ts';
import { KernelError, VerifierError } from '../../../src/kernel/errors.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { EARLY_FEATURES, FakeKernel, FEATURES } from '../../harness/fake-kernel.ts';

const device = (ifindex: number, name: string, more: Partial<Device> = {}): Device => ({
  ...{ ifindex, name, loopback: false, ethernet: true },
  ...more,
});
const PORT = device(4, 'port0', { master: 9 });
const FACTS: EarlyFacts = {
  family: 'ipv4',
  local: [{ low: 0x0a000001, high: 0x0a000001 }],
  routed: [],
  devices: [{ name: 'eth0', sources: [{ low: 0x0b000000, high: 0x0bffffff }], forwards: false }],
};

let directory: string;
let kernel: FakeKernel;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bpfilter-status-'));
  kernel = new FakeKernel();
  kernel.knownFeatures = EARLY_FEATURES;
  kernel.facts = FACTS;
  kernel.presentDevices = [device(2, 'eth0'), device(3, 'veth1', { kind: 'veth' }), PORT];
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** As a new process would. */
function ask<T>(work: (engine: Engine) => T): T {
  const engine = openEngine({ run: join(directory, 'run'), state: join(directory, 'state') }, kernel);
  try {
    return engine.withLock(0, () => work(engine));
  } finally {
    engine.close();
  }
}

function apply(
  devices: readonly string[] = ['eth0'],
  family: Family = 'ipv4',
  policy = 'DROP',
  early?: EarlyChoice,
): readonly string[] {
  const { ruleset } = parseRuleset(`*filter\n:INPUT ${policy}\nCOMMIT\n`, { file: 'test', family });
  const how = {
    source: { file: 'test' },
    counters: 'carry',
    placement: 'exact',
    mode: 'auto',
    allowInexact: [],
  } as const;
  const result = ask((engine) => engine.apply({ ruleset, devices, early, ...how }));
  if (!result.ok) throw new Error(result.diagnostics[0]!.message);
  return result.notes;
}

const status = (): Status => ask((engine) => engine.status());
const ipv4 = (): FamilyStatus => status().families.ipv4;
const trySync = (family: Family = 'ipv4'): SyncResult => ask((engine) => engine.sync(family));
const sync = (family?: Family): readonly string[] => {
  const { ok, notes, warnings } = trySync(family);
  expect({ ok, warnings }).toEqual({ ok: true, warnings: [] });
  return notes;
};

it('says the mode of each device and why, and which are left out', () => {
  apply(['veth1', 'port0', 'gone0', 'eth0']);
  expect(ipv4().devices).toEqual([{ name: 'eth0', ifindex: 2, mode: 'native', why: 'a physical device' }]);
  const veth =
    'native XDP on a veth makes its peer segment TCP in software, and generic XDP costs accepted traffic more than ' +
    'early drops save; --mode insists';
  expect(ipv4().leftOut).toEqual([
    { name: 'veth1', why: veth },
    { name: 'port0', why: "port0 belongs to device 9: iptables' -i names device 9, attach there" },
    { name: 'gone0', why: 'there is no device gone0 in this network namespace' },
  ]);
  expect(ipv4().early).toEqual({ choice: 'fast', dropped: '0' });
  expect(status().warnings).toEqual([]);
});

it('says when a device that was left out can be served, and sync attaches to it', () => {
  apply(['eth0', 'port0', 'gone0']);
  kernel.presentDevices = [device(2, 'eth0'), device(4, 'port0')];
  expect(ipv4().leftOut![0]!.why).toContain('bpfilter sync');
  expect(sync()).toContain('port0: native XDP, a physical device');
  expect(ipv4().devices.map(({ name }) => name)).toEqual(['eth0', 'port0']);
  expect(ipv4().leftOut).toEqual([{ name: 'gone0', why: 'there is no device gone0 in this network namespace' }]);
});

it.each([
  ['E2BIG', ''],
  ['ENOMEM', 'insn 32959 cannot be patched due to 16-bit range'],
] as const)(
  'enforces the rules without early verdicts where their program is too large for the verifier: %s',
  (errno, log) => {
    const load = kernel.loadProgram.bind(kernel);
    kernel.loadProgram = (program, maps) => {
      if (program.name === EARLY_PROGRAM) throw new VerifierError(program.name, constants.errno[errno], log);
      return load(program, maps);
    };
    const why = "no early verdicts, because the program for them is more than the kernel's verifier follows";
    expect(apply()).toEqual([why]);
    expect(ipv4()).toMatchObject({ placement: 'exact', devices: [] });
    expect(
      ipv4()
        .hooks.filter(({ attached }) => attached)
        .map(({ hook }) => hook),
    ).toContain('INPUT');
    expect(sync()).toEqual([why]);
    kernel.loadProgram = load;
    expect(sync()).toEqual(['eth0: native XDP, a physical device']);
    expect(ipv4().devices).toHaveLength(1);
  },
);

it('says which device has no program, because the kernel refuses it or somebody took it away, and sync attaches it', () => {
  const attach = kernel.attachDevice;
  kernel.attachDevice = () => {
    throw new Error('cannot attach');
  };
  expect(apply()).toEqual(['no early verdicts at eth0: cannot attach']);
  expect(sync()).toEqual(['no early verdicts at eth0: cannot attach']);
  kernel.attachDevice = attach;
  const isAttached = (generation: number) => {
    expect(ipv4().leftOut).toEqual([{ name: 'eth0', why: expect.stringMatching(/; `bpfilter sync` attaches to it/) }]);
    expect(ipv4().early!.none).toBe('all its devices are left out');
    expect(sync()).toEqual(['eth0: native XDP, a physical device']);
    expect(ipv4()).toMatchObject({ generation, devices: [{ name: 'eth0' }], early: { choice: 'fast', dropped: '0' } });
    expect(status().warnings).toEqual([]);
    expect(sync()).toEqual([]);
  };
  const { generation } = ipv4();
  isAttached(generation);
  const [pins] = readdirSync(join(directory, 'run', 'bpf'));
  rmSync(join(directory, 'run', 'bpf', pins!, 'link_xdp_2'));
  isAttached(generation);
});

it('warns where early verdicts wait, until sync lets them go on', () => {
  apply();
  kernel.addressGeneration++;
  expect(ipv4().early!.waiting).toMatch(/`bpfilter sync` lets them go on/);
  expect(status().warnings).toEqual([`early verdicts of IPv4 wait, because ${ipv4().early!.waiting}`]);
  const { generation } = ipv4();
  expect(sync()).toEqual([]);
  expect(ipv4()).toMatchObject({ generation, early: { dropped: '0' } });
  expect(status().warnings).toEqual([]);
});

it('says which device has been renamed, as the program leaves its packets to netfilter, until sync', () => {
  kernel.presentDevices = [device(2, 'eth0'), device(3, 'eth1')];
  apply(['eth0', 'eth1']);
  kernel.presentDevices = [device(2, 'eth0'), device(3, 'lan0')];
  kernel.facts = { ...FACTS, devices: [...FACTS.devices, { name: 'lan0', sources: [], forwards: false }] };
  const renamed = { name: 'lan0', why: 'it was eth1 when the rules were compiled; `bpfilter sync` looks at it anew' };
  expect(ipv4()).toMatchObject({ devices: [{ name: 'eth0' }], leftOut: [renamed] });
  expect(ipv4().early!.outdated).toMatch(/`bpfilter sync`/);
  kernel.presentDevices = [device(2, 'wan0'), device(3, 'lan0')];
  expect(ipv4()).toMatchObject({ devices: [], early: { none: 'all its devices are left out' } });
  kernel.presentDevices = [device(2, 'eth0'), device(3, 'lan0')];
  sync();
  expect(ipv4().devices.map(({ name }) => name)).toEqual(['eth0', 'lan0']);
  expect(ipv4().early).toEqual({ choice: 'fast', dropped: '0' });
});

it('says that early verdicts rest on what has changed, though no word says so', () => {
  apply();
  kernel.facts = { ...FACTS, local: [] };
  expect(ipv4().early).toEqual({ choice: 'fast', dropped: '0', outdated: expect.stringMatching(/`bpfilter sync`/) });
  sync();
  expect(ipv4().early).toEqual({ choice: 'fast', dropped: '0', none: expect.any(String) });
});

it('sync that cannot compile the rules anew says so, and leaves them as they are', () => {
  apply();
  const { generation } = ipv4();
  kernel.facts = { ...FACTS, devices: [] };
  const load = kernel.loadProgram;
  kernel.loadProgram = (program) => {
    throw new VerifierError(program.name, constants.errno.E2BIG, '');
  };
  const { ok, warnings } = trySync();
  expect([ok, warnings.length]).toEqual([false, 1]);
  expect(warnings[0]).toMatch(
    /^the rules in force cannot be compiled anew, and stay as they are, .*: program \S+ is more/,
  );
  expect(ipv4()).toMatchObject({ generation });
  kernel.loadProgram = load;
  expect(trySync().ok).toBe(true);
});

it('rules are in force, and said to be, though what early verdicts rest on cannot be read behind the flip', () => {
  apply();
  const { generation } = ipv4();
  const surroundings = kernel.surroundings;
  let looks = 0;
  kernel.surroundings = () => {
    if (++looks > 2) throw new KernelError('look around', constants.errno.ENOMEM);
    return surroundings.call(kernel);
  };
  expect(apply()).toContain(
    'early verdicts wait, because cannot look around: ENOMEM (the kernel is out of memory for this)',
  );
  kernel.surroundings = surroundings;
  expect(ipv4().generation).toBe(generation + 1);
});

/** Makes the words of early verdicts those of an earlier version, of which there were fewer, and that had another name. */
const EARLIER: Readonly<Record<string, (path: string) => void>> = {
  'of another name': (path) => renameSync(path, join(path, '..', FORMER_GUARD_MAP)),
  'of another size': (path) => {
    rmSync(path);
    kernel.pin(kernel.createMap({ ...guardMap(), valueSize: 128, contents: new Uint8Array(128) }), path);
  },
};

it.each(Object.keys(EARLIER))('has sync compile rules anew whose early verdicts compare words %s', (name) => {
  apply();
  const pins = join(directory, 'run', 'bpf', readdirSync(join(directory, 'run', 'bpf'))[0]!);
  EARLIER[name]!(join(pins, GUARD_MAP));
  const [store] = readdirSync(join(directory, 'state'));
  const rows = new Database(join(directory, 'state', store!, 'store.sqlite'));
  rows.exec("UPDATE generation SET manifest = json_set(manifest, '$.early', 'of an earlier version')");
  rows.close();
  const { generation } = ipv4();
  expect(ipv4().early!.waiting).toMatch(/another version.*`bpfilter sync`/);
  // Whatever fails, the old rules stay in force and can be looked at, or the new ones are.
  for (const { call, isDone } of kernel.failingAtEachCall(sync)) {
    if (!isDone) expect(ipv4().early!.waiting, call).toMatch(/`bpfilter sync`/);
  }
  expect(ipv4().generation).toBeGreaterThan(generation);
  expect(ipv4().early).toEqual({ choice: 'fast', dropped: '0' });
  expect(readdirSync(pins)).not.toContain(FORMER_GUARD_MAP);
  const map = kernel.openPin(join(pins, GUARD_MAP))!;
  expect(kernel.valueSize(map)).toBe(guardMap().valueSize);
});

it('says why the rules make no early verdicts: without a warning, as nothing is wrong', () => {
  const raw = { address: 1n, priority: -300, kind: 0 };
  kernel.hooks = { ...kernel.hooks, PREROUTING: [raw] };
  apply();
  const none = 'a table of the kernel at priority -300 sees packets first, at PREROUTING';
  expect(ipv4().early).toEqual({ choice: 'fast', dropped: '0', none });
  expect(status().warnings).toEqual([]);
  expect(sync()).toEqual([`no early verdicts, because ${none}`]);
  kernel.hooks = { ...kernel.hooks, PREROUTING: [] };
  expect(ipv4().early!.none).toMatch(/`bpfilter sync` looks anew/);
  sync();
  expect(ipv4().early).toEqual({ choice: 'fast', dropped: '0' });
});

/** What has come into the kernel at XDP. */
const atXdp = () =>
  kernel.objects.filter(
    (each) => each.kind === 'device link' || (each.kind === 'program' && each.program.type === 'xdp'),
  );

it('is as placement netfilter where no device can be served, or nothing is dropped early, or that is off', () => {
  apply(['veth1']);
  expect(ipv4()).toMatchObject({ placement: 'exact', devices: [], early: { none: 'no device can be served' } });
  expect(sync()).toEqual([]);
  apply(['eth0'], 'ipv4', 'ACCEPT');
  expect(ipv4()).toMatchObject({ devices: [], leftOut: [{ name: 'eth0', why: 'no packet is dropped early' }] });
  apply(['eth0'], 'ipv4', 'DROP', 'off');
  expect(ipv4()).toMatchObject({ devices: [], early: { choice: 'off', dropped: '0' } });
  expect([ipv4().leftOut, ipv4().early!.none, sync()]).toEqual([undefined, undefined, []]);
  expect(atXdp().filter(({ kind }) => kind === 'device link')).toEqual([]);
});

it('keeps a program where a device has one, as to attach it again may take the link down', () => {
  apply();
  apply(['eth0'], 'ipv4', 'ACCEPT');
  expect(ipv4().devices.map(({ name }) => name)).toEqual(['eth0']);
  apply();
  expect(ipv4()).toMatchObject({ devices: [{ name: 'eth0' }], early: { choice: 'fast', dropped: '0' } });
  apply(['eth0'], 'ipv4', 'DROP', 'strict');
  expect(ipv4().early).toEqual({ choice: 'strict', dropped: '0' });
});

it('leaves a device out, without a warning, that took no program or is gone', () => {
  kernel.attachDevice = () => {
    throw new Error('the driver does not take it');
  };
  expect(apply()).toContain('no early verdicts at eth0: the driver does not take it');
  expect(ipv4()).toMatchObject({ devices: [], leftOut: [{ name: 'eth0' }] });
  kernel.presentDevices = [];
  expect(ipv4().leftOut).toEqual([{ name: 'eth0', why: 'the device is gone' }]);
  expect(status().warnings.filter((warning) => !/wait, because/.test(warning))).toEqual([]);
});

it('says where a kernel cannot look connections up', () => {
  kernel.knownFeatures = { ...EARLY_FEATURES, functions: FEATURES.functions };
  const tracking = { address: 1n, priority: -200, kind: 0 };
  kernel.hooks = { ...kernel.hooks, PREROUTING: [tracking] };
  apply();
  expect(ipv4().early!.none).toMatch(/^connections are tracked, and this kernel/);
});

it('says why a kernel has no strict early verdicts', () => {
  const { deviceMerging: _, ...others } = EARLY_FEATURES.surroundings!;
  kernel.knownFeatures = { ...EARLY_FEATURES, surroundings: others };
  expect(apply(['eth0'], 'ipv4', 'DROP', 'strict')[0]).toMatch(/^no early verdicts, because this kernel does not show/);
  expect(ipv4().early!.none).toMatch(/which devices put packets together/);
});

it('says it of rules of IPv6 too', () => {
  const early = () => status().families.ipv6.early;
  apply(['eth0'], 'ipv6');
  const none = 'routing rules ask for more than the destination, or there are too many routes';
  expect(early()).toEqual({ choice: 'fast', dropped: '0', none });
  const [local, sources] = [0x20010db8n, 0x20010db9n].map((low) => [{ low: low << 96n, high: (low << 96n) + 9n }]);
  const devices = [{ name: 'eth0', sources: sources!, forwards: false }];
  kernel.facts = { family: 'ipv6', local: local!, routed: [], devices };
  expect(sync('ipv6')).toEqual([expect.stringMatching(/^eth0: /)]);
  expect(early()).toEqual({ choice: 'fast', dropped: '0' });
});
