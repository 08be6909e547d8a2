// The `.t` vectors without commands: each is parsed and printed in this process, a second for all of them.
//
// For working on an extension. It sees neither the kernel nor what only commands refuse, and quotes as a file for
// iptables-restore does, while iptables-test.py goes through a shell; so iptables-test.py alone is what counts.

import { type DiagnosticCode, renderDiagnostic, severityOf } from '../../src/base/diagnostic.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { printRuleset } from '../../src/ruleset/print.ts';
import type { FailedVector } from './vectors.ts';

export interface Vector {
  readonly line: number;
  readonly text: string;
  readonly table: string;
  readonly chains: readonly string[];
  readonly rule: string;
  /** What iptables-save must print behind the chain, if it is accepted. */
  readonly saved: string;
  readonly result: 'OK' | 'FAIL' | 'NOMATCH';
}

/** The vectors of a file, with the results that hold for the legacy variant. */
export function parseVectors(text: string): Vector[] {
  const vectors: Vector[] = [];
  let table = 'filter';
  let chains: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || /^[#@%]/.test(line)) continue;
    if (line.startsWith('*')) table = line.slice(1).trim();
    else if (line.startsWith(':')) chains = line.slice(1).trim().split(',');
    else {
      const [rule = '', saved = '', result = '', variant, otherwise] = line.split(';').map((field) => field.trimEnd());
      const isOurs = variant === undefined || variant === 'LEGACY';
      vectors.push({
        ...{ line: index + 1, text: line, table, chains, rule },
        saved: saved === '=' ? rule : saved,
        result: (isOurs ? result : (otherwise ?? OPPOSITE[result])) as Vector['result'],
      });
    }
  }
  return vectors;
}

/** What a result for one variant means for the other. */
const OPPOSITE: Readonly<Record<string, Vector['result']>> = { OK: 'FAIL', FAIL: 'OK', NOMATCH: 'OK' };

/** Refusals that say nothing of the rule: the extension is not there. */
const UNKNOWN: ReadonlySet<DiagnosticCode> = new Set(['unknown-match', 'unknown-target']);

export function checkVectorTexts(file: string, text: string): { tests: number; failed: FailedVector[] } {
  const vectors = parseVectors(text);
  const failed = vectors.flatMap((vector) => {
    const complaint = vector.chains.map((chain) => complaintOf(file, vector, chain)).find((said) => said !== undefined);
    return complaint === undefined ? [] : [{ file, line: vector.line, vector: vector.text, complaint }];
  });
  return { tests: vectors.length, failed };
}

function complaintOf(file: string, { table, rule, saved, result }: Vector, chain: string): string | undefined {
  const text = `*${table}\n-A ${chain} ${rule}\nCOMMIT\n`;
  const family = file.startsWith('libip6t_') ? 'ipv6' : 'ipv4';
  const { ruleset, diagnostics } = parseRuleset(text, { file, family });
  const errors = diagnostics.filter((diagnostic) => severityOf(diagnostic) === 'error');
  if (errors.length > 0) {
    if (result === 'FAIL' && !errors.every(({ code }) => UNKNOWN.has(code))) return undefined;
    return errors.map((diagnostic) => renderDiagnostic(diagnostic, text.split('\n'))).join('\n');
  }
  if (result === 'FAIL') return `${chain}: should be refused`;
  const printed = printRuleset(ruleset)
    .split('\n')
    .filter((line) => line.startsWith('-A'));
  const isFound = printed.some((line) => line.includes(`${chain} ${saved}`));
  return isFound === (result === 'OK') ? undefined : `printed as ${printed.join('\n           ')}`;
}
