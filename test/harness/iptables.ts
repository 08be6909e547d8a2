// The machine's own iptables-legacy as the subject of a differential test: the kernel's word on every counter.

import { execFileSync } from 'node:child_process';
import type { Counters } from '../../src/base/counters.ts';
import type { Subject } from './lab.ts';
import type { Namespace } from './namespace.ts';
import type { TableCounters } from './table-counters.ts';

const NOTHING = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n';

export const legacyIptables = legacy('iptables-legacy');
export const legacyIp6tables = legacy('ip6tables-legacy');

function legacy(name: string): Subject {
  const restore = (namespace: Namespace, rules: string) => void run(namespace, `${name}-restore`, ['-w'], rules);
  return {
    name,
    load: restore,
    unload: (namespace) => restore(namespace, NOTHING),
    counters: (namespace) => readSavedCounters(run(namespace, `${name}-save`, ['-c', '-t', 'filter'])),
  };
}

function run(namespace: Namespace, command: string, words: readonly string[], input = ''): string {
  return namespace.enter(() => execFileSync(command, words, { input, stdio: 'pipe', encoding: 'utf8' }));
}

/** Reads the counters in what `iptables-save -c` prints of one table. */
export function readSavedCounters(text: string): TableCounters {
  const chains = new Map<string, { policy?: Counters; rules: Counters[] }>();
  const counters = (packets: string, bytes: string): Counters => ({ packets: BigInt(packets), bytes: BigInt(bytes) });
  for (const line of text.split('\n')) {
    const chain = /^:(\S+) (\S+) \[(\d+):(\d+)\]$/.exec(line);
    if (chain !== null) {
      const [, name, policy, packets, bytes] = chain;
      const own = policy === '-' ? {} : { policy: counters(packets!, bytes!) };
      chains.set(name!, { ...own, rules: [] });
    }
    const rule = /^\[(\d+):(\d+)\] -A (\S+)/.exec(line);
    if (rule !== null) chains.get(rule[3]!)!.rules.push(counters(rule[1]!, rule[2]!));
  }
  return chains;
}
