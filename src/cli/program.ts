// The two sets of compatible commands: one for each family, otherwise the same.

import type { Family } from '../base/family.ts';

export interface Program {
  readonly family: Family;
  /** What iptables calls itself in messages: `iptables`, `ip6tables`. */
  readonly name: string;
}

export const PROGRAMS: readonly Program[] = [
  { family: 'ipv4', name: 'iptables' },
  { family: 'ipv6', name: 'ip6tables' },
];

/** Works on text alone, and so for both families. */
export const XML_COMMAND = 'iptables-bpf-xml';

/** The command as it is installed: `iptables-bpf`, `iptables-bpf-restore` … */
export function commandName({ name }: Program, tool?: 'restore' | 'save'): string {
  return tool === undefined ? `${name}-bpf` : `${name}-bpf-${tool}`;
}
