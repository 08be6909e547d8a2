// What the kernel refuses, as typed errors: what was asked, the errno by name, what to do about it.

import { constants } from 'node:os';

const NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value as number, name]));

/** Name of an errno, `EPERM`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** A system call failed. */
export class KernelError extends Error {
  override readonly name: string = 'KernelError';
  /** What was to be done, as in "cannot …". */
  readonly operation: string;
  readonly errno: number;
  readonly errnoName: string;
  /** What to do, or what it may mean. */
  readonly hint?: string;

  constructor(operation: string, errno: number, hint: string | undefined = HINTS[errnoName(errno)]) {
    super(`cannot ${operation}: ${errnoName(errno)}${hint === undefined ? '' : ` (${hint})`}`);
    this.operation = operation;
    this.errno = errno;
    this.errnoName = errnoName(errno);
    if (hint !== undefined) this.hint = hint;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EPERM: 'run as root, or with CAP_BPF and CAP_NET_ADMIN, and not in a user namespace',
  ENOMEM: 'the kernel is out of memory for this',
};

/** The kernel's verifier refused a program. */
export class VerifierError extends KernelError {
  override readonly name = 'VerifierError';
  readonly program: string;
  /** The rule that the refused instruction belongs to, where it is one's. */
  readonly rule?: string;
  /** The whole log. */
  readonly log: string;
  /** The program may be right, but there is too much of it for the verifier. */
  readonly isTooLarge: boolean;

  constructor(program: string, errno: number, log: string) {
    const lines = log
      .split('\n')
      .filter((line) => line.trim() !== '' && !/^(processed|verification time|stack depth)/.test(line));
    const rule = lines.findLast((line) => line.startsWith('; '))?.slice(2);
    const shown = lines.slice(-3);
    const omitted = lines.length - shown.length;
    super(
      `load program ${program}`,
      errno,
      [
        `the verifier says: ${shown.join(' / ') || 'nothing'}`,
        ...(omitted > 0 ? [`${omitted} earlier lines left out`] : []),
        ...(rule === undefined ? [] : [`at ${rule}`]),
      ].join('; '),
    );
    this.program = program;
    this.log = log;
    // The last: a jump has 16 bits, and what the kernel puts in place of instructions is longer than they are.
    this.isTooLarge = this.errnoName === 'E2BIG' || /too (complex|large)|16-bit range/.test(shown.join());
    if (rule !== undefined) this.rule = rule;
  }
}

/** Whose lock: ours of a network namespace, or that of iptables. */
export type Lock = keyof typeof HOLDERS;

/** What whoever has a lock is doing. */
const HOLDERS = {
  bpfilter: 'another command is changing the rules of this network namespace',
  xtables: 'iptables is changing its rules',
};

/** Another process holds the lock. */
export class LockError extends Error {
  override readonly name = 'LockError';
  readonly lock: Lock;

  constructor(path: string, lock: Lock) {
    super(`${HOLDERS[lock]} (lock ${path})`);
    this.lock = lock;
  }
}
