// Network namespaces for tests: made under names of their own, entered by this very thread, and removed whatever happens.
//
// A name holds the id of the process that made it, so a run that was killed is cleaned up by the next one.

import { type ExecFileSyncOptions, execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { systemCall } from '../../src/kernel/syscall.ts';

const DIRECTORY = '/run/netns';
const PREFIX = 'ipb-lab';
/** include/uapi/linux/sched.h */
const CLONE_NEWNET = 0x40000000;

let count = 0;

export class Namespace {
  readonly name: string;

  /** Needs root. IPv6 is off and the loopback device is up. */
  constructor(label: string) {
    this.name = `${PREFIX}-${process.pid}-${label}${++count}`;
    run('ip', ['netns', 'add', this.name]);
    this.sysctl('net.ipv6.conf.all.disable_ipv6', 1);
    this.sysctl('net.ipv6.conf.default.disable_ipv6', 1);
    this.ip('link set lo up');
  }

  /** Runs `ip` on this namespace with blank-separated words and returns its output. */
  ip(words: string): string {
    return run('ip', ['-n', this.name, ...words.split(' ')]);
  }

  /** Index and address of a device. */
  device(name: string): { readonly index: number; readonly mac: Uint8Array } {
    const [link] = JSON.parse(this.ip(`-j link show dev ${name}`)) as [{ ifindex: number; address: string }];
    return { index: link.ifindex, mac: Uint8Array.from(link.address.split(':'), (byte) => Number.parseInt(byte, 16)) };
  }

  sysctl(key: string, value: number): void {
    this.exec('sysctl', ['-qw', `${key}=${value}`]);
  }

  /** Runs a command inside, with the mounts that `ip netns exec` makes. */
  exec(command: string, words: readonly string[], input = ''): string {
    return run('ip', ['netns', 'exec', this.name, command, ...words], { input });
  }

  /** Runs `work` with this thread inside; processes that it starts are inside, too. It must not wait for anything. */
  enter<T>(work: () => T): T {
    const home = openSync('/proc/thread-self/ns/net', 'r');
    const there = openSync(`${DIRECTORY}/${this.name}`, 'r');
    try {
      systemCall('enter a network namespace', 'setns', there, CLONE_NEWNET);
      return work();
    } finally {
      systemCall('leave a network namespace', 'setns', home, CLONE_NEWNET);
      closeSync(there);
      closeSync(home);
    }
  }

  remove(): void {
    spawnSync('ip', ['netns', 'del', this.name]);
  }
}

/** Makes namespaces, runs `work` with them, and removes them. */
export async function withNamespaces<T>(labels: readonly string[], work: (made: Namespace[]) => T | Promise<T>) {
  removeLeftovers();
  const made: Namespace[] = [];
  try {
    for (const label of labels) made.push(new Namespace(label));
    return await work(made);
  } finally {
    for (const namespace of made) namespace.remove();
  }
}

/** Makes a veth pair with one end in each namespace; both are up. */
export function connect(a: Namespace, deviceA: string, b: Namespace, deviceB: string): void {
  run('ip', `link add ${deviceA} netns ${a.name} type veth peer name ${deviceB} netns ${b.name}`.split(' '));
  a.ip(`link set ${deviceA} up`);
  b.ip(`link set ${deviceB} up`);
}

/** Removes namespaces whose makers are gone. */
function removeLeftovers(): void {
  if (!existsSync(DIRECTORY)) return;
  for (const name of readdirSync(DIRECTORY)) {
    const maker = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (maker !== undefined && !existsSync(`/proc/${maker}`)) spawnSync('ip', ['netns', 'del', name]);
  }
}

function run(command: string, words: readonly string[], options: ExecFileSyncOptions = {}): string {
  return execFileSync(command, words, { ...options, stdio: 'pipe', encoding: 'utf8' });
}
