// Network namespaces: how they are told apart, and everything that may keep one alive.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { currentCookie, currentInode, isInUse, nameOfCurrent } from '../../../src/kernel/namespace.ts';
import { closeDescriptor, systemCall } from '../../../src/kernel/syscall.ts';
import { TestNamespace, withNamespace } from './test-namespace.ts';

it('a namespace has a cookie and a name of its own', () =>
  withNamespace((first) =>
    withNamespace((second) => {
      const cookies = [currentCookie(), ...[first, second].map((namespace) => namespace.inside(currentCookie))];
      expect(new Set(cookies).size).toBe(3);
      expect(first.inside(nameOfCurrent)).toBe(first.name);
    }),
  ));

it('a thread comes back from a namespace, also from work that fails', () =>
  withNamespace((namespace) => {
    const own = currentInode();
    expect(namespace.inside(currentInode)).not.toBe(own);
    const fail = () => {
      throw new Error('in there');
    };
    expect(() => namespace.inside(fail)).toThrow('in there');
    expect(currentInode()).toBe(own);
  }));

it('the inode alone does not make it the same namespace', () =>
  withNamespace((namespace) => {
    const inode = namespace.inside(currentInode);
    expect(isInUse(namespace.inside(currentCookie), inode)).toBe(true);
    expect(isInUse('18446744073709551615', inode)).toBe(false);
  }));

/** Somebody who keeps the namespace alive without its name, and how to stop them. */
type Holder = (namespace: TestNamespace) => Promise<() => void | Promise<void>>;

const HOLDERS: Readonly<Record<string, Holder>> = {
  'a process': async ({ name }) => ending(spawn('ip', ['netns', 'exec', name, 'sleep', '60']), 'sleep'),
  'a mount in another mount namespace': async ({ path }) => {
    const script = 'mount --bind "$1" "$2" && exec sleep 60';
    const child = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', path, fileURLToPath(import.meta.url)]);
    return ending(child, 'sleep');
  },
  'an open descriptor': async ({ path }) => {
    const descriptor = openSync(path, 'r');
    return () => closeSync(descriptor);
  },
  'a socket': async (namespace) => {
    const [AF_INET, SOCK_DGRAM] = [2, 2];
    const socket = namespace.inside(() => systemCall('open a socket', 'socket', AF_INET, SOCK_DGRAM, 0));
    return () => closeDescriptor(socket);
  },
  'one thread of a process': async ({ path }) => {
    const code = `
      const { openSync, closeSync } = require('node:fs');
      const descriptor = openSync('${path}', 'r');
      const setns = require('koffi').load(null).func('int setns(int descriptor, int type)');
      require('node:worker_threads').parentPort.postMessage(setns(descriptor, 0));
      closeSync(descriptor);
      setInterval(() => {}, 1000);`;
    const worker = new Worker(code, { eval: true });
    expect(await once(worker, 'message')).toEqual([0]);
    return async () => void (await worker.terminate());
  },
};

/** Waits until the child has become `command`; returns what ends it. */
async function ending(child: ChildProcess, command: string): Promise<() => Promise<void>> {
  while (readFileSync(`/proc/${child.pid}/comm`, 'utf8').trim() !== command)
    await new Promise((r) => setTimeout(r, 10));
  return async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
}

describe('a namespace without a name is in use while it is held by', () => {
  it.each(Object.entries(HOLDERS))('%s', async (_, hold) => {
    const namespace = new TestNamespace();
    let release: (() => void | Promise<void>) | undefined;
    let cookie: string;
    let inode: string;
    try {
      [cookie, inode] = namespace.inside(() => [currentCookie(), currentInode()]);
      release = await hold(namespace);
    } finally {
      namespace.remove();
    }
    try {
      expect(isInUse(cookie, inode)).toBe(true);
    } finally {
      await release();
    }
    expect(isInUse(cookie, inode)).toBe(false);
  });
});

describe('a namespace may be in use where processes are out of sight:', () => {
  const script = fileURLToPath(new URL('in-use.ts', import.meta.url));
  it.each([
    ['with all that root may', [], false],
    ['with what programs and hooks need', ['setpriv', '--bounding-set=-all,+bpf,+perfmon,+net_admin,+net_raw'], true],
    ['in a user namespace', ['unshare', '--user', '--map-root-user'], true],
    ['in a PID namespace', ['unshare', '--pid', '--fork', '--mount-proc'], true],
  ])('%s', (_, confined, expected) => {
    const [command, ...words] = [...confined, process.execPath, '--import', 'tsx', script, '18446744073709551615', '1'];
    expect(execFileSync(command!, words, { encoding: 'utf8' }).trim()).toBe(String(expected));
  });
});
