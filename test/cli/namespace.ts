// A network namespace of its own for a test of the built commands, with run and state directories of its own.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const DIST = new URL('../../dist/', import.meta.url).pathname;
let count = 0;

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class TestNamespace {
  readonly name = `ipbcli-${process.pid}-${count++}`;
  /** Below /run: the pins need a place that `ip netns exec` leaves as it is. */
  readonly directory = mkdtempSync('/run/ipb-cli-');
  readonly environment: Readonly<Record<string, string>> = {
    BPFILTER_RUN_DIR: join(this.directory, 'run'),
    BPFILTER_STATE_DIR: join(this.directory, 'state'),
  };

  constructor() {
    for (const bundle of ['bpfilter.js', 'iptables-bpf.cjs']) {
      if (!existsSync(join(DIST, bundle))) throw new Error(`dist/${bundle} is missing: npm run build`);
    }
    execFileSync('ip', ['netns', 'add', this.name]);
    this.exec('ip', ['link', 'set', 'lo', 'up']);
  }

  /** Runs `bpfilter …`, or `restore`, `save`, `iptables …` of the compatible commands, in the namespace. */
  run(line: string, options: { input?: string; environment?: Record<string, string> } = {}): Outcome {
    const { command, words } = commandOf(line);
    return this.exec(command, words, options);
  }

  /** The same without waiting for its end; `kill` ends it with SIGKILL. */
  start(line: string, input: string): { readonly ended: Promise<number | null>; kill(): void } {
    const { command, words } = commandOf(line);
    const env = { ...process.env, ...this.environment };
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...words], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // A command that was killed does not read on.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    return {
      ended: once(child, 'exit').then(([code]) => code as number | null),
      kill: () => void child.kill('SIGKILL'),
    };
  }

  exec(
    command: string,
    words: readonly string[],
    { input = '', environment = {} }: { input?: string; environment?: Record<string, string> } = {},
  ): Outcome {
    const env = { ...process.env, ...this.environment, ...environment };
    const result = spawnSync('ip', ['netns', 'exec', this.name, command, ...words], { input, env, encoding: 'utf8' });
    return { code: result.status, out: result.stdout, err: result.stderr };
  }

  /** Sends UDP packets with 32 bytes of payload to a port of 127.0.0.1, where a socket takes them. */
  sendUdp(port: number, packets: number): void {
    const script = `
      const socket = require('node:dgram').createSocket('udp4');
      let left = ${packets};
      const next = () => (left-- > 0 ? socket.send(Buffer.alloc(32), ${port}, '127.0.0.1', next) : socket.close());
      socket.bind(${port}, '127.0.0.1', next);`;
    const { code, err } = this.exec(process.execPath, ['-e', script]);
    if (code !== 0) throw new Error(err);
  }

  remove(): void {
    this.run('bpfilter detach');
    execFileSync('ip', ['netns', 'del', this.name]);
    spawnSync('umount', ['-R', join(this.directory, 'run', 'bpf')]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function commandOf(line: string): { command: string; words: readonly string[] } {
  const [name, ...words] = line.split(' ').filter((word) => word !== '');
  const bundle = name === 'bpfilter' ? [join(DIST, 'bpfilter.js')] : [join(DIST, 'iptables-bpf.cjs'), name!];
  return { command: process.execPath, words: [...bundle, ...words] };
}
