// `-j SECMARK`, `-j CONNSECMARK`: the security context of packet and connection. Kernel: net/netfilter/xt_SECMARK.c,
// net/netfilter/xt_CONNSECMARK.c.

import { ExtensionError, type TargetExtension } from '../extension.ts';
import { bareText } from '../quote.ts';
import { firstValue, isGiven } from '../uses.ts';
import { keptText } from '../values/kept-text.ts';

export interface SecmarkData {
  readonly context: string;
}

export interface ConnsecmarkData {
  readonly mode: 'save' | 'restore';
}

/** What the kernel keeps of a context, in bytes (include/uapi/linux/netfilter/xt_SECMARK.h, less the final zero). */
const CONTEXT_LIMIT = 255;

const TABLES = ['mangle', 'security'] as const;

export const secmark: TargetExtension<SecmarkData> = {
  kind: 'target',
  name: 'SECMARK',
  about: "sets the packet's security context",
  options: [{ name: '--selctx', values: [keptText(CONTEXT_LIMIT)], required: true, about: 'a context of SELinux' }],
  tables: TABLES,
  build: (options) => ({ context: firstValue<string>(options, '--selctx')! }),
  print: ({ context }) => ['--selctx', bareText(context)],
  list: ({ context }) => `SECMARK selctx ${context}`,
};

export const connsecmark: TargetExtension<ConnsecmarkData> = {
  kind: 'target',
  name: 'CONNSECMARK',
  about: 'copies the security context between packet and connection',
  options: [
    { name: '--save', values: [], excludes: ['--restore'], about: "copies the packet's context to the connection" },
    { name: '--restore', values: [], excludes: ['--save'], about: "copies the connection's context to the packet" },
  ],
  tables: TABLES,
  build(options) {
    if (options.length === 0) throw new ExtensionError('missing-option', 'CONNSECMARK target: parameter required');
    return { mode: isGiven(options, '--save') ? 'save' : 'restore' };
  },
  print: ({ mode }) => [`--${mode}`],
  list: ({ mode }) => `CONNSECMARK ${mode}`,
};
