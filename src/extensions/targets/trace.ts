// `-j TRACE`: reports every rule that the packet meets. Kernel: net/netfilter/xt_TRACE.c.

import type { TargetExtension } from '../extension.ts';

export const trace: TargetExtension<null> = {
  kind: 'target',
  name: 'TRACE',
  about: 'reports every rule that the packet meets from here on',
  options: [],
  tables: ['raw'],
  build: () => null,
  print: () => [],
  list: () => '',
};
