// Placement `none`: what is kept, what comes back, and that the kernel is left alone.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Family } from '../../../src/base/family.ts';
import type { Placement } from '../../../src/base/hooks.ts';
import type { ApplyRequest, ApplyResult, Engine } from '../../../src/engine/types.ts';
import { parseRuleset } from '../../../src/ruleset/parse.ts';
import { printRuleset } from '../../../src/ruleset/print.ts';
import { Store } from '../../../src/store/store.ts';
import { CounterCells } from '../../harness/counter-cells.ts';
import { FakeHost } from '../../harness/fake-host.ts';
import type { FakeKernel } from '../../harness/fake-kernel.ts';

/** Every table there is, rules that cannot be enforced among them, and counters. */
const ALL = `*raw
:PREROUTING ACCEPT [1:60]
:OUTPUT ACCEPT [0:0]
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [7:420]
:empty - [0:0]
COMMIT
*filter
:INPUT DROP [5:400]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:a - [0:0]
[2:120] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
[9:900] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
[4294967296:18446744073709551615] -A INPUT -f -j a
[0:0] -A a -j QUEUE
COMMIT
`;

const ALL_OF_6 = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[1:80] -A INPUT -s fe80::/10 -j ACCEPT
COMMIT
`;

const PLAIN = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[0:0] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
`;

let host: FakeHost;
let directory: string;
let kernel: FakeKernel;

beforeEach(() => {
  host = new FakeHost();
  ({ directory, kernel } = host);
});

afterEach(() => {
  vi.restoreAllMocks();
  host.remove();
});

/** As another process would. */
const open = (): Engine => host.open();

function request(text: string, placement: Placement = 'none', family: Family = 'ipv4'): ApplyRequest {
  const { ruleset, diagnostics } = parseRuleset(text, { file: 'test.rules', family });
  expect(diagnostics).toEqual([]);
  return {
    ...{ ruleset, source: { file: 'test.rules' }, counters: 'ruleset', placement },
    ...{ devices: ['eth0'], mode: 'generic', allowInexact: ['loopback', 'output', 'out-device'] },
  };
}

function change(asked: ApplyRequest): ApplyResult {
  const engine = open();
  return engine.withLock(0, () => {
    const result = engine.apply(asked);
    engine.settle();
    return result;
  });
}

function apply(text: string, placement?: Placement, family?: Family): ApplyResult {
  return change(request(text, placement, family));
}

/** What iptables-save -c would show. */
function shown(family: Family = 'ipv4'): string | undefined {
  const current = open().current(family);
  return current && printRuleset(current.ruleset, { counters: true });
}

