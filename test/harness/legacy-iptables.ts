// The machine's own iptables-legacy in a network namespace of its own: the oracle for texts, verdicts and counters.

import { execFileSync, spawnSync } from 'node:child_process';

let serial = 0;

export interface RestoreResult {
  readonly accepted: boolean;
  readonly message: string;
}

/** Needs root. `close` removes the namespace. */
export class LegacyIptables {
  readonly namespace = `ipb-text-${process.pid}-${++serial}`;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.namespace]);
  }

  restore(text: string, ...options: string[]): RestoreResult {
    const result = this.run('iptables-legacy-restore', options, text);
    return { accepted: result.status === 0, message: result.stderr };
  }

  /** The lines of iptables-save without comments, rule counters included. */
  save(table = 'filter'): string[] {
    const result = this.run('iptables-legacy-save', ['-c', '-t', table], '');
    if (result.status !== 0) throw new Error(`iptables-legacy-save: ${result.stderr}`);
    return result.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  }

  close(): void {
    execFileSync('ip', ['netns', 'del', this.namespace]);
  }

  private run(command: string, options: readonly string[], input: string) {
    return spawnSync('ip', ['netns', 'exec', this.namespace, command, ...options], { input, encoding: 'utf8' });
  }
}
