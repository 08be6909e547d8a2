// What the iptables-compatible commands have in common: the version they stand for, and how they say what is wrong.

import type { Diagnostic, DiagnosticCode } from '../base/diagnostic.ts';

/** The release of iptables whose options, output and exit codes these commands follow. */
export const IPTABLES_VERSION = '1.8.9';

/** Exit codes of iptables (include/xtables.h, `enum xtables_exittype`). */
export const EXIT = { ok: 0, other: 1, parameter: 2, version: 3, resource: 4 } as const;

/** `iptables v1.8.9 (bpf)` */
export function versionLine(program: string): string {
  return `${program} v${IPTABLES_VERSION} (bpf)`;
}

/** Ends a command: `text` goes to the standard error as it is. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly text: string;
  readonly exitCode: number;

  constructor(text: string, exitCode: number) {
    super(text);
    this.text = text;
    this.exitCode = exitCode;
  }
}

function tryHelp(program: string): string {
  return `Try \`${program} -h' or '${program} --help' for more information.\n`;
}

/** A mistake in the command line, as iptables tells it. */
export function parameterProblem(program: string, message: string): CommandError {
  return new CommandError(`${versionLine(program)}: ${message}\n${tryHelp(program)}`, EXIT.parameter);
}

/** The same without the version in front: iptables has both. */
export function badArgument(program: string, word: string): CommandError {
  return new CommandError(`Bad argument \`${word}'\n${tryHelp(program)}`, EXIT.parameter);
}

/** `-6` given to an IPv4 command. */
export function wrongFamily(program: string): CommandError {
  return new CommandError(tryHelp(program), EXIT.parameter);
}

/** The value of -w in seconds. */
export function parseSeconds(program: string, value: string): number {
  if (!/^\d+$/.test(value)) throw parameterProblem(program, 'wait seconds not numeric');
  return Number(value);
}

/** The diagnostics for which iptables-restore exits with 1, being noticed by the kernel or late; for others it is 2. */
const LATE: ReadonlySet<DiagnosticCode> = new Set<DiagnosticCode>([
  'missing-commit',
  'unknown-chain',
  'wrong-protocol',
  'bad-policy',
  'chain-loop',
  'too-large',
  'not-at-placement',
]);

/** iptables stops at the first mistake, so the first one decides. */
export function exitCodeOf(diagnostics: readonly Diagnostic[]): number {
  const first = diagnostics[0];
  return first === undefined || LATE.has(first.code) ? EXIT.other : EXIT.parameter;
}
