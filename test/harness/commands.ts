// The built commands in a namespace, with run and state directories of their own.
//
// The directory's name holds the id of the process that made it, so what a killed run left pinned is released later.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from './namespace.ts';

/** Below /run: the pins need a place that `ip netns exec` leaves as it is. */
const PARENT = '/run';
const PREFIX = 'ipb-run';

export class Commands {
  private readonly namespace: Namespace;
  private readonly dist: string;
  private readonly directory: string;
  /** What makes a command use the directories. */
  readonly environment: Readonly<Record<string, string | undefined>>;

  /** `dist` is where the bundles are. */
  constructor(namespace: Namespace, dist: string) {
    removeLeftovers();
    this.namespace = namespace;
    this.dist = dist;
    this.directory = mkdtempSync(join(PARENT, `${PREFIX}-${process.pid}-`));
    // Not the machine's own configuration.
    writeFileSync(join(this.directory, 'config.json'), '{}');
    this.environment = {
      ...process.env,
      BPFILTER_CONFIG: join(this.directory, 'config.json'),
      BPFILTER_RUN_DIR: join(this.directory, 'run'),
      BPFILTER_STATE_DIR: join(this.directory, 'state'),
    };
  }

  /** Runs `bpfilter WORD…`, or one of `iptables`, `restore` and `save`; throws what it said unless it succeeds. */
  run(command: 'bpfilter' | 'iptables' | 'restore' | 'save', words: readonly string[], input = ''): string {
    const bundle = command === 'bpfilter' ? ['bpfilter.js'] : ['iptables-bpf.cjs', command];
    const { status, stdout, stderr } = spawnSync(
      'ip',
      [
        'netns',
        'exec',
        this.namespace.name,
        process.execPath,
        join(this.dist, bundle[0]!),
        ...bundle.slice(1),
        ...words,
      ],
      { input, env: this.environment, encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    if (status !== 0) throw new Error(`${command} ${words.join(' ')}: exit code ${status}\n${stderr}`);
    return stdout;
  }

  /** Takes everything that was pinned out of the kernel, so that the namespace can go. */
  remove(): void {
    try {
      this.run('bpfilter', ['detach']);
    } finally {
      removeDirectory(this.directory);
    }
  }
}

function removeLeftovers(): void {
  for (const name of readdirSync(PARENT)) {
    const maker = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (maker !== undefined && !existsSync(`/proc/${maker}`)) removeDirectory(join(PARENT, name));
  }
}

function removeDirectory(directory: string): void {
  spawnSync('umount', [join(directory, 'run', 'bpf')]);
  rmSync(directory, { recursive: true, force: true });
}
