// `-j DSCP`: sets the Differentiated Services code point (RFC 2474). Kernel: net/netfilter/xt_DSCP.c.

import { ExtensionError, type TargetExtension } from '../extension.ts';
import { hex } from '../print-words.ts';
import { dscpClass } from '../values/dscp.ts';
import { integer } from '../values/integer.ts';

export interface DscpTargetData {
  /** 0–63. */
  readonly value: number;
}

export const dscpTarget: TargetExtension<DscpTargetData> = {
  kind: 'target',
  name: 'DSCP',
  about: 'sets the Differentiated Services code point',
  options: [
    { name: '--set-dscp', values: [integer(63)], excludes: ['--set-dscp-class'], about: 'by number' },
    { name: '--set-dscp-class', values: [dscpClass], excludes: ['--set-dscp'], about: 'by the name of a class' },
  ],
  tables: ['mangle'],
  build(options) {
    const [use] = options;
    if (use !== undefined) return { value: use.values[0] as number };
    throw new ExtensionError('missing-option', 'DSCP target: Parameter --set-dscp is required');
  },
  print: ({ value }) => ['--set-dscp', hex(value, 2)],
  list: ({ value }) => `DSCP set ${hex(value, 2)}`,
};