describe('rules at placement none', () => {
  it('come back as they were given, all tables and counters of them, and touch nothing of the kernel', () => {
    expect(shown()).toBeUndefined();
    const result = apply(ALL);
    expect(result).toMatchObject({ ok: true, generation: 0, notes: [] });
    expect(result).toHaveProperty('warnings', [expect.stringMatching(/^placement none: the rules of IPv4 are kept/)]);
    expect(shown()).toBe(ALL);
    expect(open().current('ipv4')).toMatchObject({ generation: 0, placement: 'none', devices: [] });
    expect(open().counters('ipv4').get('INPUT')?.rules[1]).toEqual({ packets: 9n, bytes: 900n });
    expect(kernel.calls).toEqual([]);
    expect(existsSync(join(directory, 'run'))).toBe(false);
  });

  it('are apart for the two families', () => {
    apply(ALL);
    expect(apply(ALL_OF_6, 'none', 'ipv6')).toMatchObject({ ok: true, warnings: [expect.stringMatching(/IPv6/)] });
    expect(shown('ipv6')).toBe(ALL_OF_6);
    expect(shown('ipv4')).toBe(ALL);
    const engine = open();
    engine.withLock(0, () => engine.zero('ipv6', {}));
    expect(shown('ipv6')).toBe(ALL_OF_6.replace('[1:80]', '[0:0]'));
    expect(shown('ipv4')).toBe(ALL);
  });

  it('are sound without being changed by verify', () => {
    expect(open().verify(request(ALL))).toMatchObject({ ok: true, generation: 0, warnings: [] });
    expect(shown()).toBeUndefined();
    expect(existsSync(join(directory, 'state'))).toBe(false);
  });

  it('zero by table, chain and rule', () => {
    apply(ALL);
    const zero = (...args: Parameters<Engine['zero']>) => {
      const engine = open();
      engine.withLock(0, () => engine.zero(...args));
      return shown();
    };
    const first = ALL.replace('[9:900]', '[0:0]');
    expect(zero('ipv4', { chain: 'INPUT', rule: 2 })).toBe(first);
    const second = first.replace('[7:420]', '[0:0]');
    expect(zero('ipv4', { table: 'nat' })).toBe(second);
    expect(zero('ipv4', {})).toBe(
      second
        .replace('[5:400]', '[0:0]')
        .replace('[2:120]', '[0:0]')
        .replace(/\[4294967296:\d+\]/, '[0:0]'),
    );
  });

  it('keep their counters where that is asked for, the first of equal rules those of the first', () => {
    apply(ALL);
    const more = ALL.replace(/\[\d+:\d+\]/g, '[0:0]').replace(
      'COMMIT\n*filter',
      '[0:0] -A empty -j ACCEPT\nCOMMIT\n*filter',
    );
    expect(change({ ...request(more), counters: 'carry' })).toMatchObject({ ok: true });
    expect(shown()).toBe(ALL.replace('COMMIT\n*filter', '[0:0] -A empty -j ACCEPT\nCOMMIT\n*filter'));
  });

  it('have the counters that they were read with where they are edited', () => {
    apply(ALL);
    const before = open().basis('ipv4')!;
    const { ruleset } = before;
    const tables = ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.flatMap((rule, i) => (chain.name === 'INPUT' && i === 0 ? [] : [rule])),
      })),
    }));
    change({ ...request(ALL), ruleset: { ...ruleset, tables }, counters: 'kept', before });
    expect(shown()).toBe(ALL.replace(/^\[2:120\].*\n/m, ''));
  });

  it('are forgotten by detach, and by a reboot', () => {
    apply(ALL);
    apply(ALL_OF_6, 'none', 'ipv6');
    const engine = open();
    engine.withLock(0, () => engine.detach());
    expect([shown('ipv4'), shown('ipv6')]).toEqual([undefined, undefined]);
    apply(ALL);
    kernel.identity = { ...kernel.identity, bootId: 'next', cookie: '9' };
    expect(shown('ipv4')).toBeUndefined();
    apply(ALL_OF_6, 'none', 'ipv6');
    expect([shown('ipv4'), shown('ipv6')]).toEqual([undefined, ALL_OF_6]);
  });

  it('of a namespace that is gone are removed by the first change in another one', () => {
    apply(ALL);
    kernel.identity = { ...kernel.identity, cookie: '8', inode: '4026531841', name: 'other' };
    apply(ALL);
    expect(readdirSync(join(directory, 'state')).sort()).toEqual(['boot-7', 'boot-8']);
    kernel.inUse = false;
    kernel.identity = { ...kernel.identity, cookie: '9', inode: '4026531842', name: 'third' };
    expect(shown()).toBeUndefined();
    expect(readdirSync(join(directory, 'state'))).toHaveLength(2);
    apply(PLAIN, 'netfilter');
    expect(readdirSync(join(directory, 'state'))).toEqual(['boot-9']);
  });

  it('may have names that iptables prints so that it cannot read them', () => {
    const odd = PLAIN.replace(
      'COMMIT',
      String.raw`[0:0] -A INPUT -i "x y" -j "a\"b"
[0:0] -A "a\"b" ! -o "\"" -g c'd
COMMIT`,
    ).replace('[0:0] -A', ':a"b - [0:0]\n:c\'d - [0:0]\n[0:0] -A');
    apply(odd);
    expect(shown()).toBe(odd);
  });

  it('may be longer than a line of a file can be', () => {
    const { ruleset } = parseRuleset(PLAIN, { file: 'test.rules' });
    const use = { extension: 'comment', data: { text: 'x'.repeat(255) } };
    const tables = ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => ({ ...rule, matches: new Array(300).fill(use) })),
      })),
    }));
    const long = { ...ruleset, tables };
    change({ ...request(PLAIN), ruleset: long });
    expect(open().current('ipv4')!.ruleset.tables[0]!.chains[0]!.rules[0]!.matches).toEqual(
      long.tables[0]!.chains[0]!.rules[0]!.matches,
    );
  });

  it.each(['none', 'netfilter'] as const)('are refused where a value breaks the line (%s)', (placement) => {
    apply(ALL);
    const asked = request(PLAIN, placement);
    const [filter] = asked.ruleset.tables;
    const use = { extension: 'comment', data: { text: 'a\nb' } };
    const chains = filter!.chains.map((c) => ({ ...c, rules: c.rules.map((rule) => ({ ...rule, matches: [use] })) }));
    const result = change({ ...asked, ruleset: { family: 'ipv4', tables: [{ ...filter!, chains }] } });
    expect(result).toMatchObject({ ok: false, diagnostics: [{ code: 'bad-value', span: { line: 5 } }] });
    expect(result.diagnostics[0]!.message).toMatch(/line break.*-A INPUT .*"a\?b"/);
    expect(shown()).toBe(ALL);
  });

  it('that cannot be read back are an error, not fewer rules', () => {
    apply(PLAIN);
    const path = join(directory, 'state', 'boot-7', 'store.sqlite');
    const store = Store.open(path);
    store.keep('ipv4', { sourceFile: 'test.rules', text: PLAIN.replace('tcp -m tcp', 'tcp -m nothing') });
    store.close();
    expect(() => shown()).toThrow(/the stored rules cannot be read, line 5: .*apply the ruleset again/);
    expect(open().current('ipv4', 'nothing')).toBeUndefined();
    apply(ALL);
    expect(shown()).toBe(ALL);
  });
});

