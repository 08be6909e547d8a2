// Who drops the frames of a wire: each puts a blacklist into force in a namespace, and says what it dropped.

import { spawnSync } from 'node:child_process';
import { formatAddress } from '../../src/base/ipv4.ts';
import { Assembler } from '../../src/bpf/assembler.ts';
import type { Program } from '../../src/bpf/image.ts';
import { R1, R2, R3, R4 } from '../../src/bpf/instruction.ts';
import { emitVerdict } from '../../src/codegen/actions.ts';
import { XDP_ABI } from '../../src/codegen/xdp.ts';
import { attachXdp, closeDescriptor, loadProgram } from '../../src/kernel/bpf.ts';
import { Commands } from '../harness/commands.ts';
import { readSavedCounters } from '../harness/iptables.ts';
import type { Namespace } from '../harness/namespace.ts';
import { formatRuleset, type RulesetShape } from './classify-rulesets.ts';
import { EMPTY_DROP, NATIVE, ONE_PACKET, READING_DROP } from './veth-tables.ts';

const DIST = new URL('../../dist/', import.meta.url).pathname;

/** A blacklist in force. */
export interface Enforced {
  /** Packets that its rules have dropped, where it counts them. */
  dropped(): number | undefined;
  remove(): void;
}

export interface Dropper {
  readonly name: string;
  /** It is sent one frame again and again, which finds all it needs in the nearest caches. */
  readonly isSentOne?: true;
  /** Returns why where it does not take the rules. */
  enforce(shape: RulesetShape, namespace: Namespace, device: string): Enforced | { readonly refused: string };
}

export const DROPPERS: readonly Dropper[] = [
  everything(EMPTY_DROP, dropProgram()),
  // The frame was written by another CPU: the first who reads it pays for its way between the caches.
  everything(READING_DROP, dropProgram(true)),
  { ...xdp('native'), name: ONE_PACKET, isSentOne: true },
  xdp('native'),
  ours('bpfilter, exact', (device) => ['--placement', 'exact', '--mode', 'generic', '--device', device]),
  ours('bpfilter, netfilter', () => ['--placement', 'netfilter']),
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

/** Those that let everything through that the list does not name, generic XDP with them. */
export const TRAFFIC_FILTERS: readonly Dropper[] = [
  xdp('generic'),
  ...DROPPERS.filter(({ name, isSentOne }) => !name.includes('XDP_DROP') && isSentOne === undefined),
];

function xdp(mode: 'native' | 'generic'): Dropper {
  return ours(mode === 'native' ? NATIVE : 'bpfilter, XDP generic', (device) => [
    ...['--placement', 'xdp', '--mode', mode, '--device', device],
    ...['--allow-inexact', 'loopback,output'],
  ]);
}

/** Drops every frame, uncounted. */
function everything(name: string, dropping: Program): Dropper {
  return {
    name,
    enforce: (_, namespace, device) => {
      const program = loadProgram(dropping, new Map());
      const link = namespace.enter(() =>
        attachXdp(program, { ifindex: namespace.device(device).index, name: device }, 'native'),
      );
      closeDescriptor(program);
      return { dropped: () => undefined, remove: () => closeDescriptor(link) };
    },
  };
}

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

/** `reads`: those with a source address, which is what all frames have. */
function dropProgram(reads = false): Program {
  const a = new Assembler();
  const pass = a.label('no IPv4 header');
  a.from({ file: 'bench', line: 1, column: 1, text: 'drop' });
  if (reads) {
    a.load(4, R2, R1, 0).load(4, R3, R1, 4).mov(R4, R2).alu('add', R4, 34).jump('gt', R4, R3, pass);
    a.load(4, R2, R2, 26).jump('eq', R2, 0, pass);
  }
  emitVerdict(a, XDP_ABI, 'drop');
  if (reads) emitVerdict(a.bind(pass), XDP_ABI, 'accept');
  return { name: 'drop', type: 'xdp', ...a.finish() };
}
