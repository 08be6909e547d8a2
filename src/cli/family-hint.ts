// A ruleset of IPv6 that is given to a command for IPv4, or the other way round: the mistakes in it say nothing of that.

import type { Diagnostic } from '../base/diagnostic.ts';
import { FAMILIES, FAMILY_NAME, type Family } from '../base/family.ts';
import { parseRuleset } from '../ruleset/parse.ts';

/**
 * The mistakes of a text read as one of `family`; where it has none as one of the other family, the first says so in its hint,
 * and to read it `how`: words behind "read it".
 */
export function hintAtFamily(
  diagnostics: readonly Diagnostic[],
  text: string,
  family: Family,
  how: string,
): readonly Diagnostic[] {
  const [first, ...others] = diagnostics;
  const other = FAMILIES.find((each) => each !== family)!;
  if (first === undefined || parseRuleset(text, { file: first.file, family: other }).diagnostics.length > 0)
    return diagnostics;
  const hint = `all of it is right for ${FAMILY_NAME[other]}: read it ${how}`;
  return [{ ...first, hint: first.hint === undefined ? hint : `${first.hint}; ${hint}` }, ...others];
}
