// Files to begin with: the example rulesets, and the corpus of what earlier runs found.

import { readdirSync, readFileSync } from 'node:fs';
import { caseOf, type FuzzCase, parseCases } from './case.ts';

const RULESETS = new URL('../../rulesets/', import.meta.url);
const CORPUS = new URL('corpus/', import.meta.url);

/** In lines: longer files cost more than they show. */
const LONGEST = 60;

/** The example rulesets that are short. */
export function exampleFiles(): FuzzCase[] {
  return namesIn(RULESETS, '.rules')
    .map((name) => caseOf('ipv4', readFileSync(new URL(name, RULESETS))))
    .filter(({ text }) => text.toString('latin1').split('\n').length <= LONGEST);
}

export interface CorpusFile {
  readonly name: string;
  readonly cases: readonly FuzzCase[];
}

/** The committed corpus, a file for each subject. */
export function corpus(): CorpusFile[] {
  return namesIn(CORPUS, '.cases').map((name) => ({
    name,
    cases: parseCases(readFileSync(new URL(name, CORPUS), 'utf8')),
  }));
}

function namesIn(directory: URL, suffix: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(suffix))
    .sort();
}
