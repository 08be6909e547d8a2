// Two families in one namespace: whatever is done for one, the other stays as it is, programs, links, counters and all.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES, type Family } from '../../../src/base/family.ts';
import type { Placement } from '../../../src/base/hooks.ts';
import { DISPATCH_POINTS, FORMER_XDP_SLOTS, SLOT_MAPS, slotIndex } from '../../../src/codegen/dispatcher.ts';
import type { ApplyRequest, ApplyResult, Engine } from '../../../src/engine/types.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleset } from '../../../src/ruleset/print.ts';
import { Store } from '../../../src/store/store.ts';
import { CounterCells } from '../../harness/counter-cells.ts';
import { FakeHost } from '../../harness/fake-host.ts';
import type { FakeKernel } from '../../harness/fake-kernel.ts';

/** A ruleset whose INPUT drops TCP to these ports. */
function text(...ports: number[]): string {
  const rules = ports.map((port) => `-A INPUT -p tcp -m tcp --dport ${port} -j DROP\n`).join('');
  return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules}COMMIT\n`;
}

const OTHER: Readonly<Record<Family, Family>> = { ipv4: 'ipv6', ipv6: 'ipv4' };

let host: FakeHost;
let directory: string;
let kernel: FakeKernel;

beforeEach(() => {
  host = new FakeHost();
  ({ directory, kernel } = host);
});

afterEach(() => {
  host.remove();
});

/** As another process would. */
const open = (): Engine => host.open();

function request(family: Family, rules: string, placement: Placement): ApplyRequest {
  const { ruleset, diagnostics } = parseRuleset(rules, { file: 'test.rules', family });
  expect(diagnostics).toEqual([]);
  return {
    ...{ ruleset, source: { file: 'test.rules' }, counters: 'carry', placement },
    ...{ devices: ['eth0'], mode: 'generic', allowInexact: ['loopback', 'output', 'out-device'] },
  };
}

function tryApply(family: Family, rules: string, placement: Placement = 'netfilter', engine = open()): ApplyResult {
  return engine.withLock(0, () => {
    const result = engine.apply(request(family, rules, placement));
    engine.settle();
    return result;
  });
}

function apply(family: Family, rules: string, placement?: Placement, engine?: Engine): number {
  const result = tryApply(family, rules, placement, engine);
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.generation;
}

function shown(family: Family, engine = open()): string | undefined {
  const current = engine.current(family);
  return current && printRuleset(current.ruleset, { counters: false });
}

const pins = () => join(directory, 'run', 'bpf', '7_4026531840');

/** Makes the first rule of INPUT meet packets. */
function count(family: Family, packets: bigint): void {
  const cells = CounterCells.open(directory, kernel, open().status().families[family].generation);
  cells.add(cells.slotsOf('INPUT')[0]!, packets);
}

const packetsOf = (family: Family) => open().counters(family).get('INPUT')!.rules[0]!.packets;

/** All there is of a family: programs that run, links, counters, and what is told of it. */
function stateOf(family: Family) {
  const { families, warnings } = open().status();
  const { generation } = families[family];
  const running = DISPATCH_POINTS.map(({ type, pair }) => {
    const array = kernel.openPin(join(pins(), SLOT_MAPS[family][type]))!;
    return kernel.openSlot(array, slotIndex(pair, generation));
  });
  const own = (pin: string) => /^(link_)?v6_/.test(pin) === (family === 'ipv6') && /^(link_|v6_|g)/.test(pin);
  const mine = readdirSync(pins()).filter((pin) => own(pin) && !pin.startsWith('link_xdp'));
  const store = Store.open(join(directory, 'state', 'boot-7', 'store.sqlite'));
  const row = store.generation(generation)!.state;
  store.close();
  const told = { status: families[family], warnings, text: shown(family), packets: packetsOf(family) };
  return { ...told, running, pins: mine, row };
}

describe('two families', () => {
  it('have generations, programs, links and counters of their own', () => {
    const engine = open();
    const [four, six] = [apply('ipv4', text(4), 'netfilter', engine), apply('ipv6', text(6), 'netfilter', engine)];
    expect(four).not.toBe(six);
    expect([shown('ipv4', engine), shown('ipv6', engine)]).toEqual([text(4), text(6)]);
    expect([shown('ipv4'), shown('ipv6')]).toEqual([text(4), text(6)]);
    count('ipv4', 4n);
    count('ipv6', 6n);
    expect([packetsOf('ipv4'), packetsOf('ipv6')]).toEqual([4n, 6n]);
    engine.withLock(0, () => engine.zero('ipv4', {}));
    expect([packetsOf('ipv4'), packetsOf('ipv6')]).toEqual([0n, 6n]);
    const { families } = open().status();
    for (const family of FAMILIES) {
      expect(families[family]).toMatchObject({ placement: 'netfilter', rules: 1, devices: [] });
      expect(families[family].hooks.map(({ attached, priority }) => [attached, priority])).toEqual([
        [true, -1],
        [true, -1],
        [true, -1],
      ]);
    }
    expect(kernel.calls.filter((call) => call.startsWith('attach')).sort()).toEqual([
      ...['attach ipv4 FORWARD', 'attach ipv4 INPUT', 'attach ipv4 OUTPUT'],
      ...['attach ipv6 FORWARD', 'attach ipv6 INPUT', 'attach ipv6 OUTPUT'],
    ]);
  });

  it.each(FAMILIES)('go on while rules of the other, %s, are replaced, moved, kept and brought back', (family) => {
    apply(OTHER[family], text(1));
    count(OTHER[family], 5n);
    const before = stateOf(OTHER[family]);
    const engine = open();
    const ids = [
      apply(family, text(2), 'netfilter', engine),
      apply(family, text(2, 3)),
      apply(family, text(4), 'netfilter', engine),
    ];
    expect(stateOf(OTHER[family])).toEqual(before);
    if (family === 'ipv4') {
      for (const placement of ['xdp', 'netfilter'] as const) {
        apply(family, text(2), placement, engine);
        expect(stateOf(OTHER[family])).toEqual(before);
      }
    }
    expect(apply(family, text(2), 'none')).toBe(0);
    const warnings = [expect.stringMatching(/^placement none/)];
    expect(stateOf(OTHER[family])).toEqual({ ...before, warnings });
    expect(readdirSync(pins()).filter((pin) => pin.startsWith('link_'))).toHaveLength(3);
    expect(shown(family)).toBe(text(2));
    ids.push(apply(family, text(5), 'netfilter', engine));
    expect(shown(family)).toBe(text(5));
    expect(stateOf(OTHER[family])).toEqual(before);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    expect(ids).not.toContain(before.status.generation);
  });

  it('are both released by detach', () => {
    for (const family of FAMILIES) apply(family, text(1));
    const engine = open();
    engine.withLock(0, () => engine.detach());
    expect(existsSync(pins())).toBe(false);
    for (const family of FAMILIES) expect(open().current(family)).toBeUndefined();
    for (const family of FAMILIES) apply(family, text(2), 'netfilter', engine);
    expect(shown('ipv6')).toBe(text(2));
  });

  it('are seen by a process that stays, whoever changes them', () => {
    const engine = open();
    for (const family of FAMILIES) apply(family, text(1), 'netfilter', engine);
    apply('ipv6', text(2));
    expect([shown('ipv4', engine), shown('ipv6', engine)]).toEqual([text(1), text(2)]);
    apply('ipv4', text(3), 'none');
    expect([shown('ipv4', engine), shown('ipv6', engine)]).toEqual([text(3), text(2)]);
    apply('ipv6', text(4), 'netfilter', engine);
    expect([shown('ipv4'), shown('ipv6')]).toEqual([text(3), text(4)]);
  });
});

// Every call of a change fails in turn, while the other family is in force.
describe.each([
  ['ipv6', 'netfilter', 'netfilter', 'netfilter'],
  ['ipv6', 'xdp', 'netfilter', 'xdp'],
  ['ipv6', 'none', 'netfilter', 'xdp'],
  ['ipv6', 'netfilter', 'none', 'xdp'],
  ['ipv4', 'netfilter', 'netfilter', 'netfilter'],
  ['ipv4', 'netfilter', 'xdp', 'xdp'],
  ['ipv4', 'xdp', 'netfilter', 'netfilter'],
] as const)('a failure while %s goes from %s to %s', (family, from, to, others) => {
  it.each([
    ['leaves the other family alone', false],
    ['leaves the other family alone when the process dies with it', true],
  ] as const)('%s', (_, dead) => {
    apply(OTHER[family], text(1), others);
    count(OTHER[family], 5n);
    apply(family, text(2), from);
    const { warnings: _warnings, ...before } = stateOf(OTHER[family]);
    const attempts = kernel.failingAtEachCall(() => apply(family, text(3), to), dead);
    for (const { call, isDone } of attempts) {
      expect([text(2), text(3)], call).toContain(shown(family));
      if (isDone) expect(shown(family), call).toBe(text(3));
      expect(stateOf(OTHER[family]), call).toMatchObject(before);
      apply(family, text(2), from);
      expect(stateOf(OTHER[family]), call).toMatchObject(before);
    }
    expect(shown(family)).toBe(text(3));
  });
});

it('a lost store: each family stays in force until it is applied again, with numbers that were not used', () => {
  apply('ipv4', text(1));
  const six = apply('ipv6', text(1));
  const links = readdirSync(pins());
  rmSync(join(directory, 'state'), { recursive: true });
  host.closeEngines();
  expect(open().status().warnings).toEqual([
    expect.stringMatching(/enforces generation 1 of IPv4, of which/),
    expect.stringMatching(/enforces generation 3 of IPv6, of which/),
  ]);
  expect(apply('ipv4', text(2))).toBeGreaterThan(six);
  expect(() => open().current('ipv6')).toThrow(/generation 3 of IPv6, of which/);
  expect(readdirSync(pins())).toEqual(expect.arrayContaining(links.filter((pin) => pin.includes('v6_'))));
  expect(open().status().families.ipv6.generation).toBe(six);
  expect(apply('ipv6', text(3))).toBeGreaterThan(six);
  expect([shown('ipv4'), shown('ipv6')]).toEqual([text(2), text(3)]);
  expect(open().status().warnings).toEqual([]);
});

describe('an installation of a version that enforced IPv4 alone', () => {
  const asThen = () => {
    apply('ipv4', text(1), 'xdp');
    for (const name of Object.values(SLOT_MAPS.ipv6)) rmSync(join(pins(), name));
    host.closeEngines();
  };

  it('stays in force, and is completed by the first ruleset of IPv6', () => {
    asThen();
    expect(open().status()).toMatchObject({
      families: { ipv4: { generation: 1, devices: [{ mode: 'generic' }] }, ipv6: { generation: 0 } },
      warnings: [],
    });
    const resident = open();
    expect(shown('ipv4', resident)).toBe(text(1));
    apply('ipv6', text(2));
    apply('ipv6', text(3), 'netfilter', resident);
    expect([shown('ipv4'), shown('ipv6')]).toEqual([text(1), text(3)]);
    expect(open().status().families.ipv4).toMatchObject({ generation: 1, devices: [{ mode: 'generic' }] });
  });

  it('is completed by the next change of IPv4, too, and wherever that is interrupted', () => {
    asThen();
    for (const { call } of kernel.failingAtEachCall(() => apply('ipv4', text(2), 'xdp'))) {
      expect([text(1), text(2)], call).toContain(shown('ipv4'));
    }
    expect(shown('ipv4')).toBe(text(2));
    expect(readdirSync(pins())).toEqual(expect.arrayContaining(Object.values(SLOT_MAPS.ipv6)));
  });
});

describe('an installation of a version whose XDP programs took frames of one buffer only', () => {
  const slotsOf = (family: Family) => join(pins(), SLOT_MAPS[family].xdp);
  const former = (family: Family) => join(pins(), FORMER_XDP_SLOTS[family]);
  const asThen = () => {
    for (const family of FAMILIES) renameSync(slotsOf(family), former(family));
    host.closeEngines();
  };

  it('gets slots anew where no device has a program, wherever that is interrupted', () => {
    apply('ipv4', text(1));
    asThen();
    expect(open().status()).toMatchObject({ families: { ipv4: { generation: 1 } }, warnings: [] });
    for (const { call } of kernel.failingAtEachCall(() => apply('ipv4', text(2), 'xdp'))) {
      expect([text(1), text(2)], call).toContain(shown('ipv4'));
      for (const family of FAMILIES.filter((each) => existsSync(slotsOf(each)))) {
        const map = kernel.openPin(slotsOf(family))!;
        for (const slot of [0, 1]) expect(kernel.openSlot(map, slot)).toBeDefined();
      }
    }
    expect(shown('ipv4')).toBe(text(2));
    expect(open().status().families.ipv4).toMatchObject({ devices: [{ mode: 'generic' }] });
  });

  it('stays as it is where a device has one', () => {
    apply('ipv4', text(1), 'xdp');
    asThen();
    expect(open().status()).toMatchObject({ families: { ipv4: { generation: 1 } }, warnings: [] });
    for (const family of FAMILIES) {
      expect(() => apply(family, text(2))).toThrow(/earlier version.*run `bpfilter detach` and apply/);
    }
    expect(shown('ipv4')).toBe(text(1));
    const engine = open();
    engine.withLock(0, () => engine.detach());
    apply('ipv4', text(2), 'xdp');
    expect(readdirSync(pins())).not.toContain(FORMER_XDP_SLOTS.ipv4);
    expect(shown('ipv4')).toBe(text(2));
  });
});

it('slots of a family in force that were unpinned are an error, and the rules stay', () => {
  for (const family of FAMILIES) apply(family, text(1));
  rmSync(join(pins(), SLOT_MAPS.ipv6.netfilter));
  for (const family of FAMILIES) expect(() => apply(family, text(2))).toThrow(/slots_nf6 is missing.*bpfilter detach/);
});
