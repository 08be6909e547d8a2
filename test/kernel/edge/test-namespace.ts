// A network namespace for one test, with a veth pair inside where it is asked for.

import { execFileSync } from 'node:child_process';
import { inNamespace } from '../../../src/kernel/namespace.ts';
import { type Link, listLinks } from '../../../src/kernel/rtnetlink.ts';

let count = 0;

export class TestNamespace {
  readonly name = `ipbedge-${process.pid}-${count++}`;
  readonly path = `/run/netns/${this.name}`;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
  }

  /** Runs `ip …` with the namespace as its own, and returns what it prints. */
  ip(line: string): string {
    return execFileSync('ip', ['-n', this.name, ...line.split(' ')], { encoding: 'utf8' });
  }

  /** Runs a command through `ip netns exec` and returns what it prints. */
  exec(command: string, ...words: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...words], { encoding: 'utf8', stdio: 'pipe' });
  }

  /** Runs `work` with this thread in the namespace. */
  inside<T>(work: () => T): T {
    return inNamespace(this.path, work);
  }

  link(name: string): Link {
    return this.inside(listLinks).find((link) => link.name === name)!;
  }

  remove(): void {
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}

/** Runs `work` with a namespace that is removed afterwards. */
export function withNamespace<T>(work: (namespace: TestNamespace) => T): T {
  const namespace = new TestNamespace();
  try {
    return work(namespace);
  } finally {
    namespace.remove();
  }
}
