// What a machine does to its rules: devices and namespaces vanish, others are on the same hooks, programs are in the way.

import { existsSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatusOutput } from '../../src/cli/schemas.ts';
import { GUARD_MAP, guardMap } from '../../src/codegen/guards.ts';
import { closeDescriptor, createMap, pin } from '../../src/kernel/bpf.ts';
import { ADDRESS, Network } from './network.ts';

const RULES = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 1001 -j DROP
COMMIT
`;

const UDP = new URL('udp.mjs', import.meta.url).pathname;
const FOREIGN = new URL('foreign-xdp.ts', import.meta.url).pathname;
const INEXACT = ['--allow-inexact', 'loopback'];

let network: Network;
let rules: string;

beforeEach(() => {
  network = new Network();
  rules = network.path('test.rules');
  writeFileSync(rules, RULES);
});

afterEach(() => network.remove());

function status(): StatusOutput {
  return JSON.parse(network.bpfilter('status', '--json')) as StatusOutput;
}

/** How many packets to port 1001 the router's rule has dropped. */
function dropped(): number {
  const chains = JSON.parse(network.bpfilter('counters', '--json')) as {
    chains: { chain: string; rules: { packets: string }[] }[];
  };
  return Number(chains.chains.find(({ chain }) => chain === 'INPUT')!.rules[0]!.packets);
}

/** What a busy machine takes long for. */
const PATIENT = { timeout: 60_000 };

/** Sends packets from left to the router for a moment and returns how many. */
async function send(): Promise<number> {
  const sender = network.start('left', 'node', [UDP, 'send', ADDRESS.router, '1001']);
  await new Promise((resolve) => setTimeout(resolve, 500));
  sender.stop();
  return JSON.parse(await sender.ended)[1001];
}

describe('devices', () => {
  it.each(['native', 'generic'])('are attached in mode %s and enforce there', async (mode) => {
    network.bpfilter('apply', rules, '--placement', 'xdp', '--device', 'in0', '--mode', mode, ...INEXACT);
    expect(status().families.ipv4.devices).toMatchObject([{ name: 'in0', mode }]);
    const sent = await send();
    expect(sent).toBeGreaterThan(0);
    expect(dropped()).toBe(sent);
  });

  it('that are veths are attached generically by auto, which says why', () => {
    const { out, err } = network.tryBpfilter('apply', rules, '--placement', 'xdp', '--device', 'in0', ...INEXACT);
    expect(out + err).toMatch(/in0: generic XDP, native XDP on a veth/);
    expect(status().families.ipv4.devices).toMatchObject([{ name: 'in0', mode: 'generic' }]);
  });

  it('that vanish are reported, and the others go on', async () => {
    network.bpfilter(
      'apply',
      rules,
      '--placement',
      'xdp',
      '--device=in0',
      '--device=out0',
      '--mode',
      'generic',
      ...INEXACT,
    );
    network.exec('right', 'ip', ['link', 'del', 'eth0']);
    const { families, warnings } = status();
    const { devices } = families.ipv4;
    expect(devices).toMatchObject([{ name: 'in0', mode: 'generic' }, { name: 'out0' }]);
    expect(devices[1]!.mode).toBeUndefined();
    expect(warnings.join()).toContain('out0: the device is gone');
    expect(dropped()).toBe(0);
    const sent = await send();
    expect(dropped()).toBe(sent);
    const { code, err } = network.tryBpfilter('apply', rules, '--placement', 'xdp', '--device', 'out0', ...INEXACT);
    expect(code).not.toBe(0);
    expect(err).toMatch(/no device out0/);
    expect(err).not.toMatch(/ at .*\.[jt]s:/);
    network.bpfilter('apply', rules, '--placement', 'xdp', '--device', 'in0', ...INEXACT);
    expect(dropped()).toBe(sent);
  });

  it('with a foreign XDP program are left alone, and the old rules stay', async () => {
    network.bpfilter('apply', rules);
    const before = status();
    const foreign = network.start('router', 'node', ['--import', 'tsx', FOREIGN, 'in0']);
    await expect.poll(() => network.exec('router', 'ip', ['link', 'show', 'in0']).out, PATIENT).toContain('xdp');
    const { code, err } = network.tryBpfilter('apply', rules, '--placement', 'xdp', '--device', 'in0', ...INEXACT);
    expect(code).not.toBe(0);
    expect(err).toMatch(/in0/);
    expect(err).toMatch(/another XDP program/);
    expect(status()).toEqual(before);
    const sent = await send();
    expect(dropped()).toBe(sent);
    expect(network.exec('router', 'ip', ['link', 'show', 'in0']).out).toContain('xdp');
    foreign.stop();
    await foreign.ended;
  });

  it('that belong to a bridge are refused by the name of the bridge', () => {
    expect(network.exec('router', 'ip', ['link', 'add', 'br0', 'type', 'bridge']).err).toBe('');
    network.exec('router', 'ip', ['link', 'set', 'in0', 'master', 'br0']);
    const { code, err } = network.tryBpfilter('apply', rules, '--placement', 'xdp', '--device', 'in0', ...INEXACT);
    expect(code).not.toBe(0);
    expect(err).toMatch(/in0 belongs to br0/);
  });
});

describe('addresses', () => {
  it('that come after the rules get no packet past INPUT at XDP', async () => {
    const apply = () => network.bpfilter('apply', rules, '--placement', 'xdp', '--device', 'in0', ...INEXACT);
    const sendTo = async (address: string): Promise<number> => {
      const sender = network.start('left', 'node', [UDP, 'send', address, '1001']);
      await new Promise((resolve) => setTimeout(resolve, 300));
      sender.stop();
      return JSON.parse(await sender.ended)[1001];
    };
    apply();
    network.exec('router', 'ip', ['addr', 'add', '10.1.0.77/24', 'dev', 'in0']);
    const receiver = network.start('router', 'node', [UDP, 'receive', '1001']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const early = await sendTo('10.1.0.77');
    expect(status().families.ipv4).toMatchObject({ dropped: { undecided: String(early) } });
    expect(status().warnings.join()).toMatch(/addresses have changed/);
    expect(dropped()).toBe(0);
    apply();
    expect(status().warnings).toEqual([]);
    const late = await sendTo('10.1.0.77');
    expect(dropped()).toBe(late);
    receiver.stop();
    expect(JSON.parse(await receiver.ended)[1001]).toBe(0);
  });
});

describe('a change of placement', () => {
  it('keeps rules and counters, and loses no packet, there and back', async () => {
    network.bpfilter('apply', rules);
    const sender = network.start('left', 'node', [UDP, 'send', ADDRESS.router, '1001']);
    const receiver = network.start('router', 'node', [UDP, 'receive', '1001']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const xdp = ['--placement', 'xdp', '--device', 'in0', '--mode', 'generic', ...INEXACT];
    const netfilter = ['--placement', 'netfilter'];
    for (const options of [xdp, netfilter, xdp]) network.bpfilter('apply', rules, ...options);
    sender.stop();
    const sent = JSON.parse(await sender.ended)[1001];
    receiver.stop();
    expect(JSON.parse(await receiver.ended)[1001]).toBe(0);
    expect(dropped()).toBe(sent);
    expect(status().families.ipv4.hooks).toEqual([]);
    network.bpfilter('apply', rules, ...netfilter);
    expect(status().families.ipv4.hooks.every(({ attached }) => attached)).toBe(true);
    expect(network.exec('router', 'ip', ['link', 'show', 'in0']).out).not.toContain('xdp');
    expect(dropped()).toBe(sent);
  });
});

describe('other filters', () => {
  it('on the wanted priority are stepped aside for, and reported', async () => {
    const nft = 'add table ip t; add chain ip t c { type filter hook input priority -1; }; add rule ip t c accept';
    expect(network.exec('router', 'nft', [nft]).err).toBe('');
    network.exec('router', 'iptables-legacy', ['-A', 'INPUT', '-j', 'ACCEPT']);
    network.bpfilter('apply', rules);
    const { families, warnings } = status();
    const { hooks } = families.ipv4;
    expect(hooks.map(({ priority }) => priority)).toEqual([-2, -1, -1]);
    expect(warnings.join('\n')).toMatch(/iptables-legacy's filter table is in force/);
    expect(warnings.join('\n')).toMatch(/nftables chain ip t c \(input\)/);
    const sent = await send();
    expect(dropped()).toBe(sent);
  });
});

describe('namespaces', () => {
  it('are told apart, and listed with their names', () => {
    network.bpfilter('apply', rules);
    const elsewhere = network.exec('left', process.execPath, [DIST, 'status', '--json']);
    const seen = JSON.parse(elsewhere.out) as StatusOutput;
    expect(seen.families.ipv4.generation).toBe(0);
    expect(seen.others).toMatchObject([{ name: network.name('router'), generations: { ipv4: 1, ipv6: 0 } }]);
  });

  it('that are deleted go away with their devices at the next command', async () => {
    network.bpfilter('apply', rules);
    expect(readdirSync(network.pinDirectory).filter((name) => /^\d+_\d+$/.test(name))).toHaveLength(1);
    network.exec('left', 'ip', ['netns', 'del', network.name('router')]);
    // Our pinned links still keep it, and the peer of its device, alive.
    expect(network.exec('left', 'ip', ['link', 'show', 'eth0']).code).toBe(0);
    const { out } = network.exec('left', process.execPath, [DIST, 'status', '--json']);
    expect((JSON.parse(out) as StatusOutput).others).toEqual([]);
    expect(readdirSync(network.pinDirectory).filter((name) => /^\d+_\d+$/.test(name))).toEqual([]);
    await expect.poll(() => network.exec('left', 'ip', ['link', 'show', 'eth0']).code, PATIENT).not.toBe(0);
  });

  it('that a process still lives in are kept, though their name is gone', async () => {
    network.bpfilter('apply', rules);
    const receiver = network.start('router', 'node', [UDP, 'receive', '1001']);
    await new Promise((resolve) => setTimeout(resolve, 300));
    network.exec('left', 'ip', ['netns', 'del', network.name('router')]);
    network.exec('left', process.execPath, [DIST, 'status']);
    expect(readdirSync(network.pinDirectory).filter((name) => /^\d+_\d+$/.test(name))).toHaveLength(1);
    expect(network.exec('left', 'ip', ['link', 'show', 'eth0']).code).toBe(0);
    receiver.stop();
    await receiver.ended;
  });
});

describe('pins', () => {
  it('made inside `ip netns exec` are there outside, in the same bpffs', () => {
    network.bpfilter('apply', rules);
    const [cookie] = readdirSync(network.pinDirectory).filter((name) => /^\d+_\d+$/.test(name));
    expect(existsSync(join(network.pinDirectory, cookie!, 'link_INPUT'))).toBe(true);
    const own = readlinkSync('/proc/self/ns/mnt');
    expect(network.exec('router', 'readlink', ['/proc/self/ns/mnt']).out.trim()).not.toBe(own);
  });

  it('that are missing are told, and detach with a new apply mends it', () => {
    network.bpfilter('apply', rules);
    const [cookie] = readdirSync(network.pinDirectory).filter((name) => /^\d+_\d+$/.test(name));
    network.exec('left', 'rm', [join(network.pinDirectory, cookie!, 'slots_nf')]);
    const { code, err } = network.tryBpfilter('apply', rules);
    expect(code).not.toBe(0);
    expect(err).toMatch(/slots_nf is missing.*bpfilter detach/s);
    network.bpfilter('detach');
    network.bpfilter('apply', rules);
    expect(status().families.ipv4.hooks.every(({ attached }) => attached)).toBe(true);
  });

  it('of links without the state map enforce rules still, and no command says otherwise', async () => {
    network.bpfilter('apply', rules);
    const [cookie] = readdirSync(network.pinDirectory).filter((name) => /^\d+_\d+$/.test(name));
    network.exec('left', 'rm', [join(network.pinDirectory, cookie!, 'state')]);
    for (const command of [['status'], ['counters'], ['apply', rules]]) {
      const { code, err } = network.tryBpfilter(...command);
      expect({ command, code, err }).toEqual({
        command,
        code: 1,
        err: expect.stringMatching(/state is missing.*detach/),
      });
    }
    network.bpfilter('detach');
    expect(status().families.ipv4.generation).toBe(0);
  });
});

it('early verdicts of an earlier version, which compare other words, stay until the next change', async () => {
  network.bpfilter('apply', rules, '--device', 'in0', '--mode', 'generic');
  const early = () => status().families.ipv4.early!;
  let sent = 0;
  // Devices of the tests before may still come up, which changes routes.
  const isAllEarly = async (): Promise<boolean> => {
    network.bpfilter('sync');
    const [before, more] = [Number(early().dropped), await send()];
    sent += more;
    return Number(early().dropped) === before + more;
  };
  await expect.poll(isAllEarly, { timeout: 60_000 }).toBe(true);
  const [cookie] = readdirSync(network.pinDirectory).filter((each) => /^\d+_\d+$/.test(each));
  const pins = join(network.pinDirectory, cookie!);
  rmSync(join(pins, GUARD_MAP));
  const map = createMap({ ...guardMap(), valueSize: 128, contents: new Uint8Array(128) });
  pin(map, join(pins, GUARD_MAP));
  closeDescriptor(map);
  expect(early().waiting).toMatch(/another version.*bpfilter sync/);
  // Programs go on as they were; what they cannot be told any more only makes them leave packets to netfilter.
  sent += await send();
  expect(dropped()).toBe(sent);
  network.exec('router', 'ip', ['addr', 'add', '10.9.0.1/32', 'dev', 'in0']);
  const before = Number(early().dropped);
  sent += await send();
  expect([dropped(), Number(early().dropped)]).toEqual([sent, before]);
  network.bpfilter('sync');
  expect(early().waiting).toBeUndefined();
  const more = await send();
  expect([dropped(), Number(early().dropped)]).toEqual([sent + more, before + more]);
});

const DIST = new URL('../../dist/bpfilter.js', import.meta.url).pathname;
