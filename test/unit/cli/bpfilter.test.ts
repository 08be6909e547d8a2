import { readFileSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { UnsupportedError } from '../../../src/base/unsupported.ts';
import { bpfilter } from '../../../src/cli/bpfilter.ts';
import { runCommand } from '../../../src/cli/errors.ts';
import { applyOutput, countersOutput, explainOutput, formatOutput, statusOutput } from '../../../src/cli/schemas.ts';
import { IPTABLES_VERSION } from '../../../src/cli/version.ts';
import { parseGraph } from '../../../src/graph/parse.ts';
import { KernelError } from '../../../src/kernel/errors.ts';
import { FakeFirewall } from './fake-engine.ts';

const RULES = `*filter
:INPUT DROP [5:400]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
[2:120] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
[3:180] -A INPUT -j web
COMMIT
`;

let firewall: FakeFirewall;

beforeEach(() => {
  firewall = new FakeFirewall();
  firewall.files.set('f', RULES).set('bad', RULES.replace('tcp --dport', 'tcp --dprt'));
});

function run(line: string, environment: Record<string, string> = {}): [code: number, out: string, err: string] {
  firewall.out = '';
  firewall.err = '';
  const words = line.split(' ').filter((word) => word !== '');
  const code = runCommand('bpfilter', bpfilter, words, firewall.context(environment));
  return [code, firewall.out, firewall.err];
}

test('apply takes its choices from the options, then from the configuration', () => {
  expect(run('apply f')).toEqual([0, 'Generation 1 is in force.\n', '']);
  expect(firewall.requests[0]).toMatchObject({
    ...{ counters: 'carry', placement: 'exact', devices: ['eth0', 'veth1', 'br0'], mode: 'auto', early: 'fast' },
  });
  run('apply f --placement netfilter');
  expect(firewall.requests.pop()).toMatchObject({ placement: 'netfilter', devices: [] });
  const line =
    'apply --device eth0 f --placement xdp --device veth1 --mode native --allow-inexact loopback,output -w 3';
  expect(run(line, { BPFILTER_PLACEMENT: 'netfilter', BPFILTER_MODE: 'generic' })[0]).toBe(0);
  expect(firewall.requests[1]).toMatchObject({
    ...{ placement: 'xdp', devices: ['eth0', 'veth1'], mode: 'native', allowInexact: ['loopback', 'output'] },
  });
  run('apply f', { BPFILTER_PLACEMENT: 'xdp', BPFILTER_ALLOW_INEXACT: 'out-device' });
  expect(firewall.requests[2]).toMatchObject({ devices: ['eth0', 'veth1', 'br0'], allowInexact: ['out-device'] });
  expect(firewall.waits[2]).toBe(3);
  expect(
    run('apply f --placement netfilter --early strict --mode native --allow-inexact output')[1].split('\n'),
  ).toEqual([
    '--early has no effect at placement netfilter',
    '--mode has no effect at placement netfilter',
    '--allow-inexact has no effect at placement netfilter',
    expect.stringMatching(/^Generation/),
    '',
  ]);
  expect(applyOutput.parse(JSON.parse(run('apply f --placement exact --early strict --json')[1]))).toMatchObject({
    ...{ placement: 'exact', early: 'strict' },
  });
});

test('apply --test changes nothing and says so', () => {
  expect(run('apply f --test')).toEqual([0, 'The ruleset is sound; nothing was changed.\n', '']);
  expect(firewall.inForce).toBeUndefined();
});

test('apply refuses a file with a mistake, and one without a table', () => {
  const [code, out, err] = run('apply bad');
  expect([code, out]).toEqual([1, '']);
  expect(err).toMatch(/^bad:6:\d+: error: .*--dprt/);
  firewall.files.set('empty', '# nothing\n');
  expect(run('apply empty')).toEqual([1, '', 'bpfilter: empty has no table; nothing was changed\n']);
  expect(run('apply /nope')[2]).toMatch(/^bpfilter: cannot read \/nope: ENOENT/);
  expect(firewall.requests).toEqual([]);
});

test('--json prints what the schemas say', () => {
  expect(applyOutput.parse(JSON.parse(run('apply f --json')[1]))).toMatchObject({ ok: true, generation: 1 });
  const refused = applyOutput.parse(JSON.parse(run('apply bad --json')[1]));
  expect(refused).toMatchObject({ ok: false, diagnostics: [{ code: 'unknown-option', severity: 'error' }] });
  firewall.hold(RULES);
  expect(statusOutput.parse(JSON.parse(run('status --json')[1]))).toMatchObject({
    families: { ipv4: { generation: 1, rules: 0 }, ipv6: { generation: 0 } },
  });
  const counters = countersOutput.parse(JSON.parse(run('counters --json')[1]));
  expect(counters.chains[0]).toEqual({
    chain: 'INPUT',
    policy: { verdict: 'DROP', packets: '5', bytes: '400' },
    rules: [
      { rule: '-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT', packets: '2', bytes: '120' },
      { rule: '-A INPUT -j web', packets: '3', bytes: '180' },
    ],
  });
});

test('status and counters for people', () => {
  expect(run('counters')[1]).toBe('Nothing is enforced.\n');
  expect(run('status')[1]).toContain('IPv4        nothing enforced: every packet is accepted\n');
  firewall.hold(RULES);
  expect(run('status')[1].split('\n')).toEqual([
    'namespace   blue (cookie 17)',
    'IPv4        generation 1, 0 rules, placement netfilter',
    '  hook      INPUT, priority -1',
    '  hook      FORWARD, not attached',
    '  device    eth0 (2), not attached: the device is gone',
    '  dropped   5 packets that no rule could decide, 0 for lack of rules',
    'IPv6        nothing enforced: every packet is accepted',
    'warning     something to look at',
    'also in     cookie 18: generation 3 of IPv4, 0 of IPv6',
    '',
  ]);
  expect(run('counters')[1].split('\n').slice(0, 4)).toEqual([
    '     packets           bytes  rule',
    '           2             120  -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT',
    '           3             180  -A INPUT -j web',
    '           5             400  -P INPUT DROP',
  ]);
});

test('rules of IPv6 are asked for, and are not those of IPv4', () => {
  firewall.files.set('six', RULES.replace('-A INPUT -p tcp', '-A INPUT -s fe80::/10 -p tcp'));
  expect(run('apply six')[0]).toBe(1);
  expect(applyOutput.parse(JSON.parse(run('apply --ipv6 --json six')[1]))).toMatchObject({ ok: true, family: 'ipv6' });
  expect(firewall.requests.map(({ ruleset }) => ruleset.family)).toEqual(['ipv6']);
  const counters = (options: string) => countersOutput.parse(JSON.parse(run(`counters --json ${options}`)[1]));
  expect(counters('')).toEqual({ family: 'ipv4', generation: 0, chains: [] });
  expect(counters('--ipv6')).toMatchObject({ family: 'ipv6', generation: 1, placement: 'exact' });
  expect(counters('--ipv6').chains[0]!.rules[0]!.rule).toBe('-A INPUT -s fe80::/10 -p tcp -m tcp --dport 22 -j ACCEPT');
  expect(run('compile --ipv6 six --dump=graph')[1]).toContain('-s fe80::/10');
  expect(run('explain six')[0]).toBe(1);
  expect(explainOutput.parse(JSON.parse(run('explain --ipv6 --json six')[1]))).toMatchObject({ ok: true });
});

test('detach takes everything away', () => {
  firewall.hold(RULES);
  expect(run('detach')).toEqual([0, 'Nothing is enforced any more.\n', '']);
  expect(firewall.inForce).toBeUndefined();
  firewall.detachWarnings = ['the store is full'];
  expect(run('detach')).toEqual([4, 'Nothing is enforced any more.\n', 'bpfilter: the store is full\n']);
});

test('compile shows every stage, without an engine', () => {
  expect(run('compile f --dump=ruleset')[1]).toBe(RULES);
  const [, graph] = run('compile f --dump=graph');
  expect(parseGraph(graph).slots).toHaveLength(5);
  expect(graph).toContain('call ');
  expect(run('compile f --dump=after:resolve-chains')[1]).not.toContain('call ');
  expect(run('compile f')[1]).toBe(run('compile f --dump=after:all')[1]);
  expect(run('compile f --dump dot')[1]).toMatch(/^digraph /);
  expect(run('compile f --dump=classification')[1]).toMatch(/test \d+: dport in 22 \? /);
  expect(run('compile f --dump=classification --finish=dense')[1]).toMatch(/segment \d+ dense, /);
});

test('compile refuses what cannot be compiled', () => {
  expect(run('compile bad')[0]).toBe(1);
  expect(run('compile f --dump=after:nothing')).toMatchObject([2, '', expect.stringContaining('Allowed choices are')]);
});

test.each([
  ['', 2],
  ['nope', 2],
  ['apply', 2],
  ['apply f --mode fast', 2],
  ['apply f --allow-inexact everything', 2],
  ['apply f -w soon', 2],
  ['apply f g', 2],
  ['--help', 0],
  ['apply --help', 0],
])('%s exits with %i', (line, code) => {
  expect(run(line)[0]).toBe(code);
});

test('its version is that of the package; mistakes in its words begin with its name', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(run('--version')).toEqual([0, `bpfilter ${version} (iptables ${IPTABLES_VERSION})\n`, '']);
  expect(run('apply')).toEqual([2, '', "bpfilter: missing required argument 'file'\n"]);
});

