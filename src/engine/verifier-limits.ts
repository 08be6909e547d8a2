// What becomes of programs that are more than the kernel's verifier follows.

import { EARLY_PROGRAM } from '../codegen/xdp-early.ts';
import { VerifierError } from '../kernel/errors.ts';
import type { GroundOrWhy } from './early-ground.ts';
import type { ApplyResult } from './types.ts';

/** Does `work` with early verdicts, or without where the kernel does not follow their program: the rules do without them. */
export function earlyOrNot(
  early: GroundOrWhy | undefined,
  work: (early: GroundOrWhy | undefined) => ApplyResult,
): ApplyResult {
  try {
    return work(early);
  } catch (error) {
    if (!isTooLarge(error) || error.program !== EARLY_PROGRAM) throw error;
    return work({ why: "the program for them is more than the kernel's verifier follows" });
  }
}

/** The verifier's limits as a diagnostic, at the rule that it had come to. Throws any other error, and those of early verdicts. */
export function tooLarge(error: unknown, file: string): ApplyResult {
  if (!isTooLarge(error) || error.program === EARLY_PROGRAM) throw error;
  const { rule, program } = error;
  const line = Number(/:(\d+)(?::\d+)?$/.exec(rule ?? '')?.[1] ?? 1);
  const diagnostic = {
    code: 'too-large' as const,
    file,
    span: { line, column: 1, length: 1 },
    message: `program ${program} is more than the kernel's verifier follows (1 000 000 steps, 8192 open branches)`,
    hint: '`bpfilter explain` shows which rules no table holds: masks with holes in great number, and rules that only count',
  };
  return { ok: false, diagnostics: [diagnostic] };
}

function isTooLarge(error: unknown): error is VerifierError {
  return error instanceof VerifierError && error.isTooLarge;
}
