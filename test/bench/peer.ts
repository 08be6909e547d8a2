// Foreign firewalls that a user wants to see beside ours: a name, and a command that puts rules into force.
//
// The command is run by `sh` in the network namespace where the frames arrive, three times:
//
//   BENCH_STEP=setup     puts the ruleset into force, and ends well only if it is
//   BENCH_STEP=dropped   prints how many packets the rules have dropped since, or nothing where it does not count
//   BENCH_STEP=teardown  takes everything away again
//
// each time with BENCH_RULES, a file as iptables-save prints it, and BENCH_DEVICE, the device that the frames come in by.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatRuleset } from './classify-rulesets.ts';
import type { Dropper } from './veth-subjects.ts';

export interface Peer {
  readonly name: string;
  readonly command: string;
}

/** Reads `NAME=COMMAND`; undefined where it is not that. */
export function parsePeer(text: string): Peer | undefined {
  const [, name, command] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  return name === undefined ? undefined : { name, command: command! };
}

/** The peer as one of those who drop the frames of a wire. */
export function peerDropper({ name, command }: Peer): Dropper {
  return {
    name,
    enforce: (shape, namespace, device) => {
      const directory = mkdtempSync(join(tmpdir(), 'ipb-peer-'));
      const rules = join(directory, 'rules');
      writeFileSync(rules, formatRuleset(shape));
      const step = (which: 'setup' | 'dropped' | 'teardown') => {
        const env = { ...process.env, BENCH_STEP: which, BENCH_RULES: rules, BENCH_DEVICE: device };
        const { status, stdout, stderr } = namespace.enter(() =>
          spawnSync('sh', ['-c', command], { env, encoding: 'utf8', maxBuffer: 2 ** 28 }),
        );
        if (status === 0) return { output: stdout.trim() };
        return { output: '', refused: stderr.trim().split('\n')[0] || `exit code ${status}` };
      };
      const remove = (): void => {
        step('teardown');
        rmSync(directory, { recursive: true });
      };
      const { refused } = step('setup');
      if (refused !== undefined) {
        remove();
        return { refused };
      }
      return {
        dropped: () => {
          const { output, refused: failed } = step('dropped');
          if (failed !== undefined) throw new Error(`${name} does not say what it dropped: ${failed}`);
          return output === '' ? undefined : Number(output);
        },
        remove,
      };
    },
  };
}
