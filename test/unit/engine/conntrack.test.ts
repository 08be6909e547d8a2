// When connection tracking is asked for and given back, by an engine on a kernel that only remembers.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ApplyResult, Engine } from '../../../src/engine/types.ts';
import { KernelError, LockError } from '../../../src/kernel/errors.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { FakeHost } from '../../harness/fake-host.ts';
import type { FakeKernel } from '../../harness/fake-kernel.ts';

const PLAIN = '-A INPUT -p tcp -j DROP\n';
const STATE = '-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n';

let host: FakeHost;
let kernel: FakeKernel;
let engine: Engine;

beforeEach(() => {
  host = new FakeHost();
  ({ kernel } = host);
  engine = host.open();
});

afterEach(() => {
  host.remove();
});

function apply(rules: string, placement: 'netfilter' | 'xdp' | 'none' = 'netfilter'): ApplyResult {
  const text = `*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules}COMMIT\n`;
  const { ruleset } = parseRuleset(text, { file: 'test.rules' });
  const how = { counters: 'carry', devices: ['eth0'], mode: 'generic', allowInexact: ['loopback'] } as const;
  return engine.withLock(0, () => engine.apply({ ruleset, source: { file: 'test.rules' }, placement, ...how }));
}

/** What was called that matters here: tracking, and the programs' slots. */
function calls(): string[] {
  return kernel.calls.splice(0).flatMap((call) => /^(holdConntrack|releaseConntrack|slot)/.exec(call)?.[0] ?? []);
}

it('is on before rules that ask come into force, and off behind the last of them', () => {
  apply(PLAIN);
  expect(calls()).not.toContain('holdConntrack');
  apply(STATE);
  expect(calls().slice(0, 2)).toEqual(['holdConntrack', 'slot']);
  apply(STATE + PLAIN);
  expect(calls()).not.toContain('holdConntrack');
  expect([...kernel.held]).toEqual(['ipv4']);
  apply(PLAIN);
  expect(calls().slice(-2)).toEqual(['slot', 'releaseConntrack']);
});

it('is off again where the rules that ask do not come into force', () => {
  const { attachHook } = kernel;
  kernel.attachHook = () => {
    throw new Error('refused');
  };
  expect(() => apply(STATE)).toThrow('refused');
  expect(kernel.held.size).toBe(0);
  kernel.attachHook = attachHook;
  apply(STATE);
  kernel.setSlot = () => {
    throw new Error('refused');
  };
  expect(() => apply(STATE + PLAIN)).toThrow('refused');
  expect([...kernel.held]).toEqual(['ipv4']);
});

it('waits for iptables, whose lock is another trouble than a kernel without tables', () => {
  kernel.holdConntrack = () => {
    throw new LockError('/run/xtables.lock', 'xtables');
  };
  expect(() => apply(STATE)).toThrow(/^iptables is changing its rules \(lock /);
});

it('is not asked for by rules that no packet meets', () => {
  apply(`${PLAIN}-A INPUT -j DROP\n${STATE}`);
  expect(kernel.held.size).toBe(0);
});

it('goes with the rules', () => {
  apply(STATE);
  engine.withLock(0, () => engine.detach());
  expect(kernel.held.size).toBe(0);
  apply(STATE);
  apply(STATE, 'none');
  expect(kernel.held.size).toBe(0);
});

it('is missed, and put back by the next change', () => {
  apply(STATE);
  expect(engine.warnings('ipv4')).toEqual([]);
  kernel.held.clear();
  const gone = [expect.stringContaining('what keeps connection tracking on for IPv4 is gone')];
  expect(engine.warnings('ipv4')).toEqual(gone);
  expect(engine.warnings('ipv6')).toEqual([]);
  expect(engine.status().warnings).toEqual(gone);
  expect(apply(STATE)).toMatchObject({ ok: true, warnings: gone });
  expect(engine.warnings('ipv4')).toEqual([]);
});

it('refuses the rules where it cannot be had', () => {
  apply(PLAIN);
  kernel.holdConntrack = () => {
    throw new KernelError('keep connection tracking on', 2);
  };
  expect(apply(STATE)).toMatchObject({ ok: false, diagnostics: [{ code: 'no-connections', file: 'test.rules' }] });
  expect(engine.current('ipv4')!.ruleset.tables[0]!.chains[0]!.rules).toHaveLength(1);
});

it('is nothing that XDP could ask', () => {
  expect(apply(`-A INPUT -i eth0 -m state --state NEW -j DROP\n`, 'xdp')).toMatchObject({
    ok: false,
    diagnostics: expect.arrayContaining([
      expect.objectContaining({
        code: 'not-at-placement',
        message: expect.stringContaining('XDP does not know connections'),
        hint: 'use placement netfilter',
      }),
    ]),
  });
  expect(kernel.held.size).toBe(0);
});
