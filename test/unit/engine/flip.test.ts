import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Placement } from '../../../src/base/hooks.ts';
import { DISPATCH_POINTS, SLOT_MAPS, slotIndex } from '../../../src/codegen/dispatcher.ts';
import type { Device, NamespaceIdentity } from '../../../src/engine/kernel.ts';
import type { ApplyRequest, Engine } from '../../../src/engine/types.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleset } from '../../../src/ruleset/print.ts';
import { CounterCells } from '../../harness/counter-cells.ts';
import { FakeHost } from '../../harness/fake-host.ts';
import { type FakeKernel, InjectedFailure } from '../../harness/fake-kernel.ts';

const A = table('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j DROP\n');
const B = table('-A INPUT -p udp -m udp --dport 53 -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n');

function table(rules: string): string {
  return `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules}COMMIT\n`;
}

function request(text: string, placement: Placement = 'netfilter'): ApplyRequest {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test.rules' });
  expect(diagnostics).toEqual([]);
  return {
    ruleset,
    source: { file: 'test.rules' },
    counters: 'carry',
    placement,
    devices: ['eth0'],
    mode: 'generic',
    allowInexact: ['loopback', 'output', 'out-device'],
  };
}

/** Cookie and inode of the fake namespace. */
const PINS = '7_4026531840';

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

function apply(text: string, placement?: Placement): number {
  const engine = open();
  const result = engine.withLock(0, () => {
    const applied = engine.apply(request(text, placement));
    engine.settle();
    return applied;
  });
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.generation;
}

function inForce(): string | undefined {
  const current = open().current('ipv4');
  return current === undefined ? undefined : printRuleset(current.ruleset, { counters: false });
}

/** The names of the programs that each point runs now. */
function running(): Record<string, string> {
  const generation = open().status().families.ipv4.generation;
  const result: Record<string, string> = {};
  for (const { point, type, pair } of DISPATCH_POINTS) {
    const path = join(directory, 'run', 'bpf', PINS, SLOT_MAPS.ipv4[type]);
    const program = kernel.openSlot(kernel.openPin(path)!, slotIndex(pair, generation));
    const object = program === undefined ? undefined : kernel.objects[program]!;
    result[point] = object?.kind === 'program' ? object.program.name : 'empty';
  }
  return result;
}

const AT_NETFILTER = { INPUT: 'r_input', FORWARD: 'r_forward', OUTPUT: 'r_output', XDP: 'pass_xdp' };
const AT_XDP = { INPUT: 'pass_nf', FORWARD: 'pass_nf', OUTPUT: 'pass_nf', XDP: 'r_xdp' };

/** Makes a rule of INPUT, or its policy behind them, meet so many packets of 100 bytes. */
function count(rule: number, packets: bigint): void {
  const { generation } = open().status().families.ipv4;
  const cells = CounterCells.open(directory, kernel, generation);
  cells.add(cells.slotsOf('INPUT')[rule]!, packets);
}

