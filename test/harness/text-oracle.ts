// The machine's iptables-legacy, asked what it makes of single rules: by shells in network namespaces of their own.
//
// Each rule is restored for real, so that the kernel has its say, then saved and listed. Needs root.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '../../src/base/family.ts';
import type { TableName } from '../../src/base/hooks.ts';
import { inScriptFolder, legacyProgram, runLegacyScript } from './legacy-shell.ts';

/** A file with one table for iptables-restore, and the chain that is listed. */
export interface TextQuestion {
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  readonly text: string;
}

export interface TextAnswer {
  readonly exitCode: number;
  /** First line of the error, with `(bpf)` for the name of the variant; empty where the file is accepted. */
  readonly message: string;
  /** The table as iptables-save prints it, without comments; what -L shows with and without -n. Empty where refused. */
  readonly saved: string;
  readonly numeric: string;
  readonly named: string;
}

/** Milliseconds for one shell, and for each question in it. */
const PATIENCE = { shell: 20_000, each: 500 };

/** Shells at a time: a commit mostly waits for the kernel. */
const SHELLS = 6;

// Without -n iptables would resolve names of hosts; in a namespace without devices there is nobody to ask.
const ASK = `
ask() { # command number table chain
  $1-restore <$2.in >/dev/null 2>$2.error; status=$?
  echo $status >$2.status
  [ $status = 0 ] || return
  $1-save -t $3 >$2.saved; $1 -t $3 -nL $4 >$2.numeric; $1 -t $3 -L $4 >$2.named
}
`;

export async function askLegacy(questions: readonly TextQuestion[]): Promise<TextAnswer[]> {
  const share = Math.ceil(questions.length / SHELLS);
  const shares = Array.from({ length: SHELLS }, (_, i) => questions.slice(i * share, (i + 1) * share));
  return (await Promise.all(shares.map(askOneShell))).flat();
}

function askOneShell(questions: readonly TextQuestion[]): Promise<TextAnswer[]> {
  return inScriptFolder(async (directory) => {
    const lines = questions.map(({ family, table, chain, text }, i) => {
      writeFileSync(join(directory, `${i}.in`), text);
      return `ask ${legacyProgram(family)} ${i} ${table} ${chain}\n`;
    });
    const patience = PATIENCE.shell + PATIENCE.each * questions.length;
    await runLegacyScript(directory, `${ASK}${lines.join('')}`, patience);
    return questions.map((_, i) => readAnswer((suffix) => readFileSync(join(directory, `${i}.${suffix}`), 'utf8')));
  });
}

function readAnswer(read: (suffix: string) => string): TextAnswer {
  const exitCode = Number(read('status'));
  if (exitCode !== 0) {
    return { exitCode, message: firstError(read('error')), saved: '', numeric: '', named: '' };
  }
  const saved = read('saved').replace(/^#.*\n/gm, '');
  return { exitCode, message: '', saved, numeric: read('numeric'), named: read('named') };
}

/** Warnings in front say nothing about what is refused. */
function firstError(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^(warn|xt_)|deprecated/i.test(line));
  return (lines[0] ?? '').replace('(legacy)', '(bpf)');
}
