// Three hosts in a row, each a network namespace: left – router – right. The rules under test are the router's.
//
//   left 10.1.0.1 ── veth ── 10.1.0.2 (in0) router (out0) 10.2.0.2 ── veth ── 10.2.0.1 right
//       fd00:1::1            fd00:1::2                    fd00:2::2            fd00:2::1
//
// IPv6 is off unless it is asked for, so that nothing but the test's own packets and ARP is on the wires.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../../src/base/family.ts';

export type Host = 'left' | 'router' | 'right';

export const ADDRESS: Readonly<Record<Host, string>> = { left: '10.1.0.1', router: '10.1.0.2', right: '10.2.0.1' };
const ADDRESS_6: Readonly<Record<Host, string>> = { left: 'fd00:1::1', router: 'fd00:1::2', right: 'fd00:2::1' };

export const ADDRESSES: Readonly<Record<Family, Readonly<Record<Host, string>>>> = { ipv4: ADDRESS, ipv6: ADDRESS_6 };

let count = 0;

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class Network {
  private readonly id = `ipb${process.pid}x${count++}`;
  /** Below /run: the pins need a place that `ip netns exec` leaves as it is. */
  private readonly directory = mkdtempSync('/run/ipb-test-');
  readonly environment: Readonly<Record<string, string>> = {
    BPFILTER_RUN_DIR: join(this.directory, 'run'),
    BPFILTER_STATE_DIR: join(this.directory, 'state'),
  };

  constructor({ ipv6 = false } = {}) {
    for (const host of ['left', 'router', 'right'] as const) {
      ip('netns', 'add', this.name(host));
      for (const scope of ['all', 'default']) {
        this.sysctl(host, `net/ipv6/conf/${scope}/disable_ipv6`, ipv6 ? '0' : '1');
        // An address is good at once.
        this.sysctl(host, `net/ipv6/conf/${scope}/accept_dad`, '0');
      }
      ip('-n', this.name(host), 'link', 'set', 'lo', 'up');
    }
    this.connect('left', 'eth0', '10.1.0.1/24', 'in0', '10.1.0.2/24');
    this.connect('right', 'eth0', '10.2.0.1/24', 'out0', '10.2.0.2/24');
    ip('-n', this.name('left'), 'route', 'add', 'default', 'via', '10.1.0.2');
    ip('-n', this.name('right'), 'route', 'add', 'default', 'via', '10.2.0.2');
    this.sysctl('router', 'net/ipv4/ip_forward', '1');
    if (!ipv6) return;
    this.sysctl('router', 'net/ipv6/conf/all/forwarding', '1');
    for (const [host, address] of Object.entries(ADDRESS_6)) {
      const device = host === 'router' ? 'in0' : 'eth0';
      ip('-n', this.name(host as Host), 'addr', 'add', `${address}/64`, 'dev', device, 'nodad');
    }
    ip('-n', this.name('router'), 'addr', 'add', 'fd00:2::2/64', 'dev', 'out0', 'nodad');
    ip('-n', this.name('left'), 'route', 'add', 'default', 'via', 'fd00:1::2');
    ip('-n', this.name('right'), 'route', 'add', 'default', 'via', 'fd00:2::2');
  }

  /** The name of a host's namespace. */
  name(host: Host): string {
    return `${this.id}-${host}`;
  }

  /** Runs a command on a host and waits for its end. */
  exec(host: Host, command: string, words: readonly string[] = [], input = ''): Outcome {
    const env = { ...process.env, ...this.environment };
    const result = spawnSync('ip', ['netns', 'exec', this.name(host), command, ...words], {
      input,
      env,
      encoding: 'utf8',
    });
    return { code: result.status, out: result.stdout, err: result.stderr };
  }

  /** Runs a command on a host beside the test; resolves with what it printed. Throws where its exit code is not 0. */
  start(host: Host, command: string, words: readonly string[] = []): { ended: Promise<string>; stop(): void } {
    const env = { ...process.env, ...this.environment };
    const child = spawn('ip', ['netns', 'exec', this.name(host), command, ...words], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => (err += data));
    const ended = new Promise<string>((resolve, reject) =>
      child.on('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`${command}: ${code}: ${err}`)))),
    );
    return { ended, stop: () => child.stdin.end() };
  }

  /** Runs `bpfilter …` on the router; throws unless it succeeds. */
  bpfilter(...words: string[]): string {
    const { code, out, err } = this.tryBpfilter(...words);
    if (code !== 0) throw new Error(`bpfilter ${words.join(' ')}: exit ${code}: ${err}`);
    return out;
  }

  tryBpfilter(...words: string[]): Outcome {
    return this.exec('router', process.execPath, [DIST, ...words]);
  }

  /** A file's path in the test's own directory. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Everything that this network's commands have pinned. */
  get pinDirectory(): string {
    return join(this.directory, 'run', 'bpf');
  }

  remove(): void {
    for (const host of ['left', 'router', 'right'] as const) spawnSync('ip', ['netns', 'del', this.name(host)]);
    // The next command in any namespace releases what the deleted ones held.
    spawnSync(process.execPath, [DIST, 'status'], { env: { ...process.env, ...this.environment } });
    spawnSync('umount', [this.pinDirectory]);
    rmSync(this.directory, { recursive: true, force: true });
  }

  private connect(host: Host, device: string, address: string, routerDevice: string, routerAddress: string): void {
    const [a, b] = [this.name(host), this.name('router')];
    ip('link', 'add', device, 'netns', a, 'type', 'veth', 'peer', 'name', routerDevice, 'netns', b);
    ip('-n', a, 'addr', 'add', address, 'dev', device);
    ip('-n', b, 'addr', 'add', routerAddress, 'dev', routerDevice);
    ip('-n', a, 'link', 'set', device, 'up');
    ip('-n', b, 'link', 'set', routerDevice, 'up');
  }

  private sysctl(host: Host, key: string, value: string): void {
    const { code, err } = this.exec(host, 'sh', ['-c', `echo ${value} > /proc/sys/${key}`]);
    if (code !== 0) throw new Error(err);
  }
}

const DIST = new URL('../../dist/bpfilter.js', import.meta.url).pathname;

function ip(...words: string[]): void {
  execFileSync('ip', words);
}
