// The targets that end a chain's walk: ACCEPT, DROP, RETURN. They take no options.

import type { TargetExtension, TargetVerdict } from './extension.ts';

function verdictTarget(name: string, verdict: TargetVerdict): TargetExtension<null> {
  return { kind: 'target', name, options: [], build: () => null, print: () => [], verdict };
}

export const accept = verdictTarget('ACCEPT', 'accept');
export const drop = verdictTarget('DROP', 'drop');
export const returnTarget = verdictTarget('RETURN', 'return');