describe('a flip', () => {
  it('enforces the first ruleset, then the second, with rising generations of alternating parity', () => {
    const first = apply(A);
    expect(inForce()).toBe(A);
    const second = apply(B);
    expect(inForce()).toBe(B);
    expect(second).toBe(first + 1);
    expect(running()).toEqual(AT_NETFILTER);
  });

  it('attaches dispatchers once', () => {
    apply(A);
    const before = kernel.calls.filter((call) => call.startsWith('attach')).length;
    apply(B);
    expect(kernel.calls.filter((call) => call.startsWith('attach'))).toHaveLength(before);
  });

  it('waits for a grace period after the flip', () => {
    apply(A);
    apply(B);
    expect(kernel.calls.at(-1)).toBe('grace period');
  });

  it('keeps the counters of rules that stay, wherever they move, and starts others at zero', () => {
    apply(A);
    count(0, 5n);
    count(1, 7n);
    count(2, 1n);
    apply(B);
    const input = open().counters('ipv4').get('INPUT')!;
    expect(input.rules).toEqual([
      { packets: 0n, bytes: 0n },
      { packets: 5n, bytes: 500n },
    ]);
    expect(input.policy).toEqual({ packets: 1n, bytes: 100n });
    count(1, 2n);
    expect(open().counters('ipv4').get('INPUT')!.rules[1]).toEqual({ packets: 7n, bytes: 700n });
  });

  it('shows counters that are still to be carried over, and carries them over once', () => {
    apply(A);
    count(0, 8n);
    const change = open();
    const moved = { ...request(B), placement: 'xdp' as const };
    change.withLock(0, () => change.apply(moved));
    const packets = () => open().counters('ipv4').get('INPUT')!.rules[1]!.packets;
    expect(packets()).toBe(8n);
    change.withLock(0, () => expect(change.settle()).toEqual([]));
    expect(packets()).toBe(8n);
    change.withLock(0, () => expect(change.settle()).toEqual([]));
    expect(packets()).toBe(8n);
  });

  it('waits for no grace period where nothing is left to do', () => {
    apply(A);
    const calls = [...kernel.calls];
    const engine = open();
    engine.withLock(0, () => engine.settle());
    expect(kernel.calls).toEqual(calls);
  });

  it('fills no slot before packets have left the programs that were there', () => {
    apply(A);
    const engine = open();
    const from = kernel.calls.length;
    for (const text of [B, A, B]) engine.withLock(0, () => engine.apply(request(text)));
    const steps = kernel.calls
      .slice(from)
      .filter((call) => call === 'grace period' || call.startsWith('slot slots_nf'));
    const flips = steps.join(' ').split('grace period');
    expect(flips.map((flip) => flip.trim().split(' slot ').length)).toEqual([3, 3, 3]);
  });

  it('changes the placement through a generation in which both sides enforce', () => {
    apply(A, 'xdp');
    expect(running()).toEqual(AT_XDP);
    const before = kernel.calls.length;
    const generation = apply(B, 'netfilter');
    expect(generation).toBe(3);
    expect(running()).toEqual(AT_NETFILTER);
    expect(kernel.calls.slice(before).filter((call) => call === 'grace period').length).toBeGreaterThanOrEqual(2);
    expect(open().status().families.ipv4.devices).toEqual([]);
    apply(A, 'xdp');
    expect(running()).toEqual(AT_XDP);
    expect(open().status().families.ipv4.hooks).toEqual([]);
  });

  it('takes everything away on detach, and starts anew after it', () => {
    apply(A);
    const engine = open();
    engine.withLock(0, () => engine.detach());
    expect(open().current('ipv4')).toBeUndefined();
    expect(apply(B)).toBeGreaterThan(1);
    expect(inForce()).toBe(B);
  });
});

describe('zeroing', () => {
  it('sets all counters, those of a chain, or one rule to zero', () => {
    apply(A);
    for (const slot of [0, 1, 2]) count(slot, 9n);
    const packets = () => {
      const { rules, policy } = open().counters('ipv4').get('INPUT')!;
      return [...rules, policy!].map((c) => Number(c.packets));
    };
    const engine = open();
    engine.withLock(0, () => engine.zero('ipv4', { chain: 'INPUT', rule: 2 }));
    expect(packets()).toEqual([9, 0, 9]);
    engine.withLock(0, () => engine.zero('ipv4', { chain: 'INPUT' }));
    expect(packets()).toEqual([0, 0, 0]);
    count(0, 1n);
    expect(packets()).toEqual([1, 0, 0]);
  });
});

// Every call of an apply fails in turn; from the state each time, the engine must still have a whole ruleset in force.
describe.each([
  ['netfilter', 'netfilter'],
  ['netfilter', 'xdp'],
  ['xdp', 'netfilter'],
] as const)('a failure while %s rules are replaced by %s rules', (from, to) => {
  const wholeRulesets = [AT_NETFILTER, AT_XDP, { ...AT_NETFILTER, XDP: 'r_xdp' }];

  it.each([
    ['leaves the old rules in force', false],
    ['leaves the old or the new rules in force when the process dies with it', true],
  ] as const)('%s', (_, dead) => {
    apply(A, from);
    let attempts = 0;
    for (const { call, isDone, isTold } of kernel.failingAtEachCall(() => apply(B, to), dead)) {
      attempts++;
      if (!isDone) expect(isTold, `after ${call}`).toBe(true);
      // Who is told of a failure has the old rules; what fails after the flip is a note.
      if (!isDone && !dead) expect(inForce(), `after ${call}`).toBe(A);
      if (isDone) expect(inForce(), `after ${call}`).toBe(B);
      expect([A, B], `after ${call}`).toContain(inForce());
      expect(wholeRulesets, `after ${call}`).toContainEqual(running());
      apply(A, from);
      expect(inForce()).toBe(A);
    }
    expect(attempts).toBeGreaterThan(5);
  });
});

it.each([
  ['netfilter', 'netfilter'],
  ['netfilter', 'xdp'],
  ['xdp', 'netfilter'],
] as const)('no descriptor stays open, whatever fails while %s rules are replaced by %s rules', (from, to) => {
  apply(A, from);
  host.closeEngines();
  expect(kernel.open).toBe(0);
  for (const { call } of kernel.failingAtEachCall(() => apply(B, to))) {
    host.closeEngines();
    expect(kernel.open, `after ${call}`).toBe(0);
    apply(A, from);
    host.closeEngines();
  }
});