test('what the kernel refuses is one line and exit code 4', () => {
  firewall.lockError = new KernelError('load the program', 1);
  expect(run('apply f')).toEqual([
    4,
    '',
    'bpfilter: cannot load the program: EPERM (run as root, or with CAP_BPF and CAP_NET_ADMIN, and not in a user namespace)\n',
  ]);
});

test('what the kernel is too old for ends with what to do instead, and exit code 3', () => {
  firewall.lockError = new UnsupportedError('placement exact', '6.4', '6.1.0', 'take placement xdp');
  expect(run('apply f')).toEqual([
    3,
    '',
    'bpfilter: placement exact needs kernel 6.4 or later (this is 6.1.0)\nbpfilter: hint: take placement xdp\n',
  ]);
});

test('an error that cannot be told still gives its exit code', () => {
  firewall.lockError = new KernelError('load the program', 1);
  const deaf = { ...firewall.context({}), printError: () => expect.fail('the disk is full') };
  expect(runCommand('bpfilter', bpfilter, ['apply', 'f'], deaf)).toBe(4);
});

test('explain shows how packets find their rules, and which rules none meets', () => {
  firewall.files.set('g', `${RULES.replace('COMMIT\n', '')}-A INPUT -j DROP\n-A INPUT -j DROP\nCOMMIT\n`);
  const [code, out] = run('explain g --placement netfilter');
  expect(code).toBe(0);
  expect(out).toMatch(/^INPUT, at netfilter: \d+ rules, asked one after the other with \d+ tests$/m);
  expect(out).toMatch(
    /^1 rule that no packet meets:\n {2}line \d+: -A INPUT -j DROP: it says again what is said in line/m,
  );
  expect(run('explain g --finish dense --placement netfilter')[1]).toMatch(
    /^ {2}segment \d+: dense, \d+ decisions, \d+ loads? per packet, \d+ bytes$/m,
  );
  expect(explainOutput.parse(JSON.parse(run('explain --json g --finish=dense')[1]))).toMatchObject({
    ok: true,
    unmet: [{ kind: 'duplicate' }],
  });
  expect(explainOutput.parse(JSON.parse(run('explain --json bad')[1]))).toMatchObject({ ok: false });
  expect(run('explain bad')[0]).toBe(1);
  expect(firewall.requests).toEqual([]);
});

