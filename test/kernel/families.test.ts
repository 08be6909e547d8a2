// Rules of both families in one namespace, with real packets: those of IPv6 are judged and counted as ip6tables-legacy
// does it in a namespace beside, and nothing that is done for one family touches the other.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type StatusOutput, statusOutput } from '../../src/cli/schemas.ts';
import { connect, Namespace } from '../harness/namespace.ts';

const SIX = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
[0:0] -A INPUT -p tcp -m tcp --dport 80 -j web
[0:0] -A INPUT -p udp -m udp --dport 1001 -j DROP
[0:0] -A INPUT -p udp -m udp --sport 3000:3999 --dport 1002:1003
[0:0] -A INPUT ! -s fd00::1/128 -p udp -m udp --dport 1002
[0:0] -A INPUT -i dev0 -p udp -j ACCEPT
[0:0] -A OUTPUT -d fd00::2/127 -p udp -m udp --dport 2001 -j DROP
[0:0] -A OUTPUT -o dev0 -p udp
[0:0] -A web -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP
COMMIT
`;

const FOUR = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[0:0] -A INPUT -p udp -m udp --dport 1001 -j DROP
COMMIT
`;

/**
 * Words: ADDRESS FROM/TO/BYTES … sends UDP packets of that length from a port to another, ADDRESS connect asks for a TCP
 * connection to port 80 and does not wait for it.
 */
const SEND = `
  const words = process.argv.slice(1);
  let address;
  const next = () => {
    const word = words.shift();
    if (word === undefined) process.exit();
    if (word === 'connect') {
      require('node:net').connect(80, address).on('error', () => {});
      return setTimeout(next, 50);
    }
    const [from, to, bytes] = word.split('/').map(Number);
    if (to === undefined) {
      address = word;
      return next();
    }
    const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.bind(from, () => socket.send(Buffer.alloc(bytes), to, address, () => socket.close(next)));
  };
  next();`;

const AT_XDP = '--placement xdp --device dev0 --mode generic --allow-inexact loopback';

let directory: string;
let made: Namespace[];
/** Sends to the two others, which have one address each: one with our rules, the other with those of ip6tables-legacy. */
let sender: Namespace;
let ours: Namespace;
let legacy: Namespace;

beforeEach(() => {
  directory = mkdtempSync('/run/ipb-families-');
  made = ['ours', 'legacy', 'from'].map((label) => new Namespace(label));
  [ours, legacy, sender] = made as [Namespace, Namespace, Namespace];
  for (const namespace of made) {
    for (const scope of ['all', 'default']) {
      namespace.sysctl(`net.ipv6.conf.${scope}.disable_ipv6`, 0);
      namespace.sysctl(`net.ipv6.conf.${scope}.accept_dad`, 0);
    }
  }
  for (const [host, device, number] of [
    [ours, 'to-ours', 2],
    [legacy, 'to-legacy', 3],
  ] as const) {
    connect(sender, device, host, 'dev0');
    host.ip(`addr add fd00::${number}/64 dev dev0 nodad`);
    host.ip(`addr add 10.9.${number}.2/24 dev dev0`);
    sender.ip(`addr add fd00::1/128 dev ${device} nodad`);
    sender.ip(`route add fd00::${number}/128 dev ${device}`);
    sender.ip(`addr add 10.9.${number}.1/24 dev ${device}`);
  }
});

afterEach(() => {
  for (const namespace of made) namespace.remove();
  // Releases what the namespaces held.
  spawnSync(process.execPath, [BPFILTER, 'status'], { env: environment() });
  spawnSync('umount', [join(directory, 'run', 'bpf')]);
  rmSync(directory, { recursive: true, force: true });
});

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, BPFILTER_RUN_DIR: join(directory, 'run'), BPFILTER_STATE_DIR: join(directory, 'state') };
}

