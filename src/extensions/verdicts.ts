// The targets that end a chain's walk: ACCEPT, DROP, RETURN. They take no options.

import type { TargetExtension, TargetVerdict } from './extension.ts';

function verdictTarget(name: string, verdict: TargetVerdict, about: string): TargetExtension<null> {
  return {
    ...{ kind: 'target', name, about, options: [], build: () => null, print: () => [], list: () => '' },
    meaning: { verdict },
  };
}

export const accept = verdictTarget('ACCEPT', 'accept', 'lets the packet through');
export const drop = verdictTarget('DROP', 'drop', 'drops the packet');
export const returnTarget = verdictTarget('RETURN', 'return', 'goes on behind the rule that jumped to this chain');

/** `-j QUEUE`: hands the packet to user space, queue 0. */
export const queue: TargetExtension<null> = {
  kind: 'target',
  name: 'QUEUE',
  about: 'hands the packet to the program that listens on queue 0',
  options: [],
  build: () => null,
  print: () => [],
  list: () => '',
};