const EARLY_RULES = `*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
${Array.from({ length: 9 }, (_, i) => `-A INPUT -p tcp -m tcp --dport ${i + 1} -j ACCEPT\n`).join('')}-A INPUT -p udp -j DROP
COMMIT
`;

test('explain at placement exact says what is dropped before netfilter, and why not the rest', () => {
  firewall.files.set('g', EARLY_RULES);
  const [code, out, err] = run('explain g');
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^INPUT, at XDP and netfilter: 10 rules$/m);
  expect(out).toMatch(/^FORWARD, at netfilter: 0 rules/m);
  expect(out).toMatch(/^dropped at XDP, before netfilter, for an assumed host .*: 2 of 13 rules and policies$/m);
  expect(out).toMatch(/^ {2}early:\n {4}line 14: -A INPUT -p udp -j DROP\n {4}line \d+: the policy of INPUT$/m);
  expect(out).toMatch(/^ {2}not early, 10: accept: .*\n( {4}line .*\n){3} {4}and 7 more$/m);
  expect(run('explain g --placement exact --rules')[1]).toMatch(
    /^ {2}not early, 10: accept: .*\n( {4}line .*\n){10}(?! {4})/m,
  );
  const data = explainOutput.parse(JSON.parse(run('explain g --placement exact --json')[1]));
  expect(data).toMatchObject({
    hooks: [{ at: ['xdp', 'netfilter'] }, { at: ['netfilter'] }, { at: ['netfilter'] }],
    early: { facts: 'assumed', tracked: false, devices: [] },
  });
  if (data.ok) expect(data.early!.rules.filter(({ late }) => late === 'accept')).toHaveLength(10);
  expect(explainOutput.parse(JSON.parse(run('explain g --json --placement netfilter')[1]))).not.toHaveProperty('early');
  expect(run('explain g --early off')[1]).toMatch(/: 0 of 13 rules and policies\n {2}none, because they are off\n/);
});

