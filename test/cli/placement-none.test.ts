// Rules that are kept and not enforced, by the built commands in a network namespace.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { countersOutput, statusOutput } from '../../src/cli/schemas.ts';
import { type Outcome, TestNamespace } from './namespace.ts';

let namespace: TestNamespace;

beforeEach(() => {
  namespace = new TestNamespace();
});

afterEach(() => {
  namespace.remove();
});

const NONE = { BPFILTER_PLACEMENT: 'none' };

const RULES = `*nat
:PREROUTING ACCEPT [4:240]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
[3:180] -A PREROUTING -p tcp -m tcp --dport 80 -j ACCEPT
COMMIT
*filter
:INPUT DROP [1:60]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[2:120] -A INPUT -f -j DROP
[9:540] -A INPUT -p udp -m udp --dport 7001 -j DROP
COMMIT
`;

const PLAIN = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[0:0] -A INPUT -p udp -m udp --dport 7001 -j DROP
COMMIT
`;

const KEPT = /^\S+: placement none: the rules of IPv4 are kept, and nothing of them is enforced\n$/;

function at(placement: string, line: string, input = ''): Outcome {
  return namespace.run(line, { input, environment: { BPFILTER_PLACEMENT: placement } });
}

/** What save -c prints, table by table in the order of their names. */
function saved(): string {
  const { code, out, err } = namespace.run('save -c');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const tables = out.replaceAll(/^#.*\n/gm, '').split(/(?<=^COMMIT\n)/m);
  return tables.sort().reverse().join('');
}

function status() {
  return statusOutput.parse(JSON.parse(namespace.run('bpfilter status --json').out));
}

/** Whether programs of ours are attached to the hooks. */
function isHooked(): boolean {
  const pins = join(namespace.directory, 'run', 'bpf');
  if (!existsSync(pins)) return false;
  return readdirSync(pins, { recursive: true }).some((path) => String(path).endsWith('/link_INPUT'));
}

test('all tables and their counters are kept as given, each change says that it enforces nothing', () => {
  const { code, out, err } = at('none', 'restore -c', RULES);
  expect({ code, out }).toEqual({ code: 0, out: '' });
  expect(err).toMatch(KEPT);
  expect(saved()).toBe(RULES);
  namespace.sendUdp(7001, 2);
  expect(saved()).toBe(RULES);
  expect(status()).toMatchObject({
    families: { ipv4: { generation: 0, placement: 'none', rules: 3, hooks: [] }, ipv6: { generation: 0, rules: 0 } },
    warnings: [expect.stringMatching(/placement none/)],
  });
  expect(namespace.run('bpfilter status').out).toContain(
    'IPv4        nothing enforced, every packet is accepted; 3 rules kept, placement none\n',
  );
  expect(namespace.run('bpfilter counters').out).toMatch(/^Nothing is enforced: placement none keeps these rules\.\n/);
  const counters = countersOutput.parse(JSON.parse(namespace.run('bpfilter counters --json').out));
  expect(counters).toMatchObject({ generation: 0, placement: 'none' });
  const zero = at('none', 'iptables -Z INPUT 2');
  expect(zero).toMatchObject({ code: 0, err: expect.stringMatching(KEPT) });
  expect(saved()).toBe(RULES.replace('[9:540]', '[0:0]'));
});

test('no bpffs is mounted, nothing attached, and nothing is there after detach', () => {
  at('none', 'restore', RULES);
  namespace.run('save');
  at('none', 'restore -t', RULES);
  expect(isHooked()).toBe(false);
  expect(readdirSync(join(namespace.directory, 'run')).filter((name) => !name.endsWith('.lock'))).toEqual([]);
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(namespace.directory);
  expect(namespace.run('bpfilter detach').code).toBe(0);
  expect(namespace.run('save').out).toBe('');
  expect(status().families.ipv4).toMatchObject({ generation: 0, rules: 0 });
});

test('from none to netfilter and back: enforced, then released with a warning', () => {
  at('none', 'restore -c', RULES);
  const refused = at('netfilter', 'restore', RULES);
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(/<stdin>:1:1: error: .*the table nat.*\[unsupported-table\]/);
  expect(refused.err).toMatch(/<stdin>:12:1: error: .*the option -f.*\[unsupported-option\]/);
  expect(refused.err).toMatch(/2 errors; nothing was changed\.\n$/);
  expect(saved()).toBe(RULES);

  // The table nat stays as it is where the file has none, so it has to be emptied.
  expect(at('netfilter', 'restore', PLAIN).err).toMatch(/the table nat/);
  const empty = RULES.replace(/^\[3:180\].*\n/m, '').split('*filter')[0]!;
  expect(at('netfilter', 'restore -c', empty + PLAIN)).toEqual({ code: 0, out: '', err: '' });
  expect(isHooked()).toBe(true);
  expect(status().families.ipv4).toMatchObject({ placement: 'netfilter', rules: 1 });
  namespace.sendUdp(7001, 2);
  expect(saved()).toMatch(/^\[2:120\] -A INPUT -p udp/m);

  const released = at('none', 'restore', PLAIN);
  expect(released.err).toMatch(/placement none: the rules of IPv4 are enforced no longer, only kept: every packet/);
  expect(isHooked()).toBe(false);
  expect(saved()).toBe(empty + PLAIN);
});

test('from netfilter to none and keeping counters', () => {
  at('netfilter', 'restore', PLAIN);
  namespace.sendUdp(7001, 3);
  const kept = namespace.run('bpfilter apply - --placement none', { input: PLAIN });
  expect(kept).toMatchObject({ code: 0, out: 'The ruleset is kept.\n', err: expect.stringMatching(/no longer/) });
  expect(saved()).toMatch(/^\[3:180\] -A INPUT -p udp/m);
});

test('IPv6 is kept, enforced and shown apart from IPv4', () => {
  const six = PLAIN.replace('-p udp -m udp --dport 7001', '-s fe80::/10');
  expect(at('none', 'ip6tables-restore', six)).toMatchObject({ code: 0, err: expect.stringMatching(/IPv6 are kept/) });
  at('netfilter', 'restore', PLAIN);
  expect(status()).toMatchObject({
    families: { ipv4: { placement: 'netfilter' }, ipv6: { placement: 'none', rules: 1 } },
  });
  expect(namespace.run('ip6tables-save').out).toContain('-A INPUT -s fe80::/10 -j DROP\n');
  expect(at('netfilter', 'ip6tables-restore', six)).toMatchObject({ code: 0, err: '' });
  expect(at('none', 'restore', PLAIN)).toMatchObject({
    code: 0,
    err: expect.stringMatching(/IPv4 are enforced no longer/),
  });
  expect(status()).toMatchObject({
    families: { ipv4: { placement: 'none' }, ipv6: { placement: 'netfilter', rules: 1 } },
  });
  expect(isHooked()).toBe(false);
  expect(namespace.run('save').out).toContain('--dport 7001');
});

test('who is not root sees nothing, and is told why', () => {
  const environment = { ...process.env, ...namespace.environment, ...NONE };
  const bundle = new URL('../../dist/iptables-bpf.cjs', import.meta.url).pathname;
  const nobody = { uid: 65534, gid: 65534 };
  const {
    status: code,
    stdout,
    stderr,
  } = spawnSync(process.execPath, [bundle, 'iptables', '-L'], {
    ...nobody,
    env: environment,
    encoding: 'utf8',
  });
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
  expect(stderr).toContain('Permission denied');
});
