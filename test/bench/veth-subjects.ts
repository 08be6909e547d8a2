// Who drops the frames of a wire: each puts a blacklist into force in a namespace, and says what it dropped.

import { spawnSync } from 'node:child_process';
import { formatAddress } from '../../src/base/ipv4.ts';
import { Commands } from '../harness/commands.ts';
import { readSavedCounters } from '../harness/iptables.ts';
import type { Namespace } from '../harness/namespace.ts';
import { formatRuleset, type RulesetShape } from './classify-rulesets.ts';
import { handDropper } from './hand-droppers.ts';
import { BY_DEFAULT, COUNTING_DROP, EMPTY_DROP, GENERIC, NATIVE, ONE_PACKET, READING_DROP } from './veth-tables.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;

/** A blacklist in force. */
export interface Enforced {
  /** Packets that its rules have dropped, where it counts them. */
  dropped(): number | undefined;
  remove(): void;
}

export interface Dropper {
  readonly name: string;
  /** It is a native XDP program alone, where tenths of a frame's cost are told apart: such take turns on one wire. */
  readonly isNative?: true;
  /** It is sent one frame again and again, which finds all it needs in the nearest caches. */
  readonly isSentOne?: true;
  /** There is no sense in sending it what is to be accepted. */
  readonly isForDropsOnly?: true;
  /** Returns why where it does not take the rules. */
  enforce(shape: RulesetShape, namespace: Namespace, device: string): Enforced | { readonly refused: string };
}

/** Options of `apply` for all of the rules at XDP, or for what is sure to be dropped. */
const xdp = (mode: 'native' | 'generic') => (device: string) => [
  ...['--placement', 'xdp', '--mode', mode, '--device', device],
  ...['--allow-inexact', 'loopback,output'],
];
const exact = (mode: 'native' | 'generic' | 'auto') => (device: string) => [
  ...['--placement', 'exact', '--mode', mode, '--device', device],
];

export const DROPPERS: readonly Dropper[] = [
  handDropper(EMPTY_DROP, 'nothing'),
  handDropper(READING_DROP, 'reads'),
  handDropper(COUNTING_DROP, 'counts'),
  { ...ours(ONE_PACKET, xdp('native')), isNative: true, isSentOne: true, isForDropsOnly: true },
  { ...ours(NATIVE, xdp('native')), isNative: true },
  { ...ours('bpfilter, exact, native XDP', exact('native')), isNative: true },
  ours(GENERIC, xdp('generic')),
  ours('bpfilter, exact, generic XDP', exact('generic')),
  ours('bpfilter, netfilter', () => ['--placement', 'netfilter']),
  ours(BY_DEFAULT, exact('auto')),
  iptables('iptables-legacy'),
  iptables('iptables-nft'),
  {
    name: 'nft set at ingress',
    enforce: (shape, namespace, device) => {
      const elements = shape.rules.map(({ source: { value, length } }) => `${formatAddress(value)}/${length}`);
      const set = `set sources { type ipv4_addr; flags interval; auto-merge; elements = { ${elements.join(', ')} } }`;
      const hook = `type filter hook ingress device "${device}" priority 0; policy accept;`;
      const rule = 'ip saddr @sources counter drop';
      const refused = runInside(
        namespace,
        'nft',
        ['-f', '-'],
        `table netdev t {\n${set}\nchain c {\n${hook}\n${rule}\n}\n}\n`,
      ).refused;
      if (refused !== undefined) return { refused };
      return {
        dropped: () => {
          const { output } = runInside(namespace, 'nft', ['list', 'chain', 'netdev', 't', 'c']);
          return Number(/counter packets (\d+)/.exec(output)![1]);
        },
        remove: () => {},
      };
    },
  },
];

/** Those that let everything through that the list does not name. */
export const TRAFFIC_FILTERS: readonly Dropper[] = DROPPERS.filter(
  ({ isForDropsOnly }) => isForDropsOnly === undefined,
);

function ours(name: string, words: (device: string) => readonly string[]): Dropper {
  return {
    name,
    enforce: (shape, namespace, device) => {
      const commands = new Commands(namespace, DIST);
      try {
        commands.run('bpfilter', ['apply', '-', ...words(device)], formatRuleset(shape));
      } catch (error) {
        commands.remove();
        return { refused: (error as Error).message.split('\n')[1] ?? 'no reason is given' };
      }
      return { dropped: () => droppedByRules(commands.run('save', ['-c'])), remove: () => commands.remove() };
    },
  };
}

function iptables(name: 'iptables-legacy' | 'iptables-nft'): Dropper {
  return {
    name,
    enforce: (shape, namespace) => {
      const { refused } = runInside(namespace, `${name}-restore`, [], formatRuleset(shape));
      if (refused !== undefined) return { refused };
      return {
        dropped: () => droppedByRules(runInside(namespace, `${name}-save`, ['-c']).output),
        remove: () => {},
      };
    },
  };
}

function droppedByRules(saved: string): number {
  const { rules } = readSavedCounters(saved).get('INPUT')!;
  return rules.reduce((sum, { packets }) => sum + Number(packets), 0);
}

function runInside(namespace: Namespace, command: string, words: readonly string[], input = '') {
  const options = { input, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const { status, stdout, stderr, error } = namespace.enter(() => spawnSync(command, words, options));
  if (error !== undefined) throw error;
  return { output: stdout, refused: status === 0 ? undefined : stderr.trim().split('\n')[0] || `exit code ${status}` };
}
