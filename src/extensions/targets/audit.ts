// `-j AUDIT`: writes an audit record. Kernel: net/netfilter/xt_AUDIT.c.

import type { TargetExtension } from '../extension.ts';
import { firstValue } from '../uses.ts';
import { choiceAnyCase } from '../values/choice.ts';

export interface AuditData {
  readonly type: string;
}

const type = choiceAnyCase(['accept', 'drop', 'reject'], (text) => `Bad action type value "${text}"`);

export const audit: TargetExtension<AuditData> = {
  kind: 'target',
  name: 'AUDIT',
  about: 'writes an audit record of the packet and goes on',
  options: [{ name: '--type', values: [type], required: true, about: 'what the record says was done' }],
  build: (options) => ({ type: firstValue<string>(options, '--type')! }),
  print: (data) => ['--type', data.type],
  list: (data) => `AUDIT ${data.type}`,
};
