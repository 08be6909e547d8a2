import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { runCommand } from '../../../src/cli/errors.ts';
import { iptables } from '../../../src/cli/iptables.ts';
import { restore } from '../../../src/cli/iptables-restore.ts';
import { save } from '../../../src/cli/iptables-save.ts';
import { PROGRAMS } from '../../../src/cli/program.ts';
import { LockError } from '../../../src/kernel/errors.ts';
import { FakeFirewall } from './fake-engine.ts';

const COMMANDS = { iptables, restore, save };
const [IPTABLES] = PROGRAMS;
let firewall: FakeFirewall;

beforeEach(() => {
  firewall = new FakeFirewall();
});

/** Runs a command; gives its exit code and what it printed since. */
function run(line: string, environment: Record<string, string> = {}): [code: number, out: string, err: string] {
  const [name, ...words] = line.split(' ').filter((word) => word !== '');
  firewall.out = '';
  firewall.err = '';
  const code = runCommand(
    `iptables-bpf-${name}`,
    (each, context) => COMMANDS[name as keyof typeof COMMANDS](each, context, IPTABLES!),
    words,
    firewall.context(environment),
  );
  return [code, firewall.out, firewall.err];
}

const RULES = `*filter
:INPUT DROP [5:400]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
[2:120] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
[3:180] -A INPUT -j web
COMMIT
`;

const TRY = "Try `iptables -h' or 'iptables --help' for more information.\n";

// Words, exit codes and messages as iptables-legacy 1.8.9 gave them, `(legacy)` being `(bpf)` here.
test.each([
  ['', 'no command specified'],
  ['-x', 'no command specified'],
  ['--nope', 'unknown option "--nope"'],
  ['--li', 'unknown option "--li"'],
  ['-q', 'unknown option "-q"'],
  ['-t', 'option "-t" requires an argument'],
  ['-L -F', 'Cannot use -F with -L'],
  ['-Z -F', 'Cannot use -F with -Z'],
  ['-L -S', 'Cannot use -S with -L'],
  ['-L INPUT 0', "Invalid rule number `0'"],
  ['-L INPUT OUTPUT', "Invalid rule number `OUTPUT'"],
  ['-Z INPUT x', "Invalid rule number `x'"],
  ['-S -n', "Illegal option `-n' with this command"],
  ['-S --line-numbers', "Illegal option `-0' with this command"],
  ['-F -x', "Illegal option `-x' with this command"],
  ['-n -n -L', 'multiple -n flags not allowed'],
  ['-w x -S', 'wait seconds not numeric'],
  ['-w -5 -S', 'unknown option "-5"'],
  ['-L -- INPUT', 'unknown arguments found on commandline'],
  ['-L averyveryverylongchainname01x', "chain name `averyveryverylongchainname01x' too long (must be under 29 chars)"],
])('iptables %s: %s', (words, message) => {
  expect(run(`iptables ${words}`)).toEqual([2, '', `iptables v1.8.9 (bpf): ${message}\n${TRY}`]);
});

test.each([
  ['-L INPUT 1 2', 2, `Bad argument \`2'\n${TRY}`],
  ['foo', 2, `Bad argument \`foo'\n${TRY}`],
  ['-L ! INPUT', 2, `Bad argument \`INPUT'\n${TRY}`],
  ['-F INPUT 2', 2, `Bad argument \`2'\n${TRY}`],
  ['-6 -L', 2, TRY],
  ['-L nope', 1, 'iptables: No chain/target/match by that name.\n'],
  ['-S nope', 1, 'iptables: No chain/target/match by that name.\n'],
  ['-Z nope', 1, "iptables: No chain/target/match by that name.\niptables: the table has no chain `nope'\n"],
  ['-F nope', 1, "iptables: No chain/target/match by that name.\niptables: the table has no chain `nope'\n"],
  ['-Z INPUT 3', 1, 'iptables: Index of counter too big.\niptables: the chain INPUT has 2 rules, none with number 3\n'],
])('iptables %s exits with %i', (words, code, message) => {
  firewall.hold(RULES);
  expect(run(`iptables ${words}`)).toEqual([code, '', message]);
});

test('a table that is not there is a matter of the version to iptables', () => {
  const [code, out, err] = run('iptables -t nope -L');
  expect([code, out]).toEqual([3, '']);
  expect(err).toMatch(/^iptables v1\.8\.9 \(bpf\): can't initialize iptables table `nope': Table does not exist/);
});

