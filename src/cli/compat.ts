// What the iptables-compatible commands have in common: the version they stand for, and how they say what is wrong.
//
// iptables stops at the first mistake, so the first one is told in its words and decides the exit code. Behind it come
// all of them with place, caret and hint.

import { DIAGNOSTICS, type Diagnostic, type Form } from '../base/diagnostic.ts';
import { renderDiagnostics } from './request.ts';
import { versionLine } from './version.ts';

/** Exit codes of iptables (include/xtables.h, `enum xtables_exittype`). */
export const EXIT = { ok: 0, other: 1, parameter: 2, version: 3, resource: 4 } as const;

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

export function tryHelp(program: string): string {
  return `Try \`${program} -h' or '${program} --help' for more information.\n`;
}

/** A mistake in the command line, as iptables tells it. */
export function parameterProblem(program: string, message: string): CommandError {
  return new CommandError(`${versionLine(program)}: ${message}\n${tryHelp(program)}`, EXIT.parameter);
}

/** The table cannot be had: iptables takes that for a kernel that is too old. */
export function versionProblem(program: string, message: string, hint: string): CommandError {
  const upgrade = `Perhaps ${program} or your kernel needs to be upgraded.\n${program}: hint: ${hint}\n`;
  return new CommandError(`${versionLine(program)}: ${message}\n${upgrade}`, EXIT.version);
}

/** What the kernel or its library refused, with the reason that iptables gives. */
export function refusal(program: string, reason: string): CommandError {
  return new CommandError(`${program}: ${reason}.\n`, EXIT.other);
}

/** The value of -w in seconds. */
export function parseSeconds(program: string, value: string): number {
  if (!/^\d+$/.test(value)) throw parameterProblem(program, 'wait seconds not numeric');
  return Number(value);
}

const EXIT_OF_FORM: Readonly<Record<Form, number>> = {
  parameter: EXIT.parameter,
  argument: EXIT.parameter,
  other: EXIT.other,
  failed: EXIT.other,
  commit: EXIT.other,
  version: EXIT.version,
};

/** iptables stops at the first mistake, so the first one decides. */
export function exitCodeOf(diagnostics: readonly Diagnostic[]): number {
  const first = diagnostics[0];
  return first === undefined ? EXIT.other : EXIT_OF_FORM[DIAGNOSTICS[first.code].form];
}

/** How iptables-restore tells a mistake: its message, or the line that failed, and what to try. */
export function inIptablesWords({ code, message, span, noticedAt }: Diagnostic, program: string): string {
  const line = noticedAt ?? span.line;
  const where = `Error occurred at line: ${line}\n${tryHelp(program)}`;
  switch (DIAGNOSTICS[code].form) {
    case 'parameter':
      return `${versionLine(program)}: ${message}\n${where}`;
    case 'argument':
      return `${message}\n${where}`;
    case 'other':
    case 'version':
      return `${versionLine(program)}: ${message}\n`;
    case 'failed':
      return `${program}: line ${line} failed\n`;
    case 'commit':
      return `${program}: ${message}\n`;
  }
}

/** Ends a command that reads a file: the first mistake in iptables' words, then all of them. */
export function refuseFile(diagnostics: readonly Diagnostic[], source: string, program: string): CommandError {
  const first = diagnostics[0] === undefined ? '' : inIptablesWords(diagnostics[0], program);
  return new CommandError(`${first}${renderDiagnostics(diagnostics, source)}`, exitCodeOf(diagnostics));
}
