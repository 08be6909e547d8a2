// The same rules in nft's own language: a chain at input, and a named set of ports where ports change.

import { spawnSync } from 'node:child_process';
import { formatAddress } from '../../src/base/ipv4.ts';
import type { Namespace } from '../harness/namespace.ts';
import type { RulesetShape } from './classify-rulesets.ts';
import { PROBE } from './datagram-probe.ts';
import type { PortRange, Prefix, RuleShape } from './rule-shape.ts';
import type { Updater } from './updaters.ts';

const CHAIN = 'ip bench input';
const PROBED = `ip saddr ${PROBE.source} udp dport ${PROBE.port} drop`;
const FROM_SET = `ip saddr ${PROBE.source} udp dport @ports drop`;
/** Stands in the middle of the chain, so that a place is known by its handle. */
const MARK = 'ip saddr 192.0.2.1 drop';

export class NftUpdater implements Updater {
  readonly name = 'nft';
  private readonly namespace: Namespace;
  private middle = 0;
  /** The handle of the rule that was added last. */
  private added = 0;

  constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  load({ rules, policy }: RulesetShape): string | undefined {
    const half = Math.floor(rules.length / 2);
    const lines = (part: readonly RuleShape[]): string =>
      part.map((rule) => `add rule ${CHAIN} ${nftRule(rule)}\n`).join('');
    const head = [
      'add table ip bench',
      'flush table ip bench',
      'add set ip bench ports { type inet_service; }',
      `add chain ${CHAIN} { type filter hook input priority 0; policy ${policy.toLowerCase()}; }`,
    ];
    const first = this.nft(['-f', '-'], `${head.join('\n')}\n${lines(rules.slice(0, half))}`);
    if (first.refused !== undefined) return first.refused;
    this.middle = this.addedBy(['add', 'rule', CHAIN, MARK]).handle;
    return this.nft(['-f', '-'], lines(rules.slice(half))).refused;
  }

  append(): number {
    return this.add(['add', 'rule', CHAIN, PROBED]);
  }

  insert(): number {
    return this.add(['insert', 'rule', CHAIN, 'handle', `${this.middle}`, PROBED]);
  }

  remove(): number {
    return this.must(['delete', 'rule', CHAIN, 'handle', `${this.added}`]).milliseconds;
  }

  insertHarmless(): number {
    this.must(['flush', 'set', 'ip', 'bench', 'ports']);
    return this.add(['insert', 'rule', CHAIN, 'handle', `${this.middle}`, FROM_SET]);
  }

  widen(): number {
    return this.must(['add', 'element', 'ip', 'bench', 'ports', `{ ${PROBE.port} }`]).milliseconds;
  }

  close(): void {}

  private add(words: readonly string[]): number {
    const { handle, milliseconds } = this.addedBy(words);
    this.added = handle;
    return milliseconds;
  }

  /** `--echo` prints the rule that was made, with its handle. */
  private addedBy(words: readonly string[]): { readonly handle: number; readonly milliseconds: number } {
    const { output, milliseconds } = this.must(['--echo', '--handle', ...words]);
    return { handle: Number(/# handle (\d+)/.exec(output)![1]), milliseconds };
  }

  private must(words: readonly string[]) {
    const outcome = this.nft(words);
    if (outcome.refused !== undefined) throw new Error(`nft ${words.join(' ')}: ${outcome.refused}`);
    return outcome;
  }

  private nft(words: readonly string[], input = '') {
    const options = { input, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
    const begin = performance.now();
    const { status, stdout, stderr, error } = this.namespace.enter(() => spawnSync(this.name, words, options));
    const milliseconds = performance.now() - begin;
    if (error !== undefined) throw error;
    const refused = status === 0 ? undefined : stderr.trim().split('\n')[0] || `exit code ${status}`;
    return { milliseconds, output: stdout, refused };
  }
}

/** A rule as nft reads it, with a counter, as iptables has one. */
export function nftRule({ source, destination, protocol, sport, dport, verdict }: RuleShape): string {
  const words = [...prefix('saddr', source), ...prefix('daddr', destination)];
  const ports = [...range('sport', sport), ...range('dport', dport)];
  if (protocol !== undefined && ports.length === 0) words.push(`ip protocol ${protocol}`);
  words.push(...ports.map((words) => `${protocol} ${words}`));
  return [...words, 'counter', verdict.toLowerCase()].join(' ');
}

function prefix(field: string, { value, length }: Prefix): string[] {
  return length === 0 ? [] : [`ip ${field} ${formatAddress(value)}/${length}`];
}

function range(field: string, { low, high }: PortRange): string[] {
  if (low === 0 && high === 0xffff) return [];
  return [`${field} ${low === high ? low : `${low}-${high}`}`];
}
