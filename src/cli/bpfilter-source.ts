// The rulesets that commands of `bpfilter` are given, and how they tell what is wrong with one.

import { type Diagnostic, severityOf } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import { CommandError, EXIT } from './compat.ts';
import type { Context } from './context.ts';
import { hintAtFamily } from './family-hint.ts';
import { renderDiagnostics } from './request.ts';
import type { ApplyOutput } from './schemas.ts';

/** Whose rules a command is about. */
export interface FamilyOption {
  readonly ipv6?: boolean;
}

export function familyOf({ ipv6 }: FamilyOption): Family {
  return ipv6 ? 'ipv6' : 'ipv4';
}

export interface Source {
  /** As diagnostics name it. */
  readonly file: string;
  readonly text: string;
}

/** Reads a file, `-` for the standard input; ends the command where it cannot be read. */
export function readSource(file: string, context: Context): Source {
  const path = file === '-' ? undefined : file;
  try {
    return { file: path ?? '<stdin>', text: context.readInput(path) };
  } catch (error) {
    throw new CommandError(`bpfilter: cannot read ${path ?? '<stdin>'}: ${(error as Error).message}\n`, EXIT.other);
  }
}

const OTHER_FAMILY: Readonly<Record<Family, string>> = { ipv4: 'with --ipv6', ipv6: 'without --ipv6' };

/** Tells the mistakes of a ruleset that was read as one of a family; returns the exit code. */
export function refuseText(
  diagnostics: readonly Diagnostic[],
  source: Source,
  options: FamilyOption & { readonly json?: boolean },
  context: Context,
): number {
  const family = familyOf(options);
  return refuse(hintAtFamily(diagnostics, source.text, family, OTHER_FAMILY[family]), source, options, context);
}

/** Tells why a ruleset that could be read is refused; returns the exit code. */
export function refuse(
  diagnostics: readonly Diagnostic[],
  source: Source,
  { json }: { readonly json?: boolean },
  context: Context,
): number {
  if (json) printJson<ApplyOutput>(context, { ok: false, diagnostics: diagnostics.map(diagnosticData) });
  else context.printError(renderDiagnostics(diagnostics, source.text));
  return EXIT.other;
}

export function diagnosticData(diagnostic: Diagnostic) {
  const { code, message, file, span, hint } = diagnostic;
  return { code, severity: severityOf(diagnostic), message: message.trim(), file, span, ...(hint && { hint }) };
}

export function printJson<T>(context: Context, value: T): void {
  context.print(`${JSON.stringify(value, undefined, 2)}\n`);
}