test('explain --here asks the network namespace, and says how devices would be served', () => {
  firewall.files.set('g', EARLY_RULES);
  const line = 'explain --device eth0 --device veth1 --device eth1 g --placement exact --here';
  const none = run(line)[1];
  expect(none).toMatch(/in this network namespace: 0 of 13/);
  expect(none).toMatch(/^ {2}none, because routing rules ask/m);
  firewall.facts = {
    family: 'ipv4',
    local: [{ low: 0x0a000001, high: 0x0a000001 }],
    routed: [],
    devices: [{ name: 'eth0', sources: [{ low: 0x0b000000, high: 0x0bffffff }], forwards: false }],
  };
  const out = run(line)[1];
  expect(out).toMatch(/in this network namespace: 2 of 13/);
  expect(out).toMatch(
    /^ {2}eth0: native XDP, a physical device\n {2}veth1: nothing: native XDP on a veth .*\n {2}eth1: nothing: /m,
  );
  expect(explainOutput.parse(JSON.parse(run(`${line} --json`)[1]))).toMatchObject({
    early: { facts: 'here', devices: [{ name: 'eth0', mode: 'native' }, { name: 'veth1' }, { name: 'eth1' }] },
  });
});

test('status says which mode each device has and why, and what becomes of early verdicts', () => {
  firewall.hold(RULES);
  firewall.more = {
    devices: [{ name: 'eth0', ifindex: 2, mode: 'native', why: 'a physical device' }],
    leftOut: [{ name: 'eth1', why: 'eth1 belongs to br0' }],
    early: { choice: 'fast', dropped: '12', waiting: 'somebody hooks in' },
  };
  const out = run('status')[1];
  expect(out).toContain('  device    eth0 (2), native XDP, a physical device\n');
  expect(out).toContain('  left out  eth1: eth1 belongs to br0\n');
  expect(out).toContain('  early     fast: 12 packets dropped before netfilter; none now, because somebody hooks in\n');
  expect(statusOutput.parse(JSON.parse(run('status --json')[1])).families.ipv4).toMatchObject(firewall.more);
  firewall.more = { early: { choice: 'fast', dropped: '3', outdated: 'sync', left: 'NAT' } };
  expect(run('status')[1]).toContain('  early     fast: 3 packets dropped before netfilter; sync; NAT\n');
  expect(statusOutput.parse(JSON.parse(run('status --json')[1])).families.ipv4).toMatchObject(firewall.more);
  firewall.more = { early: { choice: 'strict', dropped: '0', none: 'nothing is certain' } };
  expect(run('status')[1]).toContain(
    '  early     strict: no packet is dropped before netfilter, because nothing is certain\n',
  );
});

