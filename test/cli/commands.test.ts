// The built commands, one process each, in a network namespace, with real packets.

import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { countersOutput, statusOutput } from '../../src/cli/schemas.ts';
import { TestNamespace } from './namespace.ts';

let namespace: TestNamespace;

beforeEach(() => {
  namespace = new TestNamespace();
});

afterEach(() => {
  namespace.remove();
});

/** IPv4 and UDP headers and the payload that `sendUdp` sends. */
const PACKET = 20 + 8 + 32;

const RULES = `*filter
:INPUT ACCEPT [5:400]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [7:700]
:count - [0:0]
[10:1000] -A INPUT -p udp -m udp --dport 7001 -j count
[0:0] -A INPUT -p udp -m udp --dport 7002 -j DROP
[1:2] -A count -s 127.0.0.0/8 -i lo
COMMIT
`;

function succeed(line: string, input = ''): string {
  const { code, out, err } = namespace.run(line, { input });
  expect({ code, err }, line).toEqual({ code: 0, err: '' });
  return out;
}

/** What save prints between its comments. */
function saved(options = ''): string {
  return succeed(`save ${options}`).replaceAll(/^#.*\n/gm, '');
}

test('restore -c, save -c: a round trip, and the counters go on from there', () => {
  succeed('restore -c', RULES);
  expect(saved('-c')).toBe(RULES);
  namespace.sendUdp(7001, 3);
  namespace.sendUdp(7002, 2);
  expect(saved('-c').split('\n')).toEqual([
    '*filter',
    `:INPUT ACCEPT [8:${400 + 3 * PACKET}]`,
    ':FORWARD DROP [0:0]',
    `:OUTPUT ACCEPT [12:${700 + 5 * PACKET}]`,
    ':count - [0:0]',
    `[13:${1000 + 3 * PACKET}] -A INPUT -p udp -m udp --dport 7001 -j count`,
    `[2:${2 * PACKET}] -A INPUT -p udp -m udp --dport 7002 -j DROP`,
    `[4:${2 + 3 * PACKET}] -A count -s 127.0.0.0/8 -i lo`,
    'COMMIT',
    '',
  ]);
  succeed('restore', RULES);
  expect(saved('-c')).toBe(RULES.replaceAll(/\[\d+:\d+\]/g, '[0:0]'));
});

test('a device may have any name: its bytes are compared', () => {
  for (const change of ['down', 'name schleifö0', 'up'])
    namespace.exec('ip', `link set ${change === 'up' ? 'schleifö0' : 'lo'} ${change}`.split(' '));
  succeed(
    'restore',
    ['*filter', '-A INPUT -i schleifö0', '-A INPUT -i schleifö+', '-A INPUT -i schleif1', 'COMMIT', ''].join('\n'),
  );
  namespace.sendUdp(7001, 3);
  expect(saved('-c').match(/^\[\d+/gm)).toEqual(['[3', '[3', '[0']);
});

test('-L, -S, -Z and -F', () => {
  succeed('restore', RULES);
  namespace.sendUdp(7001, 2);
  expect(succeed('iptables -nvxL INPUT')).toBe(
    [
      `Chain INPUT (policy ACCEPT 2 packets, ${2 * PACKET} bytes)`,
      '    pkts      bytes target     prot opt in     out     source               destination         ',
      `       2      ${2 * PACKET} count      17   --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:7001`,
      '       0        0 DROP       17   --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:7002',
      '',
    ].join('\n'),
  );
  succeed('iptables -Z INPUT 1');
  expect(succeed('iptables -v -S INPUT')).toBe(
    [
      `-P INPUT ACCEPT -c 2 ${2 * PACKET}`,
      '-A INPUT -p udp -m udp --dport 7001 -c 0 0 -j count',
      '-A INPUT -p udp -m udp --dport 7002 -c 0 0 -j DROP',
      '',
    ].join('\n'),
  );
  succeed('iptables -F INPUT');
  namespace.sendUdp(7002, 1);
  expect(saved('-c').split('\n').slice(1, 6)).toEqual([
    `:INPUT ACCEPT [3:${3 * PACKET}]`,
    ':FORWARD DROP [0:0]',
    `:OUTPUT ACCEPT [3:${3 * PACKET}]`,
    ':count - [0:0]',
    `[2:${2 * PACKET}] -A count -s 127.0.0.0/8 -i lo`,
  ]);
  succeed('iptables -Z');
  expect(saved('-c')).not.toMatch(/\[[1-9]/);
});

test('a mistake in the last line, -t, and another table than -T: nothing changes', () => {
  succeed('restore -c', RULES);
  const { code, out, err } = namespace.run('restore', {
    input: `${RULES.replace('COMMIT\n', '-A INPUT --nope\nCOMMIT\n')}`,
  });
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(
    /^iptables-restore v1.8.9 .*--nope.*\nError occurred at line: 9\n.*\n<stdin>:9:10: error: .*--nope.*\n {2}-A INPUT --nope\n {11}\^{6}\n1 error; nothing was changed\.\n$/,
  );
  succeed('restore -t', '*filter\n-A INPUT -j DROP\nCOMMIT\n');
  succeed('restore -T nat', '*filter\n-A INPUT -j DROP\nCOMMIT\n');
  expect(saved('-c')).toBe(RULES);
});

test('restore -n adds, and keeps the counters of what was there', () => {
  succeed('restore -c', RULES);
  succeed('restore -n', '*filter\n-A INPUT -p udp -m udp --dport 7003 -j DROP\nCOMMIT\n');
  const added = '[0:0] -A INPUT -p udp -m udp --dport 7003 -j DROP\n';
  expect(saved('-c')).toBe(RULES.replace('[1:2] -A count', `${added}[1:2] -A count`));
});

test('restore -n: a chain that the file empties and fills anew begins to count anew', () => {
  succeed('restore', RULES);
  namespace.sendUdp(7001, 3);
  succeed('restore -n', '*filter\n:count - [0:0]\n-A count -s 127.0.0.0/8 -i lo\nCOMMIT\n');
  const lines = saved('-c').split('\n');
  expect(lines).toContain(`[3:${3 * PACKET}] -A INPUT -p udp -m udp --dport 7001 -j count`);
  expect(lines).toContain('[0:0] -A count -s 127.0.0.0/8 -i lo');
});

test('exit codes of the command line', () => {
  for (const [line, code] of [
    ['restore /nope', 1],
    ['restore a b', 1],
    ['restore --nope', 1],
    ['save -t nope', 1],
    ['iptables -L nope', 1],
    ['iptables', 2],
    ['iptables -t nope -L', 3],
    ['bpfilter nope', 2],
    ['nope', 2],
  ] as const) {
    expect(namespace.run(line).code, line).toBe(code);
  }
});

test('what cannot be printed is told as that', () => {
  const command = `${process.execPath} dist/iptables-bpf.cjs save -t filter > /dev/full`;
  const { code, err } = namespace.exec('sh', ['-c', command]);
  expect({ code, err }).toEqual({ code: 4, err: expect.stringMatching(/^iptables-bpf-save: ENOSPC: .*write\n$/) });
});

test('called by a link of that name, the program is that command', () => {
  const link = join(namespace.directory, 'iptables-bpf-save');
  symlinkSync(new URL('../../dist/iptables-bpf.cjs', import.meta.url).pathname, link);
  expect(namespace.exec(process.execPath, [link, '-V'])).toEqual({
    code: 0,
    out: 'iptables-save v1.8.9 (bpf)\n',
    err: '',
  });
});

test('bpfilter apply, status, counters and detach', () => {
  expect(namespace.run('bpfilter apply - --placement netfilter', { input: RULES }).code).toBe(0);
  namespace.sendUdp(7002, 4);
  const status = statusOutput.parse(JSON.parse(succeed('bpfilter status --json')));
  expect(status).toMatchObject({
    families: { ipv4: { placement: 'netfilter', rules: 3 } },
    namespace: { name: namespace.name },
  });
  expect(status.families.ipv4.hooks.map(({ attached }) => attached)).toEqual([true, true, true]);
  const counters = countersOutput.parse(JSON.parse(succeed('bpfilter counters --json')));
  expect(counters.chains[0]!.rules[1]).toMatchObject({ packets: '4', bytes: String(4 * PACKET) });
  // Counters are kept over an apply, rule by rule.
  namespace.run('bpfilter apply -', { input: RULES.replace('-i lo', '-i eth0') });
  expect(saved('-c')).toContain(`[4:${4 * PACKET}] -A INPUT -p udp -m udp --dport 7002 -j DROP`);
  succeed('bpfilter detach');
  expect(saved()).toBe('');
  expect(JSON.parse(succeed('bpfilter status --json'))).toMatchObject({ families: { ipv4: { generation: 0 } } });
});

test('bpfilter compile shows code and image', () => {
  const code = namespace.run('bpfilter compile - --dump=code', { input: RULES });
  expect(code).toMatchObject({ code: 0, err: '' });
  expect(code.out).toContain('; -A INPUT -p udp -m udp --dport 7002 -j DROP\n');
  const image = namespace.run('bpfilter compile - --dump=image --placement xdp --allow-inexact loopback', {
    input: RULES,
  });
  expect(JSON.parse(image.out)).toMatchObject({
    manifest: { placement: 'xdp' },
    programs: [{ point: 'XDP', type: 'xdp' }],
  });
});

test('the configuration file says where rules are enforced', () => {
  const path = join(namespace.directory, 'config.json');
  writeFileSync(path, JSON.stringify({ placement: 'xdp', devices: { include: ['nothing*'] } }));
  const environment = { BPFILTER_CONFIG: path };
  const { code, err } = namespace.run('restore', { input: '*filter\nCOMMIT\n', environment });
  expect(code).toBe(1);
  expect(err).toMatch(/placement xdp needs at least one device/);
  writeFileSync(path, '{ "mode": "fast" }');
  expect(namespace.run('save', { environment })).toMatchObject({ code: 2, err: expect.stringContaining('`mode`') });
});

test('a full state directory is told, and the old rules stay', () => {
  succeed('restore -c', RULES);
  const state = namespace.environment.BPFILTER_STATE_DIR!;
  const full = `mount -t tmpfs -o size=16k none ${state} && exec ${process.execPath} dist/iptables-bpf.cjs restore`;
  const { code, err } = namespace.exec('sh', ['-c', full], { input: RULES });
  expect(code).toBe(4);
  expect(err).toMatch(/cannot .* in .*store\.sqlite: .*\n.*Free space/);
  expect(err).not.toContain('    at ');
  expect(saved('-c')).toBe(RULES);
});

describe('rules in force are shown and taken away where the store', () => {
  const shownAndReleased = (trouble: RegExp) => {
    expect(succeed('bpfilter status')).toContain('3 rules, placement exact');
    expect(saved('-c')).toBe(RULES);
    for (const change of ['iptables -A INPUT -j DROP', 'iptables -Z', 'bpfilter apply -']) {
      expect(namespace.run(change, { input: RULES }), change).toMatchObject({
        code: 4,
        err: expect.stringMatching(trouble),
      });
    }
    expect(saved('-c')).toBe(RULES);
    const detached = namespace.run('bpfilter detach');
    expect(detached).toMatchObject({ code: 4, out: 'Nothing is enforced any more.\n' });
    expect(detached.err).toMatch(trouble);
    expect(succeed('bpfilter status')).toMatch(/IPv4 +nothing enforced/);
  };

  test.each([
    ['is on a full disk', 'cat /dev/zero > fill; test -s fill', /database or disk is full|SHMSIZE/],
    ['is read-only', 'mount -o remount,ro .', /read-only file system, .*\n.*make it writable/],
  ])('%s', (_, spoil, trouble) => {
    const state = namespace.environment.BPFILTER_STATE_DIR!;
    const sh = (command: string) => execFileSync('sh', ['-c', command], { stdio: 'ignore' });
    sh(`mkdir ${state} && mount -t tmpfs -o size=400k none ${state}`);
    try {
      succeed('restore -c', RULES);
      sh(`cd ${state} && ${spoil}`);
      shownAndReleased(trouble);
    } finally {
      sh(`umount ${state}`);
    }
  });

  test('is damaged', () => {
    succeed('restore -c', RULES);
    const state = namespace.environment.BPFILTER_STATE_DIR!;
    const [file] = readdirSync(state, { recursive: true, encoding: 'utf8' }).filter((name) => /\.sqlite$/.test(name));
    writeFileSync(join(state, file!), 'no database '.repeat(3000));
    const status = succeed('bpfilter status');
    expect(status).toMatch(/IPv4 +generation 1, /);
    expect(status).toMatch(/warning +the kernel enforces generation 1 of IPv4, but .*NOTADB.*move it away/);
    expect(namespace.run('bpfilter sync')).toMatchObject({ code: 1, err: expect.stringContaining('move it away') });
    expect(namespace.run('bpfilter detach')).toMatchObject({ code: 4, out: 'Nothing is enforced any more.\n' });
    expect(succeed('bpfilter status')).toMatch(/IPv4 +nothing enforced.*\n(.*\n)*warning +cannot open the store/);
  });
});

test('ten restores at once: one after the other, and the last one is in force whole', async () => {
  const rules = (n: number) => `*filter\n${`-A INPUT -s 10.0.0.${n} -j DROP\n`.repeat(20)}COMMIT\n`;
  const running = Array.from({ length: 10 }, (_, n) => namespace.start('restore', rules(n)));
  expect(await Promise.all(running.map(({ ended }) => ended))).toEqual(new Array(10).fill(0));
  const sources = new Set(saved().match(/10\.0\.0\.\d+/g));
  expect(sources.size).toBe(1);
  expect(
    saved()
      .split('\n')
      .filter((line) => line.startsWith('-A')),
  ).toHaveLength(20);
});

test('kill -9 of a restore at any moment leaves the old rules or the new ones', async () => {
  const head = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n';
  const rules = (n: number) => `${head}${`-A INPUT -s 10.0.0.${n}/32 -j DROP\n`.repeat(50)}COMMIT\n`;
  const start = Date.now();
  succeed('restore', rules(0));
  const duration = Date.now() - start;
  // Homes in on the moment of the change: later after each kill that came too early, earlier after one too late.
  let delay = duration * 0.7;
  let before = 0;
  const seen = { old: 0, new: 0 };
  for (let n = 1; n <= 14; n++) {
    const restore = namespace.start('restore', rules(n));
    await new Promise((resolve) => setTimeout(resolve, delay));
    restore.kill();
    await restore.ended;
    const now = saved().replaceAll(/\[\d+:\d+\]/g, '[0:0]');
    expect([rules(before), rules(n)]).toContain(now);
    const outcome = now === rules(n) ? 'new' : 'old';
    seen[outcome]++;
    if (outcome === 'new') before = n;
    delay = Math.max(20, delay + (outcome === 'new' ? -duration : duration) / (n < 5 ? 5 : 20));
  }
  expect(seen.old, 'kills before the change').toBeGreaterThan(0);
  expect(seen.new, 'kills after the change').toBeGreaterThan(0);
  succeed('restore', rules(99));
  expect(saved()).toContain('10.0.0.99');
  expect(succeed('bpfilter status')).not.toContain('warning');
});
