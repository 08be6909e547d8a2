// The names that commands read rules with: those of the machine and, where rules are to be in force, of its kernel.

import type { Names } from '../base/names.ts';
import { systemNames } from '../ruleset/names.ts';
import type { Context } from './context.ts';

/** What the machine's files and resolver know, and what the kernel has; nothing is asked before a rule names it. */
export function commandNames({ kernel }: Context): Names {
  return Object.create(systemNames(), { kernel: { value: kernel.names } }) as Names;
}
