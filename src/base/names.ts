// The names that a machine has for numbers, as plain look-ups that are handed to parser and printer.

import type { Family } from './family.ts';

export interface Names {
  /** The port of a service, as getservbyname finds it; of any protocol where none is given. */
  port(service: string, protocol?: string): number | undefined;
  /** The first name of a port, as getservbyport finds it; of any protocol where none is given. */
  serviceName(port: number, protocol?: string): string | undefined;
  /** The number of a protocol by any of its names. */
  protocolNumber(name: string): number | undefined;
  /** The first name of a protocol. */
  protocolName(number: number): string | undefined;
  /** The addresses of a host as texts, in the order in which the resolver gives them; none where it knows none. */
  hostAddresses(host: string, family: Family): readonly string[];
  /** /etc/passwd and /etc/group, or whatever the machine asks instead. */
  readonly users?: NameTable;
  readonly groups?: NameTable;
  /** /etc/iproute2/group and rt_realms; absent where the machine has no such file, or nothing in it. */
  readonly deviceGroups?: NameTable | undefined;
  readonly realms?: NameTable | undefined;
  /** /etc/xtables/connlabel.conf. */
  readonly connectionLabels?: NameTable;
  /** What the running kernel has by name; absent where nobody asks it, and then every name is taken (`fmt`). */
  readonly kernel?: KernelNames;
}

/** Names for numbers, both ways: the first entry counts. */
export interface NameTable {
  number(name: string): number | undefined;
  name(number: number): string | undefined;
}

/** What a rule can name that lives in the kernel. */
export interface KernelNames {
  /** The family of a set (ipset), `any` for sets that take both, undefined where there is no such set. */
  set(name: string): Family | 'any' | undefined;
  /** Whether there is such an accounting object (nfacct). */
  accounting(name: string): boolean;
  /** Whether there is such a cgroup, by its path below the root of cgroup2. */
  cgroup(path: string): boolean;
  /** Whether a BPF object is pinned there. */
  pinnedProgram(path: string): boolean;
}