test('commands change the ruleset in force, and hand over the rules that stay', () => {
  firewall.hold(RULES);
  expect(run('iptables -I INPUT 2 -s 10.0.0.0/8 -g web')).toEqual([0, '', '']);
  expect(run('iptables -t nat -A PREROUTING -j ACCEPT')).toEqual([0, '', '']);
  expect(run('iptables -D INPUT 1')).toEqual([0, '', '']);
  expect(run('iptables -S INPUT')[1]).toBe('-P INPUT DROP\n-A INPUT -s 10.0.0.0/8 -g web\n-A INPUT -j web\n');
  expect(run('iptables -t nat -S PREROUTING')[1]).toBe('-P PREROUTING ACCEPT\n-A PREROUTING -j ACCEPT\n');
  const [first] = firewall.requests;
  const rules = first!.ruleset.tables[0]!.chains[0]!.rules;
  const before = first!.before!.ruleset.tables[0]!.chains[0]!.rules;
  expect(rules.map((rule) => before.includes(rule))).toEqual([true, false, true]);
  expect(firewall.settled).toBe(3);
  expect(first).toMatchObject({ counters: 'kept', placement: 'netfilter', source: { file: 'iptables -I' } });
});

test.each([
  ['-N web', 'Chain already exists.'],
  ['-X web', 'Too many links.'],
  ['-X INPUT', "Invalid argument. Run `dmesg' for more information."],
  ['-E web INPUT', 'File exists.'],
  ['-P INPUT REJECT', "Bad policy name. Run `dmesg' for more information."],
  ['-P web DROP', 'Bad built-in chain name.'],
  ['-A nope -j ACCEPT', 'No chain/target/match by that name.'],
  ['-D INPUT -j DROP', 'Bad rule (does a matching rule exist in that chain?).'],
  ['-C INPUT -j DROP', 'Bad rule (does a matching rule exist in that chain?).'],
  ['-D INPUT -j web -s 10.0.0.1', 'No chain/target/match by that name.'],
  ['-D nope -j web', 'Bad rule (does a matching rule exist in that chain?).'],
  ['-A nope -j INPUT', 'No chain/target/match by that name.'],
  ['-I INPUT 9 -j OUTPUT', 'Index of insertion too big.'],
  ['-A web -j OUTPUT', "Invalid argument. Run `dmesg' for more information."],
  ['-D INPUT 3', 'Index of deletion too big.'],
  ['-I INPUT 4', 'Index of insertion too big.'],
  ['-R INPUT 3 -j web', 'Index of replacement too big.'],
  ['-A web -j web', 'Too many levels of symbolic links.'],
  ['-A INPUT -m limit --limit 1/day --limit-burst 0', 'Numerical result out of range.'],
  ['-A INPUT -m hashlimit --hashlimit 1/day --hashlimit-name a', 'Numerical result out of range.'],
  ['-A INPUT -m string --string a --algo wrong', 'No chain/target/match by that name.'],
  ['-t raw -A OUTPUT -p udp -j CT --helper ftp', 'No chain/target/match by that name.'],
  ['-A INPUT -m tcp', "Invalid argument. Run `dmesg' for more information."],
])('iptables %s is refused with the reason that iptables gives', (words, reason) => {
  firewall.hold(RULES);
  const [code, out, err] = run(`iptables ${words}`);
  expect([code, out, err.split('\n')[0]]).toEqual([1, '', `iptables: ${reason}`]);
  expect(firewall.requests).toEqual([]);
});

test.each([
  ['-N web', 'File exists.'],
  ['-P INPUT REJECT', "Invalid argument. Run `dmesg' for more information."],
  ['-C INPUT -j DROP', 'No chain/target/match by that name.'],
  ['-D INPUT 3', 'Argument list too long.'],
])('iptables -vv %s: behind its table iptables says less', (words, reason) => {
  firewall.hold(RULES);
  expect(run(`iptables -vv ${words}`)[2].split('\n')[0]).toBe(`iptables: ${reason}`);
});

test('-v of a match that does not say how to compare leaves that out', () => {
  firewall.hold(RULES);
  const [code, out] = run('iptables -v -A INPUT -m rateest --rateest RE1 --rateest-bps');
  expect([code, out]).toEqual([1, '  all opt -- in * out *  0.0.0.0/0  -> 0.0.0.0/0   rateest match RE1 bps 0\n']);
});

