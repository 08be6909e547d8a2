// Rulesets as the store keeps them: the text that iptables-save prints, one line for each rule.

import type { Diagnostic } from '../base/diagnostic.ts';
import type { Family } from '../base/family.ts';
import { type Ruleset, spanOf } from '../ruleset/model.ts';
import { parseRuleset } from '../ruleset/parse.ts';
import { printRuleLine } from '../ruleset/print.ts';
import { InstallationError } from './pins.ts';

/** A ruleset in the store that this program cannot read. */
export class StoredTextError extends InstallationError {}

/**
 * The ruleset that a text was printed of, but for the user chains and the rules of the tables that are `left out`. One that
 * does not read back must not become fewer rules: throws.
 */
export function readStored(
  text: string,
  file: string,
  family: Family,
  leftOut: ReadonlySet<string> = new Set(),
): Ruleset {
  const { ruleset, diagnostics } = parseRuleset(leftOut.size === 0 ? text : outline(text, leftOut), {
    file,
    family,
    printedHere: true,
  });
  const [first] = diagnostics;
  if (first === undefined) return ruleset;
  throw new StoredTextError(
    `the stored rules cannot be read, line ${first.span.line}: ${first.message}; apply the ruleset again`,
  );
}

/** The text with nothing but the built-in chains in some tables. */
function outline(text: string, tables: ReadonlySet<string>): string {
  const parts: string[] = [];
  for (let start = 0; start < text.length; ) {
    const commit = text.indexOf('\nCOMMIT\n', start);
    const end = commit < 0 ? text.length : commit + '\nCOMMIT\n'.length;
    const name = text.slice(start + 1, text.indexOf('\n', start));
    parts.push(tables.has(name) ? head(text, start) : text.slice(start, end));
    start = end;
  }
  return parts.join('');
}

/** The table that begins at `start`, with its built-in chains: they come first, and they alone have a policy. */
function head(text: string, start: number): string {
  let end = text.indexOf('\n', start) + 1;
  while (text[end] === ':' && !text.slice(end, text.indexOf('\n', end)).includes(' - ')) {
    end = text.indexOf('\n', end) + 1;
  }
  return `${text.slice(start, end)}COMMIT\n`;
}

/**
 * The rules that cannot be stored: a text in them breaks the line. Only words of a command line can do that; what
 * iptables-save prints of such a rule, iptables-restore does not read either.
 */
export function checkLineBreaks({ tables, family }: Ruleset, file: string): Diagnostic[] {
  return tables.flatMap(({ chains }) =>
    chains.flatMap(({ name, rules }) =>
      rules.flatMap((rule): Diagnostic[] => {
        const text = printRuleLine(name, rule, family);
        if (!text.includes('\n')) return [];
        const message = `a line break in a value could not be read back: ${text.replaceAll('\n', '?')}`;
        return [{ code: 'bad-value', message, file, span: spanOf(rule), hint: 'write a blank in its place' }];
      }),
    ),
  );
}
