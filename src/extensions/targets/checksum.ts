// `-j CHECKSUM`: computes the checksum that hardware was to fill in. Kernel: net/netfilter/xt_CHECKSUM.c.

import type { TargetExtension } from '../extension.ts';

export const checksum: TargetExtension<null> = {
  kind: 'target',
  name: 'CHECKSUM',
  about: 'fills in the checksum of a packet that was left without one',
  options: [{ name: '--checksum-fill', values: [], required: true, about: 'computes the checksum' }],
  tables: ['mangle'],
  build: () => null,
  print: () => ['--checksum-fill'],
  list: () => 'CHECKSUM fill',
};