test('bytes that are no text are not taken for others', () => {
  firewall.hold(RULES);
  const [code, out, err] = run('iptables -A INPUT -m comment --comment \ufffd');
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^iptables v1\.8\.9 \(bpf\): `\ufffd' is not UTF-8 text\n/);
});

test('a chain may be called like what every object has', () => {
  firewall.hold(RULES);
  for (const name of ['__proto__', 'constructor', 'toString']) {
    expect(run(`iptables -N ${name}`)).toEqual([0, '', '']);
    expect(run(`iptables -A ${name} -i lo -o lo -j web`)).toEqual([0, '', '']);
    expect(run(`iptables -S ${name}`)[1]).toBe(`-N ${name}\n-A ${name} -i lo -o lo -j web\n`);
  }
});

test('-C answers by its exit code, and changes nothing', () => {
  firewall.hold(RULES);
  expect(run('iptables -C INPUT -p tcp --dport ssh -j ACCEPT')).toEqual([0, '', '']);
  expect(firewall.requests).toEqual([]);
});

test('-L and -S where nothing is in force show an untouched table, and nothing is taken', () => {
  expect(run('iptables -S')).toEqual([0, '-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n', '']);
  expect(run('iptables -L OUTPUT')[1]).toMatch(/^Chain OUTPUT \(policy ACCEPT\)\n/);
  expect(run('iptables -F')).toEqual([0, '', '']);
  expect(firewall.requests).toEqual([]);
});

test.each(['-LINPUT', '--list=INPUT', '-L INPUT', '--list INPUT', '-L INPUT -4 -M x'])(
  '%s lists one chain',
  (words) => {
    firewall.hold(RULES);
    const [code, out] = run(`iptables ${words} -n`);
    expect(code).toBe(0);
    expect(out.split('\n')).toHaveLength(5);
  },
);

test('-Z sets counters to zero after -L has shown them', () => {
  firewall.hold(RULES);
  expect(run('iptables -nvL INPUT 1 -Z')[1]).toMatch(/^ {4}2 +120 ACCEPT/);
  expect(run('iptables -v -S INPUT 1')[1]).toContain('-c 0 0 -j ACCEPT');
  expect(run('iptables -v -S INPUT')[1]).toContain('-P INPUT DROP -c 5 400\n');
  expect(run('iptables -vZ')[1]).toContain("Zeroing chain `INPUT'\nZeroing chain `FORWARD'\n");
  expect(run('iptables -v -S INPUT')[1]).toContain('-P INPUT DROP -c 0 0\n');
});

test('-F empties chains through the engine, keeping the placement and the counters', () => {
  firewall.hold(RULES);
  firewall.inForce = { ...firewall.inForce!, placement: 'xdp', devices: ['eth0'] };
  expect(run('iptables -vF INPUT')).toEqual([0, "Flushing chain `INPUT'\n", '']);
  expect(firewall.requests[0]).toMatchObject({ counters: 'kept', placement: 'xdp', devices: ['eth0'] });
  expect(run('iptables -S')[1]).toBe('-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n-N web\n');
});

test('the lock: -w sets how long, without it the configuration does; held, it is exit code 4', () => {
  run('iptables -Z');
  run('iptables -Z', { BPFILTER_WAIT: '7' });
  run('iptables -Z -w', { BPFILTER_WAIT: '7' });
  run('iptables -w5 -Z', { BPFILTER_WAIT: '7' });
  run('iptables -w 6 -Z');
  expect(firewall.waits).toEqual([Number.POSITIVE_INFINITY, 7, Number.POSITIVE_INFINITY, 5, 6]);
  for (const lock of ['bpfilter', 'xtables'] as const) {
    firewall.lockError = new LockError('/run/x.lock', lock);
    const [code, , err] = run('iptables -Z');
    expect(code).toBe(4);
    expect(err).toContain(`Another app is currently holding the ${lock} lock.`);
  }
});

test('an error nobody foresaw is told without a stack, unless asked for', () => {
  firewall.lockError = new TypeError('what');
  expect(run('iptables -Z')[2]).toBe(
    'iptables-bpf-iptables: internal error: TypeError: what\niptables-bpf-iptables: set BPFILTER_DEBUG=1 to see where\n',
  );
  expect(run('iptables -Z', { BPFILTER_DEBUG: '1' })[2]).toMatch(/\n {4}at /);
});

test('what only root may do is no internal error', () => {
  firewall.lockError = Object.assign(new Error('EACCES: permission denied, mkdir'), {
    code: 'EACCES',
    syscall: 'mkdir',
  });
  const [code, , err] = run('iptables -Z');
  expect(code).toBe(4);
  expect(err).toBe(
    'iptables-bpf-iptables: EACCES: permission denied, mkdir\niptables-bpf-iptables: run the command as root\n',
  );
});