test('sync says what there is to say of each family', () => {
  firewall.synced = { ok: true, notes: ['eth0: generic XDP, as before'], warnings: [] };
  expect(run('sync -w 2')).toEqual([0, 'IPv4: eth0: generic XDP, as before\nIPv6: eth0: generic XDP, as before\n', '']);
  expect(firewall.waits).toEqual([2]);
});

test('sync fails where the rules in force would have to be compiled anew and cannot be', () => {
  firewall.synced = { ok: false, notes: [], warnings: ['too much'] };
  expect(run('sync')).toEqual([1, '', 'bpfilter: IPv4: too much\nbpfilter: IPv6: too much\n']);
});

test('a file of the other family is told to be one, by every command that reads one', () => {
  firewall.files
    .set('6', '*filter\n-A INPUT -s ::1 -j DROP\nCOMMIT\n')
    .set('4', '*filter\n-A INPUT -s 10.0.0.1 -j DROP\nCOMMIT\n')
    .set('neither', '*filter\n-A INPUT -s ::1 -j DROP\n-A INPUT -s 10.0.0.1 -j DROP\nCOMMIT\n');
  for (const command of ['apply', 'compile', 'explain', 'fmt']) {
    const [code, , err] = run(`${command} 6`);
    expect([code, err], command).toEqual([
      1,
      expect.stringContaining('hint: all of it is right for IPv6: read it with --ipv6\n'),
    ]);
    expect(run(`${command} --ipv6 4`)[2]).toContain('hint: all of it is right for IPv4: read it without --ipv6\n');
    expect(run(`${command} neither`)[2]).not.toContain('right for');
  }
  const { diagnostics } = applyOutput.parse(JSON.parse(run('apply --json 6')[1]));
  expect(diagnostics[0]!.hint).toBe('all of it is right for IPv6: read it with --ipv6');
});

test('explain --here takes what rules in force have been asked for, unless options say otherwise', () => {
  firewall.files.set('f', EARLY_RULES);
  firewall.hold(EARLY_RULES);
  firewall.inForce = { ...firewall.inForce!, placement: 'exact', devices: ['veth1'], mode: 'generic' };
  const veth = (words: string) =>
    run(words)[1]
      .split('\n')
      .filter((line) => line.startsWith('  veth1:'));
  expect(veth('explain f --here')).toEqual(['  veth1: generic XDP, as asked for']);
  expect(veth('explain f --here --mode native')).toEqual(['  veth1: native XDP, as asked for']);
  expect(veth('explain f --here --mode auto')).toEqual([expect.stringContaining('  veth1: nothing: ')]);
});

test('fmt prints the canonical form, of either family, and tells every mistake', () => {
  firewall.files
    .set('f', '*nat\n-A POSTROUTING -s 10.1 -j ACCEPT\nCOMMIT\n')
    .set('g', '*filter\n-A INPUT -s ::1 -j DROP\nCOMMIT\n');
  const [code, out] = run('fmt f');
  expect([code, out.split('\n').at(-3)]).toEqual([0, '-A POSTROUTING -s 10.1.0.0/32 -j ACCEPT']);
  expect(run('fmt --ipv6 g')[1]).toContain('-A INPUT -s ::1/128 -j DROP\n');
  expect(run('fmt g')[2]).toMatch(/g:2:13: error: host\/network `::1' not found/);
  expect(formatOutput.parse(JSON.parse(run('fmt --json f')[1]))).toMatchObject({ ok: true });
  expect(formatOutput.parse(JSON.parse(run('fmt --json g')[1]))).toMatchObject({ ok: false });
  expect(firewall.requests).toEqual([]);
});
