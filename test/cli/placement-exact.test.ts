// Placement `exact` by the built commands, with real packets from another namespace: apply, status, sync, explain.

import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyOutput, countersOutput, explainOutput, statusOutput } from '../../src/cli/schemas.ts';
import { TestNamespace } from './namespace.ts';

const ADDRESS = '10.9.0.1';
const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 7001 -j ACCEPT
-A INPUT -p udp -m udp --dport 7002 -j DROP
COMMIT
`;

let host: TestNamespace;
let peer: TestNamespace;

beforeEach(() => {
  host = new TestNamespace();
  peer = new TestNamespace();
  const ip = (namespace: TestNamespace, line: string) => execFileSync('ip', ['-n', namespace.name, ...line.split(' ')]);
  ip(host, `link add wire0 type veth peer name wire0 netns ${peer.name}`);
  ip(host, `addr add ${ADDRESS}/24 dev wire0`);
  ip(peer, 'addr add 10.9.0.2/24 dev wire0');
  for (const each of [host, peer]) ip(each, 'link set wire0 up');
});

afterEach(() => {
  peer.remove();
  host.remove();
});

function succeed(line: string): string {
  const { code, out, err } = host.run(line, { input: RULES });
  expect({ code, err }, line).toEqual({ code: 0, err: '' });
  return out;
}

const status = () => statusOutput.parse(JSON.parse(succeed('bpfilter status --json')));
const early = () => Number(status().families.ipv4.early!.dropped);
/** Of the rule that drops. */
const dropped = () => {
  const { chains } = countersOutput.parse(JSON.parse(succeed('bpfilter counters --json')));
  return Number(chains.find(({ chain }) => chain === 'INPUT')!.rules[1]!.packets);
};

/** Sends UDP packets to a port that the rules drop. */
function send(packets: number): void {
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    let left = ${packets};
    const next = () => (left-- > 0 ? socket.send(Buffer.alloc(32), 7002, '${ADDRESS}', next) : socket.close());
    next();`;
  const { code, err } = peer.exec(process.execPath, ['-e', script]);
  if (code !== 0) throw new Error(err);
}

/** Sends packets, and waits until the rule has counted them all. */
function sendAndCount(packets: number): void {
  const before = dropped();
  send(packets);
  for (let tries = 0; tries < 20 && dropped() < before + packets; tries++);
  expect(dropped()).toBe(before + packets);
}

test('apply, status and sync: packets are dropped early, wait when addresses change, and go on', () => {
  const applied = applyOutput.parse(
    JSON.parse(succeed('bpfilter apply - --placement exact --mode generic --json --device wire0 --device gone0')),
  );
  expect(applied).toMatchObject({ ok: true, placement: 'exact', warnings: [] });
  const { families, warnings } = status();
  expect(families.ipv4).toMatchObject({
    placement: 'exact',
    devices: [{ name: 'wire0', mode: 'generic', why: 'as asked for' }],
    leftOut: [{ name: 'gone0', why: 'there is no device gone0 in this network namespace' }],
    early: { dropped: '0' },
  });
  expect([families.ipv4.early!.waiting, warnings]).toEqual([undefined, []]);
  expect(families.ipv4.hooks.map(({ attached }) => attached)).toEqual([true, true, true]);
  sendAndCount(3);
  expect(early()).toBe(3);
  expect(succeed('bpfilter status')).toMatch(/^ {2}early {5}fast: 3 packets dropped before netfilter$/m);

  execFileSync('ip', ['-n', host.name, 'addr', 'add', '10.9.1.1/24', 'dev', 'wire0']);
  const waiting = status();
  expect(waiting.families.ipv4.early!.waiting).toContain('bpfilter sync');
  expect(waiting.warnings).toEqual([expect.stringMatching(/^early verdicts of IPv4 wait, because /)]);
  sendAndCount(2);
  expect(early()).toBe(3);

  expect(succeed('bpfilter sync')).toContain('wire0: generic XDP');
  expect(status().warnings).toEqual([]);
  const before = early();
  sendAndCount(4);
  expect(early()).toBe(before + 4);
  expect(succeed('bpfilter sync')).toBe('');
});

test('early: strict is kept with the rules and over edits, off takes the programs away, and exact is the default', () => {
  succeed('bpfilter apply - --placement exact --early strict --mode generic --device wire0');
  succeed('iptables -A INPUT -p udp -m udp --dport 7003 -j DROP');
  expect(status().families.ipv4).toMatchObject({ devices: [{ name: 'wire0' }], early: { choice: 'strict' } });
  sendAndCount(3);
  expect(early()).toBe(3);
  // Without options, a restore leaves rules where they are, too, and so does apply.
  succeed('restore');
  expect(status().families.ipv4).toMatchObject({ devices: [{ name: 'wire0' }], early: { choice: 'strict' } });
  succeed('bpfilter apply - --early off');
  expect(status().families.ipv4).toMatchObject({ placement: 'exact', devices: [], early: { choice: 'off' } });
  expect(execFileSync('ip', ['-n', host.name, 'link', 'show', 'wire0'], { encoding: 'utf8' })).not.toContain('xdp');
  expect(succeed('bpfilter status')).toContain('  early     off: no packet is dropped before netfilter\n');
  sendAndCount(2);
  succeed('bpfilter detach');
  succeed('restore');
  const { placement, devices, leftOut, early: found } = status().families.ipv4;
  expect({ placement, devices }).toEqual({ placement: 'exact', devices: [] });
  expect(leftOut).toEqual([{ name: 'wire0', why: expect.stringMatching(/^native XDP on a veth .*--mode insists$/) }]);
  expect(found).toEqual({ choice: 'fast', dropped: '0', none: 'no device can be served' });
  sendAndCount(2);
});

test('explain and compile show the early verdicts of the ruleset, here or for an assumed host', () => {
  const explain = (options: string) =>
    explainOutput.parse(JSON.parse(succeed(`bpfilter explain - --json --placement exact ${options}`)));
  const assumed = explain('');
  expect(assumed).toMatchObject({ early: { facts: 'assumed', devices: [] } });
  if (assumed.ok)
    expect(assumed.early!.rules.map(({ late }) => late)).toEqual(['accept', undefined, 'accept', 'accept', 'output']);
  expect(explain('--here --mode generic --device wire0')).toMatchObject({
    hooks: [{ hook: 'INPUT', at: ['xdp', 'netfilter'] }, { at: ['netfilter'] }, { at: ['netfilter'] }],
    early: { facts: 'here', devices: [{ name: 'wire0', mode: 'generic' }] },
  });
  for (const options of ['', '--here'])
    expect(succeed(`bpfilter compile - --dump=code --placement exact ${options}`)).toContain('XDP, early verdicts');
  expect(succeed('bpfilter compile - --dump=code --placement netfilter')).not.toContain('XDP');
});