test('a configuration that cannot be used stops the command', () => {
  const [code, , err] = run('iptables -L', { BPFILTER_MODE: 'fast' });
  expect(code).toBe(2);
  expect(err).toMatch(/^iptables-bpf-iptables: BPFILTER_MODE: `mode`: /);
});

// ----- save -----

test('save prints what is in force, with ctime around it, and nothing where nothing is', () => {
  expect(run('save')).toEqual([0, '', '']);
  expect(run('save -t filter')[1]).toContain(':INPUT ACCEPT [0:0]\n');
  firewall.hold(RULES);
  const date = 'Sun Nov  1 08:21:39 2026';
  const frame = (body: string) => `# Generated by iptables-bpf-save v1.8.9 on ${date}\n${body}# Completed on ${date}\n`;
  expect(run('save -c')).toEqual([0, frame(RULES), '']);
  expect(run('save --coun -t filter')[1]).toBe(frame(RULES));
  expect(run('save')[1]).toBe(frame(RULES.replaceAll(/^\[.*?\] /gm, '')));
});

test('save -f writes a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipb-save-'));
  try {
    firewall.hold(RULES);
    expect(run(`save -f ${directory}/out`)).toEqual([0, '', '']);
    expect(readFileSync(join(directory, 'out'), 'utf8')).toContain('-A INPUT -j web\n');
    expect(run(`save -f ${directory}/no/out`)).toEqual([
      1,
      '',
      'Failed to open file, error: No such file or directory\n',
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

const LOOK = "Look at manual page `iptables-save.8' for more information.\n";

test.each([
  ['save --nope', 1, `iptables-bpf-save: unrecognized option '--nope'\n${LOOK}`],
  ['save -t', 1, `iptables-bpf-save: option requires an argument -- 't'\n${LOOK}`],
  ['save foo', 1, 'Unknown arguments found on commandline\n'],
  ['restore a b', 1, 'Unknown arguments found on commandline\n'],
  ['restore /nope', 1, "Can't open /nope: No such file or directory\n"],
  [
    'restore --nope',
    1,
    "iptables-bpf-restore: unrecognized option '--nope'\nTry `iptables-restore -h' for more information.\n",
  ],
  [
    'restore --ver',
    1,
    "iptables-bpf-restore: option '--ver' is ambiguous; possibilities: '--verbose' '--version'\n" +
      "Try `iptables-restore -h' for more information.\n",
  ],
  ['restore -W 1', 1, 'Ignoring deprecated --wait-interval option.\nOption --wait-interval requires option --wait\n'],
])('%s exits with %i', (line, code, message) => {
  expect(run(line)).toEqual([code, '', message]);
});

test.each([
  ['iptables -V', 'iptables v1.8.9 (bpf)\n'],
  ['restore --version', 'iptables-restore v1.8.9 (bpf)\n'],
  ['save -V', 'iptables-save v1.8.9 (bpf)\n'],
])('%s', (line, text) => {
  expect(run(line)).toEqual([0, text, '']);
});

test.each(['iptables', 'restore', 'save'])('%s -h prints its usage', (name) => {
  expect(run(`${name} -h`)[1]).toMatch(/^(iptables v1\.8\.9 \(bpf\)\n\n)?Usage: iptables-bpf/);
});

// ----- restore -----

test('restore hands the whole file to the engine; -c keeps its counters', () => {
  firewall.files.set(undefined, RULES).set('f', RULES);
  expect(run('restore')).toEqual([0, '', '']);
  expect(firewall.requests[0]).toMatchObject({
    counters: 'ruleset',
    placement: 'exact',
    devices: ['eth0', 'veth1', 'br0'],
    source: { file: '<stdin>' },
  });
  expect(run('save -c')[1]).toContain('[0:0] -A INPUT -j web\n');
  expect(run('restore -c f')[0]).toBe(0);
  expect(run('save -c')[1]).toContain(RULES);
});

test('restore says nothing that iptables would not, however much is noted', () => {
  firewall.files.set('f', RULES);
  firewall.refusal = { ok: true, generation: 1, diagnostics: [], notes: ['eth0: native XDP'], warnings: [] };
  expect(run('restore f')).toEqual([0, '', '']);
  expect(run('restore -v f')[1]).not.toContain('XDP');
  expect(firewall.settled).toBe(2);
});

test('restore -t verifies and changes nothing', () => {
  firewall.files.set('f', RULES);
  expect(run('restore --test f')).toEqual([0, '', '']);
  expect(firewall.requests).toHaveLength(1);
  expect(firewall.inForce).toBeUndefined();
});

test('restore -n adds to what is in force and carries its counters', () => {
  firewall.hold(RULES).files.set('f', '*filter\n:new - [0:0]\n-A INPUT -j new\nCOMMIT\n');
  expect(run('restore --noflu f')).toEqual([0, '', '']);
  expect(firewall.requests[0]).toMatchObject({ counters: 'kept' });
  expect(run('save -c')[1]).toContain('[3:180] -A INPUT -j web\n[0:0] -A INPUT -j new\n');
});

test('a file without the filter table, and -T with a table it lacks, change nothing', () => {
  firewall.hold(RULES).files.set('empty', '# nothing\n').set('f', RULES);
  for (const line of ['restore empty', 'restore -T nat f', 'restore /dev/null']) {
    firewall.files.set('/dev/null', '');
    expect(run(line)).toEqual([0, '', '']);
  }
  expect(firewall.requests).toEqual([]);
});

test('-T takes one table of several, and lines keep their numbers', () => {
  const two = `*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n${RULES.replace('-j web', '-j wed')}`;
  firewall.files.set('f', two);
  const [code, , err] = run('restore -T filter f');
  expect(code).toBe(2);
  expect(err).toMatch(/\nError occurred at line: 10\n[\s\S]*\nf:10:\d+: error: /);
  firewall.files.set('f', two.replace('wed', 'web'));
  expect(run('restore -T filter f')[0]).toBe(0);
  expect(run('restore f')[0]).toBe(0);
});

test('every mistake is told with its place, and nothing is handed to the engine', () => {
  firewall.hold(RULES).files.set('f', RULES.replace('--dport 22', '--dport 70000').replace('COMMIT\n', ''));
  const [code, out, err] = run('restore f');
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(
    /^iptables-restore v1\.8\.9 \(bpf\): invalid port\/service `70000' specified\n[\s\S]*\nf:6:.*70000[\s\S]*\^+\n[\s\S]*f:8:.*\n[\s\S]*2 errors; nothing was changed\.\n$/,
  );
  expect(firewall.requests).toEqual([]);
});

test.each([
  ['no COMMIT', RULES.replace('COMMIT\n', ''), 1],
  ['unknown table', '*foo\nCOMMIT\n', 2],
  ['bad policy', RULES.replace('INPUT DROP', 'INPUT FOO'), 1],
  ['unknown chain in -A', RULES.replace('-A INPUT -j web', '-A nope -j web'), 1],
  ['unknown target', RULES.replace('-j web', '-j NOPE'), 2],
  ['unknown match', RULES.replace('-j web', '-m nope -j web'), 2],
  ['bad port', RULES.replace('--dport 22', '--dport 70000'), 2],
  ['-o in INPUT', RULES.replace('-j web', '-o eth0 -j web'), 2],
])('restore: %s exits as iptables-legacy does', (_about, text, code) => {
  firewall.files.set(undefined, text);
  expect(run('restore')[0]).toBe(code);
});

test('a refusal of the engine is told like a mistake in the file', () => {
  firewall.files.set('f', RULES);
  const span = { line: 7, column: 1, length: 3 };
  const diagnostic = { code: 'not-at-placement', message: 'XDP does not see this', file: 'f', span } as const;
  firewall.refusal = { ok: false, diagnostics: [diagnostic] };
  const [code, , err] = run('restore f');
  expect(code).toBe(1);
  expect(err).toMatch(
    /^iptables-restore v1\.8\.9 \(bpf\): XDP does not see this\nf:7:1: error: XDP does not see this \[not-at-placement\]\n {2}\[3:180\] -A INPUT -j web\n {2}\^\^\^\n/,
  );
});

test('placement xdp takes the devices that the patterns leave, never the loopback or a part of a bridge', () => {
  firewall.files.set('f', RULES);
  expect(run('restore f', { BPFILTER_PLACEMENT: 'xdp' })[0]).toBe(0);
  expect(
    run('restore f', { BPFILTER_PLACEMENT: 'xdp', BPFILTER_DEVICES: '*,!veth+', BPFILTER_MODE: 'generic' })[0],
  ).toBe(0);
  expect(firewall.requests.map(({ devices }) => devices)).toEqual([
    ['eth0', 'veth1', 'br0'],
    ['eth0', 'br0'],
  ]);
  expect(firewall.requests[1]!.mode).toBe('generic');
});
