// Ours in process: parse and print, with what iptables-bpf-restore would say.

import { refuseFile } from '../../src/cli/compat.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { printRuleset } from '../../src/ruleset/print.ts';
import type { FuzzCase } from './case.ts';
import { CRASH } from './compare.ts';
import { type Answer, TABLES } from './oracle.ts';

/** Never throws: what a throw would be is a crash. */
export function askBpfilter(given: FuzzCase): Answer {
  try {
    return answer(given);
  } catch (error) {
    return { exitCode: CRASH, message: error instanceof Error ? `${error.stack}` : String(error), saved: '' };
  }
}

function answer({ family, options, text }: FuzzCase): Answer {
  const source = text.toString();
  const { ruleset, diagnostics } = parseRuleset(source, {
    file: 'case',
    family,
    counters: options.includes('-c'),
  });
  if (diagnostics.length > 0) {
    const program = family === 'ipv6' ? 'ip6tables-restore' : 'iptables-restore';
    const refusal = refuseFile(diagnostics, source, program);
    return { exitCode: refusal.exitCode, message: asBytes(refusal.text), saved: '' };
  }
  const saved = printRuleset(ruleset, { counters: true, tables: TABLES }).trimEnd();
  return { exitCode: 0, message: '', saved: asBytes(saved) };
}

function asBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}