describe('a lost store', () => {
  it('leaves the rules in force attached, says so, and the next apply mends it', () => {
    apply(A);
    rmSync(join(directory, 'state'), { recursive: true });
    host.closeEngines();
    expect(() => open().current('ipv4')).toThrow(/knows nothing/);
    expect(open().current('ipv4', 'nothing')).toBeUndefined();
    expect(open().status().warnings.join()).toMatch(/knows nothing/);
    const links = () =>
      open()
        .status()
        .families.ipv4.hooks.filter(({ attached }) => attached).length;
    kernel.failAt = kernel.calls.length + 3;
    expect(() => apply(B)).toThrow(InjectedFailure);
    kernel.failAt = Number.POSITIVE_INFINITY;
    expect(running()).toEqual(AT_NETFILTER);
    apply(B);
    expect(inForce()).toBe(B);
    expect(links()).toBe(3);
    expect(running()).toEqual(AT_NETFILTER);
  });
});

describe('a reboot', () => {
  const states = () => readdirSync(join(directory, 'state'));
  const reboot = (identity: Partial<NamespaceIdentity>): void => {
    host.closeEngines();
    rmSync(join(directory, 'run'), { recursive: true });
    kernel.identity = { ...kernel.identity, bootId: 'next', ...identity };
  };

  it('leaves nothing in force; the next apply takes over the state of the namespace of that name', () => {
    const before = apply(A);
    expect(states()).toEqual(['boot-7']);
    reboot({ cookie: '9', inode: '99' });
    expect(open().current('ipv4')).toBeUndefined();
    expect(open().status().families.ipv4.generation).toBe(0);
    expect(apply(B)).toBeGreaterThan(before);
    expect(states()).toEqual(['next-9']);
    expect(inForce()).toBe(B);
  });

  it('ends what belonged to a namespace without a name', () => {
    const { name: _, ...nameless } = kernel.identity;
    kernel.identity = nameless;
    apply(A);
    reboot({ cookie: '9', inode: '99' });
    expect(apply(B)).toBe(1);
    expect(states()).toEqual(['next-9']);
  });
});

describe('devices at placement xdp', () => {
  const device = kernelDevice('eth0', 2);

  it('keep their rules when they are renamed', () => {
    apply(A, 'xdp');
    kernel.presentDevices = [{ ...device, name: 'lan0' }];
    const engine = open();
    engine.withLock(0, () => engine.zero('ipv4', {}));
    const found = { name: 'lan0', ifindex: 2, mode: 'generic', why: 'as asked for' };
    expect(open().status().families.ipv4.devices).toEqual([found]);
    expect(open().current('ipv4')!.devices).toEqual(['lan0']);
  });

  it.each([
    [{ ...device, loopback: true }, /loopback/],
    [{ ...device, ethernet: false }, /no Ethernet header/],
    [{ ...device, master: 9 }, /belongs to device 9/],
  ])('are refused where -i means another device', (present, message) => {
    kernel.presentDevices = [present];
    expect(() => apply(A, 'xdp')).toThrow(message);
  });

  it('are refused below a VLAN or a macvlan, which tell packets apart', () => {
    kernel.presentDevices = [device, { ...kernelDevice('eth0.5', 3), kind: 'vlan', lower: 2 }];
    expect(() => apply(A, 'xdp')).toThrow(/carries the packets of eth0.5/);
    kernel.presentDevices = [device, { ...kernelDevice('veth1', 3), kind: 'veth', lower: 2 }];
    apply(A, 'xdp');
  });

  it('do not change their mode behind anyone’s back', () => {
    apply(A, 'xdp');
    const engine = open();
    const native = { ...request(B, 'xdp'), mode: 'native' } as const;
    expect(() => engine.withLock(0, () => engine.apply(native))).toThrow(/eth0 has generic XDP/);
    expect(inForce()).toBe(A);
  });
});

function kernelDevice(name: string, ifindex: number): Device {
  return { name, ifindex, loopback: false, ethernet: true };
}

describe('the first apply', () => {
  it('leaves nothing in force if it fails anywhere before the flip', () => {
    for (let step = 1; ; step++) {
      host.renew();
      ({ kernel } = host);
      if (kernel.failing(step, () => apply(A)) === undefined) break;
      const engine = open();
      const { generation } = engine.status().families.ipv4;
      if (generation !== 0) expect(inForce()).toBe(A);
      engine.withLock(0, () => engine.detach());
    }
  });
});
