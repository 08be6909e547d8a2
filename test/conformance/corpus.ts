// Real rulesets, each with what the machine's iptables-save printed once iptables-restore had read it.
//
// A corpus is a directory of rulesets with an INDEX.tsv, whose columns `file` and `family` (4 or 6) are read, and the
// printed twins in `canonical/`; a ruleset that iptables refuses has none. The twins are from `iptables-save -c` in a new
// namespace, after `iptables-restore`, with `-c` where the rules have counters.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderDiagnostic, severityOf } from '../../src/base/diagnostic.ts';
import { parseRuleset } from '../../src/ruleset/parse.ts';
import { newestFirst, printRuleset } from '../../src/ruleset/print.ts';

export interface CorpusFile {
  readonly name: string;
  readonly family: 'ipv4' | 'ipv6';
}

export interface CorpusDifference {
  readonly name: string;
  /** Diagnostics, or the first lines that differ. */
  readonly difference: string;
}

/** The rulesets that have a twin, narrowed to names that hold `filter`. */
export function corpusFiles(corpus: string, filter: string): CorpusFile[] {
  return readIndex(readFileSync(join(corpus, 'INDEX.tsv'), 'utf8')).filter(
    ({ name }) => name.includes(filter) && existsSync(join(corpus, 'canonical', name)),
  );
}

export function readIndex(text: string): CorpusFile[] {
  const [head, ...rows] = text.split('\n').filter((line) => line !== '');
  const columns = head?.split('\t') ?? [];
  const [file, family] = [columns.indexOf('file'), columns.indexOf('family')];
  if (file < 0 || family < 0) throw new Error('INDEX.tsv: no columns `file` and `family`');
  return rows.map((row) => {
    const cells = row.split('\t');
    return { name: cells[file]!, family: cells[family] === '6' ? 'ipv6' : 'ipv4' };
  });
}

/** Parses and prints a ruleset of the corpus; undefined if that is what its twin says. */
export function checkCorpusFile(corpus: string, { name, family }: CorpusFile): CorpusDifference | undefined {
  const text = readFileSync(join(corpus, name), 'utf8');
  const counters = /^\[\d+:\d+\] /m.test(text);
  const { ruleset, diagnostics } = parseRuleset(text, { file: name, family, counters });
  const errors = diagnostics.filter((diagnostic) => severityOf(diagnostic) === 'error');
  if (errors.length > 0) {
    return {
      name,
      difference: errors
        .slice(0, 3)
        .map((diagnostic) => `${renderDiagnostic(diagnostic, text.split('\n'))}\n`)
        .join(''),
    };
  }
  const twin = readFileSync(join(corpus, 'canonical', name), 'utf8');
  const difference = firstDifference(printRuleset(newestFirst(ruleset), { counters: true }), twin);
  return difference === undefined ? undefined : { name, difference };
}

/** The first line in which ours differs from theirs. Comments, which hold the time, do not count. */
export function firstDifference(ours: string, theirs: string): string | undefined {
  const linesOf = (text: string) => text.split('\n').filter((line) => !line.startsWith('#'));
  const [our, their] = [linesOf(ours), linesOf(theirs)];
  const index = Array.from({ length: Math.max(our.length, their.length) }, (_, place) => place).find(
    (place) => our[place] !== their[place],
  );
  if (index === undefined) return undefined;
  return `ours:   ${our[index] ?? 'nothing'}\ntheirs: ${their[index] ?? 'nothing'}\n`;
}