/** Runs a command of ours where our rules are. */
function run(bundle: string, words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', ours.name, process.execPath, bundle, ...words], {
    env: environment(),
    input,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${words.join(' ')}: exit ${status}: ${stderr}`);
  return stdout;
}

const iptables = (words: string, input?: string) => run(IPTABLES, words.split(' '), input);
const bpfilter = (words: string, input?: string) => run(BPFILTER, words.split(' '), input);

function status(): StatusOutput {
  return statusOutput.parse(JSON.parse(bpfilter('status --json')));
}

/** The rules with their counters; policies also count what a host says by itself. */
const rulesOf = (saved: string) => saved.split('\n').filter((line) => line.startsWith('['));

function send(from: Namespace, ...words: string[]): void {
  from.exec(process.execPath, ['-e', SEND, ...words]);
}

/** The same packets to and from both hosts. */
function traffic(): void {
  const packets = [
    '2999/1001/10',
    '3000/1002/0',
    '3999/1003/1400',
    '3500/1001/4000',
    '4000/1002/33',
    '4000/7/1',
    'connect',
  ];
  send(sender, 'fd00::2', ...packets, 'fd00::3', ...packets);
  for (const [host, own] of [
    [ours, 'fd00::2'],
    [legacy, 'fd00::3'],
  ] as const) {
    send(host, 'fd00::1', '5000/2001/5', '5000/2002/500', own, '5000/2001/5', '5000/2002/0');
  }
}

it('ip6tables-bpf counts and drops what ip6tables-legacy does, over restores, edits and swaps', () => {
  iptables('ip6tables-restore', SIX);
  legacy.exec('ip6tables-legacy-restore', [], SIX);
  const compare = () => {
    traffic();
    const found = rulesOf(iptables('ip6tables-save -c'));
    expect(found).toEqual(rulesOf(legacy.exec('ip6tables-legacy-save', ['-c'])));
    return found;
  };
  const counted = compare();
  expect(counted.filter((line) => !line.startsWith('[0:0]')).length).toBeGreaterThan(6);
  iptables('iptables-restore', FOUR);
  send(sender, '10.9.2.2', '5000/1001/8', '5000/1001/8');
  for (const words of ['-D INPUT 1', '-I INPUT 3 -p udp -m udp --dport 7 -j DROP', '-A web -j ACCEPT']) {
    iptables(`ip6tables ${words}`);
    legacy.exec('ip6tables-legacy', words.split(' '));
  }
  compare();
  iptables('iptables -A INPUT -p udp -j ACCEPT');
  expect(rulesOf(iptables('iptables-save -c'))[0]).toBe('[2:72] -A INPUT -p udp -m udp --dport 1001 -j DROP');
  iptables('ip6tables -Z INPUT');
  legacy.exec('ip6tables-legacy', ['-Z', 'INPUT']);
  compare();
  expect(bpfilter('counters --ipv6')).toMatch(/-A web -j ACCEPT/);
  expect(JSON.parse(bpfilter('counters --json'))).toMatchObject({ family: 'ipv4', placement: 'exact' });
}, 60_000);

it('each family is enforced, shown, kept and released by itself, and both at once by detach', () => {
  bpfilter('apply --ipv6 -', SIX);
  bpfilter('apply -', FOUR);
  const { ipv4, ipv6 } = status().families;
  expect([ipv4.rules, ipv6.rules]).toEqual([1, 8]);
  expect(new Set([0, ipv4.generation, ipv6.generation]).size).toBe(3);
  for (const { hooks, dropped } of [ipv4, ipv6]) {
    expect(hooks.map(({ attached, priority }) => [attached, priority])).toEqual(new Array(3).fill([true, -1]));
    expect(dropped).toEqual({ emptySlot: '0', undecided: '0' });
  }
  bpfilter('apply --placement none -', FOUR);
  expect(status().families).toMatchObject({ ipv4: { generation: 0, placement: 'none', hooks: [] }, ipv6 });
  send(sender, 'fd00::2', '5000/1001/8');
  expect(rulesOf(iptables('ip6tables-save -c'))[1]).toBe('[1:56] -A INPUT -p udp -m udp --dport 1001 -j DROP');
  bpfilter(`apply ${AT_XDP} -`, FOUR);
  expect(status().families).toMatchObject({ ipv4: { devices: [{ name: 'dev0', mode: 'generic' }] }, ipv6 });
  send(sender, '10.9.2.2', '5000/1001/8', 'fd00::2', '5000/1001/8');
  expect(rulesOf(iptables('ip6tables-save -c'))[1]).toContain('[2:112] ');
  expect(rulesOf(iptables('iptables-save -c'))[0]).toContain('[1:36] ');
  bpfilter(`apply --ipv6 ${AT_XDP},output -`, SIX);
  const served = { devices: [{ name: 'dev0', mode: 'generic' }], hooks: [], rules: expect.any(Number) };
  expect(status().families).toMatchObject({ ipv4: served, ipv6: served });
  send(sender, '10.9.2.2', '5000/1001/8', 'fd00::2', '5000/1001/8');
  expect(rulesOf(iptables('ip6tables-save -c'))[1]).toContain('[3:168] ');
  expect(rulesOf(iptables('iptables-save -c'))[0]).toContain('[2:72] ');
  bpfilter('apply --placement netfilter -', FOUR);
  expect(status().families).toMatchObject({ ipv4: { devices: [], placement: 'netfilter' }, ipv6: served });
  send(sender, '10.9.2.2', '5000/1001/8', 'fd00::2', '5000/1001/8');
  expect(rulesOf(iptables('ip6tables-save -c'))[1]).toContain('[4:224] ');
  expect(rulesOf(iptables('iptables-save -c'))[0]).toContain('[3:108] ');
  bpfilter('detach');
  expect(ours.ip('link show dev0')).not.toContain('xdp');
  const { families } = status();
  for (const family of [families.ipv4, families.ipv6]) expect(family).toMatchObject({ generation: 0, hooks: [] });
  expect(pinned()).toEqual([]);
  expect(iptables('ip6tables-save')).toBe('');
}, 60_000);

it('a namespace that is deleted goes away with its devices, though rules of IPv6 are in force there', async () => {
  bpfilter('apply --ipv6 -', SIX);
  expect(pinned()).toHaveLength(1);
  ours.remove();
  expect(existsSync(`/run/netns/${ours.name}`)).toBe(false);
  expect(sender.ip('link show to-ours')).toContain('to-ours');
  spawnSync(process.execPath, [BPFILTER, 'status'], { env: environment() });
  expect(pinned()).toEqual([]);
  await expect.poll(() => sender.ip('link show'), { timeout: 60_000 }).not.toContain('to-ours');
}, 60_000);

/** The directories of namespaces that hold something of ours. */
function pinned(): string[] {
  const pins = join(directory, 'run', 'bpf');
  return existsSync(pins) ? readdirSync(pins).filter((name) => /^\d+_\d+$/.test(name)) : [];
}

const IPTABLES = new URL('../../dist/iptables-bpf.cjs', import.meta.url).pathname;
const BPFILTER = new URL('../../dist/bpfilter.js', import.meta.url).pathname;
