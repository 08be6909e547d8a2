// What the kernel says of objects that rules name, beside what iptables-legacy makes of the same names.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { closeDescriptor, createMap, pin } from '../../../src/kernel/bpf.ts';
import { openPinDirectory } from '../../../src/kernel/bpffs.ts';
import { kernelNames } from '../../../src/kernel/named-objects.ts';
import { FAMILY, NetlinkSocket } from '../../../src/kernel/netlink.ts';
import { withNamespace } from './test-namespace.ts';

/** `struct nfgenmsg`. */
const NFGENMSG = Buffer.from([2, 0, 0, 0]);

/** A netlink attribute, padded (RFC 3549). */
function attribute(type: number, value: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + value.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)]);
}

const string = (type: number, text: string) => attribute(type, Buffer.from(`${text}\0`));
const byte = (type: number, value: number) => attribute(type, Uint8Array.of(value));

function change(operation: string, type: number, body: Buffer): void {
  const socket = new NetlinkSocket(operation, FAMILY.netfilter);
  try {
    const refusal = socket.change(type, Buffer.concat([NFGENMSG, body]));
    if (refusal !== undefined) throw new Error(`${operation}: errno ${refusal.errno}`);
  } finally {
    socket.close();
  }
}

/** IPSET_CMD_CREATE; 2 and 10 are the families of the internet protocol, 0 is none. */
function makeSet(name: string, type: string, family: number): void {
  const IPSET_CMD_CREATE = (6 << 8) | 2;
  const data = attribute(7 | 0x8000, Buffer.alloc(0));
  const words = [byte(1, 7), string(2, name), string(3, type), byte(4, 0), byte(5, family), data];
  change('make a set', IPSET_CMD_CREATE, Buffer.concat(words));
}

function iptables(program: string, words: string) {
  const { status, stderr } = spawnSync(program, words.split(' '), { encoding: 'utf8' });
  return status === 0 ? 'accepted' : stderr.split('\n', 1)[0]!.replace(/^.*\): /, '');
}

describe('sets', () => {
  it.each([
    ['four', 'hash:ip', 2, 'ipv4'],
    ['six', 'hash:ip', 10, 'ipv6'],
    ['either', 'list:set', 0, 'any'],
  ])('%s', (name, type, number, family) =>
    withNamespace((namespace) =>
      namespace.inside(() => {
        expect(kernelNames.set(name)).toBeUndefined();
        expect(iptables('iptables-legacy', `-A INPUT -m set --match-set ${name} src`)).toBe(
          `Set ${name} doesn't exist.`,
        );
        makeSet(name, type, number);
        expect(kernelNames.set(name)).toBe(family);
        expect(kernelNames.set(name.slice(1))).toBeUndefined();
        for (const [program, own] of [
          ['iptables-legacy', 'ipv4'],
          ['ip6tables-legacy', 'ipv6'],
        ] as const) {
          const said = iptables(program, `-A INPUT -m set --match-set ${name} src`);
          expect(said === 'accepted').toBe(family === 'any' || family === own);
        }
      }),
    ),
  );
});

it('accounting objects', () =>
  withNamespace((namespace) =>
    namespace.inside(() => {
      const NFNL_MSG_ACCT_NEW = 7 << 8;
      expect(kernelNames.accounting('web')).toBe(false);
      change('make an accounting object', NFNL_MSG_ACCT_NEW, string(1, 'web'));
      expect(kernelNames.accounting('web')).toBe(true);
      expect(kernelNames.accounting('we')).toBe(false);
      expect(iptables('iptables-legacy', '-A INPUT -m nfacct --nfacct-name web')).toBe('accepted');
      iptables('iptables-legacy', '-F');
    }),
  ));

it('cgroups', () => {
  expect(kernelNames.cgroup('/')).toBe(true);
  expect(kernelNames.cgroup('')).toBe(true);
  expect(kernelNames.cgroup('/no/such/group')).toBe(false);
});

it('pinned objects', () => {
  const run = mkdtempSync('/run/ipb-edge-');
  const directory = openPinDirectory(run);
  try {
    const map = createMap({ name: 'test', type: 'array', valueSize: 4, maxEntries: 1, mmapable: false });
    pin(map, join(directory, 'map'));
    closeDescriptor(map);
    expect(kernelNames.pinnedProgram(join(directory, 'map'))).toBe(true);
    expect(kernelNames.pinnedProgram(join(directory, 'ma'))).toBe(false);
  } finally {
    execFileSync('umount', [directory]);
    rmSync(run, { recursive: true });
  }
});