describe('a change between placement none and the others', () => {
  it('takes out of the kernel what was there, and says that it does', () => {
    apply(PLAIN, 'netfilter');
    expect(kernel.calls).toContain('attach ipv4 INPUT');
    const result = apply(ALL);
    expect(result).toHaveProperty('warnings', [expect.stringMatching(/are enforced no longer.*every packet of IPv4/)]);
    expect(shown()).toBe(ALL);
    expect(existsSync(join(directory, 'run', 'bpf', '7_4026531840'))).toBe(false);
    expect(open().status()).toMatchObject({
      families: { ipv4: { generation: 0, placement: 'none', rules: 4, hooks: [] } },
    });
  });

  it('carries counters over from the kernel', () => {
    apply(PLAIN, 'netfilter');
    const { generation } = open().current('ipv4')!;
    const cells = CounterCells.open(directory, kernel, generation);
    cells.add(cells.slotsOf('INPUT')[0]!, 5n);
    change({ ...request(PLAIN), counters: 'carry' });
    expect(shown()).toBe(PLAIN.replace('[0:0] -A', '[5:500] -A'));
  });

  it.each(['netfilter', 'xdp'] as const)('to %s leaves nothing kept behind', (placement) => {
    apply(ALL);
    expect(apply(PLAIN, placement)).toMatchObject({ ok: true, warnings: [] });
    expect(open().current('ipv4')).toMatchObject({ placement });
    expect(shown()).toBe(PLAIN);
    const engine = open();
    engine.withLock(0, () => engine.detach());
    expect(shown()).toBeUndefined();
  });

  it('is refused with all reasons where the rules cannot be enforced, and leaves them kept', () => {
    apply(ALL);
    const refused = apply(ALL, 'netfilter');
    expect(refused.diagnostics.map(({ code, span }) => [code, span.line])).toEqual([
      ['unsupported-option', 19],
      ['unsupported-option', 20],
    ]);
    expect(shown()).toBe(ALL);
    expect(kernel.calls).toEqual([]);
  });

  it('keeps empty tables through the kernel', () => {
    const nat =
      '*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:x - [0:0]\nCOMMIT\n';
    apply(nat + PLAIN, 'netfilter');
    expect(shown()).toBe(nat + PLAIN);
  });

  it('that fails anywhere leaves the rules of before', () => {
    for (let step = 1; ; step++) {
      host.renew();
      ({ kernel } = host);
      apply(ALL);
      const attempt = kernel.failing(step, () => apply(PLAIN, 'netfilter'));
      if (attempt === undefined) break;
      if (attempt.isDone) continue;
      expect(shown()).toBe(ALL);
      expect(open().current('ipv4')?.placement).toBe('none');
    }
    expect(kernel.calls.length).toBeGreaterThan(5);
  });

  it('is seen by a reader as one ruleset or the other', () => {
    apply(ALL);
    vi.spyOn(Store.prototype, 'kept').mockImplementationOnce(() => {
      apply(PLAIN, 'netfilter');
      return undefined;
    });
    expect(shown()).toBe(PLAIN);
  });

  it('that ends between storing and detaching leaves the enforced rules as those that count', () => {
    apply(PLAIN, 'netfilter');
    const path = join(directory, 'state', 'boot-7', 'store.sqlite');
    const store = Store.open(path);
    store.keep('ipv4', { sourceFile: 'test.rules', text: ALL });
    store.close();
    expect(open().current('ipv4')).toMatchObject({ placement: 'netfilter' });
    expect(shown()).toBe(PLAIN);
  });
});

it('status says for each family what is in force, and that what is kept is not', () => {
  expect(open().status()).toMatchObject({
    families: { ipv4: { generation: 0, rules: 0 }, ipv6: { generation: 0, rules: 0 } },
    warnings: [],
  });
  apply(PLAIN, 'netfilter');
  apply(ALL_OF_6, 'none', 'ipv6');
  expect(open().status()).toMatchObject({
    families: {
      ipv4: { generation: 1, placement: 'netfilter', rules: 1 },
      ipv6: { generation: 0, placement: 'none', rules: 1 },
    },
    warnings: [expect.stringMatching(/^placement none: the rules of IPv6/)],
  });
});
